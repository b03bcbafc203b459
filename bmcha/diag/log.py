"""The log: one line an event, with the monotonic time, to a bounded file or to stderr.

A thread of its own writes, so that a full disk, a stopped terminal or a stuck journal never holds
up the node; what does not fit its queue is dropped and counted, and the next line says how much.
Sentences are made by those who log. No levels: what is not worth a line is not logged.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

from bmcha.model.moment import NS_PER_MS, NS_PER_S

LINES_WAITING_MAX = 1000
FILE_BYTES_MAX = 1_000_000
"""Two files of this size hold some months of an ordinary module's life."""


class Log:
    """``file`` None: stderr. When the file is full it becomes ``file.1`` and a new one begins."""

    def __init__(
        self,
        file: str | None,
        clock: Callable[[], int],
        file_bytes_max: int = FILE_BYTES_MAX,
    ) -> None:
        """Raises OSError if the file cannot be opened."""
        self._file = file
        self._file_bytes_max = file_bytes_max
        self._clock = clock
        self._changed = Condition()
        self._lines: deque[str] = deque()
        self._dropped_count = 0
        self._is_closed = False
        self._fd = self._open()
        self._thread = Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        now_ns = self._clock()
        seconds, milliseconds = now_ns // NS_PER_S, now_ns % NS_PER_S // NS_PER_MS
        # One event is one line, whatever a name or a message of the system contains.
        line = f"{seconds}.{milliseconds:03} {' '.join(text.splitlines())}\n"
        with self._changed:
            if len(self._lines) >= LINES_WAITING_MAX:
                self._dropped_count += 1
            else:
                self._lines.append(line)
            self._changed.notify()

    def close(self, timeout_s: float = 0.5) -> None:
        """Writes what waits, for at most ``timeout_s``."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _open(self) -> int:
        if self._file is None:
            return os.dup(sys.stderr.fileno())
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._file, flags, 0o640)

    def _write_all(self) -> None:
        while (lines := self._next_lines()) is not None:
            # Whatever is wrong with the log, the service goes on without it.
            with contextlib.suppress(OSError):
                self._make_room()
                data = "".join(lines).encode(errors="backslashreplace")
                while data:
                    data = data[os.write(self._fd, data) :]
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

    def _make_room(self) -> None:
        if self._file is None or os.fstat(self._fd).st_size < self._file_bytes_max:
            return
        os.replace(self._file, self._file + ".1")
        opened = self._open()
        os.close(self._fd)
        self._fd = opened
