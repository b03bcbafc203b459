"""The image's cells and header as bytes: what is cut, clamped, left out and refused."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import pytest

from bmcha.model.reading import (
    AlarmCell,
    FanCell,
    ImageCell,
    Quality,
    RunCell,
    SensorCell,
    SensorKind,
    UnitState,
)
from bmcha.model.role import Role, Severity
from bmcha.wire import tables
from bmcha.wire.image_codec import (
    CELLS_RANGE,
    ImageHeader,
    cell_version,
    pack_cell,
    pack_header,
    unpack_header,
    unpack_picture,
)
from tests.golden.samples import CELLS, NOW_NS

HEADER = ImageHeader(
    image_sequence=1,
    acked_sequence=2,
    epoch=3,
    writer_boot_id=4,
    updated_ns=5,
    stale_after_ms=6,
    is_live=True,
    is_stale=False,
    writer_slot=7,
    role=Role.STANDBY,
    sensors_count=8,
    fans_count=9,
    supplies_count=10,
    blades_count=11,
    alarms_count=12,
)
SENSOR = SensorCell(0, "inlet", SensorKind.TEMPERATURE, 1, Quality.GOOD, NOW_NS, 0, 2)


def image_of(*cells: ImageCell) -> bytes:
    raw = bytearray(tables.IMAGE_SIZE)
    for cell in cells:
        offset, data = pack_cell(cell, 1)
        raw[offset : offset + len(data)] = data
    return bytes(raw)


def test_the_header_comes_back() -> None:
    offset, data = pack_header(HEADER)
    assert offset % 8 == len(data) % 8 == 0
    assert offset + len(data) == tables.IMAGE_HEADER.size == CELLS_RANGE[0]
    assert unpack_header(bytes(offset) + data) == HEADER
    stale = dataclasses.replace(HEADER, is_live=False, is_stale=True)
    assert unpack_header(bytes(offset) + pack_header(stale)[1]) == stale


def test_the_cells_fill_the_rest() -> None:
    assert sum(CELLS_RANGE) == tables.IMAGE_SIZE


@pytest.mark.parametrize("change", [{"epoch": 1 << 32}, {"updated_ns": -1}, {"writer_slot": 256}])
def test_a_header_out_of_range_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="header out of range"):
        pack_header(dataclasses.replace(HEADER, **change))


def test_an_unknown_role_in_the_header_is_no_failure() -> None:
    raw = bytearray(tables.IMAGE_HEADER.size)
    raw[47] = 200
    assert unpack_header(bytes(raw)).role is Role.STARTING


def test_a_place_never_used_is_left_out() -> None:
    picture = unpack_picture(image_of(dataclasses.replace(SENSOR, index=511)))
    assert [cell.index for cell in picture.sensors] == [511]
    assert picture.run is None
    assert not (picture.fans or picture.supplies or picture.blades or picture.alarms)


@pytest.mark.parametrize(
    ("name", "count"),
    [("run", 1), ("sensor", 512), ("fan", 64), ("supply", 16), ("blade", 32), ("alarm", 256)],
)
def test_there_are_so_many_places_and_no_more(name: str, count: int) -> None:
    cell = CELLS[name]
    offsets = set()
    for index in range(count):
        placed = dataclasses.replace(cell, index=index)
        offsets.add(pack_cell(placed, 1)[0])  # type: ignore[arg-type]
    assert len(offsets) == count
    for index in (-1, count):
        with pytest.raises(ValueError, match=f"the image has {count}"):
            pack_cell(dataclasses.replace(cell, index=index), 1)  # type: ignore[arg-type]


def test_what_does_not_fit_is_cut_or_clamped() -> None:
    wild = (
        dataclasses.replace(SENSOR, name="ß" * 40, value_milli=1 << 40, stamp_ns=-5),
        FanCell(0, "", 1 << 40, 300, -1, UnitState.OK, NOW_NS),
        AlarmCell(0, "a" * 60, Severity.INFO, True, NOW_NS),
    )
    picture = unpack_picture(image_of(*wild))
    assert picture.sensors[0].name == "ß" * 12
    assert picture.sensors[0].value_milli == 0x7FFF_FFFF
    assert picture.sensors[0].stamp_ns == 0
    assert (picture.fans[0].rpm, picture.fans[0].pwm, picture.fans[0].pwm_min) == (
        0xFFFF_FFFF,
        255,
        0,
    )
    assert picture.alarms[0].alarm_id == "a" * 41


def test_a_run_cell_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="RUN cell 0 out of range"):
        pack_cell(RunCell(256, Role.ACTIVE, 1, 0, NOW_NS), 1)


def test_a_cell_with_a_wrong_number_is_left_out() -> None:
    raw = bytearray(image_of(SENSOR, dataclasses.replace(SENSOR, index=1)))
    struct.pack_into("B", raw, tables.SENSORS_OFFSET + 32, 99)
    assert [cell.index for cell in unpack_picture(bytes(raw)).sensors] == [1]


def test_versions_grow_with_the_epoch_and_are_never_zero() -> None:
    assert cell_version(0, 0) == 1
    assert cell_version(2, 3) == (2 << 32) + 3
    assert cell_version(3, 0) > cell_version(2, 0xFFFF_FFFF)
    assert cell_version(1, (1 << 32) + 5) == (1 << 32) + 5
