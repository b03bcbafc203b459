"""The file with the service's process id, while it runs. Knows nothing of the service."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def pid_file(file: str | None) -> Iterator[None]:
    """None: there is none. Raises OSError."""
    if file is None:
        yield
        return
    if os.path.exists(file) and not os.path.isfile(file):
        # It is removed at the end: as root that could be a device.
        raise OSError(None, "pid_file is there and no regular file; name another one", file)
    with open(file, "w", encoding="ascii") as written:
        written.write(f"{os.getpid()}\n")
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file)
