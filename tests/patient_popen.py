"""Starts a process once more where the kernel refused it with EFAULT.

execve answers EFAULT for a pointer outside of the caller's memory; CPython's are inside. On a
nested virtual machine one start in some thousand was refused so, each time a plain start of the
interpreter, which says nothing about bmcha. Every other refusal is the caller's, as ever.
"""

import errno
import subprocess
from typing import Any


class PatientPopen(subprocess.Popen[Any]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except OSError as refusal:
            if refusal.errno != errno.EFAULT:
                raise
            super().__init__(*args, **kwargs)
