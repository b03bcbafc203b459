"""Fan control: the curve, full speed where nothing can be trusted, and no hunting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.cooling import PWM_FULL, Cooling, FanDemand, curve_pwm
from bmcha.model.reading import FanCell, Quality, SensorCell, SensorKind, UnitState
from bmcha.model.settings import ChassisSettings, FanSettings, SensorSettings, ZoneSettings

FRONT = ZoneSettings("front", ((25_000, 80), (35_000, 140), (45_000, 240)), 1000, 20)
REAR = ZoneSettings("rear", ((25_000, 90), (45_000, 255)), 1000, 20)


def sensor_settings(name: str, zone: str) -> SensorSettings:
    return SensorSettings(name, SensorKind.TEMPERATURE, "f", 0, 60_000, 1000, zone)


SETTINGS = ChassisSettings(
    sensors=(
        sensor_settings("inlet", "front"),
        sensor_settings("middle", "front"),
        sensor_settings("outlet", "rear"),
        sensor_settings("board", ""),
    ),
    fans=(
        FanSettings("fan1", "r", "p", "front", 60, 500),
        FanSettings("fan2", "r", "p", "front", 60, 500),
        FanSettings("fan3", "r", "p", "rear", 60, 500),
    ),
    zones=(FRONT, REAR),
    supplies=(),
    blades=(),
    sensor_period_ms=250,
    sensor_stale_ms=2000,
)


def sensors(*values_milli: int, quality: Quality = Quality.GOOD) -> list[SensorCell]:
    """``quality`` is the first one's."""
    kind = SensorKind.TEMPERATURE
    return [
        SensorCell(i, each.name, kind, value, Quality.GOOD if i else quality, 0, 0, 60_000)
        for i, (each, value) in enumerate(zip(SETTINGS.sensors, values_milli, strict=False))
    ]


def fans(pwm: int, state: UnitState = UnitState.OK) -> list[FanCell]:
    """``state`` is the first one's."""
    return [
        FanCell(i, fan.name, 3000, pwm, fan.pwm_min, UnitState.OK if i else state, 0)
        for i, fan in enumerate(SETTINGS.fans)
    ]


def demanded(cells: list[SensorCell], turning: list[FanCell]) -> list[int]:
    found = Cooling(SETTINGS).demands(cells, turning)
    assert [each.index for each in found] == [0, 1, 2]
    return [each.pwm for each in found]


@pytest.mark.parametrize(
    ("value", "pwm"),
    [
        (-40_000, 80),
        (25_000, 80),
        (30_000, 110),
        (35_000, 140),
        (40_000, 190),
        (45_000, 240),
        (45_001, PWM_FULL),
    ],
)
def test_the_curve_is_linear_between_its_points_and_full_speed_above_the_last(
    value: int, pwm: int
) -> None:
    assert curve_pwm(FRONT, value) == pwm


def test_the_hottest_sensor_of_a_zone_drives_it_and_no_other_zone() -> None:
    assert demanded(sensors(25_000, 35_000, 25_000, 60_000), fans(60)) == [140, 140, 90]


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.STALE, Quality.NONE])
def test_a_zone_whose_sensor_cannot_be_trusted_runs_at_full_speed(quality: Quality) -> None:
    cells = sensors(25_000, 25_000, 25_000, 25_000, quality=quality)
    assert demanded(cells, fans(90)) == [PWM_FULL, PWM_FULL, 90]


def test_a_zone_whose_sensor_is_missing_runs_at_full_speed() -> None:
    cells = sensors(25_000, 25_000, 25_000, 25_000)[1:]
    assert demanded(cells, fans(90)) == [PWM_FULL, PWM_FULL, 90]


def test_a_zone_without_any_sensor_runs_at_full_speed() -> None:
    bare = replace(SETTINGS, sensors=())
    assert {each.pwm for each in Cooling(bare).demands([], fans(90))} == {PWM_FULL}


@pytest.mark.parametrize("state", [UnitState.FAILED, UnitState.UNKNOWN])
def test_a_zone_with_a_fan_that_failed_or_cannot_be_read_runs_at_full_speed(
    state: UnitState,
) -> None:
    cells = sensors(25_000, 25_000, 25_000, 25_000)
    assert demanded(cells, fans(90, state)) == [PWM_FULL, PWM_FULL, 90]


def test_a_zone_with_a_fan_that_does_not_obey_runs_at_full_speed() -> None:
    cells = sensors(25_000, 25_000, 25_000, 25_000)
    found = Cooling(SETTINGS).demands(cells, fans(90), undriven={1})
    assert [each.pwm for each in found] == [PWM_FULL, PWM_FULL, 90]


@pytest.mark.parametrize("state", [UnitState.OK, UnitState.OFF])
def test_a_fan_that_turns_or_was_told_to_stand_still_is_no_failed_fan(state: UnitState) -> None:
    cells = sensors(25_000, 25_000, 25_000, 25_000)
    assert demanded(cells, fans(80, state))[0] == 80


def test_rising_demand_is_followed_at_once() -> None:
    assert demanded(sensors(45_000, 25_000, 25_000, 0), fans(80))[0] == 240


def test_falling_demand_is_followed_in_steps() -> None:
    assert demanded(sensors(25_000, 25_000, 25_000, 0), fans(200))[0] == 180
    assert demanded(sensors(25_000, 25_000, 25_000, 0), fans(90))[0] == 86, "but not past it"


def test_demand_that_falls_within_the_hysteresis_moves_nothing() -> None:
    at_35 = curve_pwm(FRONT, 35_000)
    assert demanded(sensors(34_500, 25_000, 25_000, 0), fans(at_35))[0] == at_35
    assert demanded(sensors(33_000, 25_000, 25_000, 0), fans(at_35))[0] < at_35


def test_no_fan_is_asked_for_less_than_its_lowest_pwm() -> None:
    slow = [replace(fan, pwm_min=100) for fan in fans(100)]
    assert demanded(sensors(0, 0, 0, 0), slow) == [100, 100, 100]


def test_falling_ends_at_the_lowest_pwm_and_stays_there() -> None:
    cooling, turning = Cooling(SETTINGS), fans(255)
    for _ in range(30):
        cells = sensors(20_000, 20_000, 20_000, 0)
        for made in cooling.demands(cells, turning):
            turning[made.index] = replace(turning[made.index], pwm=made.pwm)
    assert [fan.pwm for fan in turning] == [80, 80, 90]
    assert cooling.turn_count == 30


def test_every_fan_is_told_its_speed_at_every_turn_changed_or_not() -> None:
    found = Cooling(SETTINGS).demands(sensors(20_000, 20_000, 20_000, 0), fans(90))
    assert FanDemand(2, 90) in found and len(found) == 3
