"""Readings: what a value, a failed read and age make of a cell; what is believed; limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.sensors import (
    BELIEVABLE_MILLI,
    Limits,
    LimitState,
    SensorJudge,
    initial_sensor,
    shown,
)
from bmcha.model.event import SensorRead
from bmcha.model.reading import Quality, SensorCell, SensorKind
from tests.speech import ms
from tests.world import CHASSIS

STALE_MS = CHASSIS.sensor_stale_ms
LOW, HIGH, SLACK = 0, 60_000, 1000
INLET = CHASSIS.sensors[0]
JUMP = 30_000
JUMPY = replace(CHASSIS, sensors=(replace(INLET, jump_milli_max=JUMP),))


def cell(value_milli: int, quality: Quality = Quality.GOOD, stamp_ns: int = 0) -> SensorCell:
    fresh = initial_sensor(0, INLET, stamp_ns)
    return replace(fresh, value_milli=value_milli, quality=quality)


def read(value_milli: int | None, read_ns: int = 9, why: str = "") -> SensorRead:
    quality = Quality.BAD if value_milli is None else Quality.GOOD
    return SensorRead(0, value_milli, quality, read_ns, why)


def test_before_the_first_reading_a_sensor_has_no_value() -> None:
    sensor = initial_sensor(0, INLET, 5)
    assert sensor.quality is Quality.NONE and (sensor.low_milli, sensor.high_milli) == (LOW, HIGH)


def test_a_reading_brings_value_quality_and_time() -> None:
    made = SensorJudge(CHASSIS).judge(cell(1), read(7))
    assert (made.value_milli, made.quality, made.stamp_ns) == (7, Quality.GOOD, 9)


def test_a_failed_read_is_bad_says_why_and_keeps_value_and_age() -> None:
    judge, before = SensorJudge(CHASSIS), cell(7, stamp_ns=3)
    made = judge.judge(before, read(None, why="it is gone"))
    assert made == replace(before, quality=Quality.BAD)
    assert judge.why(0) == "it is gone"
    assert judge.judge(made, read(None, read_ns=10)) is made
    assert judge.judge(made, read(8)).quality is Quality.GOOD and judge.why(0) == ""


@pytest.mark.parametrize("kind", list(SensorKind))
def test_a_value_that_the_quantity_cannot_have_is_bad(kind: SensorKind) -> None:
    low, high = BELIEVABLE_MILLI[kind]
    judge, before = SensorJudge(CHASSIS), replace(cell(7), kind=kind)
    qualities = [judge.judge(before, read(v)).quality for v in (low - 1, low, high, high + 1)]
    assert qualities == [Quality.BAD, Quality.GOOD, Quality.GOOD, Quality.BAD]
    assert judge.why(0) == f"{shown(high + 1, kind)} is no {kind.name.lower()}"


def test_limits_that_come_with_a_reading_go_before_the_configured() -> None:
    judge = SensorJudge(CHASSIS)
    made = judge.judge(cell(1), replace(read(7), low_milli=None, high_milli=41_000))
    assert (made.low_milli, made.high_milli) == (LOW, 41_000)
    assert judge.judge(made, read(7)).high_milli == HIGH


def test_what_a_device_complains_of_is_kept_with_the_good_value() -> None:
    judge = SensorJudge(CHASSIS)
    assert judge.judge(cell(1), read(7, why="temp1_alarm")).quality is Quality.GOOD
    assert judge.why(0) == "temp1_alarm"
    judge.forget()
    assert judge.why(0) == ""


# ---------------------------------------------------------------- jumps


def values(*read_milli: int, quality: Quality = Quality.GOOD) -> list[int]:
    """What the cell holds after each reading, from 25 °C on."""
    judge, held = SensorJudge(JUMPY), cell(25_000, quality)
    found = []
    for number, value in enumerate(read_milli):
        held = judge.judge(held, read(value, read_ns=number + 1))
        found.append(held.value_milli)
    return found


def test_a_single_absurd_value_passes_unseen() -> None:
    assert values(25_100, 127_000, 25_200) == [25_100, 25_100, 25_200]


def test_a_step_is_believed_when_the_next_reading_is_near_it() -> None:
    assert values(90_000, 91_000, 92_000) == [25_000, 91_000, 92_000]


def test_a_step_of_just_the_limit_is_believed_at_once() -> None:
    assert values(25_000 + JUMP, 25_000 + JUMP + JUMP + 1) == [55_000, 55_000]


def test_values_that_jump_about_are_never_believed() -> None:
    assert values(90_000, 200_000, -40_000, 90_000) == [25_000] * 4


@pytest.mark.parametrize("quality", [Quality.GOOD, Quality.STALE, Quality.BAD])
def test_a_warm_sensor_that_says_zero_is_dead_however_often_it_says_so(quality: Quality) -> None:
    settings = replace(JUMPY, sensors=(replace(JUMPY.sensors[0], jump_milli_max=20_000),))
    judge, held = SensorJudge(settings), cell(25_000, quality)
    for number in range(5):
        held = judge.judge(held, read(0, read_ns=number))
    assert held == cell(25_000, quality)


def test_the_first_reading_is_believed_whatever_it_is() -> None:
    judge = SensorJudge(JUMPY)
    assert judge.judge(initial_sensor(0, INLET, 0), read(90_000)).value_milli == 90_000


def test_a_value_in_doubt_grows_stale_and_says_why() -> None:
    judge, held = SensorJudge(JUMPY), cell(25_000)
    assert judge.judge(held, read(-70_000)) is held
    assert judge.why(0) == "", "not yet: one disturbed transfer is no news"
    (old,) = judge.age_out([held], ms(STALE_MS) + 1)
    assert old.quality is Quality.STALE
    assert judge.why(0) == "-70 °C after 25 °C is not believed"


# ---------------------------------------------------------------- age


def test_a_good_value_that_is_too_old_is_stale_and_no_other() -> None:
    judge, now_ns = SensorJudge(CHASSIS), ms(STALE_MS)
    old, young = cell(1, stamp_ns=-1), cell(1, stamp_ns=0)
    bad = cell(1, Quality.BAD, stamp_ns=-1)
    assert judge.age_out([old, young, bad], now_ns) == [replace(old, quality=Quality.STALE)]
    assert judge.why(0) == f"not read for {STALE_MS} ms: its device does not answer"


def test_a_sensor_that_is_never_read_is_overdue_after_the_same_time() -> None:
    judge, fresh = SensorJudge(CHASSIS), initial_sensor(0, INLET, 0)
    assert not judge.is_overdue(fresh, ms(STALE_MS)) and judge.why(0) == ""
    assert judge.is_overdue(fresh, ms(STALE_MS) + 1)
    assert "does not answer" in judge.why(0)
    assert not judge.is_overdue(cell(1), ms(STALE_MS) + 1)


# ---------------------------------------------------------------- limits


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


def test_limits_closer_together_than_the_hysteresis_can_be_left() -> None:
    limits = Limits(CHASSIS)
    narrow = replace(cell(11), low_milli=0, high_milli=10)
    assert limits.judge(narrow) is LimitState.HIGH
    assert limits.judge(replace(narrow, value_milli=1)) is LimitState.OK
