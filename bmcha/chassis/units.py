"""Judges power supplies and blades from what was read of them: fails, is off, is not there.

A supply whose board does not say whether its output is good, or whose file cannot be read, is
UNKNOWN and never FAILED. Judgements are values; alarms are made by `keeper` from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bmcha.model.event import BladeRead, SupplyRead
from bmcha.model.reading import BladeCell, SupplyCell, UnitState
from bmcha.model.role import Severity
from bmcha.model.settings import BladeSettings, SupplySettings

POWER_STEP_SHARE = 100
"""A change by less than a hundredth of what is rated is not worth a write and a delta."""


def initial_supply(index: int, settings: SupplySettings, now_ns: int) -> SupplyCell:
    rated_milliwatt = settings.rated_milliwatt
    return SupplyCell(index, settings.name, UnitState.UNKNOWN, 0, rated_milliwatt, now_ns)


def initial_blade(index: int, settings: BladeSettings, now_ns: int) -> BladeCell:
    return BladeCell(index, settings.name, UnitState.UNKNOWN, settings.budget_milliwatt, now_ns)


def judge_supply(cell: SupplyCell, read: SupplyRead) -> SupplyCell:
    """The cell after the reading; without a power the last one stays."""
    state = {True: UnitState.OK, False: UnitState.FAILED, None: UnitState.UNKNOWN}[read.is_ok]
    output_milliwatt = cell.output_milliwatt
    if read.output_milliwatt is not None:
        output_milliwatt = read.output_milliwatt
    is_small = abs(output_milliwatt - cell.output_milliwatt) * POWER_STEP_SHARE
    if state is cell.state and is_small < cell.rated_milliwatt:
        return cell
    return replace(cell, state=state, output_milliwatt=output_milliwatt, stamp_ns=read.read_ns)


def judge_blade(cell: BladeCell, read: BladeRead) -> BladeCell:
    """A blade that is there and draws nothing is OFF; one whose power nobody measures is OK."""
    state = UnitState.UNKNOWN
    if read.is_present is not None:
        state = UnitState.OK if read.is_present else UnitState.ABSENT
    if state is UnitState.OK and read.drawn_milliwatt == 0:
        state = UnitState.OFF
    return cell if state is cell.state else replace(cell, state=state, stamp_ns=read.read_ns)


def supply_conditions(cell: SupplyCell) -> Iterator[tuple[str, Severity, str]]:
    if cell.state is UnitState.FAILED:
        text = f"{cell.name} gives no power: the others carry its load"
        yield f"supply-{cell.name}-failed", Severity.MAJOR, text
