"""The STANDBY's side of the mirror: collects the parts of a delta and accepts it whole.

Sans I/O. Accepts only its own join, the next sequence and the known layout; anything else asks
to join anew. What was accepted before is acknowledged again, because the ack may have been lost.
"""

from __future__ import annotations

from enum import Enum, unique

from bmcha.model.message import Delta, DeltaAck, DeltaKind, MirrorJoin
from bmcha.model.moment import ns_from_ms
from bmcha.model.reading import Cell
from bmcha.model.record import dataclass

JOIN_REPEAT_NS = ns_from_ms(500)


@unique
class MirrorState(Enum):
    NONE = "NONE"
    JOINING = "JOINING"
    SYNCED = "SYNCED"
    STALE = "STALE"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Apply these cells at once, then send the ack. ``is_whole`` replaces everything."""

    cells: tuple[Cell, ...]
    is_whole: bool
    sequence: int
    ack: DeltaAck


class MirrorReceiver:
    def __init__(self, layout_id: int) -> None:
        self._layout_id = layout_id
        self._join_id = 0
        self._parts: dict[int, Delta] = {}
        self._asked_ns: int | None = None
        self.state = MirrorState.NONE
        self.sequence = 0
        self.fresh_ns: int | None = None
        self.refused_count = 0

    @property
    def is_synced(self) -> bool:
        return self.state is MirrorState.SYNCED

    def level_at(self, leader_sequence: int, heard_ns: int) -> None:
        """A beat of the ACTIVE names its sequence (low 16 bits): equal means nothing is missing."""
        if self.is_synced and leader_sequence % 65536 == self.sequence % 65536:
            self.fresh_ns = heard_ns

    def hold(self) -> None:
        """This node holds the chassis: the picture is its own from now on, and what is still on its
        way from the former holder is no change of it."""
        self.restart()
        self.state = MirrorState.NONE

    def leave(self) -> None:
        """No ACTIVE to follow."""
        self.state = MirrorState.NONE if self.state is MirrorState.JOINING else self.state
        self._asked_ns = None
        self._parts.clear()

    def restart(self) -> None:
        """Join anew: another ACTIVE, another life of it, or a gap."""
        self.state = MirrorState.JOINING
        self._asked_ns = None
        self._parts.clear()
        self._join_id += 1

    def due(self, join_seed: int, now_ns: int) -> MirrorJoin | None:
        """The join to send now. ``join_seed`` makes the id differ from those of other lives."""
        if self.state is not MirrorState.JOINING:
            return None
        if self._asked_ns is not None and now_ns - self._asked_ns < JOIN_REPEAT_NS:
            return None
        self._asked_ns = now_ns
        return MirrorJoin(self._layout_id, self._full_id(join_seed))

    def heard(self, delta: Delta, join_seed: int, now_ns: int) -> Accepted | DeltaAck | None:
        if delta.join_id != self._full_id(join_seed) or delta.layout_id != self._layout_id:
            self.refused_count += 1
            return None
        self._asked_ns = now_ns
        if delta.kind is DeltaKind.CHANGES or self.state is MirrorState.SYNCED:
            if self.state is not MirrorState.SYNCED:
                return None
            if delta.sequence == self.sequence and delta.base != self.sequence:
                return DeltaAck(delta.join_id, self.sequence)
            if delta.base != self.sequence:
                self.restart()
                return None
        return self._collect(delta, now_ns)

    def _collect(self, delta: Delta, now_ns: int) -> Accepted | None:
        other = next(iter(self._parts.values()), None)
        if other is not None and (other.sequence, other.parts) != (delta.sequence, delta.parts):
            self._parts.clear()
        self._parts[delta.part] = delta
        if len(self._parts) < delta.parts:
            return None
        cells = tuple(c for part in sorted(self._parts) for c in self._parts[part].cells)
        self._parts.clear()
        self.sequence = delta.sequence
        self.state = MirrorState.SYNCED
        self.fresh_ns = now_ns
        ack = DeltaAck(delta.join_id, delta.sequence)
        return Accepted(cells, delta.kind is DeltaKind.WHOLE, delta.sequence, ack)

    def _full_id(self, join_seed: int) -> int:
        return (join_seed + self._join_id) & 0xFFFF_FFFF
