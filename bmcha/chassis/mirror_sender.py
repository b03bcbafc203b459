"""The ACTIVE's side of the mirror: which cells the peer does not have yet, and what to send.

Sans I/O. One delta is under way at a time; it takes everything that changed since the last one,
so a slow path sends fewer, fuller deltas and memory stays bounded by the number of cells. A delta
is whole or nothing: its parts are applied together, and the acknowledged sequence always names a
state that existed here. Loss is met by sending the same parts again; a peer that asks to join
gets everything.
"""

from __future__ import annotations

from collections.abc import Callable

from bmcha.chassis.picture import Key, key_of
from bmcha.model.message import Delta, DeltaAck, DeltaKind, MirrorJoin
from bmcha.model.moment import ns_from_ms
from bmcha.model.reading import (
    Cell,
    EventCell,
    FanCell,
    FanValue,
    ImageCell,
    SensorCell,
    SensorValue,
)
from bmcha.model.record import dataclass

EVENTS_PENDING_MAX = 512
"""Records that wait for a slow peer. Beyond that the oldest reach it only at its next join."""
EVENTS_IN_DELTA_MAX = 32
"""A burst of records must not hold up the readings behind it."""
REPEAT_NS = ns_from_ms(250)
PARTS_MAX = 255
"""The part number is a u8. A picture too big for that many frames gets bigger frames."""


@dataclass(frozen=True, slots=True)
class PathRoom:
    """What one path can carry: bytes of cells in a frame, and how long a delta may be on it."""

    name: str
    cells_bytes_max: int
    bytes_per_s: int


def cell_bytes_max(cell: Cell) -> int:
    """The most that a cell can take on the wire, entry header and texts included."""
    match cell:
        case SensorValue() | FanValue():
            return 20
        case EventCell():
            return 48 + len(cell.kind.encode()) + len(cell.text.encode())
        case _:
            return 72


def _is_newer(join_id: int, than: int) -> bool:
    """A life counts its joins up from a seed of its own, in u32."""
    return 0 < (join_id - than) % (1 << 32) < 1 << 31


def _sizes(groups: list[list[Cell]]) -> tuple[int, ...]:
    return tuple(map(len, groups))


