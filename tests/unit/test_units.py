"""Supplies and blades: what a reading and age make of a cell, and what of it is an alarm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.units import (
    UnitJudge,
    initial_blade,
    initial_supply,
    judge_blade,
    judge_supply,
)
from bmcha.model.event import BladeRead, SupplyRead
from bmcha.model.reading import BladeCell, SupplyCell, UnitState
from bmcha.model.role import Severity
from bmcha.model.settings import UNIT_ROUNDS, BladeSettings, SupplySettings
from tests.speech import ms
from tests.world import CHASSIS

SUPPLY = initial_supply(1, SupplySettings("psu2", 1_200_000), 5)
BLADE = initial_blade(0, BladeSettings("blade1", 250_000), 5)
GOOD = judge_supply(SUPPLY, SupplyRead(1, True, 400_000, 9))


def test_before_the_first_reading_nothing_is_known() -> None:
    assert (SUPPLY.state, SUPPLY.output_milliwatt) == (UnitState.UNKNOWN, 0)
    assert (SUPPLY.index, SUPPLY.name, SUPPLY.rated_milliwatt) == (1, "psu2", 1_200_000)
    assert (BLADE.state, BLADE.name) == (UnitState.UNKNOWN, "blade1")
    assert BLADE.budget_milliwatt == 250_000


@pytest.mark.parametrize(
    ("is_ok", "state"),
    [(True, UnitState.OK), (False, UnitState.FAILED), (None, UnitState.UNKNOWN)],
)
def test_a_supply_is_what_its_board_says(is_ok: bool | None, state: UnitState) -> None:
    found = judge_supply(SUPPLY, SupplyRead(1, is_ok, 400_000, 9))
    assert (found.state, found.output_milliwatt, found.stamp_ns) == (state, 400_000, 9)


def test_a_power_that_cannot_be_read_leaves_the_last_one() -> None:
    found = judge_supply(GOOD, SupplyRead(1, False, None, 20))
    assert (found.state, found.output_milliwatt) == (UnitState.FAILED, 400_000)


def test_a_small_change_of_power_is_not_worth_a_write() -> None:
    assert judge_supply(GOOD, SupplyRead(1, True, 411_999, 20)) == GOOD
    assert judge_supply(GOOD, SupplyRead(1, True, 412_000, 20)).output_milliwatt == 412_000


@pytest.mark.parametrize(
    ("is_present", "drawn_milliwatt", "state"),
    [
        (True, 125_000, UnitState.OK),
        (True, 0, UnitState.OFF),
        (True, None, UnitState.OK),
        (False, 0, UnitState.ABSENT),
        (None, 125_000, UnitState.UNKNOWN),
    ],
)
def test_a_blade_is_there_and_on_or_not(
    is_present: bool | None, drawn_milliwatt: int | None, state: UnitState
) -> None:
    found = judge_blade(replace(BLADE, state=UnitState.FAILED), BladeRead(0, is_present, 0, 9))
    assert found.stamp_ns == 9
    assert judge_blade(BLADE, BladeRead(0, is_present, drawn_milliwatt, 9)).state is state


def test_a_blade_that_stays_what_it_is_is_not_written() -> None:
    there = judge_blade(BLADE, BladeRead(0, True, 1000, 9))
    assert judge_blade(there, BladeRead(0, True, 200_000, 20)) is there


# ---- age, and alarms

UNITS = replace(
    CHASSIS,
    supplies=(SupplySettings("psu1", 1, "ok"), SupplySettings("psu2", 1_200_000, "ok")),
    blades=(BladeSettings("blade1", 1, "present"), BladeSettings("blade2", 1)),
)
STALE_NS = ms(UNITS.sensor_stale_ms + UNIT_ROUNDS * UNITS.sensor_period_ms)
THERE = judge_blade(BLADE, BladeRead(0, True, 1000, 9))


def judge_from(begun_ns: int) -> UnitJudge:
    judge = UnitJudge(UNITS)
    judge.begin(begun_ns)
    return judge


def alarms(judge: UnitJudge, *cells: SupplyCell | BladeCell) -> dict[str, str]:
    return {alarm_id: text for cell in cells for alarm_id, _, text in judge.conditions(cell)}


def test_a_failed_supply_is_an_alarm() -> None:
    failed = replace(GOOD, state=UnitState.FAILED)
    ((alarm_id, severity, _),) = judge_from(0).conditions(failed)
    assert (alarm_id, severity) == ("supply-psu2-failed", Severity.MAJOR)
    assert alarms(judge_from(0), GOOD, SUPPLY, THERE, BLADE) == {}


def test_a_unit_that_is_not_read_any_more_is_unknown_and_says_so_until_it_is_read() -> None:
    judge = judge_from(0)
    assert judge.supply(GOOD, SupplyRead(1, True, 400_000, 1000)) is GOOD, "nothing to write"
    assert judge.age_out([GOOD], 1000 + STALE_NS) == []
    (unknown,) = judge.age_out([GOOD], 1001 + STALE_NS)
    assert unknown == replace(GOOD, state=UnitState.UNKNOWN)
    assert judge.age_out([unknown], 1002 + STALE_NS) == [], "once"
    assert list(alarms(judge, unknown)) == ["supply-psu2-unreadable"]
    assert "does not answer" in alarms(judge, unknown)["supply-psu2-unreadable"]
    assert isinstance(unknown, SupplyCell)
    good = judge.supply(unknown, SupplyRead(1, True, 400_000, STALE_NS + 2000))
    assert good.state is UnitState.OK and alarms(judge, good) == {}


def test_a_unit_that_is_never_read_says_so_after_the_same_time() -> None:
    judge = judge_from(50)
    assert judge.age_out([SUPPLY, BLADE], 50 + STALE_NS) == [] and not alarms(judge, SUPPLY, BLADE)
    assert judge.age_out([SUPPLY, BLADE], 51 + STALE_NS) == [], "it was unknown before"
    assert set(alarms(judge, SUPPLY, BLADE)) == {
        "supply-psu2-unreadable",
        "blade-blade1-unreadable",
    }


def test_a_state_that_is_neither_yes_nor_no_is_an_alarm() -> None:
    judge = judge_from(0)
    unknown = judge.supply(GOOD, SupplyRead(1, None, 400_000, 9))
    found = alarms(judge, unknown)
    assert found == {"supply-psu2-unreadable": "psu2: its file cannot be read as 0 or 1"}


def test_a_unit_whose_state_the_board_does_not_tell_is_no_alarm_however_old() -> None:
    judge = judge_from(0)
    silent = replace(THERE, index=1, name="blade2")
    beyond = replace(GOOD, index=7)
    assert judge.age_out([silent, beyond], 10 * STALE_NS) == []
    untold = judge.blade(silent, BladeRead(1, None, 5, 9))
    assert untold.state is UnitState.UNKNOWN and alarms(judge, untold, beyond) == {}
