"""Taking the chassis: the claim under way, and the effects that it asks for.

The order is the claim's (`bmcha.ha.claim`), whether to begin is the rules'; here both meet the
epoch and the lines. Called by `bmcha.ha.role_keeper`, which enters the role that comes of it.
"""

from __future__ import annotations

from enum import Enum, auto

from bmcha.ha.claim import Claim, Step
from bmcha.ha.role_rules import RoleDecision
from bmcha.ha.seat import Seat
from bmcha.model.effect import DriveLine, OwnLine, ReadLines, StoreEpoch
from bmcha.model.event import LinesRead


class Outcome(Enum):
    UNDER_WAY = auto()
    TAKEN = auto()
    LOST = auto()


class Taking:
    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self.claim: Claim | None = None

    def begin(self, decision: RoleDecision, now_ns: int) -> None:
        """Before FENCING is entered: the epoch is on every word from then on."""
        seat = self._seat
        seat.own.held_epoch = seat.own.seen_epoch = seat.next_epoch()
        seat.own.is_unverified = decision.is_active_line_doubted
        self.claim = Claim(
            epoch=seat.own.held_epoch,
            is_first=seat.settings.succession.rank(seat.own_slot) == 0,
            has_lines=seat.settings.has_active,
            is_active_line_doubted=decision.is_active_line_doubted,
            timers=seat.settings.timers,
            begun_ns=now_ns,
        )

    def start(self) -> None:
        """After FENCING was entered."""
        if self.claim is not None:
            self._do(self.claim.begin())

    def stored(self, epoch: int, now_ns: int) -> Outcome:
        return (
            Outcome.UNDER_WAY if self.claim is None else self._do(self.claim.stored(epoch, now_ns))
        )

    def store_failed(self, now_ns: int) -> Outcome:
        """The claim goes on, `Node` raises the alarm: cooling does not wait for a disk."""
        return Outcome.UNDER_WAY if self.claim is None else self.stored(self.claim.epoch, now_ns)

    def looked(self, lines: LinesRead) -> Outcome:
        if self.claim is None:
            return Outcome.UNDER_WAY
        is_peer_active = any(levels.active is True for _, levels in lines.peers)
        return self._do(self.claim.looked(is_peer_active, lines.read_ns))

    def tick(self, now_ns: int) -> Outcome:
        if self.claim is None:
            return Outcome.UNDER_WAY
        return self._do(self.claim.tick(self._seat.own.active_sense, now_ns))

    def end(self) -> None:
        self.claim = None

    def deadline_ns(self) -> int | None:
        """When to be stepped at the latest."""
        return self.claim.deadline_ns() if self.claim is not None else None

    def _do(self, step: Step) -> Outcome:
        claim, seat = self.claim, self._seat
        if claim is None:
            return Outcome.UNDER_WAY
        match step:
            case Step.WAIT:
                pass
            case Step.STORE:
                seat.emit(StoreEpoch(claim.epoch))
            case Step.RAISE:
                seat.emit(DriveLine(OwnLine.ACTIVE, True), ReadLines())
            case Step.LOOK:
                seat.emit(ReadLines())
            case Step.OPEN:
                self.claim = None
                return Outcome.TAKEN
            case Step.LET_GO:
                return Outcome.LOST
        return Outcome.UNDER_WAY
