"""When each path and each line was last seen to work: what nobody has seen work may be broken.

A path is proven both ways by an echo: the peer says, in a beat that came, what it heard of us there
(`bmcha.ha.path_monitor`). A line is proven when it moves and then says what its module says; a line
that only stays as it should may be stuck. A fire drill (`bmcha.ha.drill`) proves on demand. Pure;
judges nothing but that. Kept by `bmcha.ha.role_keeper`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bmcha.ha.peer_view import PeerView
from bmcha.ha.seat import Seat
from bmcha.model.record import dataclass
from bmcha.model.role import Role


@dataclass(frozen=True, slots=True)
class Line:
    """``level`` None: it cannot be read. ``expected`` None: nobody can say just now."""

    name: str
    level: bool | None
    expected: bool | None


@dataclass(frozen=True, slots=True)
class Proof:
    """``how``: "moved" or "drill"."""

    at_ns: int
    how: str


def lines_of(seat: Seat) -> Iterator[Line]:
    """Every line that is wired to this module, with what it ought to say."""
    own, role = seat.own, seat.machine.role
    holds = None if role in (Role.FENCING, Role.RELINQUISHING) else role is Role.ACTIVE
    if own.active_sense is not None:
        yield Line("own ACTIVE", own.active_sense, holds)
    if own.outputs_open is not None:
        yield Line("own OUTPUTS_OPEN", own.outputs_open, holds)
    for peer in seat.peers:
        yield from _lines_of_peer(seat, peer)


def _lines_of_peer(seat: Seat, peer: PeerView) -> Iterator[Line]:
    settings, levels = seat.settings, peer.lines.levels
    draft = peer.draft if peer.is_heard() else None

    def of_its_life(level: bool | None) -> bool | None:
        """Of one that is not heard, down is what it should be, and up says nothing: one that died
        is still in its slot, and one that is cut off lives."""
        if draft is not None:
            return True
        return False if level is False and peer.is_gone() else None

    if settings.has_presence:
        yield Line(f"slot {peer.slot} PRESENCE", levels.presence, of_its_life(levels.presence))
    if settings.has_health:
        yield Line(f"slot {peer.slot} HEALTH", levels.health, of_its_life(levels.health))
    if settings.has_active:
        is_changing = draft is None or draft.role in (Role.FENCING, Role.RELINQUISHING)
        holds = None if draft is None or is_changing else draft.role is Role.ACTIVE
        yield Line(f"slot {peer.slot} ACTIVE", levels.active, holds)
    if levels.reset is not None:
        is_at_rest = None if seat.machine.role is Role.FENCING else False
        yield Line(f"slot {peer.slot} RESET", levels.reset, is_at_rest)


class Proofs:
    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._of_lines: dict[str, Proof] = {}
        self._agreed: dict[str, bool] = {}

    def judge(self, now_ns: int) -> None:
        """After each reading. A line that agreed at the other level before has moved as it should;
        where the word that it agrees with comes later, the next reading tells."""
        for line in lines_of(self._seat):
            if line.level is None or line.level is not line.expected:
                continue
            if self._agreed.get(line.name, line.level) is not line.level:
                self._of_lines[line.name] = Proof(now_ns, "moved")
            self._agreed[line.name] = line.level

    def drilled(self, line: str, now_ns: int) -> None:
        self._of_lines[line] = Proof(now_ns, "drill")

    def of_line(self, name: str) -> Proof | None:
        return self._of_lines.get(name)
