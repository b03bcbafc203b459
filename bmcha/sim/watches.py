"""Tells when a module has written one of its output files: inotify, without polling.

Events of all files come from one kernel queue, in the order of the writes; equal events in a row
may come as one. What was written is not told: the file is read. Through ctypes, because the
chassis should not depend on the C code of the modules that it judges.
Called by `bmcha.sim.chassis`.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Hashable
from pathlib import Path
from typing import Generic, TypeVar

IN_MODIFY = 0x0000_0002
IN_Q_OVERFLOW = 0x0000_4000
_EVENT = struct.Struct("iIII")
READ_BYTES_MAX = 65536

Key = TypeVar("Key", bound=Hashable)


class Watches(Generic[Key]):
    """Files under watch, each known by a key. Owned by one thread."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise self._failure("inotify_init1")
        self._keys: dict[int, Key] = {}

    def add(self, path: Path, key: Key) -> None:
        watch = self._libc.inotify_add_watch(self._fd, os.fsencode(path), IN_MODIFY)
        if watch < 0:
            raise self._failure(str(path))
        self._keys[watch] = key

    def fileno(self) -> int:
        return int(self._fd)

    def written(self) -> list[Key]:
        """Keys of the files written since the last call, oldest first."""
        keys: list[Key] = []
        while True:
            try:
                data = os.read(self._fd, READ_BYTES_MAX)
            except BlockingIOError:
                return keys
            keys += self._parse(data)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _parse(self, data: bytes) -> list[Key]:
        keys: list[Key] = []
        offset = 0
        while offset < len(data):
            watch, mask, _, name_bytes = _EVENT.unpack_from(data, offset)
            offset += _EVENT.size + name_bytes
            if mask & IN_Q_OVERFLOW:
                keys += self._keys.values()  # some are lost: look at every file
            elif watch in self._keys:
                keys.append(self._keys[watch])
        return keys

    def _failure(self, what: str) -> OSError:
        number = ctypes.get_errno()
        return OSError(number, f"inotify: {os.strerror(number)}", what)
