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
    Backplane,
    Change,
)

WATCHDOG_NS = 1000


def gated() -> Backplane:
    return powered(Backplane(BoardClass.GATED, (1, 2), WATCHDOG_NS))


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
