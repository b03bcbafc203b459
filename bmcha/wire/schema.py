"""The declaration of every byte: frame header, message bodies, and the image in shared memory.

This file alone says where a field is. `bmcha.wire.generate` makes from it the tables of the running
service (`tables.py`) and the C headers; `bmcha decode` reads frames with it directly. The service
must not import it: construct costs 9 MB and 36 ms.

Everything is little-endian. A wire struct is packed. An image struct is laid out so that a C
compiler finds the same offsets without packing: each field is aligned to its own size, each struct
to eight bytes; the generated header asserts it.

Enumerations are plain numbers here; their names are in `bmcha.model`, which is their only source.
"""

from __future__ import annotations

from typing import Any, Final

from construct import (
    Array,
    Bytes,
    Const,
    Construct,
    GreedyBytes,
    GreedyRange,
    If,
    IfThenElse,
    Int8ul,
    Int16ul,
    Int32sl,
    Int32ul,
    Int64ul,
    Optional,
    PascalString,
    Struct,
    Switch,
    Terminated,
    this,
)

from bmcha.model import reading
from bmcha.model.message import MessageType
from bmcha.model.reading import CellKind

MAC_BYTES: Final = 16
CRC_BYTES: Final = 4
BODY_BYTES_MAX: Final = 65_492
"""With header, MAC and checksum 64 KiB."""
PATH_BODY_BYTES_MAX: Final = 4096
"""One page. A longer frame would hold up a serial line, and nothing needs it: deltas have parts."""
FLAG_MAC: Final = 0x01
PAIRING_BYTES_MAX: Final = 255

HOLDING: Final = 0x01
RELEASED: Final = 0x02
WILL_CLAIM: Final = 0x04
LOCKED_OUT: Final = 0x08
ECHO_SHIFT: Final = 5
"""Bits 5 to 7 of a heartbeat's flags count the echoes."""
ECHOES_MAX: Final = 7

DELTA_WHOLE: Final = 0x01
DELTA_LONG: Final = 0x02
ENTRY_SHORT: Final = 0x0800
ENTRY_INDEX_MASK: Final = 0x07FF
ENTRY_KIND_SHIFT: Final = 12

# ------------------------------------------------------------------------------------ the frame

FRAME_HEADER: Final = Struct(
    "version" / Int8ul,
    "type" / Int8ul,
    "flags" / Int8ul,
    "key_id" / Int8ul,
    "chassis_id" / Int32ul,
    "source_slot" / Int8ul,
    "target_slot" / Int8ul,
    "boot_id" / Int32ul,
    "epoch" / Int32ul,
    "sequence" / Int32ul,
    "body_length" / Int16ul,
)

FRAME: Final = Struct(
    "header" / FRAME_HEADER,
    "body" / Bytes(this.header.body_length),
    "mac" / If(this.header.flags & FLAG_MAC, Bytes(MAC_BYTES)),
    "crc" / Int32ul,
    Terminated,
)

# ----------------------------------------------------------------------------------- the bodies

ECHO: Final = Struct("sequence" / Int16ul, "age" / Int16ul)

HEARTBEAT_HEAD: Final = Struct(
    "role" / Int8ul,
    "reason" / Int8ul,
    "flags" / Int8ul,
    "health" / Int8ul,
    "interval_ms" / Int16ul,
    "deadtime_beats" / Int8ul,
    "revision" / Int16ul,
    "echo_boot_id" / Int32ul,
    "mirror_sequence" / Int16ul,
    "settings_sequence" / Int16ul,
    "sensors_progress" / Int8ul,
    "cooling_progress" / Int8ul,
    "power_progress" / Int8ul,
    "firmware_level" / Int16ul,
)
MAINTENANCE: Final = Struct("stamp" / Int16ul, "remaining_s" / Int16ul)
KEY_MARK: Final = Struct("id" / Int8ul, "check" / Int16ul)
HEARTBEAT: Final = Struct(
    *HEARTBEAT_HEAD.subcons,
    "echoes" / Array(this.flags >> ECHO_SHIFT, ECHO),
    # Since version 2, once there was a maintenance: stamp 0 and its absence say the same.
    "maintenance" / Optional(MAINTENANCE),
    # Since version 4, while the sender has more than one way to believe: id 0 and its absence say
    # the same.
    "key_mark" / Optional(KEY_MARK),
)

PROBE: Final = Struct("nonce" / Int32ul)
PROBE_REPLY: Final = Struct("nonce" / Int32ul)
GOODBYE: Final = Struct("reason" / Int8ul)
HANDOVER: Final = Struct("nonce" / Int32ul, "image_sequence" / Int32ul, "revision" / Int16ul)
MIRROR_JOIN: Final = Struct("layout_id" / Int32ul, "join_id" / Int32ul)
DELTA_ACK: Final = Struct("join_id" / Int32ul, "sequence" / Int32ul)

# Since version 4. What it means is between the two `bmcha key pair`.
PAIRING: Final = Struct("data" / GreedyBytes)

