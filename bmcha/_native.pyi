"""The compiled extension, as cffi makes it from native/: its C names are known at run time only."""

from typing import Any

ffi: Any
lib: Any
