"""The table of role changes: every cell, legal or not, and the two waits beside it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from bmcha.ha.role_machine import HISTORY_MAX, TRANSITIONS, OutputAct, RoleChange, RoleMachine
from bmcha.ha.role_machine_doc import document
from bmcha.model.invariant import InvariantBroken
from bmcha.model.role import Reason, Role
from tests.speech import ms

START_MS, BOOT_MS, HOLD_OFF_MS = 10_000, 2000, 500
PAGE = Path(__file__).parents[2] / "docs" / "role-machine.md"

WAYS: dict[Role, tuple[Role, ...]] = {
    Role.STARTING: (),
    Role.STANDBY: (Role.STANDBY,),
    Role.FENCING: (Role.FENCING,),
    Role.ACTIVE: (Role.FENCING, Role.ACTIVE),
    Role.RELINQUISHING: (Role.FENCING, Role.ACTIVE, Role.RELINQUISHING),
    Role.FAULT: (Role.FAULT,),
}
"""How each role is reached from STARTING."""


def new_machine() -> RoleMachine:
    return RoleMachine(ms(START_MS), ms(BOOT_MS), ms(HOLD_OFF_MS))


def machine_in(role: Role) -> RoleMachine:
    machine = new_machine()
    for step in WAYS[role]:
        machine.enter(step, Reason.PEER_SILENT, 1, ms(START_MS))
    assert machine.role is role
    return machine


@pytest.mark.parametrize(("source", "target"), list(product(Role, Role)))
def test_every_change_is_the_tables_or_ends_the_process(source: Role, target: Role) -> None:
    machine = machine_in(source)
    transition = TRANSITIONS.get((source, target))
    if source is target:
        assert machine.enter(target, Reason.ISOLATED, 1, ms(START_MS + 9)) is None
        assert machine.reason is Reason.ISOLATED
    elif transition is None:
        with pytest.raises(InvariantBroken, match=f"{source.name} -> {target.name}"):
            machine.enter(target, Reason.ISOLATED, 1, ms(START_MS + 9))
        assert machine.role is source and machine.reason is not Reason.ISOLATED
    else:
        assert machine.enter(target, Reason.ISOLATED, 1, ms(START_MS + 9)) is transition
        assert (machine.role, machine.since_ns) == (target, ms(START_MS + 9))


def test_outputs_open_by_one_change_only_and_that_one_ends_a_claim() -> None:
    opening = [pair for pair, made in TRANSITIONS.items() if made.act is OutputAct.OPEN]
    assert opening == [(Role.FENCING, Role.ACTIVE)]
    claims = {target for (_, target), made in TRANSITIONS.items() if made.act is OutputAct.CLAIM}
    assert claims == {Role.FENCING}


@pytest.mark.parametrize("source", [Role.FENCING, Role.ACTIVE, Role.RELINQUISHING])
def test_every_role_that_may_have_a_line_up_or_outputs_open_releases_on_its_way_to_standby(
    source: Role,
) -> None:
    assert TRANSITIONS[(source, Role.STANDBY)].act is OutputAct.RELEASE


def test_nothing_leads_out_of_fault() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] is Role.FAULT]


def test_another_reason_for_the_same_role_is_no_change() -> None:
    machine = machine_in(Role.STANDBY)
    before = list(machine.history)
    machine.enter(Role.STANDBY, Reason.ISOLATED, 1, ms(START_MS + 700))
    assert list(machine.history) == before and machine.since_ns == ms(START_MS)


def test_the_history_tells_what_changed_and_when_and_is_bounded() -> None:
    machine = new_machine()
    machine.enter(Role.FENCING, Reason.PEER_SILENT, 4, ms(START_MS + 1))
    change = RoleChange(ms(START_MS + 1), Role.STARTING, Role.FENCING, Reason.PEER_SILENT, 4)
    assert list(machine.history) == [change]
    for turn in range(HISTORY_MAX):
        machine.enter(Role.STANDBY, Reason.CONTEST_LOST, turn, ms(START_MS + turn))
        machine.enter(Role.FENCING, Reason.PEER_SILENT, turn, ms(START_MS + turn))
    assert len(machine.history) == HISTORY_MAX


def test_the_boot_window_ends_once_and_tells_what_is_left() -> None:
    machine = new_machine()
    assert machine.boot_window_left_ns(ms(START_MS)) == ms(BOOT_MS)
    assert not machine.is_boot_window_over(ms(START_MS + BOOT_MS) - 1)
    assert machine.is_boot_window_over(ms(START_MS + BOOT_MS))
    assert machine.boot_window_left_ns(ms(START_MS + BOOT_MS + 1)) == 0


def test_the_hold_off_counts_from_the_last_change_and_a_start_is_none() -> None:
    machine = new_machine()
    assert not machine.is_held_off(ms(START_MS))
    machine.enter(Role.STANDBY, Reason.PEER_IS_ACTIVE, 0, ms(START_MS + 100))
    assert machine.is_held_off(ms(START_MS + 100 + HOLD_OFF_MS) - 1)
    assert not machine.is_held_off(ms(START_MS + 100 + HOLD_OFF_MS))


def test_the_page_about_the_role_machine_is_what_the_table_says() -> None:
    assert PAGE.read_text() == document() + "\n", "write it anew with `make docs`"
