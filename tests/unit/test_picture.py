"""The chassis picture: one cell a place, short forms only into a cell that is known in full."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.picture import ChassisPicture, key_of
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

SENSOR = SensorCell(3, "inlet", SensorKind.TEMPERATURE, 20, Quality.GOOD, 5, 0, 100)
FAN = FanCell(3, "fan", 900, 80, 60, UnitState.OK, 5)
SENSOR_VALUE = SensorValue(3, 21, Quality.STALE, 6)
FAN_VALUE = FanValue(3, 901, 81, UnitState.FAILED, 6)


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        (RunCell(1, Role.ACTIVE, 2, 0, 0), (CellKind.RUN, 0)),
        (SENSOR, (CellKind.SENSOR, 3)),
        (SENSOR_VALUE, (CellKind.SENSOR, 3)),
        (FAN, (CellKind.FAN, 3)),
        (FAN_VALUE, (CellKind.FAN, 3)),
        (SupplyCell(1, "psu", UnitState.OK, 0, 0, 0), (CellKind.SUPPLY, 1)),
        (BladeCell(2, "blade", UnitState.OK, 0, 0), (CellKind.BLADE, 2)),
        (AlarmCell(4, "fan", Severity.MAJOR, True, 0), (CellKind.ALARM, 4)),
        (EventCell(1, 1, 1, Severity.INFO, 0, "", "", 5), (CellKind.EVENT, 5)),
    ],
)
def test_every_kind_of_cell_has_its_place(cell: Cell, key: tuple[CellKind, int]) -> None:
    assert key_of(cell) == key


def test_a_cell_replaces_the_one_in_its_place_and_no_other() -> None:
    picture = ChassisPicture()
    for cell in (SENSOR, FAN, replace(SENSOR, value_milli=30)):
        picture.put(cell)
    assert picture.sensors() == [replace(SENSOR, value_milli=30)]
    assert picture.fans() == [FAN]
    assert picture.sensor(3) == picture.get((CellKind.SENSOR, 3)) and picture.fan(3) == FAN
    assert picture.sensor(4) is None and picture.fan(4) is None


def test_replacing_everything_leaves_nothing_of_before() -> None:
    picture = ChassisPicture()
    picture.put(SENSOR)
    picture.replace_all([FAN])
    assert picture.cells() == [FAN]


def test_a_short_form_changes_what_it_carries_and_keeps_the_rest() -> None:
    picture = ChassisPicture()
    picture.put(SENSOR)
    picture.put(FAN)
    assert picture.merge(SENSOR_VALUE) == replace(
        SENSOR, value_milli=21, quality=Quality.STALE, stamp_ns=6
    )
    assert picture.merge(FAN_VALUE) == replace(
        FAN, rpm=901, pwm=81, state=UnitState.FAILED, stamp_ns=6
    )
    assert picture.sensors() == [SENSOR], "merging only tells; putting is the caller's"


def test_a_short_form_of_a_cell_that_is_not_known_is_nothing() -> None:
    picture = ChassisPicture()
    assert picture.merge(SENSOR_VALUE) is None and picture.merge(FAN_VALUE) is None


def test_only_alarms_that_stand_are_alarms() -> None:
    picture = ChassisPicture()
    picture.put(AlarmCell(0, "fan", Severity.MAJOR, True, 0))
    picture.put(AlarmCell(1, "psu", Severity.MAJOR, False, 0))
    assert [cell.alarm_id for cell in picture.alarms()] == ["fan"]
