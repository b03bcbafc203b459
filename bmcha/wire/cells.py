"""The entries of a delta: image cells and chassis records to bytes and back.

An entry is a key (kind in the upper four bits, one bit for the short form, the index), the age of
the cell's stamp, and the cell. Readings that do not fit are sent as the nearest that does, and
texts are cut, because a broken sensor must not stop the mirror. Parsing believes nothing: an index
out of range, an unknown number or a text past the end is a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bmcha.model import reading
from bmcha.model.reading import (
    AlarmCell,
    BladeCell,
    Cell,
    CellKind,
    EventCell,
    FanCell,
    FanValue,
    Quality,
    RunCell,
    SensorCell,
    SensorKind,
    SensorValue,
    SupplyCell,
    UnitState,
)
from bmcha.model.role import Role, Severity
from bmcha.wire import tables
from bmcha.wire.age import CELL_UNIT_NS, decode_age, encode_age

_U8_MAX: Final = 0xFF
_U16_MAX: Final = 0xFFFF
_U32_MAX: Final = 0xFFFF_FFFF
_I32_MIN: Final = -0x8000_0000
_I32_MAX: Final = 0x7FFF_FFFF

_INDEX_LIMITS: Final = {
    CellKind.RUN: 1,
    CellKind.SENSOR: reading.SENSORS_MAX,
    CellKind.FAN: reading.FANS_MAX,
    CellKind.SUPPLY: reading.SUPPLIES_MAX,
    CellKind.BLADE: reading.BLADES_MAX,
    CellKind.ALARM: reading.ALARMS_MAX,
    CellKind.EVENT: 1,
}


def clamped(value: int, low: int, high: int) -> int:
    return low if value < low else high if value > high else value


def _i32(value: int) -> int:
    return clamped(value, _I32_MIN, _I32_MAX)


def cut(text: str, bytes_max: int) -> bytes:
    """UTF-8, shortened at a character's edge."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > bytes_max:
        encoded = encoded[:bytes_max].decode("utf-8", "ignore").encode()
    return encoded


def _text(text: str, bytes_max: int) -> bytes:
    encoded = cut(text, bytes_max)
    return bytes((len(encoded),)) + encoded


def _name(text: str) -> bytes:
    return _text(text, reading.NAME_BYTES_MAX)


# ------------------------------------------------------------------------------------- building


def build_entry(cell: Cell, now_ns: int) -> bytes:
    """One entry. ValueError for an index, epoch or record number that no wire field can hold."""
    kind, form, body = _kind_and_body(cell)
    if not 0 <= cell.index < _INDEX_LIMITS[kind]:
        raise ValueError(f"{kind.name} cell {cell.index}: there are {_INDEX_LIMITS[kind]}")
    age = 0 if isinstance(cell, EventCell) else encode_age(now_ns - cell.stamp_ns, CELL_UNIT_NS)
    key = kind.value << tables.ENTRY_KIND_SHIFT | form | cell.index
    return tables.ENTRY_HEAD.pack(key, age) + body


def _kind_and_body(cell: Cell) -> tuple[CellKind, int, bytes]:
    match cell:
        case SensorValue():
            body = tables.SENSOR_VALUE_BODY.pack(_i32(cell.value_milli), cell.quality.value)
            return CellKind.SENSOR, tables.ENTRY_SHORT, body
        case FanValue():
            rpm, pwm = clamped(cell.rpm, 0, _U16_MAX), clamped(cell.pwm, 0, _U8_MAX)
            body = tables.FAN_VALUE_BODY.pack(rpm, pwm, cell.state.value)
            return CellKind.FAN, tables.ENTRY_SHORT, body
        case SensorCell():
            return CellKind.SENSOR, 0, _build_sensor(cell)
        case FanCell():
            return CellKind.FAN, 0, _build_fan(cell)
        case SupplyCell():
            output, rated = _i32(cell.output_milliwatt), _i32(cell.rated_milliwatt)
            body = tables.SUPPLY_BODY.pack(cell.state.value, output, rated)
            return CellKind.SUPPLY, 0, body + _name(cell.name)
        case BladeCell():
            body = tables.BLADE_BODY.pack(cell.state.value, _i32(cell.budget_milliwatt))
            return CellKind.BLADE, 0, body + _name(cell.name)
        case AlarmCell():
            body = tables.ALARM_BODY.pack(cell.severity.value, cell.is_raised)
            return CellKind.ALARM, 0, body + _text(cell.alarm_id, reading.ALARM_ID_BYTES_MAX)
        case EventCell():
            return CellKind.EVENT, 0, _build_event(cell)
        case RunCell():
            return CellKind.RUN, 0, _build_run(cell)


def _build_run(cell: RunCell) -> bytes:
    fault_count = clamped(cell.fault_count, 0, _U32_MAX)
    return tables.RUN_BODY.pack(cell.holder_slot, cell.role.value, cell.epoch, fault_count)


def _build_sensor(cell: SensorCell) -> bytes:
    body = tables.SENSOR_BODY.pack(
        cell.kind.value,
        cell.quality.value,
        _i32(cell.value_milli),
        _i32(cell.low_milli),
        _i32(cell.high_milli),
    )
    return body + _name(cell.name)


def _build_fan(cell: FanCell) -> bytes:
    body = tables.FAN_BODY.pack(
        clamped(cell.rpm, 0, _U16_MAX),
        clamped(cell.pwm, 0, _U8_MAX),
        clamped(cell.pwm_min, 0, _U8_MAX),
        cell.state.value,
    )
    return body + _name(cell.name)


