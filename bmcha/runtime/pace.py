"""How long a thread has been at one piece of work: written by it, read by the supervisor.

One attribute that is replaced whole; no lock. A thread that waits for work rests.
"""

from __future__ import annotations

from bmcha.model.moment import NS_PER_S
from bmcha.runtime.worker import Clock

STALL_NS = 3 * NS_PER_S
"""Beyond any orderly piece of work here: a store may take two seconds on a bad flash."""


class Pace:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun_ns: int | None = None
        self._may_take_ns = STALL_NS

    def begin(self, wait_ns: int = 0) -> None:
        """A piece of work, that may wait for ``wait_ns`` by itself."""
        self._may_take_ns = STALL_NS + wait_ns
        self._begun_ns = self._clock()

    def rest(self) -> None:
        self._begun_ns = None

    def overdue_ns(self) -> int:
        """For how long it has been at it, if that is longer than it may; else 0."""
        begun_ns = self._begun_ns
        took_ns = self._clock() - begun_ns if begun_ns is not None else 0
        return took_ns if took_ns > self._may_take_ns else 0
