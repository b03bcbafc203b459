"""One board in its slot, the other slot empty: what a module does by itself."""

from __future__ import annotations

import time

import pytest

from conftest import Figures
from rig.strategy import Chassis

SLOT = 1
BACK_S = 120.0
"""A board's boot, and its first words."""
SOON_S = 30.0


@pytest.fixture(autouse=True)
def alone(chassis: Chassis) -> None:
    chassis.backplane.pull(3 - SLOT)
    chassis.backplane.insert(SLOT)
    chassis.wait_until(lambda: chassis.judge.holders() == {SLOT}, "it holds", BACK_S)


def test_it_takes_the_chassis_because_the_other_slot_is_empty(
    chassis: Chassis, figures: Figures
) -> None:
    first = chassis.judge.changes()[0]
    opened = next(c for c in chassis.judge.changes() if c.line == "OUTPUT_ENABLE")
    figures.note("alone: the service's first line to the open gate, s", opened.at_s - first.at_s)
    status = chassis.status(SLOT)
    assert (status["node"]["slot"], status["role"]["state"]) == (SLOT, "ACTIVE")
    for name in ("VmRSS", "Threads"):
        code, said = chassis.consoles[SLOT].run(f"grep {name} /proc/$(pidof bmcha)/status")
        assert code == 0
        figures.note(f"alone: {name} of the service", float(said.split()[1]))


def test_it_drives_the_fans_as_the_inlet_wants(chassis: Chassis) -> None:
    machine = chassis.machines[SLOT]
    told = len(machine.fan_commands)
    machine.heat("inlet", 44_000)
    chassis.wait_until(lambda: fans_step(chassis) >= 14, "the tray runs fast", SOON_S)
    machine.heat("inlet", 24_000)
    chassis.wait_until(lambda: fans_step(chassis) <= 9, "it runs slowly again", BACK_S)
    assert len(machine.fan_commands) > told, "and so was the fan controller told, on its bus"


def test_a_killed_service_costs_its_lines_and_is_back(chassis: Chassis, figures: Figures) -> None:
    """Its watchdog resets the board, unless the service is back in time."""
    since_s = time.monotonic()
    chassis.consoles[SLOT].run("killall -9 bmcha")
    chassis.wait_until(lambda: not chassis.judge.holders(), "its gate is shut", SOON_S)
    figures.note("alone: killed to shut gate, ms", 1000 * (time.monotonic() - since_s))
    chassis.wait_until(lambda: chassis.judge.holders() == {SLOT}, "it holds again", BACK_S)
    figures.note("alone: killed to holding again, s", time.monotonic() - since_s)


def fans_step(chassis: Chassis) -> int:
    """The speed that the tray's pins spell, 0 to 15."""
    return sum(chassis.judge.level(SLOT, f"FAN{bit}") << bit for bit in range(4))