class MirrorSender:
    def __init__(self, layout_id: int) -> None:
        self._layout_id = layout_id
        self._join_id: int | None = None
        self._joined: tuple[int, int] | None = None
        """The life that joined last, and its join."""
        self._is_whole_due = False
        self._dirty: dict[Key, None] = {}
        self._events: list[EventCell] = []
        self._sent_full: dict[Key, tuple[object, ...]] = {}
        self._under_way: tuple[Delta, ...] = ()
        self._under_way_path = ""
        self._cuts: dict[int, tuple[int, ...]] = {}
        self._sent_ns = 0
        self._sent_bytes = 0
        self.sequence = 0
        self.acked_sequence = 0
        self.acked_ns: int | None = None

    # ---- what changes

    @property
    def next_sequence(self) -> int:
        """The delta that will carry what changes now: the version that a changed cell gets."""
        return self.sequence + 1

    def note(self, cells: list[ImageCell]) -> None:
        """These cells changed."""
        if self._join_id is not None:
            self._dirty.update(dict.fromkeys(map(key_of, cells)))

    def note_event(self, record: EventCell) -> None:
        if self._join_id is None:
            return
        self._events.append(record)
        if len(self._events) > EVENTS_PENDING_MAX:
            del self._events[0]

    def met_life(self, boot_id: int, tail: list[EventCell]) -> None:
        """The peer's present life is another one. A late frame may have made an older one look
        present for a moment: the one that joined is given everything again, for it does not know
        that it was forgotten."""
        joined = self._joined
        self.forget_peer()
        if joined is not None and joined[0] == boot_id:
            self._offer_all(joined[1], tail)
        self._joined = joined

    def forget_peer(self) -> None:
        """The peer is gone or this node is no longer ACTIVE."""
        self._join_id = self._joined = None
        self._dirty.clear()
        self._events.clear()
        self._sent_full.clear()
        self._under_way = ()

    # ---- what arrives

    def joined(self, join: MirrorJoin, boot_id: int, tail: list[EventCell]) -> bool:
        """A STANDBY, in this life, asks for everything. False: its image layout is another one."""
        if join.layout_id != self._layout_id:
            return False
        if self._join_id is not None and not _is_newer(join.join_id, self._join_id):
            return True  # repeated, or overtaken by a newer one of the same life
        self.forget_peer()
        self._offer_all(join.join_id, tail)
        self._joined = boot_id, join.join_id
        return True

    def _offer_all(self, join_id: int, tail: list[EventCell]) -> None:
        self._join_id = join_id
        self._is_whole_due = True
        self._events = list(tail)
        self.acked_ns = None

    def acked(self, ack: DeltaAck, now_ns: int) -> None:
        if ack.join_id != self._join_id or not self._under_way:
            return
        if ack.sequence != self._under_way[0].sequence:
            return
        self.acked_sequence = ack.sequence
        self.acked_ns = now_ns
        self._under_way = ()

    # ---- what is due

    @property
    def is_joined(self) -> bool:
        return self._join_id is not None

    @property
    def is_synced(self) -> bool:
        """The peer has the whole picture; changes of the last moments may be under way."""
        return self.is_joined and self.acked_ns is not None

    @property
    def is_drained(self) -> bool:
        return self.is_synced and not self._under_way and not self._dirty and not self._events

    def due(
        self,
        room: PathRoom | None,
        cell_at: Callable[[Key], ImageCell | None],
        all_cells: Callable[[], list[ImageCell]],
        now_ns: int,
    ) -> tuple[Delta, ...]:
        """The parts to send now, on ``room``'s path; empty when nothing is due."""
        if room is None or self._join_id is None:
            return ()
        if self._under_way:
            return self._repeat(room, now_ns)
        if self._is_whole_due:
            self._is_whole_due = False
            self._dirty.clear()
            return self._send(DeltaKind.WHOLE, list(all_cells()), room, now_ns)
        if not self._dirty and not self._events:
            return ()
        cells = [cell for cell in map(cell_at, self._dirty) if cell is not None]
        self._dirty.clear()
        return self._send(DeltaKind.CHANGES, cells, room, now_ns)

    def _repeat(self, room: PathRoom, now_ns: int) -> tuple[Delta, ...]:
        line_ns = self._sent_bytes * 1_000_000_000 // room.bytes_per_s
        is_moved = room.name != self._under_way_path
        if not is_moved and now_ns - self._sent_ns < REPEAT_NS + 2 * line_ns:
            return ()
        if is_moved:
            cells = [cell for part in self._under_way for cell in part.cells]
            self._under_way = self._parts(self._under_way[0], cells, room)
        self._sent_ns = now_ns
        self._under_way_path = room.name
        return self._under_way

    def _send(
        self, kind: DeltaKind, cells: list[ImageCell], room: PathRoom, now_ns: int
    ) -> tuple[Delta, ...]:
        carried: list[Cell] = [self._shortened(cell) for cell in cells]
        carried += self._events[:EVENTS_IN_DELTA_MAX]
        del self._events[:EVENTS_IN_DELTA_MAX]
        base, self.sequence = self.sequence, self.next_sequence
        first = Delta(kind, self._layout_id, self._join_id or 0, base, self.sequence, 0, 1, ())
        self._cuts.clear()
        self._under_way = self._parts(first, carried, room)
        self._under_way_path = room.name
        self._sent_ns = now_ns
        self._sent_bytes = sum(map(cell_bytes_max, carried))
        return self._under_way

    def _parts(self, like: Delta, cells: list[Cell], room: PathRoom) -> tuple[Delta, ...]:
        groups: list[list[Cell]] = [[]]
        used = 0
        total = sum(map(cell_bytes_max, cells))
        part_bytes_max = max(room.cells_bytes_max, 2 * total // PARTS_MAX)
        for cell in cells:
            size = cell_bytes_max(cell)
            if groups[-1] and used + size > part_bytes_max:
                groups.append([])
                used = 0
            groups[-1].append(cell)
            used += size
        # The receiver tells ways to cut one delta apart by their number of parts alone.
        while self._cuts.setdefault(len(groups), _sizes(groups)) != _sizes(groups):
            groups.append([])
        return tuple(
            Delta(
                like.kind,
                like.layout_id,
                like.join_id,
                like.base,
                like.sequence,
                part,
                len(groups),
                tuple(group),
            )
            for part, group in enumerate(groups)
        )

    def _shortened(self, cell: ImageCell) -> Cell:
        """The short form, when the peer has the rest of the cell already."""
        key = key_of(cell)
        match cell:
            case SensorCell():
                fixed: tuple[object, ...] = (cell.name, cell.kind, cell.low_milli, cell.high_milli)
                short: Cell = SensorValue(cell.index, cell.value_milli, cell.quality, cell.stamp_ns)
            case FanCell():
                fixed = (cell.name, cell.pwm_min)
                short = FanValue(cell.index, cell.rpm, cell.pwm, cell.state, cell.stamp_ns)
            case _:
                return cell
        if self._sent_full.get(key) == fixed:
            return short
        self._sent_full[key] = fixed
        return cell
