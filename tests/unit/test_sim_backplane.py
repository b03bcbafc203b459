"""Gates and lines of the virtual chassis: when outputs count, and what others see."""

import pytest

from bmcha.model.settings import BoardClass
from bmcha.sim.backplane import (
    ACTIVE,
    GATE,
    HEALTH,
    OUTPUT_ENABLE,
    OUTPUTS_OPEN,
    PRESENCE,
    PULSE_NS_MAX,
    RESET,
    Backplane,
    Change,
)

WATCHDOG_NS = 1000


def gated() -> Backplane:
    return powered(Backplane(BoardClass.GATED, (1, 2), WATCHDOG_NS))


def resetting() -> Backplane:
    return powered(Backplane(BoardClass.RESET, (1, 2), WATCHDOG_NS))


def lease() -> Backplane:
    return powered(Backplane(BoardClass.LEASE, (1, 2), 0))


def bare() -> Backplane:
    return powered(Backplane(BoardClass.BARE, (1, 2), 0))


def powered(backplane: Backplane) -> Backplane:
    for slot in (1, 2):
        backplane.power(slot, True)
        backplane.start(slot)
    return backplane


def hold(backplane: Backplane, slot: int, now_ns: int = 0) -> list[Change]:
    """Everything that a healthy ACTIVE does."""
    changes = backplane.feed(slot, now_ns)
    for line in (HEALTH, ACTIVE, OUTPUT_ENABLE):
        changes += backplane.drive(slot, line, True, now_ns)
    return changes


def levels(changes: list[Change]) -> list[tuple[str, bool]]:
    return [(change.name, change.is_up) for change in changes]


def test_a_gate_opens_when_fed_active_and_enabled() -> None:
    backplane = gated()
    changes = hold(backplane, 1)
    assert backplane.open_slots() == [1]
    assert levels(changes) == [
        (HEALTH, True),
        (ACTIVE, True),
        (OUTPUT_ENABLE, True),
        (OUTPUTS_OPEN, True),
        (GATE, True),
    ]


@pytest.mark.parametrize("missing", [ACTIVE, OUTPUT_ENABLE])
def test_a_gate_stays_shut_without_one_of_the_lines(missing: str) -> None:
    backplane = gated()
    backplane.feed(1, 0)
    for line in {HEALTH, ACTIVE, OUTPUT_ENABLE} - {missing}:
        backplane.drive(1, line, True, 0)
    assert not backplane.is_open(1)


def test_health_is_no_condition_of_the_gate() -> None:
    backplane = gated()
    backplane.feed(1, 0)
    backplane.drive(1, ACTIVE, True, 0)
    backplane.drive(1, OUTPUT_ENABLE, True, 0)
    assert backplane.is_open(1)


def test_a_line_raised_before_the_first_feed_is_not_latched() -> None:
    backplane = gated()
    backplane.drive(1, ACTIVE, True, 0)
    backplane.drive(1, OUTPUT_ENABLE, True, 0)
    backplane.feed(1, 1)
    assert not backplane.is_open(1)
    assert not backplane.seen(1, ACTIVE)


def test_an_unfed_watchdog_shuts_the_gate_and_drops_health_and_active() -> None:
    backplane = gated()
    hold(backplane, 1)
    assert backplane.expire(WATCHDOG_NS - 1) == []
    changes = backplane.expire(WATCHDOG_NS)
    # The gate is told first: nobody may see the line down while outputs still pass.
    assert levels(changes)[0] == (GATE, False)
    assert set(levels(changes)) == {
        (GATE, False),
        (OUTPUTS_OPEN, False),
        (HEALTH, False),
        (ACTIVE, False),
        (OUTPUT_ENABLE, False),
    }


def test_feeding_again_brings_health_back_but_not_the_gate() -> None:
    backplane = gated()
    hold(backplane, 1)
    backplane.expire(WATCHDOG_NS)
    assert levels(backplane.feed(1, 2 * WATCHDOG_NS)) == [(HEALTH, True)]
    assert not backplane.is_open(1)


def test_a_later_write_while_fed_opens_the_gate_again() -> None:
    backplane = gated()
    hold(backplane, 1)
    backplane.expire(WATCHDOG_NS)
    hold(backplane, 1, 2 * WATCHDOG_NS)
    assert backplane.is_open(1)


