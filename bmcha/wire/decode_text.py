"""Captured bytes as text, for `bmcha decode`: one line a frame, indented lines for its parts.

Reads what a serial line carried, or a packet capture, and shows damage as a line with its offset
and reason. Fields and their order come from the schema, not from the parser of the service: the
two must agree, and where the service would refuse a frame the line says so. Loads construct.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from bmcha.model.message import MessageType
from bmcha.model.reading import CellKind, Quality, SensorKind, UnitState
from bmcha.model.role import Reason, Role, Severity
from bmcha.wire import age, codec, schema, tables, version
from bmcha.wire.capture import is_capture, payloads
from bmcha.wire.frame import BadFrame, BadReason, Decoded, RawFrame
from bmcha.wire.front import parse_frame

_ENUMS: Final[dict[str, type[Enum]]] = {
    "role": Role,
    "reason": Reason,
    "quality": Quality,
    "state": UnitState,
    "severity": Severity,
}
_TEXTS: Final = ("name", "alarm_id", "text")
_HEX_BYTES_MAX: Final = 16


def dissect(data: bytes) -> Iterator[str]:
    """Lines without line ends. Never raises, whatever the bytes are."""
    if is_capture(data):
        for offset, payload in payloads(data):
            yield from _show(codec.decode_datagram(payload), offset, payload)
        return
    decoded, taken = codec.decode_stream(data)
    for item in decoded:
        yield from _show(item, item.offset, data[item.offset : item.offset + item.size])
    if taken < len(data):
        yield f"{taken:08x}  INCOMPLETE  {len(data) - taken} bytes without a delimiter"


def _show(item: Decoded, offset: int, data: bytes) -> Iterator[str]:
    if isinstance(item, BadFrame):
        yield f"{offset:08x}  {_damage(item.reason)}  {len(data)} bytes: {_hex(data)}"
        return
    yield f"{offset:08x}  {_type_name(item)}  {_header(item)}"
    judged = parse_frame(item, now_ns=0)
    if isinstance(judged, BadFrame):
        yield f"          {_damage(judged.reason)}  body {_hex(item.body)}"
        return
    try:
        yield from _body(item)
    except Exception as error:
        # construct has its own tree of exceptions and raises others too; a dissector goes on.
        yield f"          body not understood ({type(error).__name__})  {_hex(item.body)}"


def _damage(reason: BadReason) -> str:
    return f"BAD {reason.name.lower()} ({reason.sentence})"


def _hex(data: bytes) -> str:
    shown = data[:_HEX_BYTES_MAX].hex(" ")
    return shown + (" ..." if len(data) > _HEX_BYTES_MAX else "")


def _type_name(raw: RawFrame) -> str:
    known = {kind.value: kind.name for kind in MessageType}
    return known.get(raw.type_number, f"TYPE {raw.type_number}")


def _header(raw: RawFrame) -> str:
    header = raw.header
    mac = f"  mac key {header.key_id} {raw.mac.hex()}" if raw.mac else ""
    other = "" if raw.version == version.CURRENT else f"  version {raw.version}"
    return (
        f"slot {header.source_slot}->{header.target_slot}  chassis {header.chassis_id}  "
        f"boot {header.boot_id:08x}  epoch {header.epoch}  sequence {header.sequence}  "
        f"{raw.size} bytes{other}{mac}"
    )


def _body(raw: RawFrame) -> Iterator[str]:
    message_type = MessageType(raw.type_number)
    body = schema.BODIES[message_type].parse(raw.body)
    fields = dict(body)
    fields.update(fields.pop("place", None) or {})
    echoes = fields.pop("echoes", ())
    entries = fields.pop("entries", ())
    maintenance = fields.pop("maintenance", None)
    mark = fields.pop("key_mark", None)
    if message_type is MessageType.PAIRING:
        fields = {"data": _hex(body.data)}
    if message_type is MessageType.HEARTBEAT:
        fields["flags"] = "+".join(_flag_names(body.flags))
    yield "          " + _fields(fields)
    for place, echo in enumerate(echoes):
        yield f"            path {place}: {_echo(echo)}"
    if maintenance is not None:
        yield f"            maintenance: {_fields(dict(maintenance))}"
    if mark is not None and mark.id:
        yield f"            newest key: {mark.id}, check {mark.check:04x}"
    for entry in entries:
        yield "            " + _entry(entry)


def _flag_names(flags: int) -> Iterator[str]:
    names = {
        tables.HOLDING: "holding",
        tables.RELEASED: "released",
        tables.WILL_CLAIM: "will_claim",
        tables.LOCKED_OUT: "locked_out",
    }
    yield from (name for bit, name in names.items() if flags & bit)


def _echo(echo: Any) -> str:
    if echo.age == age.NEVER:
        return "never heard"
    age_us = age.decode_age(echo.age, age.ECHO_UNIT_NS) // 1000
    return f"sequence ..{echo.sequence} heard {age_us} us before"


def _entry(entry: Any) -> str:
    kind = CellKind(entry.key >> tables.ENTRY_KIND_SHIFT)
    form = " value" if entry.key & tables.ENTRY_SHORT else ""
    index = entry.key & tables.ENTRY_INDEX_MASK
    age_ms = age.decode_age(entry.age, age.CELL_UNIT_NS) // 1_000_000
    fields = dict(entry.cell)
    if kind is CellKind.SENSOR and "kind" in fields:
        fields["kind"] = _named(SensorKind, fields["kind"])
    return f"{kind.name}{form} {index}: age {age_ms} ms, {_fields(fields)}"


def _fields(fields: Mapping[str, Any]) -> str:
    shown = (
        f"{name} {_named(_ENUMS[name], value) if name in _ENUMS else _plain(name, value)}"
        for name, value in fields.items()
        if not name.startswith("_")
    )
    return ", ".join(shown)


def _named(enum: type[Enum], value: int) -> str:
    return next((member.name for member in enum if member.value == value), str(value))


def _plain(name: str, value: Any) -> str:
    if name in ("layout_id", "echo_boot_id", "join_id", "nonce"):
        return f"{value:08x}"
    if name == "flags":
        return value or "none"
    if isinstance(value, str) and (name in _TEXTS or not value.isidentifier()):
        return repr(value)
    return str(value)
