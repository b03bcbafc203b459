"""A file that holds one value, as sysfs shows sensors, lines and outputs: read whole, write whole.

Knows how to do that safely whatever the name stands for; knows no meaning of a value. Rules: no
call waits for a pipe put in the file's place (for a driver that waits there is no help: that is
the caller's thread); a file is written in place, never replaced or emptied, so that a reader finds
the old or the new value; files are opened for each access. (Measured: 4.4 µs a read, against
0.9 µs with a kept descriptor; with a few dozen sensors at 4 Hz that is 0.05 % of a core, and a
kept descriptor would go on reading a file that was replaced.) Names may be relative to a folder's
descriptor, which stays with that folder wherever it is moved. Used by the file-shaped adapters.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import Final

VALUE_BYTES_MAX: Final = 32
"""More than this is not one value."""
TEXT_BYTES_MAX: Final = 128
SHOWN_BYTES_MAX: Final = 12
# The first line alone: while a longer value is written over, its end still stands behind it.
_WHOLE_NUMBER: Final = re.compile(rb"[ \t]*([+-]?[0-9]{1,18})[ \t]*(?:\n.*)?", re.DOTALL)

_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_WRITE: Final = os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

# A transfer that collided or was disturbed on the bus; the next one usually passes.
_WORTH_A_SECOND_TRY: Final = frozenset(
    (errno.EIO, errno.EAGAIN, errno.ETIMEDOUT, errno.ENXIO, errno.EREMOTEIO, errno.EBADMSG)
)


class NoValue(Exception):
    """There is no value; the text is for people. ``is_gone``: the file is not there any more."""

    def __init__(self, text: str, is_gone: bool = False) -> None:
        super().__init__(text)
        self.is_gone = is_gone


def read_value(file: str, folder_fd: int | None = None) -> int:
    """Raises NoValue: missing, unreadable, empty, or no decimal number of at most 18 digits."""
    try:
        data = _read(file, folder_fd, VALUE_BYTES_MAX + 1)
    except ValueError:
        raise NoValue("no file has such a name") from None
    except OSError as error:
        is_gone = error.errno in (errno.ENOENT, errno.ENODEV, errno.ENOTDIR)
        name = os.path.basename(file)
        raise NoValue(f"{name} cannot be read: {error.strerror}", is_gone) from None
    match = _WHOLE_NUMBER.fullmatch(data) if len(data) <= VALUE_BYTES_MAX else None
    if match is None:
        shown = repr(data[:SHOWN_BYTES_MAX].decode("ascii", "replace"))
        raise NoValue(f"{os.path.basename(file)} holds no whole number but {shown}")
    return int(match[1])


def read_whole_number(file: str) -> int | None:
    """None where `read_value` has none."""
    try:
        return read_value(file)
    except NoValue:
        return None


def read_text(file: str, folder_fd: int | None = None) -> str | None:
    """The first line without blanks around it; None: unreadable."""
    try:
        data = _read(file, folder_fd, TEXT_BYTES_MAX)
    except (OSError, ValueError):
        return None
    return data.split(b"\n")[0].decode("utf-8", "replace").strip()


def write_whole_number(file: str, value: int, folder_fd: int | None = None) -> None:
    """Raises OSError."""
    data = b"%d\n" % value
    fd = os.open(file, _WRITE, dir_fd=folder_fd)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.write(fd, data)
            return
        os.pwrite(fd, data, 0)
        # What is left of a longer value stands behind the line feed until this: one value a line.
        if os.fstat(fd).st_size > len(data):
            os.ftruncate(fd, len(data))
    finally:
        os.close(fd)


def _read(file: str, folder_fd: int | None, bytes_max: int) -> bytes:
    try:
        return _read_once(file, folder_fd, bytes_max)
    except OSError as error:
        if error.errno not in _WORTH_A_SECOND_TRY:
            raise
        return _read_once(file, folder_fd, bytes_max)


def _read_once(file: str, folder_fd: int | None, bytes_max: int) -> bytes:
    fd = os.open(file, _READ, dir_fd=folder_fd)
    try:
        return os.read(fd, bytes_max)
    finally:
        os.close(fd)
