"""Where log lines go: a thread, a bounded queue and a file descriptor for each destination.

Whatever is wrong with a destination, the service goes on without it: lines that do not fit the
queue or cannot be written are counted, and the next line that can be written says how many and
why. A file is bounded: when it is full it becomes ``NAME.1``, one generation; it is opened again
when it was moved away, removed, or its folder has come back. Called by `log` alone.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Final

LINES_WAITING_MAX: Final = 1000

OnOpen = Callable[[int], None]
"""Told the descriptor whenever one was opened, before an older one is closed: whoever writes
there beside the sink (the interpreter's last words) must never have a stale number."""


class Sink(ABC):
    """One destination. ``is_journal``: lines begin with their priority instead of the time."""

    is_journal = False

    def __init__(self, name: str, on_open: OnOpen | None) -> None:
        self.fault = ""
        self._on_open = on_open
        self._changed = Condition()
        self._lines: deque[str] = deque()
        self._dropped_count = 0
        self._unwritten_count = 0
        self._is_closed = False
        self._is_amid_line = False
        self._fd = -1
        try:
            self._ready()
        except OSError as error:
            self.fault = str(error)
        self._thread = Thread(target=self._write_all, name=f"log {name}", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Thread-safe; never waits for the destination."""
        with self._changed:
            if len(self._lines) >= LINES_WAITING_MAX:
                self._dropped_count += 1
            else:
                self._lines.append(line)
            self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Writes what waits, for at most ``timeout_s``."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    @abstractmethod
    def _ready(self) -> None:
        """Before each batch: `_fd` is where to write. Raises OSError."""

    def _write_all(self) -> None:
        while (lines := self._next_lines()) is not None:
            for line in lines:
                self._write(line)
        if self._fd >= 0 and self._on_open is None:
            os.close(self._fd)

    def _next_lines(self) -> list[str] | None:
        with self._changed:
            while not self._lines:
                if self._is_closed:
                    return None
                self._changed.wait()
            lines = list(self._lines)
            self._lines.clear()
            if self._dropped_count:
                lines.append(f"- {self._dropped_count} lines were dropped: the log was too slow\n")
                self._dropped_count = 0
            return lines

    def _write(self, line: str) -> None:
        try:
            self._ready()
            if self._unwritten_count:
                told = f"- {self._unwritten_count} lines could not be written: {self.fault}\n"
                self._write_bytes(told)
            self._write_bytes(line)
        except OSError as error:
            self._unwritten_count += 1
            self.fault = str(error)
        else:
            self._unwritten_count = 0
            self.fault = ""

    def _write_bytes(self, text: str) -> None:
        # What a full disk cut off stays a line of its own.
        data = (b"\n" if self._is_amid_line else b"") + text.encode(errors="backslashreplace")
        while data:
            data = data[os.write(self._fd, data) :]
            self._is_amid_line = bool(data)

    def _use(self, fd: int) -> None:
        if self._on_open is not None:
            self._on_open(fd)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        self._is_amid_line = False


class StderrSink(Sink):
    def __init__(self, is_journal: bool, on_open: OnOpen | None = None) -> None:
        self.is_journal = is_journal
        super().__init__("stderr", on_open)

    def _ready(self) -> None:
        if self._fd < 0:
            self._use(os.dup(sys.stderr.fileno()))


class FileSink(Sink):
    def __init__(self, file: str, file_bytes_max: int, on_open: OnOpen | None = None) -> None:
        self.file_bytes_max = file_bytes_max
        self._file = file
        super().__init__("file", on_open)

    def _ready(self) -> None:
        if self._fd < 0 or not self._is_in_place():
            self._use(self._open())
        if os.fstat(self._fd).st_size >= self.file_bytes_max:
            os.replace(self._file, self._file + ".1")
            self._use(self._open())

    def _is_in_place(self) -> bool:
        """False: somebody has moved or removed it, with its folder perhaps."""
        try:
            return os.path.samestat(os.stat(self._file), os.fstat(self._fd))
        except OSError:
            return False

    def _open(self) -> int:
        # Opening does not wait: the name may be that of a pipe that nobody reads.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        fd = os.open(self._file, flags, 0o640)
        os.set_blocking(fd, True)
        return fd