DELTA_HEAD: Final = Struct(
    "form" / Int8ul,
    "layout_id" / Int32ul,
    "join_id" / Int32ul,
    "sequence" / Int32ul,
)
DELTA_SPAN: Final = Struct("span" / Int8ul)
"""The short place of a delta: part 0 of 1, and ``base`` is ``sequence - span``."""
DELTA_PLACE: Final = Struct("base" / Int32ul, "part" / Int16ul, "parts" / Int16ul)

ENTRY_HEAD: Final = Struct("key" / Int16ul, "age" / Int16ul)

# What follows an entry's head, by its kind. The fixed part; then the texts, each a length byte
# and UTF-8.
TEXT: Final = PascalString(Int8ul, "utf8")
RUN_BODY: Final = Struct(
    "holder_slot" / Int8ul,
    "role" / Int8ul,
    "epoch" / Int32ul,
    "fault_count" / Int32ul,
)
SENSOR_BODY: Final = Struct(
    "kind" / Int8ul,
    "quality" / Int8ul,
    "value_milli" / Int32sl,
    "low_milli" / Int32sl,
    "high_milli" / Int32sl,
)
SENSOR_VALUE_BODY: Final = Struct("value_milli" / Int32sl, "quality" / Int8ul)
FAN_BODY: Final = Struct(
    "rpm" / Int16ul,
    "pwm" / Int8ul,
    "pwm_min" / Int8ul,
    "state" / Int8ul,
)
FAN_VALUE_BODY: Final = Struct("rpm" / Int16ul, "pwm" / Int8ul, "state" / Int8ul)
SUPPLY_BODY: Final = Struct(
    "state" / Int8ul,
    "output_milliwatt" / Int32sl,
    "rated_milliwatt" / Int32sl,
)
BLADE_BODY: Final = Struct("state" / Int8ul, "budget_milliwatt" / Int32sl)
ALARM_BODY: Final = Struct("severity" / Int8ul, "is_raised" / Int8ul)
EVENT_BODY: Final = Struct(
    "epoch" / Int32ul,
    "number" / Int32ul,
    "slot" / Int8ul,
    "severity" / Int8ul,
    "wall_ms" / Int64ul,
)

ENTRY_BODIES: Final[dict[int, Construct]] = {
    CellKind.RUN.value: RUN_BODY,
    CellKind.SENSOR.value: Struct(*SENSOR_BODY.subcons, "name" / TEXT),
    CellKind.FAN.value: Struct(*FAN_BODY.subcons, "name" / TEXT),
    CellKind.SUPPLY.value: Struct(*SUPPLY_BODY.subcons, "name" / TEXT),
    CellKind.BLADE.value: Struct(*BLADE_BODY.subcons, "name" / TEXT),
    CellKind.ALARM.value: Struct(*ALARM_BODY.subcons, "alarm_id" / TEXT),
    CellKind.EVENT.value: Struct(*EVENT_BODY.subcons, "kind" / TEXT, "text" / TEXT),
}
ENTRY_SHORT_BODIES: Final[dict[int, Construct]] = {
    CellKind.SENSOR.value: SENSOR_VALUE_BODY,
    CellKind.FAN.value: FAN_VALUE_BODY,
}

ENTRY: Final = Struct(
    *ENTRY_HEAD.subcons,
    "cell"
    / IfThenElse(
        this.key & ENTRY_SHORT,
        Switch(this.key >> ENTRY_KIND_SHIFT, ENTRY_SHORT_BODIES),
        Switch(this.key >> ENTRY_KIND_SHIFT, ENTRY_BODIES),
    ),
)

DELTA: Final = Struct(
    *DELTA_HEAD.subcons,
    "place" / IfThenElse(this.form & DELTA_LONG, DELTA_PLACE, DELTA_SPAN),
    "entries" / GreedyRange(ENTRY),
    Terminated,
)

BODIES: Final[dict[MessageType, Construct]] = {
    MessageType.HEARTBEAT: HEARTBEAT,
    MessageType.PROBE: PROBE,
    MessageType.PROBE_REPLY: PROBE_REPLY,
    MessageType.GOODBYE: GOODBYE,
    MessageType.HANDOVER: HANDOVER,
    MessageType.MIRROR_JOIN: MIRROR_JOIN,
    MessageType.DELTA: DELTA,
    MessageType.DELTA_ACK: DELTA_ACK,
    MessageType.PAIRING: PAIRING,
}

