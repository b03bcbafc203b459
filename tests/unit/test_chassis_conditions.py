"""What is wrong with the chassis, in words and units that people use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.conditions import Condition, chassis_conditions
from bmcha.chassis.fans import FanJudge
from bmcha.chassis.picture import ChassisPicture
from bmcha.chassis.sensors import Limits, SensorJudge, shown
from bmcha.chassis.units import UnitJudge
from bmcha.model.event import SensorRead
from bmcha.model.reading import MILLI_MAX, FanCell, Quality, SensorCell, SensorKind, UnitState
from bmcha.model.role import Severity
from tests.world import CHASSIS

INLET = SensorCell(0, "inlet", SensorKind.TEMPERATURE, 61_500, Quality.GOOD, 0, 0, 60_000)


def conditions(sensor: SensorCell = INLET, fan: FanCell | None = None) -> list[Condition]:
    picture, limits, judge = ChassisPicture(), Limits(CHASSIS), SensorJudge(CHASSIS)
    picture.put(sensor)
    if fan is not None:
        picture.put(fan)
    limits.judge(sensor)
    if sensor.quality is Quality.BAD:
        judge.judge(sensor, SensorRead(0, None, Quality.BAD, 1, "it is gone"))
    return chassis_conditions(picture, limits, judge, FanJudge(CHASSIS), UnitJudge(CHASSIS))


@pytest.mark.parametrize(
    ("sensor", "text"),
    [
        (INLET, "inlet is HIGH: 61.5 °C, allowed is 0 °C to 60 °C"),
        (replace(INLET, low_milli=-MILLI_MAX), "inlet is HIGH: 61.5 °C, allowed is at most 60 °C"),
        (
            SensorCell(0, "v3v3", SensorKind.VOLTAGE, 3_101, Quality.GOOD, 0, 3_135, 3_465),
            "v3v3 is LOW: 3.101 V, allowed is 3.135 V to 3.465 V",
        ),
        (
            SensorCell(0, "psu1", SensorKind.POWER, -1_000, Quality.GOOD, 0, 0, MILLI_MAX),
            "psu1 is LOW: -1 W, allowed is at least 0 W",
        ),
    ],
)
def test_a_limit_that_is_passed_is_told_in_units_with_what_is_allowed(
    sensor: SensorCell, text: str
) -> None:
    assert conditions(sensor) == [(f"sensor-{sensor.name}-limit", Severity.MAJOR, text)]


def test_a_value_that_cannot_be_read_is_told_with_the_last_one_and_why() -> None:
    ((alarm_id, severity, text),) = conditions(replace(INLET, quality=Quality.BAD))
    assert (alarm_id, severity) == ("sensor-inlet-unreadable", Severity.MAJOR)
    assert text == "inlet: BAD, last value 61.5 °C: it is gone"


def test_a_failed_fan_is_told_with_its_speed_and_what_was_asked() -> None:
    fan = FanCell(0, "fan1", 120, 200, 60, UnitState.FAILED, 0)
    found = conditions(replace(INLET, value_milli=25_000), fan)
    text = "fan1 turns at 120 rpm, asked for pwm 200"
    assert found == [("fan-fan1-failed", Severity.MAJOR, text)]


@pytest.mark.parametrize("milli", [-MILLI_MAX, -1, 0, 1, 12_345, MILLI_MAX])
def test_a_shown_value_is_exact(milli: int) -> None:
    number, _, unit = shown(milli, SensorKind.VOLTAGE).partition(" ")
    assert (round(float(number) * 1000), unit) == (milli, "V")
    assert "e" not in number