def test_each_feed_moves_the_expiry() -> None:
    backplane = gated()
    backplane.feed(1, 0)
    backplane.feed(2, 10)
    backplane.feed(1, 500)
    assert backplane.next_expiry_ns() == 10 + WATCHDOG_NS
    backplane.expire(10 + WATCHDOG_NS)
    assert backplane.next_expiry_ns() == 500 + WATCHDOG_NS
    assert backplane.is_fed(1)


def test_magic_close_leaves_nothing_held() -> None:
    backplane = gated()
    hold(backplane, 1)
    assert (GATE, False) in levels(backplane.disarm(1))
    assert backplane.next_expiry_ns() is None


def test_death_releases_everything_but_presence() -> None:
    backplane = gated()
    hold(backplane, 1)
    changes = backplane.die(1)
    assert {change.is_up for change in changes} == {False}
    assert backplane.seen(1, PRESENCE)
    assert not any(backplane.seen(1, line) for line in (HEALTH, ACTIVE, OUTPUTS_OPEN))


def test_a_dead_module_drives_nothing() -> None:
    backplane = gated()
    backplane.die(1)
    assert hold(backplane, 1) == []
    assert backplane.next_expiry_ns() is None


def test_pulling_takes_presence_too() -> None:
    backplane = gated()
    hold(backplane, 1)
    assert (PRESENCE, False) in levels(backplane.power(1, False))
    assert not backplane.is_open(1)


def test_a_restarted_module_drives_nothing_at_first() -> None:
    backplane = gated()
    hold(backplane, 1)
    assert (GATE, False) in levels(backplane.start(1))


def test_a_forced_line_lies_to_readers_and_not_to_the_gate() -> None:
    backplane = gated()
    assert levels(backplane.force(1, ACTIVE, True)) == [(ACTIVE, True)]
    assert not backplane.is_open(1)
    hold(backplane, 1)
    backplane.force(1, ACTIVE, False)
    assert not backplane.seen(1, ACTIVE)
    assert backplane.is_open(1)
    assert levels(backplane.force(1, ACTIVE, None)) == [(ACTIVE, True)]


def test_a_forced_line_survives_a_death() -> None:
    backplane = gated()
    hold(backplane, 1)
    backplane.force(1, HEALTH, True)
    backplane.die(1)
    assert backplane.seen(1, HEALTH)


def test_a_bare_gate_needs_only_life_and_enable() -> None:
    backplane = bare()
    assert levels(backplane.drive(1, OUTPUT_ENABLE, True, 0)) == [
        (OUTPUT_ENABLE, True),
        (OUTPUTS_OPEN, True),
        (GATE, True),
    ]
    assert backplane.next_expiry_ns() is None
    backplane.die(1)
    assert not backplane.is_open(1)


def test_nothing_shuts_the_gate_of_a_stopped_module_on_a_bare_board() -> None:
    backplane = bare()
    backplane.feed(1, 0)
    backplane.drive(1, OUTPUT_ENABLE, True, 0)
    assert backplane.expire(10**18) == []
    assert backplane.is_open(1)


def test_both_gates_can_be_open() -> None:
    backplane = gated()
    hold(backplane, 1)
    hold(backplane, 2)
    assert backplane.open_slots() == [1, 2]


def test_an_unknown_output_line_is_an_error() -> None:
    with pytest.raises(ValueError, match="PRESENCE: a module drives only"):
        gated().drive(1, PRESENCE, True, 0)


# ---------------------------------------------------------------- reset


def slots_and_levels(changes: list[Change]) -> list[tuple[int, str, bool]]:
    return [(change.slot, change.name, change.is_up) for change in changes]


def test_a_module_in_reset_holds_nothing_and_its_gate_is_shut_before_the_line_is_seen() -> None:
    backplane = resetting()
    hold(backplane, 1)
    told = slots_and_levels(backplane.drive_reset(2, 1, True, 0))
    assert told[:2] == [(1, GATE, False), (1, RESET, True)]
    assert (1, HEALTH, False) in told
    assert (1, ACTIVE, False) in told
    assert backplane.is_in_reset(1)
    assert backplane.seen(1, PRESENCE)


def test_what_a_module_in_reset_writes_counts_for_nothing() -> None:
    backplane = resetting()
    backplane.drive_reset(2, 1, True, 0)
    assert hold(backplane, 1) == []
    assert backplane.drive_reset(1, 2, True, 0) == []
    assert backplane.open_slots() == []


def test_after_a_reset_only_a_new_process_drives() -> None:
    backplane = resetting()
    hold(backplane, 1)
    backplane.drive_reset(2, 1, True, 0)
    assert slots_and_levels(backplane.drive_reset(2, 1, False, 50)) == [(1, RESET, False)]
    assert hold(backplane, 1, 60) == []
    backplane.start(1)
    hold(backplane, 1, 70)
    assert backplane.is_open(1)


