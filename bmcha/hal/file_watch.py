"""Tells which files may have changed, without polling them: inotify on their folders.

Knows inotify; knows nothing of what the files mean. Rules: a change is a hint, never a value;
after an overflow, and when a folder comes (back), every file of it counts as changed; a folder
that is missing is looked for again at each `wait`. One thread adds, waits and closes; `wake` is for
all. Used by `board_lines`.
"""

from __future__ import annotations

import os
import select
import struct
from typing import Final

from bmcha._native import ffi, lib
from bmcha.hal.port import PortError
from bmcha.hal.waker import Waker

EVENT: Final = struct.Struct("iIII")
READ_BYTES: Final = 65536
"""Room for some hundred events; the kernel never returns a part of one."""


class FileWatch:
    def __init__(self) -> None:
        self._waker = Waker()
        self.fd: int = lib.inotify_init1(lib.IN_NONBLOCK | lib.IN_CLOEXEC)
        if self.fd < 0:
            reason = os.strerror(ffi.errno)
            limit = "/proc/sys/fs/inotify/max_user_instances"
            raise PortError(f"inotify cannot be started: {reason}; see {limit}")
        self._files: dict[str, dict[str, str]] = {}
        """Folder to the names in it that are of interest, each with the file as it was added."""
        self._folders: dict[int, str] = {}
        """inotify's number of each folder that is watched just now."""

    @property
    def waker_fd(self) -> int:
        """Readable after `wake`; for those who poll it and ``fd`` beside others of their own."""
        return self._waker.fd

    def add(self, file: str) -> None:
        """From now on a change of ``file`` is reported; it need not exist yet."""
        folder, name = os.path.split(file)
        names = self._files.setdefault(folder or ".", {})
        names[name] = file
        self._watch_missing()

    def wait(self, timeout_s: float) -> set[str]:
        """The files that may have changed; empty after ``timeout_s`` or `wake`."""
        changed = self._watch_missing()
        poll = select.poll()
        poll.register(self._waker.fd, select.POLLIN)
        poll.register(self.fd, select.POLLIN)
        # What is known by now is not kept waiting.
        timeout_ms = 0.0 if changed else max(0.0, timeout_s) * 1000
        ready = dict(poll.poll(timeout_ms))
        if self._waker.fd in ready:
            self._waker.take()
        if self.fd in ready:
            changed |= self._read()
        return changed

    def take_changes(self) -> set[str]:
        """What is known by now, without waiting; a wake stays."""
        return self._watch_missing() | self._read()

    def take_wake(self) -> None:
        self._waker.take()

    def wake(self) -> None:
        """From any thread: a waiting `wait` returns at once."""
        self._waker.wake()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _watch_missing(self) -> set[str]:
        """Watches every folder that is not watched; the files of those that came are changed."""
        mask = lib.IN_MODIFY | lib.IN_MOVED_TO | lib.IN_CREATE | lib.IN_DELETE | lib.IN_ATTRIB
        found: set[str] = set()
        for folder in self._files.keys() - set(self._folders.values()):
            watch: int = lib.inotify_add_watch(self.fd, os.fsencode(folder), mask)
            if watch >= 0:
                self._folders[watch] = folder
                found.update(self._files[folder].values())
        return found

    def _read(self) -> set[str]:
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return set()
        except OSError as error:
            raise PortError(f"inotify cannot be read: {error.strerror}") from error
        changed: set[str] = set()
        at = 0
        while at < len(data):
            watch, mask, _, name_size = EVENT.unpack_from(data, at)
            at += EVENT.size
            name = os.fsdecode(data[at : at + name_size].rstrip(b"\0"))
            at += name_size
            changed |= self._changed_by(watch, mask, name)
        return changed

    def _changed_by(self, watch: int, mask: int, name: str) -> set[str]:
        if mask & lib.IN_Q_OVERFLOW:
            return {file for names in self._files.values() for file in names.values()}
        if mask & lib.IN_IGNORED:
            # The folder is gone.
            folder = self._folders.pop(watch, None)
            return set(self._files[folder].values()) if folder else set()
        names = self._files.get(self._folders.get(watch, ""), {})
        return {names[name]} if name in names else set()
