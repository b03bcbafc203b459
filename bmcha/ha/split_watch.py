"""Since when this holder may not have been the only one: since it last heard the other.

Only a guess from one end, and the longest possible: when the other took the chassis is not known
here. Kept by `bmcha.ha.role_keeper`, judged once a step before the rules are. Pure.
"""

from __future__ import annotations

from bmcha.ha.seat import Seat
from bmcha.model.moment import NS_PER_S
from bmcha.model.role import Reason, Role

LOST_SPLIT = (Reason.PEER_HOLDS_NEWER_EPOCH, Reason.PEER_HEARS_NOTHING)
"""Both held, and this node let go."""
TOLD_NS = NS_PER_S
JUDGED_NS = 5 * NS_PER_S
"""A rival is judged within two beats of hearing it; the slowest beat takes less than this."""


class SplitWatch:
    """``alone_since_ns``: None while the others are heard, and were for a while."""

    def __init__(self, seat: Seat) -> None:
        self.alone_since_ns: int | None = None
        self._seat = seat
        self._heard_since_ns: int | None = None

    def is_being_told(self, now_ns: int) -> bool:
        """That this node lost is the winner's only sign that there was a split: the reason stands
        until some beat has carried it."""
        machine = self._seat.machine
        is_fresh = now_ns - machine.since_ns < TOLD_NS
        return machine.role is Role.STANDBY and machine.reason in LOST_SPLIT and is_fresh

    def judge(self, now_ns: int) -> None:
        if self._seat.machine.role is not Role.ACTIVE:
            self.alone_since_ns = self._heard_since_ns = None
            return
        unheard = [peer for peer in self._seat.peers if not peer.is_heard()]
        if not unheard:
            if self._heard_since_ns is None:
                self._heard_since_ns = now_ns
            if now_ns - self._heard_since_ns >= JUDGED_NS:
                self.alone_since_ns = None
            return
        self._heard_since_ns = None
        if self.alone_since_ns is None:
            heard = [m.last_heard_ns for peer in unheard for m in peer.monitors]
            known = [at_ns for at_ns in heard if at_ns is not None]
            since_ns = self._seat.machine.since_ns
            self.alone_since_ns = max([since_ns, *known]) if known else since_ns
