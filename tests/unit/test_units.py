"""Supplies and blades: what a reading makes of a cell, and what of it is an alarm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.units import (
    initial_blade,
    initial_supply,
    judge_blade,
    judge_supply,
    supply_conditions,
)
from bmcha.model.event import BladeRead, SupplyRead
from bmcha.model.reading import UnitState
from bmcha.model.role import Severity
from bmcha.model.settings import BladeSettings, SupplySettings

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


def test_only_a_failed_supply_is_an_alarm() -> None:
    ((alarm_id, severity, _),) = supply_conditions(replace(GOOD, state=UnitState.FAILED))
    assert (alarm_id, severity) == ("supply-psu2-failed", Severity.MAJOR)
    assert not [*supply_conditions(GOOD), *supply_conditions(SUPPLY)]
