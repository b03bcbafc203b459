"""The arithmetic of the judge: what is computed from the journal's lines alone."""

import json
from pathlib import Path
from typing import Any

from bmcha.sim import journal
from bmcha.sim.journal import Journal, Line

MS = journal.NS_PER_MS


def line(t_ms: int, what: str, slot: int | None, name: str, value: Any) -> Line:
    return Line(t_ms * MS, what, slot, name, value)


def gate(t_ms: int, slot: int, is_open: bool) -> Line:
    return line(t_ms, "gate", slot, "gate", is_open)


def fan(t_ms: int, slot: int, pwm: int, name: str = "fan1") -> Line:
    return line(t_ms, "output", slot, name, pwm)


def fault(t_ms: int, slot: int | None, name: str = "kill") -> Line:
    return line(t_ms, "fault", slot, name, "")


KILLED = [
    gate(100, 1, True),
    fan(110, 1, 90),
    fan(150, 1, 80),
    fault(1000, 1),
    gate(1002, 1, False),
    gate(1030, 2, True),
    fan(1034, 2, 80),
    fan(1300, 2, 85),
]


def test_a_failover_runs_from_the_fault_to_the_first_applied_output() -> None:
    assert journal.failover_ms(KILLED) == 34
    found = journal.first_failover(KILLED)
    assert found is not None
    assert (found.old_slot, found.survivor) == (1, 2)


def test_the_outage_is_the_longest_time_with_no_gate_open() -> None:
    assert journal.outage_ms(KILLED) == 28
    assert journal.dual_active_ms(KILLED) == 0


def test_the_time_before_the_first_gate_opened_is_no_outage() -> None:
    assert journal.outage_ms([fault(0, 1), *KILLED]) == 28
    assert journal.outage_ms([]) == 0


def test_an_outage_that_never_ends_lasts_to_the_end() -> None:
    lines = [gate(100, 1, True), gate(200, 1, False), line(700, "refused", 2, "fan1", 9)]
    assert journal.outage_ms(lines) == 500
    assert journal.outage_ms(lines, end_ns=1200 * MS) == 1000


def test_two_gates_open_are_counted_together() -> None:
    lines = [
        gate(0, 1, True),
        gate(100, 2, True),
        gate(130, 1, False),
        gate(200, 1, True),
        gate(205, 2, False),
        gate(300, 1, False),
    ]
    assert journal.dual_active_ms(lines) == 35
    assert journal.outage_ms(lines) == 0


def test_two_gates_left_open_count_to_the_end() -> None:
    lines = [gate(0, 1, True), gate(100, 2, True)]
    assert journal.dual_active_ms(lines, end_ns=160 * MS) == 60


def test_a_fault_of_the_standby_is_followed_by_no_failover() -> None:
    lines = [gate(0, 1, True), fault(100, 2, "restart"), gate(500, 1, False), gate(510, 2, True)]
    assert journal.failover_ms([*lines, fan(520, 2, 80)]) is None


def test_a_planned_switchover_is_no_failover() -> None:
    lines = [gate(0, 1, True), fan(5, 1, 80), gate(500, 1, False), gate(510, 2, True)]
    assert journal.failover_ms([*lines, fan(520, 2, 80)]) is None


def test_a_fault_before_anybody_held_the_outputs_does_not_count() -> None:
    assert journal.failover_ms([fault(0, 1), gate(10, 2, True), fan(20, 2, 80)]) is None


def test_of_several_faults_the_last_before_the_takeover_counts() -> None:
    lines = [
        gate(0, 1, True),
        fault(100, None, "cut"),
        fault(300, None, "cut"),
        gate(700, 2, True),
        fan(710, 2, 80),
        fault(900, 2),
    ]
    assert journal.failover_ms(lines) == 410


def test_a_stopped_module_keeps_its_gate_on_a_bare_board_and_that_is_a_failover_too() -> None:
    lines = [gate(0, 1, True), fault(100, 1, "stop"), gate(1700, 2, True), fan(1710, 2, 80)]
    assert journal.failover_ms(lines) == 1610


def test_writes_of_the_replaced_module_are_stale() -> None:
    late = fan(2000, 1, 80)
    lines = [gate(0, 1, True), fan(5, 1, 80), gate(1700, 2, True), fan(1710, 2, 80), late]
    assert journal.stale_writes(lines) == [late]


def test_a_module_that_opened_its_gate_again_writes_nothing_stale() -> None:
    lines = [gate(0, 1, True), gate(10, 2, True), gate(20, 1, True), fan(30, 1, 80)]
    assert journal.stale_writes(lines) == []


def test_a_fan_drops_when_it_falls_below_its_lowest_before_the_fault() -> None:
    low = fan(1400, 2, 79)
    assert journal.fan_drops(KILLED) == []
    assert journal.fan_drops([*KILLED, low]) == [low]


def test_a_handover_is_a_disturbance_too() -> None:
    steady = [gate(0, 1, True), fan(1, 1, 80), gate(50, 1, False), gate(60, 2, True)]
    low = fan(61, 2, 79)
    assert journal.fan_drops([*steady, low, fan(62, 2, 80)]) == [low]


def test_fans_are_compared_each_with_itself() -> None:
    lines = [fan(0, 1, 200, "fan1"), fan(1, 1, 80, "fan2"), fault(5, 1), fan(9, 2, 90, "fan2")]
    assert journal.fan_drops(lines) == []


def test_what_is_written_is_read_back_line_by_line(tmp_path: Path) -> None:
    heard: list[Line] = []
    writer = Journal(tmp_path / "journal.jsonl", heard.append)
    for each in KILLED:
        writer.write(each)
        assert journal.read_journal(tmp_path / "journal.jsonl")[-1] == each
    writer.close()
    writer.write(gate(9999, 1, False))
    assert journal.read_journal(tmp_path / "journal.jsonl") == KILLED == heard


def test_a_line_has_the_public_keys() -> None:
    assert json.loads(gate(1, 2, True).as_json()) == {
        "t_ns": 1_000_000,
        "what": "gate",
        "slot": 2,
        "name": "gate",
        "value": True,
    }
