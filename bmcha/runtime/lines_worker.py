"""Watches the board's lines. An edge is a hint only: levels are read again after it, and at least
every 100 ms without one, because an interrupt can be lost and a level cannot.

Posts `LinesRead` on every change and twice a second; judges nothing (two readings against a
bouncing line are the core's rule). Closes the port, as the thread that waits on it.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Event as Flag

from bmcha.hal.port import LinePort
from bmcha.model.event import LinesRead
from bmcha.model.moment import NS_PER_MS
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Clock, Post

POLL_S = 0.1
POST_NS = 500 * NS_PER_MS


class LinesWorker:
    name = "lines"

    def __init__(self, lines: LinePort, post: Post, clock: Clock) -> None:
        self._lines = lines
        self._post = post
        self._clock = clock
        self._stopped = Flag()
        self.pace = Pace(clock)

    def run(self) -> None:
        posted: LinesRead | None = None
        while not self._stopped.is_set():
            self.pace.begin()
            read = replace(self._lines.read(), read_ns=self._clock())
            if posted is None or _differs(read, posted) or read.read_ns - posted.read_ns >= POST_NS:
                self._post(read)
                posted = read
            self._lines.wait(POLL_S)

    def stop(self) -> None:
        self._stopped.set()


def _differs(read: LinesRead, posted: LinesRead) -> bool:
    return replace(read, read_ns=0) != replace(posted, read_ns=0)
