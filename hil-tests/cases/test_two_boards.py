"""The first cases: what a chassis of two boards has to live through.

Each begins with a settled chassis and ends when the chassis is settled again; each is judged from
the lines. Bounds are those of docs/failure-modes.md for the image's keys: deadtime_ms 4000,
watchdog_ms 3000, and what an emulated processor needs on top.
"""

from __future__ import annotations

import time

import pytest

from conftest import Figures
from rig.analyser import gaps_ms
from rig.resources import SLOTS
from rig.strategy import Chassis

STAYS_S = 10.0
"""Twice the dead time and more: who has not moved by then does not move."""
TAKEOVER_S = 30.0
BACK_S = 120.0
"""A board's boot, and its first words."""
REST_S = 30.0
MILD = ("INFO", "MINOR")
TICKS_PER_S = 100
"""Of the times in /proc, on every ARM kernel (USER_HZ)."""


def mark(chassis: Chassis, text: str) -> float:
    chassis.judge.remark(text)
    return time.monotonic()


def assert_taken_over(
    chassis: Chassis, by: int, since_s: float, what: str, figures: Figures
) -> None:
    chassis.wait_until(lambda: chassis.judge.holders() == {by}, f"slot {by} holds", TAKEOVER_S)
    opened_ms = chassis.judge.opened_ms(by, since_s)
    assert opened_ms is not None
    figures.note(f"{what}: to the survivor's open gate, ms", opened_ms)
    figures.note(f"{what}: both gates open, ms", chassis.judge.dual_ms(since_s))
    assert chassis.judge.dual_ms(since_s) == 0


def assert_back_as_standby(
    chassis: Chassis, slot: int, since_s: float, what: str, figures: Figures
) -> None:
    assert chassis.settled() == 3 - slot
    figures.note(f"{what}: to full redundancy again, s", time.monotonic() - since_s)
    assert chassis.judge.dual_ms(since_s) == 0
    assert chassis.judge.moves_count(since_s) == 1, "the role has moved once"


def test_cold_boot(chassis: Chassis, figures: Figures) -> None:
    chassis.off()
    # A gate falls some milliseconds after its board: else it would be who held before.
    chassis.wait_until(lambda: not chassis.judge.holders(), "nobody holds", BACK_S)
    since_s = mark(chassis, "power")
    chassis.on()
    chassis.wait_until(lambda: bool(chassis.judge.holders()), "somebody holds", BACK_S)
    figures.note("cold boot: power to role decided, s", time.monotonic() - since_s)
    assert chassis.judge.holders() == {chassis.settled()}, (
        "whoever it is: both boot in their own time"
    )
    figures.note("cold boot: power to full redundancy, s", time.monotonic() - since_s)
    assert chassis.judge.dual_ms(since_s) == 0
    assert chassis.judge.moves_count(since_s) == 1


