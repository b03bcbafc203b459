"""The thread that asks third parties, the reference and the peers, and tells who answered.

One round a period: every address is asked once, and what is known then is told, as soon as all
have answered and at the end of the period at the latest. It judges nothing, and knows not how the
port asks. A port that cannot be opened is said once, told with every round, and tried again now
and then. An answer that comes later than the time after which an address counts as silent is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event as Flag

from bmcha.hal.port import PingPort, PortError
from bmcha.model.hearsay import Opinion, OpinionsHeard
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.model.settings import ThirdOpinionSettings
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Clock, Post, Say

SEQUENCE_MODULUS = 1 << 16
REOPEN_NS = 5 * NS_PER_S
"""An interface may come up only after the service did, and a right costs nothing to try."""


class OpinionWorker:
    """``addresses``: those of ``ping``, in the same order."""

    name = "third opinion"

    def __init__(
        self,
        ping: PingPort,
        addresses: Sequence[str],
        settings: ThirdOpinionSettings,
        post: Post,
        clock: Clock,
        log: Say,
    ) -> None:
        self._ping = ping
        self._addresses = addresses
        self._period_ns = settings.period_ms * NS_PER_MS
        self._silent_ns = settings.silent_after_ms * NS_PER_MS
        self._post = post
        self._clock = clock
        self._log = log
        self._answered_ns: list[int | None] = [None for _ in addresses]
        self._asked_ns: dict[int, int] = {}
        self._sequence = 0
        self._fault = "not open yet"
        self._reopen_ns = 0
        self._stopped = Flag()
        self.pace = Pace(clock)

    def run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._round()
        finally:
            self._ping.close()

    def stop(self) -> None:
        self._stopped.set()
        self._ping.wake()

    def _round(self) -> None:
        begun_ns = self._clock()
        self.pace.begin(self._period_ns)
        if self._fault and begun_ns >= self._reopen_ns:
            self._open(begun_ns)
        waiting = self._ask(begun_ns) if not self._fault else set()
        is_told = not waiting
        if is_told:
            self._tell()
        while (left_ns := begun_ns + self._period_ns - self._clock()) > 0:
            if self._stopped.is_set():
                return
            waiting -= self._hear(left_ns)
            if not waiting and not is_told:
                self._tell()
                is_told = True
        if not is_told:
            self._tell()

    def _open(self, now_ns: int) -> None:
        self._reopen_ns = now_ns + REOPEN_NS
        try:
            self._ping.open()
        except PortError as error:
            if str(error) != self._fault:
                self._log(f"{self.name}: {error}")
            self._fault = str(error)
            return
        self._fault = ""

    def _ask(self, now_ns: int) -> set[int]:
        """Whose answer is waited for."""
        self._sequence = (self._sequence + 1) % SEQUENCE_MODULUS
        self._asked_ns = {
            sequence: asked_ns
            for sequence, asked_ns in self._asked_ns.items()
            if now_ns - asked_ns <= self._silent_ns
        }
        self._asked_ns[self._sequence] = now_ns
        for place in range(len(self._addresses)):
            self._ping.ask(place, self._sequence)
        return set(range(len(self._addresses)))

    def _hear(self, wait_ns: int) -> set[int]:
        """Who answered the request of this round."""
        heard = set()
        for place, sequence in self._ping.read(wait_ns / NS_PER_S):
            now_ns = self._clock()
            asked_ns = self._asked_ns.get(sequence)
            if asked_ns is not None and now_ns - asked_ns <= self._silent_ns:
                self._answered_ns[place] = now_ns
                if sequence == self._sequence:
                    heard.add(place)
        return heard

    def _tell(self) -> None:
        told = zip(self._addresses, self._answered_ns, strict=True)
        opinions = tuple(Opinion(address, answered_ns) for address, answered_ns in told)
        self._post(OpinionsHeard(opinions, self._clock(), self._fault))
