"""The flap limiter: a chassis whose holder changes again and again is left where it is.

After too many failovers in too short a time every move that nobody needs is locked out: what the
rules and the switchover then refuse is theirs to say (docs/adr/0013-flap-limiter.md). Whoever takes
the chassis over writes that into the chassis log, which both nodes have and which outlives a
restart; both count there. Who holds and locks says so in every beat, and the other follows. Only a
command ends it, and that is followed both ways.

Rule: the word of one that does not hold locks a holder once in each of its lives: its log may tell
of a failover that died with its claimant. If each followed every change of the other, two that are
a beat out of step would lock and unlock each other for ever.

Pure; kept by `bmcha.ha.role_keeper`, judged once a step; `bmcha.node` writes the log.
"""

from __future__ import annotations

from collections.abc import Sequence

from bmcha.ha.peer_view import PeerView
from bmcha.ha.seat import Seat
from bmcha.model.effect import Answer
from bmcha.model.event import LockoutClearAsked
from bmcha.model.identity import claimant
from bmcha.model.message import HeartbeatDraft
from bmcha.model.moment import NS_PER_S
from bmcha.model.record import dataclass
from bmcha.model.role import Reason, Role

CLEAR_COMMAND = "bmcha lockout clear"
ASKED = (Reason.HANDOVER_ASKED, Reason.PEER_SAID_GOODBYE)
"""A person moved the role or stopped its holder, unless that one handed over for one of these:"""
BY_POLICY = (Reason.HEALTH_SWITCHOVER, Reason.FAILBACK)


@dataclass(frozen=True, slots=True)
class _Word:
    """What a peer said last, in this life; when it held last; and ever, to a holder."""

    boot_id: int | None
    is_locked: bool = False
    is_locked_as_holder: bool = False
    has_told_holder: bool = False


class FlapLimiter:
    """``why`` is "" while nothing is locked out. ``taken_over_from``: the slot that held the
    chassis before this node, when the present claim is a failover."""

    def __init__(self, seat: Seat) -> None:
        self.why = ""
        self.since_ns = 0
        self.failovers_count = 0
        self.taken_over_from: int | None = None
        self._seat = seat
        self._cleared_by = ""
        self._words: dict[int, _Word] = {}

    @property
    def is_locked(self) -> bool:
        return self.why != ""

    def judge(self, failovers_ns: Sequence[int], now_ns: int) -> None:
        """``failovers_ns``: when each failover was of which the log tells."""
        for peer in self._seat.peers:
            if peer.is_heard() and peer.draft is not None:
                self._hear(peer, peer.draft, now_ns)
        if self._cleared_by:
            return  # the log does not know yet
        moves = self._seat.settings.moves
        begin_ns = now_ns - moves.failovers_window_s * NS_PER_S
        self.failovers_count = sum(at_ns > begin_ns for at_ns in failovers_ns)
        if moves.failovers_max and self.failovers_count >= moves.failovers_max:
            times = "1 failover" if moves.failovers_max == 1 else f"{moves.failovers_max} failovers"
            self._lock(f"{times} within {moves.failovers_window_s} s", now_ns)

    def claim_begins(self, reason: Reason) -> None:
        """Before the epoch grows. A failover: a STANDBY takes what another slot held, unasked."""
        seat = self._seat
        former = claimant(seat.own.seen_epoch, seat.settings.succession)
        is_moved = seat.machine.role is Role.STANDBY and former != seat.own_slot
        words = [peer.draft.reason for peer in seat.peers if peer.draft is not None]
        is_asked = reason in ASKED and not any(word in BY_POLICY for word in words)
        self.taken_over_from = former if is_moved and not is_asked else None

    def clear_asked(self, event: LockoutClearAsked, unaware: list[int]) -> Answer:
        """``unaware``: slots that cannot be told, or that do not hear it."""
        was_locked = self.is_locked
        text = "the lock-out is over" if was_locked else "nothing was locked out"
        text += "; failovers are counted anew"
        slots = ", ".join(map(str, unaware))
        text += f"; slot {slots} cannot be told: clear it there too" if unaware else ""
        self._clear(f"asked by {event.asked_by}")
        body = {"result": "done", "text": text, "was_locked": was_locked}
        return Answer(event.request_id, True, body)

    def take_cleared(self) -> str:
        """Who ended it since this was asked last, for the log; "": nobody."""
        cleared_by, self._cleared_by = self._cleared_by, ""
        return cleared_by

    def _hear(self, peer: PeerView, said: HeartbeatDraft, now_ns: int) -> None:
        """Its word counts when it changes, and when it is the first of a life: until the other has
        heard of a command given here, it goes on saying what it said."""
        before = self._words.get(peer.slot, _Word(None))
        if before.boot_id != peer.boot_id:
            before = _Word(peer.boot_id)
        is_locked, is_holding = said.is_locked_out, self._seat.machine.role is Role.ACTIVE
        as_holder = is_locked if said.role is Role.ACTIVE else before.is_locked_as_holder
        to_holder = before.has_told_holder or (is_holding and is_locked)
        self._words[peer.slot] = _Word(peer.boot_id, is_locked, as_holder, to_holder)
        was, says = before.is_locked_as_holder, as_holder
        if is_holding:
            was, says = before.has_told_holder, to_holder
        if says and not was:
            self._lock(f"slot {peer.slot} says so", now_ns)
        elif before.is_locked and not is_locked and self.is_locked:
            self._clear(f"slot {peer.slot} says so")

    def _lock(self, why: str, now_ns: int) -> None:
        if not self.is_locked:
            self.why, self.since_ns = why, now_ns

    def _clear(self, by: str) -> None:
        """`Node` writes it into the log before the next judgement, and the log counts anew."""
        self.why = ""
        self._cleared_by = by
