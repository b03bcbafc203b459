"""Which boot of a peer is the one of now: the twin of native/bmcha_boots.c (docs/adr/0025)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from bmcha.model.moment import NS_PER_S

PAST_BOOTS_MAX = 64
TICK_SHIFT = 26
"""67 ms: a service takes longer to start."""
CANDIDATES_MAX = 4
EARLY_MAX_NS = 2 * NS_PER_S
"""A boot that is of now has shown it by then."""


class Boots:
    """One for all paths to a peer."""

    def __init__(self) -> None:
        self.in_force: int | None = None
        self._proven = 0
        self._past: deque[int] = deque(maxlen=PAST_BOOTS_MAX)

    def succeed(self, boot_id: int, sent_ns: int) -> None:
        """The boot comes into force, having named a beat of ours that left then; the one before is
        over."""
        if self.in_force is not None and self.in_force != boot_id:
            self._past.append(self.in_force)
        self.in_force, self._proven = boot_id, sent_ns >> TICK_SHIFT

    def is_newer(self, sent_ns: int) -> bool:
        """It has named a beat of ours that left then: newer than all that it named on any path?"""
        return self.in_force is None or sent_ns >> TICK_SHIFT > self._proven

    def prove(self, sent_ns: int) -> None:
        self._proven = max(self._proven, sent_ns >> TICK_SHIFT)

    def is_past(self, boot_id: int) -> bool:
        return boot_id in self._past


@dataclass(slots=True)
class Candidate:
    """A boot that has proved nothing yet. ``sequence`` 0: no heartbeat was among its frames,
    of which ``count`` were not judged."""

    boot_id: int
    first_ns: int
    heard_ns: int
    sequence: int = 0
    count: int = 0


class Candidates:
    """Of one path."""

    def __init__(self) -> None:
        self._places: list[Candidate] = []

    def note(self, boot_id: int, sequence: int, heard_ns: int) -> int:
        """The one that was silent longest makes room: so many frames of it nobody will judge."""
        lost_count = 0
        it = next((each for each in self._places if each.boot_id == boot_id), None)
        if it is None:
            if len(self._places) == CANDIDATES_MAX:
                stalest = min(self._places, key=lambda each: each.heard_ns)
                lost_count = stalest.count
                place = self._places.index(stalest)
                it = self._places[place] = Candidate(boot_id, heard_ns, heard_ns)
            else:
                it = Candidate(boot_id, heard_ns, heard_ns)
                self._places.append(it)
        it.heard_ns = heard_ns
        it.count += 1
        it.sequence = sequence or it.sequence
        return lost_count

    def drop(self, boot_id: int) -> int:
        """It has proved itself: how many frames of it there were."""
        for place, it in enumerate(self._places):
            if it.boot_id == boot_id:
                last = self._places.pop()
                if place < len(self._places):
                    self._places[place] = last
                return it.count
        return 0

    def forgive(self, boot_id: int) -> int:
        """As `drop`, and it stays."""
        for it in self._places:
            if it.boot_id == boot_id:
                count, it.count = it.count, 0
                return count
        return 0

    def condemn(self, before_ns: int) -> int:
        """Those heard first before that time were no peers: so many frames since the last time.
        They stay, and may still prove themselves."""
        condemned_count = 0
        for it in self._places:
            if it.first_ns < before_ns:
                condemned_count += it.count
                it.count = 0
        return condemned_count

    def turn(self, turn: int, since_ns: int) -> Candidate | None:
        """The one whose turn it is, of those whose heartbeat was heard since."""
        live = [each for each in self._places if each.sequence and each.heard_ns >= since_ns]
        return live[turn % len(live)] if live else None
