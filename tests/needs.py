"""What a test needs from the machine, and the command that provides it.

Call at the top of a test, in a fixture, or at the top of a file (then the whole file is skipped):

    needs.program("socat", package="socat")
    needs.writable(Path("/dev/shm"), command="mount -t tmpfs tmpfs /dev/shm")

No test needs root: where a right is missing, the test is skipped and says how to grant it.
A package named here belongs into the list in .ci/run as well.
"""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest


def that(is_met: bool, what: str, command: str) -> None:
    """Skips unless `is_met`; `what` completes "needs ...", `command` is complete as it stands."""
    if not is_met:
        pytest.skip(f"needs {what}; to get it: {command}", allow_module_level=True)


def program(name: str, *, package: str) -> str:
    """The full path of a program that a Debian package brings."""
    path = shutil.which(name)
    that(path is not None, f"the program {name}", f"apt install {package}")
    assert path is not None
    return path


def module(name: str, *, package: str) -> None:
    """A Python module that is no dependency of bmcha."""
    found = importlib.util.find_spec(name) is not None
    that(found, f"the module {name}", f".venv/bin/python -m pip install {package}")


def writable(path: Path, *, command: str) -> None:
    """A file or folder that this user may write."""
    that(os.access(path, os.W_OK), f"to write {path}", command)
