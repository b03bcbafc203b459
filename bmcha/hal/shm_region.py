"""The chassis image as a POSIX shared-memory object, from its one writer's side.

Knows the object and its lock; the layout and the sequence lock are C (`native/bmcha_seqlock.c`).
Rules: whoever holds the flock on the object is its writer, and the kernel lets go of that lock
when the writer dies, however it dies, so that no pid has to be believed; what a dead writer left
is used again in place, so that readers that have it mapped go on; a name held by a living process
is refused. Called by the effect runner; made by `bmcha.app`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import re
import struct
from collections.abc import Sequence
from typing import Final

import posix_ipc

from bmcha._native import ffi, lib
from bmcha.hal.port import PortError

MODE: Final = 0o640
"""Readers are of the owner's group; nobody else looks in, nobody but the owner writes."""
OPENS_MAX: Final = 16
"""Each round was lost to another process that removed the object in that moment."""
# Checked here although the configuration has: posix_ipc 1.3.2 crashes on a name with a NUL.
NAME: Final = re.compile(r"/[A-Za-z0-9._-]{1,250}")
PATCH_HEAD: Final = struct.Struct("=II")


class ShmRegion:
    """Takes the object ``name`` ("/..."), makes it if need be, and empties it.

    Raises PortError: the name is held by a living process, or there is no room.
    """

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            allowed = "/ and 1 to 250 letters, digits, dots, _ or -"
            raise PortError(f"image name is {name!r}, allowed is {allowed}")
        self._name = name
        self._fd = -1
        self._size = int(lib.BMCHA_IMAGE_SIZE)
        fd = self._take()
        try:
            # Reserves the pages: else a full /dev/shm would show as SIGBUS in a write.
            os.posix_fallocate(fd, 0, self._size)
            self._map = mmap.mmap(fd, self._size)
        except (OSError, ValueError) as error:
            os.close(fd)
            raise self._failed("cannot be mapped", error) from error
        self._fd = fd
        self._view = ffi.from_buffer(self._map, require_writable=True)
        self._check("emptied", lib.bmcha_image_initialise(self._view, self._size))

    def write(self, pieces: Sequence[tuple[int, bytes]], clear: tuple[int, int] | None) -> None:
        """Offsets and sizes are multiples of eight. Raises PortError when a piece is out of place;
        nothing is written then."""
        if self._fd < 0:
            raise PortError(f"image {self._name} is closed")
        patches = []
        if clear is not None:
            offset, size = clear
            patches += [_head(offset, size), bytes(max(0, size))]
        for offset, data in pieces:
            patches += [_head(offset, len(data)), data]
        row = b"".join(patches)
        self._check("written", lib.bmcha_image_write(self._view, self._size, row, len(row)))

    def close(self, is_unlinked: bool) -> None:
        """With ``is_unlinked`` the name is free again; readers keep what they have mapped."""
        if self._fd < 0:
            return
        if is_unlinked:
            # While the lock is held, so that it cannot be a successor's object that goes.
            with contextlib.suppress(posix_ipc.ExistentialError):
                posix_ipc.unlink_shared_memory(self._name)
        ffi.release(self._view)
        self._map.close()
        os.close(self._fd)
        self._fd = -1

    # ------------------------------------------------------------ taking the name

    def _take(self) -> int:
        """The locked descriptor of the object that has the name now, of the right size."""
        for _ in range(OPENS_MAX):
            fd = self._open()
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                state = os.fstat(fd)
                if self._is_current(state):
                    if state.st_size in (0, self._size):
                        os.ftruncate(fd, self._size)
                        os.fchmod(fd, MODE)  # Whatever the umask has taken away.
                        return fd
                    # Another layout's leftover. It is not shortened: its readers would crash.
                    posix_ipc.unlink_shared_memory(self._name)
            except BlockingIOError as error:
                os.close(fd)
                raise PortError(
                    f"image {self._name} is in use by a living process; see"
                    f" `fuser /dev/shm{self._name}`, or give this module another image_name"
                ) from error
            except (OSError, posix_ipc.Error) as error:
                os.close(fd)
                raise self._failed("cannot be taken", error) from error
            os.close(fd)
        raise PortError(f"image {self._name} is being made and removed by another process")

    def _open(self) -> int:
        try:
            return int(posix_ipc.SharedMemory(self._name, posix_ipc.O_CREAT, mode=MODE).fd)
        except (OSError, ValueError, posix_ipc.Error) as error:
            raise self._failed("cannot be opened", error) from error

    def _is_current(self, state: os.stat_result) -> bool:
        """False: the name was removed or given to another object since it was opened."""
        try:
            current = posix_ipc.SharedMemory(self._name, read_only=True)
        except posix_ipc.ExistentialError:
            return False
        try:
            found = os.fstat(current.fd)
        finally:
            current.close_fd()
        return (found.st_dev, found.st_ino) == (state.st_dev, state.st_ino)

    def _check(self, what: str, result: int) -> None:
        if result != 0:
            raise PortError(f"image {self._name} cannot be {what}: a piece is out of place")

    def _failed(self, what: str, error: Exception) -> PortError:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else str(error)
        hint = "`df /dev/shm`" if number == errno.ENOSPC else f"`ls -l /dev/shm{self._name}`"
        return PortError(f"image {self._name} {what}: {reason}; see {hint}")


def _head(offset: int, size: int) -> bytes:
    try:
        return PATCH_HEAD.pack(offset, size)
    except struct.error as error:
        raise PortError(f"image: offset {offset} or size {size} does not fit 32 bits") from error
