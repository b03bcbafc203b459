"""Readings: what a value, a failed read and age make of a cell, and limits with hysteresis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.sensors import (
    Limits,
    LimitState,
    age_out,
    initial_fan,
    initial_sensor,
    judge_fan,
    judge_sensor,
)
from bmcha.model.event import FanRead, SensorRead
from bmcha.model.reading import Quality, SensorCell, UnitState
from tests.speech import ms
from tests.world import CHASSIS

STALE_MS = CHASSIS.sensor_stale_ms
LOW, HIGH, SLACK = 0, 60_000, 1000
INLET, FAN = CHASSIS.sensors[0], CHASSIS.fans[0]


def cell(value_milli: int, quality: Quality = Quality.GOOD, stamp_ns: int = 0) -> SensorCell:
    fresh = initial_sensor(0, INLET, stamp_ns)
    return replace(fresh, value_milli=value_milli, quality=quality)


def test_before_the_first_reading_a_sensor_has_no_value_and_a_fan_runs_at_full_speed() -> None:
    sensor, fan = initial_sensor(0, INLET, 5), initial_fan(0, FAN, 5)
    assert sensor.quality is Quality.NONE and (sensor.low_milli, sensor.high_milli) == (LOW, HIGH)
    assert (fan.pwm, fan.state, fan.pwm_min) == (255, UnitState.UNKNOWN, FAN.pwm_min)


def test_a_reading_brings_value_quality_and_time() -> None:
    made = judge_sensor(cell(1), SensorRead(0, 7, Quality.GOOD, 9))
    assert (made.value_milli, made.quality, made.stamp_ns) == (7, Quality.GOOD, 9)


def test_a_failed_read_is_bad_and_keeps_value_and_age() -> None:
    before = cell(7, stamp_ns=3)
    made = judge_sensor(before, SensorRead(0, None, Quality.BAD, 9))
    assert made == replace(before, quality=Quality.BAD)
    assert judge_sensor(made, SensorRead(0, None, Quality.BAD, 10)) is made


@pytest.mark.parametrize(
    ("rpm", "state"),
    [(FAN.rpm_min, UnitState.OK), (FAN.rpm_min - 1, UnitState.FAILED), (0, UnitState.FAILED)],
)
def test_a_fan_below_its_lowest_speed_has_failed(rpm: int, state: UnitState) -> None:
    made = judge_fan(initial_fan(0, FAN, 0), FanRead(0, rpm, Quality.GOOD, 4), FAN)
    assert (made.rpm, made.state, made.stamp_ns) == (rpm, state, 4)


def test_a_fan_that_cannot_be_read_is_unknown_and_keeps_its_last_speed() -> None:
    turning = judge_fan(initial_fan(0, FAN, 0), FanRead(0, 900, Quality.GOOD, 4), FAN)
    made = judge_fan(turning, FanRead(0, None, Quality.BAD, 9), FAN)
    assert made == replace(turning, state=UnitState.UNKNOWN)


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (LOW - 1, LimitState.LOW),
        (LOW, LimitState.OK),
        (HIGH, LimitState.OK),
        (HIGH + 1, LimitState.HIGH),
    ],
)
def test_a_limit_itself_is_allowed(value: int, state: LimitState) -> None:
    limits = Limits(CHASSIS)
    assert limits.state(0) is LimitState.UNKNOWN
    assert limits.judge(cell(value)) is state and limits.state(0) is state


@pytest.mark.parametrize(
    ("out", "almost", "back", "state"),
    [
        (HIGH + 1, HIGH - SLACK + 1, HIGH - SLACK, LimitState.HIGH),
        (LOW - 1, LOW + SLACK - 1, LOW + SLACK, LimitState.LOW),
    ],
)
def test_leaving_a_limit_takes_its_hysteresis(
    out: int, almost: int, back: int, state: LimitState
) -> None:
    limits = Limits(CHASSIS)
    judged = [limits.judge(cell(value)) for value in (out, almost, back, almost)]
    assert judged == [state, state, LimitState.OK, LimitState.OK]


@pytest.mark.parametrize("quality", [Quality.NONE, Quality.STALE, Quality.BAD])
def test_nothing_is_said_about_a_value_that_is_not_good(quality: Quality) -> None:
    limits = Limits(CHASSIS)
    limits.judge(cell(HIGH + 1))
    assert limits.judge(cell(HIGH + 1, quality)) is LimitState.UNKNOWN


def test_a_good_value_that_is_too_old_is_stale_and_no_other() -> None:
    now_ns = ms(STALE_MS)
    old, young = cell(1, stamp_ns=-1), cell(1, stamp_ns=0)
    bad = cell(1, Quality.BAD, stamp_ns=-1)
    assert age_out([old, young, bad], CHASSIS, now_ns) == [replace(old, quality=Quality.STALE)]
