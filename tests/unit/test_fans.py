"""Fans: what a speed, a failed read and age make of a cell, and what is known of writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.fans import LASTING_NS, RPM_BELIEVABLE_MAX, SPIN_UP_NS, FanJudge, initial_fan
from bmcha.model.event import FanDriven, FanRead
from bmcha.model.reading import FanCell, Quality, UnitState
from tests.speech import ms
from tests.world import CHASSIS

FAN = CHASSIS.fans[0]
SLOW = FAN.rpm_min - 1


def read(rpm: int | None, read_ns: int = 4, why: str = "") -> FanRead:
    return FanRead(0, rpm, Quality.BAD if rpm is None else Quality.GOOD, read_ns, why)


def turning(rpm: int = 900, pwm: int = 120, stamp_ns: int = 0) -> FanCell:
    fresh = initial_fan(0, FAN, stamp_ns)
    return replace(fresh, rpm=rpm, pwm=pwm, state=UnitState.OK)


def test_before_the_first_reading_a_fan_runs_at_full_speed() -> None:
    fan = initial_fan(0, FAN, 5)
    assert (fan.pwm, fan.state, fan.pwm_min) == (255, UnitState.UNKNOWN, FAN.pwm_min)


def states(*reads: FanRead, cell: FanCell | None = None) -> list[UnitState]:
    """What one fan is after each of them."""
    judge, found = FanJudge(CHASSIS), []
    cell = cell or turning()
    for each in reads:
        cell = judge.judge(cell, each)
        found.append(cell.state)
    return found


def test_the_first_reading_at_the_lowest_speed_is_a_fan_that_works() -> None:
    made = FanJudge(CHASSIS).judge(initial_fan(0, FAN, 0), read(FAN.rpm_min))
    assert (made.rpm, made.state, made.stamp_ns) == (FAN.rpm_min, UnitState.OK, 4)


@pytest.mark.parametrize("before", [UnitState.OK, UnitState.UNKNOWN])
@pytest.mark.parametrize("rpm", [SLOW, 0])
def test_a_fan_below_its_lowest_speed_has_failed_when_that_lasts(
    before: UnitState, rpm: int
) -> None:
    cell = replace(turning(), state=before)
    at = [4, 3 + LASTING_NS, 4 + LASTING_NS]
    found = states(*(read(rpm, each) for each in at), cell=cell)
    assert found == [before, before, UnitState.FAILED]


def test_a_failed_fan_has_recovered_when_that_lasts() -> None:
    cell = replace(turning(rpm=0), state=UnitState.FAILED)
    at = [4, 3 + LASTING_NS, 4 + LASTING_NS]
    found = states(*(read(900, each) for each in at), cell=cell)
    assert found == [UnitState.FAILED, UnitState.FAILED, UnitState.OK]


@pytest.mark.parametrize(
    ("state", "rpm", "contrary"), [(UnitState.OK, 900, 0), (UnitState.FAILED, 0, 900)]
)
def test_a_miscount_now_and_then_changes_nothing(state: UnitState, rpm: int, contrary: int) -> None:
    speeds = [contrary, rpm, contrary, rpm, contrary]
    reads = [read(each, 4 + turn * LASTING_NS) for turn, each in enumerate(speeds)]
    assert set(states(*reads, cell=replace(turning(), state=state))) == {state}


def test_a_fan_that_cannot_be_read_is_unknown_says_why_and_keeps_its_last_speed() -> None:
    judge = FanJudge(CHASSIS)
    assert judge.judge(turning(), read(None, why="it is gone")) == replace(
        turning(), state=UnitState.UNKNOWN
    )
    assert judge.why(0) == "it is gone"
    judge.judge(turning(), read(900))
    assert judge.why(0) == ""


@pytest.mark.parametrize("rpm", [-1, RPM_BELIEVABLE_MAX + 1])
def test_a_speed_that_no_fan_has_is_not_believed(rpm: int) -> None:
    judge = FanJudge(CHASSIS)
    assert judge.judge(turning(), read(rpm)).state is UnitState.UNKNOWN
    assert judge.why(0) == f"no fan turns at {rpm} rpm"


def test_a_fan_that_was_told_to_stand_still_has_not_failed_and_may_take_its_time_to_start() -> None:
    judge, still = FanJudge(CHASSIS), turning(rpm=0, pwm=0)
    assert judge.judge(still, read(0, read_ns=10)).state is UnitState.OFF
    asked = replace(still, pwm=120)
    begun = replace(asked, state=UnitState.OFF)
    later = (1, SPIN_UP_NS, SPIN_UP_NS + 1, SPIN_UP_NS + 1 + LASTING_NS)
    found = [judge.judge(begun, read(0, read_ns=10 + each)).state for each in later]
    assert found == [UnitState.OFF, UnitState.OFF, UnitState.OFF, UnitState.FAILED]


def test_a_speed_that_is_too_old_is_unknown() -> None:
    judge, now_ns = FanJudge(CHASSIS), ms(CHASSIS.sensor_stale_ms)
    old, young = turning(stamp_ns=-1), turning(stamp_ns=0)
    assert judge.age_out([old, young], now_ns) == [replace(old, state=UnitState.UNKNOWN)]
    assert "does not answer" in judge.why_unread(0)


def test_a_fan_that_is_never_read_says_so_after_the_same_time() -> None:
    judge = FanJudge(CHASSIS)
    assert judge.age_out([initial_fan(0, FAN, -1)], ms(CHASSIS.sensor_stale_ms)) == []
    assert "does not answer" in judge.why_unread(0)


def test_a_fan_that_does_not_obey_is_known_until_it_does() -> None:
    judge = FanJudge(CHASSIS)
    judge.driven(FanDriven(0, "no such file"))
    judge.judge(turning(), read(None, why="gone"))
    assert judge.undriven() == {0}
    assert judge.why(0) == "gone; no such file"
    judge.forget()
    assert judge.why(0) == "no such file", "only changes of it are told"
    judge.driven(FanDriven(0, ""))
    assert judge.undriven() == frozenset()
