"""Entries of a delta: what is clamped and cut, and what is refused."""

from __future__ import annotations

import dataclasses
import struct

import pytest

from bmcha.model.reading import (
    ALARMS_MAX,
    BLADES_MAX,
    FANS_MAX,
    SENSORS_MAX,
    SUPPLIES_MAX,
    AlarmCell,
    Cell,
    EventCell,
    FanValue,
    Quality,
    RunCell,
    SensorCell,
    SensorKind,
    SensorValue,
    UnitState,
)
from bmcha.model.role import Role, Severity
from bmcha.wire.cells import build_entry, cut, parse_entries
from tests.golden.samples import CELLS, NOW_NS


def there_and_back(cell: Cell) -> Cell:
    (found,) = parse_entries(build_entry(cell, NOW_NS), 0, NOW_NS)
    return found


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_a_cell_comes_back(cell: Cell) -> None:
    assert there_and_back(cell) == cell


def test_a_changed_value_is_nine_bytes() -> None:
    assert len(build_entry(SensorValue(3, 45_000, Quality.GOOD, NOW_NS), NOW_NS)) == 9
    assert len(build_entry(FanValue(3, 9000, 128, UnitState.OK, NOW_NS), NOW_NS)) == 8


def test_a_reading_that_does_not_fit_is_sent_as_the_nearest() -> None:
    found = there_and_back(SensorValue(0, 1 << 40, Quality.GOOD, NOW_NS))
    assert found == SensorValue(0, 0x7FFF_FFFF, Quality.GOOD, NOW_NS)
    found = there_and_back(SensorValue(0, -1 << 40, Quality.GOOD, NOW_NS))
    assert found == SensorValue(0, -0x8000_0000, Quality.GOOD, NOW_NS)
    fan = there_and_back(FanValue(0, 70_000, 300, UnitState.OK, NOW_NS))
    assert fan == FanValue(0, 65_535, 255, UnitState.OK, NOW_NS)
    run = there_and_back(RunCell(1, Role.ACTIVE, 1, 1 << 40, NOW_NS))
    assert run == RunCell(1, Role.ACTIVE, 1, 0xFFFF_FFFF, NOW_NS)


def test_a_stamp_from_the_future_is_now_and_an_old_one_as_old_as_can_be_said() -> None:
    assert there_and_back(SensorValue(0, 1, Quality.GOOD, NOW_NS + 1_000_000_000)) == SensorValue(
        0, 1, Quality.GOOD, NOW_NS
    )
    found = there_and_back(SensorValue(0, 1, Quality.GOOD, NOW_NS - (1 << 60)))
    assert isinstance(found, SensorValue)
    assert NOW_NS - found.stamp_ns == (4094 << 15) * 1_000_000


def test_texts_are_cut_at_a_character() -> None:
    assert cut("abcdef", 4) == b"abcd"
    assert cut("abcß", 4) == b"abc"
    assert cut("\ud800", 4) == b"?"
    long = SensorCell(0, "ß" * 99, SensorKind.POWER, 0, Quality.BAD, NOW_NS, 0, 0)
    assert there_and_back(long) == dataclasses.replace(long, name="ß" * 12)
    alarm = AlarmCell(0, "a" * 99, Severity.MINOR, False, NOW_NS)
    assert there_and_back(alarm) == dataclasses.replace(alarm, alarm_id="a" * 41)
    event = EventCell(1, 2, 1, Severity.INFO, 5, "k" * 99, "t" * 999)
    assert there_and_back(event) == dataclasses.replace(event, kind="k" * 24, text="t" * 160)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("run", 1),
        ("sensor", SENSORS_MAX),
        ("sensor-value", SENSORS_MAX),
        ("fan", FANS_MAX),
        ("fan-value", FANS_MAX),
        ("supply", SUPPLIES_MAX),
        ("blade", BLADES_MAX),
        ("alarm", ALARMS_MAX),
        ("event", 1),
    ],
)
def test_there_are_so_many_places_and_no_more(name: str, count: int) -> None:
    last = dataclasses.replace(CELLS[name], index=count - 1)
    assert there_and_back(last) == last
    for index in (-1, count):
        with pytest.raises(ValueError, match=f"there are {count}"):
            build_entry(dataclasses.replace(CELLS[name], index=index), NOW_NS)
    entry = bytearray(build_entry(last, NOW_NS))
    (key,) = struct.unpack_from("<H", entry)
    struct.pack_into("<H", entry, 0, key + 1)
    with pytest.raises(ValueError, match=r"cell|short form"):
        parse_entries(bytes(entry), 0, NOW_NS)


@pytest.mark.parametrize("name", CELLS)
def test_an_entry_cut_short_is_refused(name: str) -> None:
    entry = build_entry(CELLS[name], NOW_NS)
    for size in range(1, len(entry)):
        with pytest.raises((ValueError, struct.error)):
            parse_entries(entry[:size], 0, NOW_NS)


@pytest.mark.parametrize(
    "entry",
    [b"\x00\x60\x00\x00", b"\x00\x08\x00\x00" + bytes(20), b"\x00\x48\x00\x00" + bytes(20)],
    ids=["unknown-kind", "short-run", "short-blade"],
)
def test_an_unknown_kind_or_form_is_refused(entry: bytes) -> None:
    with pytest.raises(ValueError, match=r"CellKind|short form"):
        parse_entries(entry, 0, NOW_NS)


def test_a_text_that_is_no_utf8_is_refused() -> None:
    entry = build_entry(CELLS["fan"], NOW_NS)
    with pytest.raises(ValueError, match="utf-8"):
        parse_entries(entry[:-1] + b"\xff", 0, NOW_NS)
