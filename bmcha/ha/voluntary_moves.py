"""Moves that nobody asked for and nothing forces: by health, and back to the preferred slot.

Says when the holder should hand over by itself, and to whom; how is the ordinary switchover's
(`bmcha.ha.switchover`), with all its refusals: whatever would make it refuse a person without
--force keeps the role here. `judge` is pure and sees no times. Off in maintenance, where the role
stays where it is. Kept by `bmcha.ha.role_keeper`, judged once a step.
"""

from __future__ import annotations

from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.letting_go import LettingGo
from bmcha.ha.peer_view import PeerView
from bmcha.ha.seat import Seat
from bmcha.model.moment import NS_PER_S
from bmcha.model.record import dataclass
from bmcha.model.role import Reason, Role
from bmcha.model.settings import Failback, MoveSettings


@dataclass(frozen=True, slots=True)
class MoveInputs:
    """Of a holder and one STANDBY that it hears. Health is 0 to 100."""

    own_slot: int
    own_health: int
    peer_slot: int
    peer_health: int


def judge(i: MoveInputs, moves: MoveSettings) -> Reason | None:
    """Why the STANDBY should hold the chassis rather than this node, as things stand now."""
    margin = moves.health_switchover_margin
    if margin and i.peer_health - i.own_health >= margin:
        return Reason.HEALTH_SWITCHOVER
    if moves.failback is not Failback.PREFERRED_SLOT or i.own_slot == moves.preferred_slot:
        return None
    is_well = i.peer_health >= i.own_health
    return Reason.FAILBACK if i.peer_slot == moves.preferred_slot and is_well else None


def hold_ns(reason: Reason, moves: MoveSettings) -> int:
    """For how long there has to be that reason."""
    is_health = reason is Reason.HEALTH_SWITCHOVER
    return NS_PER_S * (moves.health_switchover_hold_s if is_health else moves.failback_hold_off_s)


class VoluntaryMoves:
    """``wanted``: what it waits for, and since when."""

    def __init__(self, seat: Seat, letting_go: LettingGo) -> None:
        self.wanted: tuple[Reason, int] | None = None
        self._seat = seat
        self._letting_go = letting_go

    def due(
        self, word: ChassisWord, is_inhibited: bool, now_ns: int
    ) -> tuple[Reason, PeerView] | None:
        """Why to hand over now, and to whom. None: nothing is wanted, or not for long enough, or
        a refusal speaks against it."""
        wanted = None
        if not is_inhibited and self._seat.machine.role is Role.ACTIVE:
            wanted = self._find(word)
        if wanted is None:
            self.wanted = None
            return None
        reason, peer = wanted
        if self.wanted is None or self.wanted[0] is not reason:
            self.wanted = (reason, now_ns)
        if self.remaining_ns(now_ns) or self._letting_go.refusals(peer.slot, False, word, now_ns):
            return None
        return wanted

    def remaining_ns(self, now_ns: int) -> int:
        """Until the move that it waits for."""
        if self.wanted is None:
            return 0
        reason, since_ns = self.wanted
        return max(0, since_ns + hold_ns(reason, self._seat.settings.moves) - now_ns)

    def _find(self, word: ChassisWord) -> tuple[Reason, PeerView] | None:
        for peer in self._seat.peers:
            draft = peer.draft if peer.is_heard() else None
            if draft is None or draft.role is not Role.STANDBY:
                continue
            inputs = MoveInputs(self._seat.own_slot, word.health, peer.slot, draft.health)
            reason = judge(inputs, self._seat.settings.moves)
            if reason is not None:
                return reason, peer
        return None
