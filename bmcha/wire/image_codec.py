"""Cells and the image header to the bytes of the shared memory and back.

Packing gives (offset, bytes) pieces for `native/bmcha_seqlock.h`: every offset and size is a
multiple of eight. Unpacking reads a consistent copy and trusts only its layout id, which the copy
has proven; a cell whose numbers make no sense is left out. Neither touches the memory itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, TypeVar

from bmcha.model.reading import (
    ALARM_ID_BYTES_MAX,
    NAME_BYTES_MAX,
    AlarmCell,
    BladeCell,
    CellKind,
    FanCell,
    ImageCell,
    Quality,
    RunCell,
    SensorCell,
    SensorKind,
    SupplyCell,
    UnitState,
)
from bmcha.model.record import dataclass
from bmcha.model.role import Role, Severity
from bmcha.wire import tables
from bmcha.wire.cells import clamped, cut

Piece = tuple[int, bytes]
HEADER_OFFSET: Final = 16
"""Magic, layout id, size and lock come first and are not the caller's to write."""
CELLS_RANGE: Final = (tables.RUN_OFFSET, tables.IMAGE_SIZE - tables.RUN_OFFSET)
"""(offset, size) of all cells: what a whole picture clears before it is written."""
_U32_MAX: Final = 0xFFFF_FFFF
_U64_MAX: Final = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the image says about itself. Counts are one above the highest place in use.

    ``is_stale``: the writer does not follow the chassis at present (a STANDBY without a mirror).
    ``stale_after_ms``: the writer's promise to write at least that often; 0 promises nothing.
    ``role`` is the writer's own role; the holder of the chassis is in the run cell.
    """

    image_sequence: int
    acked_sequence: int
    epoch: int
    writer_boot_id: int
    updated_ns: int
    stale_after_ms: int
    is_live: bool
    is_stale: bool
    writer_slot: int
    role: Role
    sensors_count: int = 0
    fans_count: int = 0
    supplies_count: int = 0
    blades_count: int = 0
    alarms_count: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """One consistent picture of the chassis: only places in use, in the order of their indexes."""

    header: ImageHeader
    run: RunCell | None
    sensors: list[SensorCell]
    fans: list[FanCell]
    supplies: list[SupplyCell]
    blades: list[BladeCell]
    alarms: list[AlarmCell]


def cell_version(epoch: int, sequence: int) -> int:
    """Grows with every change of a cell, across takeovers too. Never 0 for a cell in use."""
    return epoch << 32 | (sequence & _U32_MAX) or 1


# -------------------------------------------------------------------------------------- packing


def pack_header(header: ImageHeader) -> Piece:
    """ValueError: a field is out of range."""
    state = (tables.IMAGE_LIVE if header.is_live else 0) | (
        tables.IMAGE_STALE if header.is_stale else 0
    )
    try:
        packed = tables.IMAGE_HEADER.pack(
            *(tables.IMAGE_MAGIC, tables.LAYOUT_ID, tables.IMAGE_SIZE, 0),
            header.image_sequence,
            header.acked_sequence,
            header.epoch,
            header.writer_boot_id,
            header.updated_ns,
            header.stale_after_ms,
            state,
            header.writer_slot,
            header.role.value,
            header.sensors_count,
            header.fans_count,
            header.supplies_count,
            header.blades_count,
            header.alarms_count,
            b"",
        )
    except struct.error as error:
        raise ValueError(f"image header out of range: {error}") from error
    return HEADER_OFFSET, packed[HEADER_OFFSET:]


def pack_cell(cell: ImageCell, version: int) -> Piece:
    """``version`` from `cell_version`. ValueError: no such place. Readings are clamped."""
    kind, offset, count, fixed, fields = _place_and_fields(cell)
    if not 0 <= cell.index < count:
        raise ValueError(f"{kind.name} cell {cell.index}: the image has {count}")
    stamp_ns = clamped(cell.stamp_ns, 0, _U64_MAX)
    try:
        return offset + cell.index * fixed.size, fixed.pack(version, stamp_ns, 0, *fields)
    except struct.error as error:
        raise ValueError(f"{kind.name} cell {cell.index} out of range: {error}") from error


_Fields = tuple[int | bytes, ...]


def _place_and_fields(
    cell: ImageCell,
) -> tuple[CellKind, int, int, struct.Struct, _Fields]:
    match cell:
        case RunCell():
            run: _Fields = (cell.epoch, cell.fault_count, cell.holder_slot, cell.role.value, b"")
            return CellKind.RUN, tables.RUN_OFFSET, tables.RUN_COUNT, tables.RUN_CELL, run
        case SensorCell():
            place = (tables.SENSORS_OFFSET, tables.SENSORS_COUNT, tables.SENSORS_CELL)
            return CellKind.SENSOR, *place, _sensor_fields(cell)
        case FanCell():
            place = (tables.FANS_OFFSET, tables.FANS_COUNT, tables.FANS_CELL)
            return CellKind.FAN, *place, _fan_fields(cell)
        case SupplyCell():
            place = (tables.SUPPLIES_OFFSET, tables.SUPPLIES_COUNT, tables.SUPPLIES_CELL)
            watts = (_i32(cell.output_milliwatt), _i32(cell.rated_milliwatt))
            return CellKind.SUPPLY, *place, (*watts, cell.state.value, b"", _name(cell.name))
        case BladeCell():
            place = (tables.BLADES_OFFSET, tables.BLADES_COUNT, tables.BLADES_CELL)
            budget = _i32(cell.budget_milliwatt)
            return CellKind.BLADE, *place, (budget, cell.state.value, b"", _name(cell.name))
        case AlarmCell():
            place = (tables.ALARMS_OFFSET, tables.ALARMS_COUNT, tables.ALARMS_CELL)
            alarm_id = cut(cell.alarm_id, ALARM_ID_BYTES_MAX)
            return CellKind.ALARM, *place, (cell.severity.value, cell.is_raised, alarm_id)


def _sensor_fields(cell: SensorCell) -> _Fields:
    values = (_i32(cell.value_milli), _i32(cell.low_milli), _i32(cell.high_milli))
    return (*values, cell.kind.value, cell.quality.value, _name(cell.name))


def _fan_fields(cell: FanCell) -> _Fields:
    pwms = (clamped(cell.pwm, 0, 0xFF), clamped(cell.pwm_min, 0, 0xFF))
    return (clamped(cell.rpm, 0, _U32_MAX), *pwms, cell.state.value, b"", _name(cell.name))


def _i32(value: int) -> int:
    return clamped(value, -0x8000_0000, 0x7FFF_FFFF)


def _name(text: str) -> bytes:
    return cut(text, NAME_BYTES_MAX)


# ------------------------------------------------------------------------------------ unpacking


def unpack_picture(raw: bytes) -> Picture:
    """``raw`` is a consistent copy of the whole image, of our layout."""
    return Picture(
        header=unpack_header(raw),
        run=next(iter(_unpack_all(raw, tables.RUN_OFFSET, 1, tables.RUN_CELL, _run)), None),
        sensors=_unpack_all(
            raw, tables.SENSORS_OFFSET, tables.SENSORS_COUNT, tables.SENSORS_CELL, _sensor
        ),
        fans=_unpack_all(raw, tables.FANS_OFFSET, tables.FANS_COUNT, tables.FANS_CELL, _fan),
        supplies=_unpack_all(
            raw, tables.SUPPLIES_OFFSET, tables.SUPPLIES_COUNT, tables.SUPPLIES_CELL, _supply
        ),
        blades=_unpack_all(
            raw, tables.BLADES_OFFSET, tables.BLADES_COUNT, tables.BLADES_CELL, _blade
        ),
        alarms=_unpack_all(
            raw, tables.ALARMS_OFFSET, tables.ALARMS_COUNT, tables.ALARMS_CELL, _alarm
        ),
    )


def unpack_header(raw: bytes) -> ImageHeader:
    fields = tables.IMAGE_HEADER.unpack_from(raw)[4:-1]
    sequence, acked, epoch, boot_id, updated_ns, stale_after_ms, state, slot, role = fields[:9]
    return ImageHeader(
        sequence,
        acked,
        epoch,
        boot_id,
        updated_ns,
        stale_after_ms,
        bool(state & tables.IMAGE_LIVE),
        bool(state & tables.IMAGE_STALE),
        slot,
        Role(role) if role in _ROLES else Role.STARTING,
        *fields[9:],
    )


_ROLES: Final = frozenset(role.value for role in Role)
_CellT = TypeVar("_CellT")


def _unpack_all(
    raw: bytes,
    offset: int,
    count: int,
    fixed: struct.Struct,
    build: Callable[..., _CellT],
) -> list[_CellT]:
    cells = []
    end = offset + count * fixed.size
    for index, fields in enumerate(fixed.iter_unpack(memoryview(raw)[offset:end])):
        if not fields[0]:
            continue
        try:
            cells.append(build(index, fields[1], *fields[3:]))
        except ValueError:
            continue
    return cells


def _string(room: bytes) -> str:
    return room.partition(b"\0")[0].decode("utf-8", "replace")


def _run(
    index: int, stamp_ns: int, epoch: int, fault_count: int, slot: int, role: int, _: bytes
) -> RunCell:
    return RunCell(slot, Role(role), epoch, fault_count, stamp_ns, index)


def _sensor(
    index: int,
    stamp_ns: int,
    value: int,
    low: int,
    high: int,
    kind: int,
    quality: int,
    name: bytes,
) -> SensorCell:
    return SensorCell(
        index, _string(name), SensorKind(kind), value, Quality(quality), stamp_ns, low, high
    )


def _fan(
    index: int,
    stamp_ns: int,
    rpm: int,
    pwm: int,
    pwm_min: int,
    state: int,
    _: bytes,
    name: bytes,
) -> FanCell:
    return FanCell(index, _string(name), rpm, pwm, pwm_min, UnitState(state), stamp_ns)


def _supply(
    index: int, stamp_ns: int, output: int, rated: int, state: int, _: bytes, name: bytes
) -> SupplyCell:
    return SupplyCell(index, _string(name), UnitState(state), output, rated, stamp_ns)


def _blade(index: int, stamp_ns: int, budget: int, state: int, _: bytes, name: bytes) -> BladeCell:
    return BladeCell(index, _string(name), UnitState(state), budget, stamp_ns)


def _alarm(index: int, stamp_ns: int, severity: int, is_raised: int, alarm_id: bytes) -> AlarmCell:
    return AlarmCell(index, _string(alarm_id), Severity(severity), bool(is_raised), stamp_ns)