def test_at_rest_nothing_moves_and_nothing_is_wrong(chassis: Chassis, figures: Figures) -> None:
    holder = chassis.settled()
    since_s = mark(chassis, "rest")
    before = {slot: service_cpu_s(chassis, slot) for slot in SLOTS}
    with chassis.cables["a"].analysed() as seen:
        time.sleep(REST_S)
    for slot in SLOTS:
        what = "at rest, ACTIVE" if slot == holder else "at rest, STANDBY"
        (guest_s, cpu_s), (guest_before_s, cpu_before_s) = (
            service_cpu_s(chassis, slot),
            before[slot],
        )
        load = (cpu_s - cpu_before_s) / (guest_s - guest_before_s)
        figures.note(f"{what}: of one core of the guest, %", 100 * load)
        figures.note(f"{what}: memory of its own (PSS), MB", service_pss_mb(chassis, slot))
        gaps = gaps_ms(seen, slot)
        figures.note(f"{what}: between two beats, median, ms", gaps[len(gaps) // 2])
        figures.note(f"{what}: between two beats, p99, ms", gaps[len(gaps) * 99 // 100])
        figures.note(f"{what}: between two beats, longest, ms", gaps[-1])
        status = chassis.status(slot)
        health = {name: each["health"] for name, each in status["paths"].items()}
        assert set(health.values()) == {"ALIVE"}, health
        # Each emulated board has a fan controller of its own, so the readings of two differ: MINOR.
        grave = [each["text"] for each in status["alarms"] if each["severity"] not in MILD]
        assert grave == []
    assert chassis.judge.moves_count(since_s) == 0


def service_cpu_s(chassis: Chassis, slot: int) -> tuple[float, float]:
    """The guest's clock, and what the service has used until then."""
    code, said = chassis.consoles[slot].run(
        "cut -d' ' -f1 /proc/uptime; cut -d' ' -f14,15 /proc/$(pidof bmcha)/stat"
    )
    assert code == 0, said
    uptime_s, ticks = said.splitlines()
    return float(uptime_s), sum(map(int, ticks.split())) / TICKS_PER_S


def service_pss_mb(chassis: Chassis, slot: int) -> float:
    code, said = chassis.consoles[slot].run("grep ^Pss: /proc/$(pidof bmcha)/smaps_rollup")
    assert code == 0, said
    return int(said.split()[1]) / 1024


def test_fans_are_driven_by_the_holder_alone(chassis: Chassis) -> None:
    holder = chassis.settled()
    since_s = mark(chassis, "hot inlet")
    before = len(chassis.machines[holder].fan_commands)
    others = len(chassis.machines[3 - holder].fan_commands)
    for machine in chassis.machines.values():
        machine.heat("inlet", 44_000)
    try:
        chassis.wait_until(
            lambda: len(chassis.machines[holder].fan_commands) > before, "fans are told", 30
        )
        chassis.wait_until(
            lambda: all(chassis.judge.level(holder, f"FAN{bit}") for bit in range(4)),
            "the tray at full speed",
            30,
        )
    finally:
        for machine in chassis.machines.values():
            machine.heat("inlet", 24_000)
    assert len(chassis.machines[3 - holder].fan_commands) == others
    driven = {c.slot for c in chassis.judge.changes(since_s) if c.line.startswith("FAN")}
    assert driven == {holder}


@pytest.mark.parametrize("path", ["eth-a", "serial"])
def test_one_path_cut(chassis: Chassis, path: str) -> None:
    holder = chassis.settled()
    since_s = mark(chassis, f"cut {path}")
    chassis.wires[path].cut()
    time.sleep(STAYS_S)
    status = chassis.status(3 - holder)
    assert chassis.judge.holders() == {holder}
    assert chassis.judge.moves_count(since_s) == 0
    found = {name: each["health"] for name, each in status["paths"].items()}
    assert found[path] == "SILENT" and set(found.values()) == {"SILENT", "ALIVE"}


def test_both_ethernets_cut(chassis: Chassis) -> None:
    """The serial line alone tells both that the other one lives."""
    holder = chassis.settled()
    since_s = mark(chassis, "cut both Ethernets")
    for path in ("eth-a", "eth-b"):
        chassis.wires[path].cut()
    time.sleep(STAYS_S)
    assert chassis.judge.holders() == {holder}
    assert chassis.judge.moves_count(since_s) == 0


def test_planned_switchover(chassis: Chassis, figures: Figures) -> None:
    holder = chassis.settled()
    since_s = mark(chassis, "switchover")
    code, said = chassis.ask(holder, "switchover")
    assert code == 0, said
    chassis.wait_until(lambda: chassis.judge.holders() == {3 - holder}, "handed over", TAKEOVER_S)
    figures.note("switchover: nobody's gate open, ms", chassis.judge.unheld_ms(since_s))
    assert chassis.judge.dual_ms(since_s) == 0
    assert chassis.settled() == 3 - holder


def test_stopped_in_order(chassis: Chassis, figures: Figures) -> None:
    """The other one holds, and the watchdog sleeps: no reset of a board that nobody feeds."""
    holder = chassis.settled()
    starts = chassis.machines[holder].starts_count
    since_s = mark(chassis, "init script: stop")
    code, said = chassis.consoles[holder].run("/etc/init.d/bmcha stop")
    assert code == 0, said
    assert chassis.judge.holders() == {3 - holder}
    figures.note("stopped in order: nobody's gate open, ms", chassis.judge.unheld_ms(since_s))
    time.sleep(STAYS_S)
    assert chassis.machines[holder].starts_count == starts
    code, said = chassis.consoles[holder].run("/etc/init.d/bmcha start")
    assert code == 0, said
    assert_back_as_standby(chassis, holder, since_s, "stopped in order", figures)


def test_service_killed(chassis: Chassis, figures: Figures) -> None:
    """The watchdog resets the whole board, unless the service is back in time; the lines fall."""
    holder = chassis.settled()
    chassis.consoles[holder].run("true")
    since_s = mark(chassis, "kill -9 the service")
    chassis.consoles[holder].run("killall -9 bmcha")
    assert_taken_over(chassis, 3 - holder, since_s, "service killed", figures)
    assert_back_as_standby(chassis, holder, since_s, "service killed", figures)


def test_frozen_active_is_fenced(chassis: Chassis, figures: Figures) -> None:
    """Its lines stay up, as a hung board's do: only the reset line ends that."""
    holder = chassis.settled()
    starts = chassis.machines[holder].starts_count
    since_s = mark(chassis, "freeze")
    chassis.machines[holder].freeze()
    assert_taken_over(chassis, 3 - holder, since_s, "frozen", figures)
    chassis.wait_until(lambda: chassis.machines[holder].starts_count > starts, "it was reset", 20)
    assert_back_as_standby(chassis, holder, since_s, "frozen", figures)


def test_pulled_active(chassis: Chassis, figures: Figures) -> None:
    holder = chassis.settled()
    since_s = mark(chassis, "pull")
    chassis.backplane.pull(holder)
    assert_taken_over(chassis, 3 - holder, since_s, "pulled", figures)
    chassis.backplane.insert(holder)
    assert_back_as_standby(chassis, holder, since_s, "pulled", figures)