def test_a_reset_ends_with_the_process_that_drives_it() -> None:
    backplane = resetting()
    backplane.drive_reset(2, 1, True, 0)
    assert (1, RESET, False) in slots_and_levels(backplane.die(2))
    assert not backplane.is_in_reset(1)


def test_a_pulled_module_resets_nobody() -> None:
    backplane = resetting()
    backplane.drive_reset(2, 1, True, 0)
    assert (1, RESET, False) in slots_and_levels(backplane.power(2, False))


def test_a_reset_that_nobody_ends_is_ended_by_the_backplane_and_begins_by_a_new_edge_only() -> None:
    backplane = resetting()
    backplane.drive_reset(2, 1, True, 0)
    backplane.drive_reset(2, 1, True, PULSE_NS_MAX - 1)
    assert backplane.next_expiry_ns() == PULSE_NS_MAX
    assert backplane.expire(PULSE_NS_MAX - 1) == []
    assert slots_and_levels(backplane.expire(PULSE_NS_MAX)) == [(1, RESET, False)]
    assert backplane.drive_reset(2, 1, True, PULSE_NS_MAX + 1) == []
    assert backplane.next_expiry_ns() is None
    backplane.drive_reset(2, 1, False, PULSE_NS_MAX + 2)
    backplane.drive_reset(2, 1, True, PULSE_NS_MAX + 3)
    assert backplane.is_in_reset(1)


def test_of_two_that_reset_each_other_the_first_wins() -> None:
    backplane = resetting()
    backplane.drive_reset(2, 1, True, 0)
    assert backplane.drive_reset(1, 2, True, 0) == []
    assert [backplane.is_in_reset(slot) for slot in (1, 2)] == [True, False]


def test_a_module_that_is_reset_while_it_resets_lets_go_of_the_other() -> None:
    backplane = Backplane(BoardClass.RESET, (1, 2, 3), WATCHDOG_NS)
    for slot in (1, 2, 3):
        backplane.power(slot, True)
        backplane.start(slot)
    backplane.drive_reset(2, 3, True, 0)
    backplane.drive_reset(1, 3, True, 0)
    told = slots_and_levels(backplane.drive_reset(1, 2, True, 0))
    assert (3, RESET, False) not in told, "slot 1 still drives it"
    backplane.drive_reset(1, 3, False, 10)
    assert [backplane.is_in_reset(slot) for slot in (1, 2, 3)] == [False, True, False]


def test_a_reset_line_that_is_broken_resets_nobody_and_one_that_is_stuck_does() -> None:
    backplane = resetting()
    hold(backplane, 1)
    backplane.force(1, RESET, False)
    assert backplane.drive_reset(2, 1, True, 0) == []
    assert backplane.is_open(1)
    told = slots_and_levels(backplane.force(1, RESET, True))
    assert told[:2] == [(1, GATE, False), (1, RESET, True)]
    backplane.expire(2 * PULSE_NS_MAX)
    assert backplane.is_in_reset(1), "no pulse, but a fault of the line"
    assert slots_and_levels(backplane.force(1, RESET, None)) == [(1, RESET, False)]


def test_an_empty_slot_can_be_reset_without_harm() -> None:
    backplane = Backplane(BoardClass.RESET, (1, 2), WATCHDOG_NS)
    backplane.power(2, True)
    backplane.start(2)
    assert slots_and_levels(backplane.drive_reset(2, 1, True, 0)) == [(1, RESET, True)]
    assert slots_and_levels(backplane.drive_reset(2, 1, False, 1)) == [(1, RESET, False)]


# ---------------------------------------------------------------- lease


def test_on_a_lease_board_a_stopped_process_keeps_its_line_and_its_gate() -> None:
    backplane = lease()
    backplane.drive(1, ACTIVE, True, 0)
    backplane.drive(1, OUTPUT_ENABLE, True, 0)
    assert backplane.expire(10**18) == []
    assert backplane.is_open(1)
    assert backplane.seen(1, ACTIVE)
    assert {name for _, name, _ in slots_and_levels(backplane.die(1))} >= {ACTIVE, GATE}


def test_on_a_lease_board_the_gate_does_not_ask_for_active() -> None:
    backplane = lease()
    backplane.drive(1, OUTPUT_ENABLE, True, 0)
    assert backplane.is_open(1)
