"""The log: one line an event, to stderr and to a bounded file, and never in anybody's way.

Here: what a line looks like, which lines are wanted, and how many of one kind. Writing is
`log_sink`: each destination has a thread and a bounded queue of its own, so that a full pipe on
stderr does not hold up the file, and neither holds up whoever speaks. `say` may be called from
every thread; it takes one lock for as long as it takes to put a line in a queue. Never call it
from a signal handler: the handler may have interrupted the holder of that lock.

Kinds: two lines are of one kind when they differ in whole numbers only. Of each kind
`KIND_LINES_MAX` lines a window of `KIND_WINDOW_NS` are written; how many more there were is one
line at the window's end.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from enum import Enum, IntEnum, unique
from threading import Condition, Thread
from typing import Final

from bmcha.diag.log_sink import FileSink, OnOpen, Sink, StderrSink
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.model.record import dataclass

KIND_LINES_MAX: Final = 20
KIND_WINDOW_NS: Final = 10 * NS_PER_S
KINDS_MAX: Final = 512
"""Remembered at a time; the one whose window is oldest is forgotten first."""
KIND_CHARS_MAX: Final = 120

_NUMBER: Final = re.compile(r"\b\d+\b")


@unique
class Level(IntEnum):
    """syslog's priorities, as far as they are used here; smaller is worse."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


@unique
class StderrUse(Enum):
    """``AUTO``: when the journal reads it, and when there is no file."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(slots=True)
class _Kind:
    """The present window of one kind of line."""

    ends_ns: int
    level: Level
    first_text: str
    count: int = 0


class Log:
    """Lines that are less important than ``level`` are not written; it may be set at any time."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        clock: Callable[[], int],
        level: Level = Level.INFO,
        wall_clock: Callable[[], int] = time.time_ns,
        kind_lines_max: int = KIND_LINES_MAX,
    ) -> None:
        self.level = level
        self._sinks = sinks
        self._clock = clock
        self._wall_clock = wall_clock
        self._kind_lines_max = kind_lines_max
        self._changed = Condition()
        self._kinds: dict[str, _Kind] = {}
        self._is_closed = False
        self._teller = Thread(target=self._tell_rest, name="log", daemon=True)
        self._teller.start()

    def say(self, text: str, level: Level = Level.INFO) -> None:
        if level > self.level:
            return
        # One event is one line, whatever a name or a message of the system contains.
        text = " ".join(text.splitlines())
        with self._changed:
            if self._is_wanted(text, level):
                self._put(text, level)

    @property
    def fault(self) -> str:
        """Why lines are lost just now, "" when none are."""
        return "; ".join(sink.fault for sink in self._sinks if sink.fault)

    def set_file_bytes_max(self, file_bytes_max: int) -> None:
        for sink in self._sinks:
            if isinstance(sink, FileSink):
                sink.file_bytes_max = file_bytes_max

    def close(self, timeout_s: float = 0.5) -> None:
        """Writes what waits, for at most ``timeout_s`` in all."""
        with self._changed:
            if self._is_closed:
                return
            self._tell(list(self._kinds))
            self._is_closed = True
            self._changed.notify()
        end_s = time.monotonic() + timeout_s
        self._teller.join(timeout_s)
        for sink in self._sinks:
            sink.close(max(0.0, end_s - time.monotonic()))

    def _is_wanted(self, text: str, level: Level) -> bool:
        now_ns = self._clock()
        key = _NUMBER.sub("#", text)[:KIND_CHARS_MAX]
        kind = self._kinds.get(key)
        if kind is not None and now_ns >= kind.ends_ns:
            self._tell([key])
            kind = None
        if kind is None:
            if len(self._kinds) >= KINDS_MAX:
                self._tell([next(iter(self._kinds))])
            kind = self._kinds[key] = _Kind(now_ns + KIND_WINDOW_NS, level, text)
        kind.count += 1
        if kind.count == self._kind_lines_max + 1:
            # Only from here on is there something to tell at the window's end.
            self._changed.notify()
        return kind.count <= self._kind_lines_max

    def _tell(self, keys: Sequence[str]) -> None:
        """These kinds' windows are over: say what was held back, and forget them."""
        for key in keys:
            kind = self._kinds.pop(key)
            more_count = kind.count - self._kind_lines_max
            if more_count > 0:
                window_s = KIND_WINDOW_NS // NS_PER_S
                self._put(
                    f"{more_count} more like this in {window_s} s: {kind.first_text}", kind.level
                )

    def _put(self, text: str, level: Level) -> None:
        now_ns = self._clock()
        seconds, milliseconds = now_ns // NS_PER_S, now_ns % NS_PER_S // NS_PER_MS
        wall_s, wall_ms = divmod(self._wall_clock() // NS_PER_MS, 1000)
        wall = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(wall_s))
        stamp = f"{wall}.{wall_ms:03}Z {seconds}.{milliseconds:03} {level.name.lower()}"
        for sink in self._sinks:
            sink.put(f"<{level.value}>{text}\n" if sink.is_journal else f"{stamp} {text}\n")

    def _tell_rest(self) -> None:
        """The thread that says how many there were when nobody speaks any more."""
        with self._changed:
            while not self._is_closed:
                now_ns = self._clock()
                self._tell([key for key, kind in self._kinds.items() if now_ns >= kind.ends_ns])
                ends_ns = [
                    kind.ends_ns
                    for kind in self._kinds.values()
                    if kind.count > self._kind_lines_max
                ]
                wait_s = (min(ends_ns) - now_ns) / NS_PER_S if ends_ns else None
                self._changed.wait(wait_s)


def open_log(
    file: str | None, use: StderrUse, level: Level, file_bytes_max: int, on_open: OnOpen
) -> Log:
    """The log of a service. A file that cannot be written is tried again with each line, and
    stderr has the lines too if it could not be written at the start."""
    sinks: list[Sink] = []
    fault = ""
    if file is not None:
        file_sink = FileSink(file, file_bytes_max, on_open)
        fault = file_sink.fault
        sinks.append(file_sink)
    is_journal = is_stderr_journal()
    if use is StderrUse.ALWAYS or (use is StderrUse.AUTO and (is_journal or not sinks or fault)):
        # The interpreter's last words go to the file, if there is one.
        is_only = not sinks or bool(fault)
        sinks.append(StderrSink(is_journal, on_open if is_only else None))
    log = Log(sinks, time.monotonic_ns, level)
    if fault:
        log.say(f"the log file cannot be written, it is tried again: {fault}", Level.WARNING)
    return log


def is_stderr_journal() -> bool:
    """$JOURNAL_STREAM names the device and inode of the stream that journald reads
    (systemd.exec(5)); it is inherited, so stderr may be another one by now."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"
