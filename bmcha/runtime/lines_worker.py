"""Watches the board's lines. An edge is a hint only: levels are read again after it, and at least
every 100 ms without one, because an interrupt can be lost and a level cannot.

Posts `LinesRead` on every change and twice a second; judges nothing (two readings against a
bouncing line are the core's rule). Reads the slot straps again now and then, and tells when they
say another thing than at the start.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Event as Flag

from bmcha.hal.port import LinePort, PortError
from bmcha.model.event import LinesRead, StrapsRead
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Clock, Post

POLL_S = 0.1
POST_NS = 500 * NS_PER_MS
STRAPS_NS = 5 * NS_PER_S
"""A strap has no reason to change; a module that slides out of its seat takes longer."""
DOUBTED_STRAPS_NS = NS_PER_S
"""After a reading that was not as at the start: the second look comes sooner."""


class LinesWorker:
    """``own_slot`` as the straps said at the start; None: they could not be read, and are not read
    again."""

    name = "lines"

    def __init__(
        self, lines: LinePort, post: Post, clock: Clock, own_slot: int | None = None
    ) -> None:
        self._lines = lines
        self._post = post
        self._clock = clock
        self._straps = StrapRounds(own_slot, clock()) if own_slot is not None else None
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
            if self._straps is not None and read.read_ns >= self._straps.due_ns:
                self._look_at_straps(self._straps)
            self._lines.wait(POLL_S)

    def stop(self) -> None:
        self._stopped.set()

    def _look_at_straps(self, rounds: StrapRounds) -> None:
        try:
            read = StrapsRead(self._lines.read_straps())
        except PortError as error:
            read = StrapsRead(None, str(error))
        if rounds.is_news(read, self._clock()):
            self._post(read)


class StrapRounds:
    """When the slot straps are to be read again, and which readings the node must have: those that
    differ from the slot of the start, and the first that does not any more."""

    def __init__(self, own_slot: int, now_ns: int) -> None:
        self._own_slot = own_slot
        self._are_doubted = False
        self.due_ns = now_ns + STRAPS_NS

    def is_news(self, read: StrapsRead, now_ns: int) -> bool:
        were_doubted, self._are_doubted = self._are_doubted, read.slot != self._own_slot
        self.due_ns = now_ns + (DOUBTED_STRAPS_NS if self._are_doubted else STRAPS_NS)
        return self._are_doubted or were_doubted


def _differs(read: LinesRead, posted: LinesRead) -> bool:
    return replace(read, read_ns=0) != replace(posted, read_ns=0)
