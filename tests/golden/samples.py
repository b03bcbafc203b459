"""The values behind the golden bytes: each message, each kind of cell, each form of a delta.

`python -m tests.golden.samples` appends to the golden files what they lack. It never changes a
line that is there: the test does not read this file, only the bytes and the texts.
"""

from __future__ import annotations

import dataclasses
from enum import Enum
from pathlib import Path
from typing import Any

from bmcha.model.key import KeyMark
from bmcha.model.message import (
    AGE_NEVER_NS,
    Delta,
    DeltaAck,
    DeltaKind,
    Goodbye,
    Handover,
    Header,
    Heartbeat,
    HeartbeatDraft,
    Maintenance,
    Message,
    MirrorJoin,
    Pairing,
    PathEcho,
    Probe,
    ProbeReply,
    Progress,
)
from bmcha.model.reading import (
    AlarmCell,
    BladeCell,
    Cell,
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
from bmcha.model.role import Reason, Role, Severity
from bmcha.wire import codec, version
from bmcha.wire.front import build_frame

NOW_NS = 1_000_000_000_000
GOLDEN = {
    number: Path(__file__).with_name(f"wire-{number}.txt")
    for number in range(version.MIN, version.CURRENT + 1)
}
"""One file for each version of the wire that is still understood."""
_MS = 1_000_000

HEADER = Header(
    chassis_id=0xC0A80001, source_slot=1, target_slot=2, boot_id=0xB0071D01, epoch=7, sequence=4711
)

DRAFT = HeartbeatDraft(
    revision=513,
    epoch=7,
    role=Role.ACTIVE,
    reason=Reason.PEER_SILENT,
    is_holding=True,
    is_released=False,
    will_claim_on_silence=True,
    health=97,
    echo_boot_id=0xB0071D02,
    mirror_sequence=1000,
    settings_sequence=12,
    progress=Progress(sensors=1, cooling=2, power=255),
    firmware_level=258,
)

CELLS: dict[str, Cell] = {
    "run": RunCell(1, Role.ACTIVE, 7, 3, NOW_NS - 5 * _MS),
    "sensor": SensorCell(
        511,
        "Einlaß 1",
        SensorKind.TEMPERATURE,
        -12_500,
        Quality.GOOD,
        NOW_NS - 40 * _MS,
        -40_000,
        85_000,
    ),
    "sensor-value": SensorValue(3, 45_125, Quality.STALE, NOW_NS - 4095 * _MS),
    "fan": FanCell(63, "fan64", 12_345, 200, 40, UnitState.OK, NOW_NS),
    "fan-value": FanValue(0, 0, 255, UnitState.FAILED, NOW_NS - 1 * _MS),
    "supply": SupplyCell(15, "psu16", UnitState.OK, 812_000, 1_600_000, NOW_NS - 100 * _MS),
    "blade": BladeCell(31, "blade32", UnitState.OFF, 450_000, NOW_NS - 8192 * _MS),
    "alarm": AlarmCell(255, "sensor-high:inlet", Severity.CRITICAL, True, NOW_NS - 98_304 * _MS),
    "event": EventCell(
        7, 42, 1, Severity.MAJOR, 1_700_000_000_123, "takeover", "slot 1 took the chassis"
    ),
}


def _delta(cells: tuple[Cell, ...], **changes: Any) -> Delta:
    short = Delta(DeltaKind.CHANGES, 0xBD834EA1, 0x10203040, 999, 1000, 0, 1, cells)
    return dataclasses.replace(short, **changes)


def _echo(sequence: int, age_ns: int) -> PathEcho:
    return PathEcho(sequence, age_ns)


MESSAGES: dict[str, Message] = {
    "heartbeat-without-echoes": Heartbeat(DRAFT, 100, 500, ()),
    "heartbeat-three-paths": Heartbeat(
        DRAFT,
        10,
        30,
        (_echo(4709, 1_230_000), _echo(65_535, 81_920_000), _echo(0, AGE_NEVER_NS)),
    ),
    "heartbeat-released": Heartbeat(
        dataclasses.replace(
            DRAFT,
            role=Role.STANDBY,
            reason=Reason.HANDED_OVER,
            is_holding=False,
            is_released=True,
            will_claim_on_silence=False,
            health=0,
        ),
        1000,
        255_000,
        (_echo(1, 0),) * 7,
    ),
    "heartbeat-with-a-key-mark": Heartbeat(
        dataclasses.replace(DRAFT, key_mark=KeyMark(2, 0xBEEF)), 100, 500, (_echo(1, 0),)
    ),
    "heartbeat-in-maintenance": Heartbeat(
        dataclasses.replace(DRAFT, maintenance=Maintenance(stamp=3, remaining_s=43_200)),
        100,
        500,
        (_echo(4709, 1_230_000), _echo(0, AGE_NEVER_NS)),
    ),
    "heartbeat-after-maintenance": Heartbeat(
        dataclasses.replace(DRAFT, maintenance=Maintenance(stamp=65_535, remaining_s=0)),
        100,
        500,
        (),
    ),
    "heartbeat-locked-out": Heartbeat(
        dataclasses.replace(DRAFT, is_locked_out=True), 100, 500, (_echo(4709, 1_230_000),)
    ),
    "probe": Probe(0xDEADBEEF),
    "probe-reply": ProbeReply(0xDEADBEEF),
    "goodbye": Goodbye(Reason.STOP_ASKED),
    "handover": Handover(0x01020304, 1000, 514),
    "mirror-join": MirrorJoin(0xBD834EA1, 0x10203040),
    "delta-ack": DeltaAck(0x10203040, 1000),
    "pairing": Pairing(bytes(range(24))),
    "pairing-longest": Pairing(bytes(range(255))),
    "delta-empty": _delta(()),
    "delta-long": _delta((CELLS["sensor-value"],), base=1, sequence=1000),
    "delta-whole-part": _delta(
        tuple(CELLS.values()), kind=DeltaKind.WHOLE, base=0, part=299, parts=300
    ),
    **{f"delta-{name}": _delta((cell,)) for name, cell in CELLS.items()},
}


def text_of(value: object) -> str:
    """A value as one line that is the same in every Python. A field that is None, or False by
    default, came with a later version of the wire and is not shown: old lines stay as they are."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(text_of, value)) + ")"
    if dataclasses.is_dataclass(value):
        values = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        absent = {f.name for f in dataclasses.fields(value) if f.default is False}
        fields = (
            f"{name}={text_of(each)}"
            for name, each in values.items()
            if each is not None and (each or name not in absent)
        )
        return f"{type(value).__name__}({', '.join(fields)})"
    return repr(value)


def read_golden(file: Path) -> dict[str, dict[str, str]]:
    """name → {"bare", "stuffed", "header", "message"}."""
    entries: dict[str, dict[str, str]] = {}
    name = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            key, _, value = line.strip().partition(" ")
            entries[name][key] = value.strip()
        elif line and not line.startswith("#"):
            name = line
            entries[name] = {}
    return entries


def append_missing() -> None:
    file = GOLDEN[version.CURRENT]
    known = read_golden(file)
    with file.open("a", encoding="utf-8") as out:
        for name, message in MESSAGES.items():
            if name in known:
                continue
            bare = build_frame(HEADER, message, NOW_NS, False, codec)
            stuffed = build_frame(HEADER, message, NOW_NS, True, codec)
            out.write(f"\n{name}\n    bare    {bare.hex()}\n    stuffed {stuffed.hex()}\n")
            out.write(f"    header  {text_of(HEADER)}\n    message {text_of(message)}\n")


if __name__ == "__main__":
    append_missing()