def _build_event(cell: EventCell) -> bytes:
    body = tables.EVENT_BODY.pack(
        cell.epoch, cell.number, cell.slot, cell.severity.value, max(0, cell.wall_ms)
    )
    return body + _name(cell.kind) + _text(cell.text, reading.EVENT_TEXT_BYTES_MAX)


# -------------------------------------------------------------------------------------- parsing


def parse_entries(body: bytes, at: int, now_ns: int) -> tuple[Cell, ...]:
    """The entries from ``at`` to the end. ValueError or struct.error if they are none."""
    cells = []
    while at < len(body):
        key, age = tables.ENTRY_HEAD.unpack_from(body, at)
        kind = CellKind(key >> tables.ENTRY_KIND_SHIFT)
        index = key & tables.ENTRY_INDEX_MASK
        if index >= _INDEX_LIMITS[kind]:
            raise ValueError(f"{kind.name} cell {index}")
        parsers = _SHORT_PARSERS if key & tables.ENTRY_SHORT else _PARSERS
        if kind not in parsers:
            raise ValueError(f"{kind.name} has no short form")
        stamp_ns = now_ns - decode_age(age, CELL_UNIT_NS)
        cell, at = parsers[kind](body, at + tables.ENTRY_HEAD.size, index, stamp_ns)
        cells.append(cell)
    return tuple(cells)


def _parse_text(body: bytes, at: int) -> tuple[str, int]:
    if at >= len(body) or at + 1 + body[at] > len(body):
        raise ValueError("a text runs past the end")
    end = at + 1 + body[at]
    return body[at + 1 : end].decode("utf-8"), end


def _parse_run(body: bytes, at: int, index: int, stamp_ns: int) -> tuple[Cell, int]:
    holder_slot, role, epoch, fault_count = tables.RUN_BODY.unpack_from(body, at)
    cell = RunCell(holder_slot, Role(role), epoch, fault_count, stamp_ns, index)
    return cell, at + tables.RUN_BODY.size


def _parse_sensor(body: bytes, at: int, index: int, stamp_ns: int) -> tuple[Cell, int]:
    kind, quality, value, low, high = tables.SENSOR_BODY.unpack_from(body, at)
    name, at = _parse_text(body, at + tables.SENSOR_BODY.size)
    cell = SensorCell(index, name, SensorKind(kind), value, Quality(quality), stamp_ns, low, high)
    return cell, at


def _parse_sensor_value(body: bytes, at: int, index: int, stamp_ns: int) -> tuple[Cell, int]:
    value, quality = tables.SENSOR_VALUE_BODY.unpack_from(body, at)
    cell = SensorValue(index, value, Quality(quality), stamp_ns)
    return cell, at + tables.SENSOR_VALUE_BODY.size


def _parse_fan(body: bytes, at: int, index: int, stamp_ns: int) -> tuple[Cell, int]:
    rpm, pwm, pwm_min, state = tables.FAN_BODY.unpack_from(body, at)
    name, at = _parse_text(body, at + tables.FAN_BODY.size)
    return FanCell(index, name, rpm, pwm, pwm_min, UnitState(state), stamp_ns), at


def _parse_fan_value(body: bytes, at: int, index: int, stamp_ns: int) -> tuple[Cell, int]:
    rpm, pwm, state = tables.FAN_VALUE_BODY.unpack_from(body, at)
    return FanValue(index, rpm, pwm, UnitState(state), stamp_ns), at + tables.FAN_VALUE_BODY.size


def _parse_supply(body: bytes, at: int, index: int, stamp_ns: int) -> tuple[Cell, int]:
    state, output, rated = tables.SUPPLY_BODY.unpack_from(body, at)
    name, at = _parse_text(body, at + tables.SUPPLY_BODY.size)
    return SupplyCell(index, name, UnitState(state), output, rated, stamp_ns), at


def _parse_blade(body: bytes, at: int, index: int, stamp_ns: int) -> tuple[Cell, int]:
    state, budget = tables.BLADE_BODY.unpack_from(body, at)
    name, at = _parse_text(body, at + tables.BLADE_BODY.size)
    return BladeCell(index, name, UnitState(state), budget, stamp_ns), at


def _parse_alarm(body: bytes, at: int, index: int, stamp_ns: int) -> tuple[Cell, int]:
    severity, is_raised = tables.ALARM_BODY.unpack_from(body, at)
    alarm_id, at = _parse_text(body, at + tables.ALARM_BODY.size)
    return AlarmCell(index, alarm_id, Severity(severity), bool(is_raised), stamp_ns), at


def _parse_event(body: bytes, at: int, index: int, stamp_ns: int) -> tuple[Cell, int]:
    epoch, number, slot, severity, wall_ms = tables.EVENT_BODY.unpack_from(body, at)
    kind, at = _parse_text(body, at + tables.EVENT_BODY.size)
    text, at = _parse_text(body, at)
    return EventCell(epoch, number, slot, Severity(severity), wall_ms, kind, text, index), at


_Parser = Callable[[bytes, int, int, int], tuple[Cell, int]]
_PARSERS: Final[dict[CellKind, _Parser]] = {
    CellKind.RUN: _parse_run,
    CellKind.SENSOR: _parse_sensor,
    CellKind.FAN: _parse_fan,
    CellKind.SUPPLY: _parse_supply,
    CellKind.BLADE: _parse_blade,
    CellKind.ALARM: _parse_alarm,
    CellKind.EVENT: _parse_event,
}
_SHORT_PARSERS: Final[dict[CellKind, _Parser]] = {
    CellKind.SENSOR: _parse_sensor_value,
    CellKind.FAN: _parse_fan_value,
}
