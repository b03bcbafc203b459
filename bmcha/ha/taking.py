"""Taking the chassis: the fence and the claim under way, and the effects that they ask for.

The order is theirs (`bmcha.ha.fencing`, `bmcha.ha.claim`), whether to begin is the rules'; here
they meet the epoch and the lines. Called by `bmcha.ha.role_keeper`, which enters the role that
comes of it.
"""

from __future__ import annotations

from enum import Enum, auto

from bmcha.ha.claim import Claim, Step
from bmcha.ha.fencing import Fence
from bmcha.ha.fencing import Step as FenceStep
from bmcha.ha.rule_record import RoleDecision
from bmcha.ha.seat import Seat
from bmcha.model.effect import DriveLine, OwnLine, PulseReset, ReadLines, StoreEpoch
from bmcha.model.event import LineLevels, LinesRead


class Outcome(Enum):
    """FENCED, RELEASED and UNFENCED: the claim goes on, and its reason has changed."""

    UNDER_WAY = auto()
    FENCED = auto()
    RELEASED = auto()
    UNFENCED = auto()
    TAKEN = auto()
    LOST = auto()


class Taking:
    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self.claim: Claim | None = None
        self.fence: Fence | None = None
        self._fence_look: tuple[LineLevels, int] | None = None
        """The last look before the pulse: the rules see it first."""
        self.is_answer_awaited = False
        self._was_line_unclear = False

    @property
    def is_fence_pending(self) -> bool:
        return self.fence is not None and self.fence.is_pending

    @property
    def is_active_line_doubted(self) -> bool:
        """Also from a reset pulse on: what the peer may hold is being ended."""
        if self.fence is not None:
            return True
        return self.claim is not None and self.claim.is_active_line_doubted

    def is_answer_overdue(self, now_ns: int) -> bool:
        if self.claim is None:
            return False
        return now_ns - self.claim.begun_ns >= self._seat.peers.longest_deadtime_ns()

    def begin(self) -> None:
        """Before FENCING is entered: the epoch is on every word from then on."""
        own = self._seat.own
        own.held_epoch = own.seen_epoch = self._seat.next_epoch()

    def start(self, decision: RoleDecision, now_ns: int) -> None:
        """After FENCING was entered; or the fence that was begun is not needed any more."""
        seat = self._seat
        if decision.fenced_peer is None:
            self._claim(decision.is_active_line_doubted, now_ns)
        elif self.fence is None:
            peer = list(seat.peers)[decision.fenced_peer]
            rank = seat.settings.succession.rank(seat.own_slot)
            self.fence = Fence(peer.slot, rank, seat.settings.timers, now_ns, peer.boot_id)

    def _claim(self, is_active_line_doubted: bool, now_ns: int) -> None:
        seat = self._seat
        self.fence = self._fence_look = None
        self.is_answer_awaited = self._was_line_unclear = False
        seat.own.is_unverified = is_active_line_doubted
        self.claim = Claim(
            epoch=seat.own.held_epoch,
            is_first=seat.settings.succession.rank(seat.own_slot) == 0,
            has_lines=seat.settings.has_active,
            is_active_line_doubted=is_active_line_doubted,
            timers=seat.settings.timers,
            begun_ns=now_ns,
        )
        self._do(self.claim.begin())

    def stored(self, epoch: int, now_ns: int) -> Outcome:
        return (
            Outcome.UNDER_WAY if self.claim is None else self._do(self.claim.stored(epoch, now_ns))
        )

    def store_failed(self, now_ns: int) -> Outcome:
        """The claim goes on, `Node` raises the alarm: cooling does not wait for a disk."""
        return Outcome.UNDER_WAY if self.claim is None else self.stored(self.claim.epoch, now_ns)

    def looked(self, lines: LinesRead, now_ns: int) -> Outcome:
        if self.fence is not None:
            levels = next((each for slot, each in lines.peers if slot == self.fence.slot), None)
            if levels is None:
                return Outcome.UNDER_WAY
            if self.fence.is_pending:
                self._fence_look = levels, lines.read_ns
                return Outcome.UNDER_WAY
            return self._do_fence(self.fence.looked(levels, lines.read_ns), now_ns)
        if self.claim is None or self._must_look_again(lines):
            return Outcome.UNDER_WAY
        is_peer_active = any(levels.active is True for _, levels in lines.peers)
        return self._do(self.claim.looked(is_peer_active, lines.read_ns))

    def _must_look_again(self, lines: LinesRead) -> bool:
        """A line cannot be read: whether its peer owes an answer, the rules say before the next
        look."""
        was_unclear = self._was_line_unclear
        self._was_line_unclear = any(levels.active is None for _, levels in lines.peers)
        return self._was_line_unclear and (self.is_answer_awaited or not was_unclear)

    def tick(self, now_ns: int) -> Outcome:
        if self.fence is not None:
            return self._do_fence(self._next_of_fence(self.fence, now_ns), now_ns)
        if self.claim is None:
            return Outcome.UNDER_WAY
        if self.claim.is_listening and not self.is_answer_awaited:
            return self._do(self.claim.answered())
        return self._do(self.claim.tick(self._seat.own.active_sense, now_ns))

    def _next_of_fence(self, fence: Fence, now_ns: int) -> FenceStep:
        look, self._fence_look = self._fence_look, None
        step = self._fence_heard(fence) if look is None else fence.looked(*look)
        return fence.tick(now_ns) if step is FenceStep.WAIT else step

    def _fence_heard(self, fence: Fence) -> FenceStep:
        peer = self._seat.peers.get(fence.slot)
        if peer is None:
            return FenceStep.WAIT
        return fence.heard(peer.boot_id, peer.is_heard() and peer.holds_nothing())

    def renew(self, now_ns: int) -> None:
        """A peer that makes no claim knows a newer epoch: its answer could not be told from one to
        an older claim. Where no answer is awaited that does not matter."""
        if self.claim is None or not self.is_answer_awaited:
            return
        self.begin()
        self._claim(False, now_ns)

    def end(self) -> None:
        self.claim = None
        self.fence = self._fence_look = None

    def deadline_ns(self) -> int | None:
        """When to be stepped at the latest."""
        if self.fence is not None:
            return self.fence.deadline_ns()
        return self.claim.deadline_ns() if self.claim is not None else None

    def _do_fence(self, step: FenceStep, now_ns: int) -> Outcome:
        fence, seat = self.fence, self._seat
        peer = seat.peers.get(fence.slot) if fence is not None else None
        if fence is None or peer is None:
            return Outcome.UNDER_WAY
        match step:
            case FenceStep.WAIT:
                pass
            case FenceStep.LOOK:
                seat.emit(ReadLines())
            case FenceStep.PULSE:
                seat.emit(PulseReset(fence.slot, seat.settings.timers.reset_pulse_ms), ReadLines())
            case FenceStep.VERIFIED:
                peer.fenced(fence.life)
                self._claim(peer.lines.levels.active is True, now_ns)
                seat.own.is_unverified = False
                return Outcome.FENCED
            case FenceStep.NEEDLESS:
                self._claim(False, now_ns)
                return Outcome.RELEASED
            case FenceStep.UNVERIFIED:
                self._claim(True, now_ns)
                return Outcome.UNFENCED
        return Outcome.UNDER_WAY

    def _do(self, step: Step) -> Outcome:
        claim, seat = self.claim, self._seat
        if claim is None:
            return Outcome.UNDER_WAY
        match step:
            case Step.WAIT | Step.LISTEN:
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