FIXED: Final[dict[str, Struct]] = {
    "FRAME_HEADER": FRAME_HEADER,
    "HEARTBEAT_HEAD": HEARTBEAT_HEAD,
    "ECHO": ECHO,
    "MAINTENANCE": MAINTENANCE,
    "KEY_MARK": KEY_MARK,
    "PROBE": PROBE,
    "PROBE_REPLY": PROBE_REPLY,
    "GOODBYE": GOODBYE,
    "HANDOVER": HANDOVER,
    "MIRROR_JOIN": MIRROR_JOIN,
    "DELTA_ACK": DELTA_ACK,
    "DELTA_HEAD": DELTA_HEAD,
    "DELTA_SPAN": DELTA_SPAN,
    "DELTA_PLACE": DELTA_PLACE,
    "ENTRY_HEAD": ENTRY_HEAD,
    "RUN_BODY": RUN_BODY,
    "SENSOR_BODY": SENSOR_BODY,
    "SENSOR_VALUE_BODY": SENSOR_VALUE_BODY,
    "FAN_BODY": FAN_BODY,
    "FAN_VALUE_BODY": FAN_VALUE_BODY,
    "SUPPLY_BODY": SUPPLY_BODY,
    "BLADE_BODY": BLADE_BODY,
    "ALARM_BODY": ALARM_BODY,
    "EVENT_BODY": EVENT_BODY,
}
"""The parts of the wire that have one size: each becomes one `struct.Struct` of `tables.py`."""

# ------------------------------------------------------------------------------------ the image

IMAGE_MAGIC: Final = 0x4148_434D
IMAGE_LIVE: Final = 0x0001
IMAGE_STALE: Final = 0x0002
NAME_ROOM: Final = 30
ALARM_ROOM: Final = 42
"""Rooms hold the text, zero-padded, and always at least one zero byte."""

# ``lock`` is the seqlock's word: odd while a write is under way. ``stale_after_ms`` is the writer's
# promise to write at least that often; 0 promises nothing. ``role`` is the writer's own.
IMAGE_HEADER: Final = Struct(
    "magic" / Const(IMAGE_MAGIC, Int32ul),
    "layout_id" / Int32ul,
    "size" / Int32ul,
    "lock" / Int32ul,
    "image_sequence" / Int32ul,
    "acked_sequence" / Int32ul,
    "epoch" / Int32ul,
    "writer_boot_id" / Int32ul,
    "updated_ns" / Int64ul,
    "stale_after_ms" / Int32ul,
    "state" / Int16ul,
    "writer_slot" / Int8ul,
    "role" / Int8ul,
    "sensors_count" / Int16ul,
    "fans_count" / Int16ul,
    "supplies_count" / Int16ul,
    "blades_count" / Int16ul,
    "alarms_count" / Int16ul,
    "reserved" / Bytes(6),
)

# ``version`` is epoch << 32 | sequence of the cell's last change, 0 for a place that was never
# used. ``age_ms`` is 0 in the shared memory; a C reader finds it filled in.
_CELL_HEAD: Final = ("version" / Int64ul, "stamp_ns" / Int64ul, "age_ms" / Int32ul)

RUN_CELL: Final = Struct(
    *_CELL_HEAD,
    "epoch" / Int32ul,
    "fault_count" / Int32ul,
    "holder_slot" / Int8ul,
    "role" / Int8ul,
    "reserved" / Bytes(34),
)
SENSOR_CELL: Final = Struct(
    *_CELL_HEAD,
    "value_milli" / Int32sl,
    "low_milli" / Int32sl,
    "high_milli" / Int32sl,
    "kind" / Int8ul,
    "quality" / Int8ul,
    "name" / Bytes(NAME_ROOM),
)
FAN_CELL: Final = Struct(
    *_CELL_HEAD,
    "rpm" / Int32ul,
    "pwm" / Int8ul,
    "pwm_min" / Int8ul,
    "state" / Int8ul,
    "reserved" / Bytes(7),
    "name" / Bytes(NAME_ROOM),
)
SUPPLY_CELL: Final = Struct(
    *_CELL_HEAD,
    "output_milliwatt" / Int32sl,
    "rated_milliwatt" / Int32sl,
    "state" / Int8ul,
    "reserved" / Bytes(5),
    "name" / Bytes(NAME_ROOM),
)
BLADE_CELL: Final = Struct(
    *_CELL_HEAD,
    "budget_milliwatt" / Int32sl,
    "state" / Int8ul,
    "reserved" / Bytes(9),
    "name" / Bytes(NAME_ROOM),
)
ALARM_CELL: Final = Struct(
    *_CELL_HEAD,
    "severity" / Int8ul,
    "is_raised" / Int8ul,
    "alarm_id" / Bytes(ALARM_ROOM),
)

IMAGE_CELLS: Final[dict[str, tuple[Struct, int]]] = {
    "run": (RUN_CELL, 1),
    "sensors": (SENSOR_CELL, reading.SENSORS_MAX),
    "fans": (FAN_CELL, reading.FANS_MAX),
    "supplies": (SUPPLY_CELL, reading.SUPPLIES_MAX),
    "blades": (BLADE_CELL, reading.BLADES_MAX),
    "alarms": (ALARM_CELL, reading.ALARMS_MAX),
}
"""In this order after the header."""


def fields_of(struct: Struct) -> list[tuple[str, Any]]:
    """(name, construct) of each field of a struct, without the wrapping that gives the name."""
    return [(field.name, field.subcon) for field in struct.subcons]
