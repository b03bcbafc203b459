"""Maintenance: who takes the chassis while it lasts, how both learn of it, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from bmcha.ha.maintenance import MaintenanceMode
from bmcha.ha.role_rules import decide
from bmcha.ha.rule_record import PeerEvidence, RoleDecision, RoleInputs
from bmcha.model.event import MAINTENANCE_S_MAX, MaintenanceAsked, StopAsked, SwitchoverAsked
from bmcha.model.message import Maintenance
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.speech import ms
from tests.unit.test_two_nodes import alarms_of, become, reason_of, status_of
from tests.world import Module, World

BOARDS = list(BoardClass)
FOR_S = 60


def ask(module: Module, for_s: int) -> None:
    module.ask(MaintenanceAsked(7, "test", for_s))


def in_maintenance(board: BoardClass, asked_slot: int = 1, for_s: int = FOR_S) -> World:
    world = World(board).settled()
    ask(world.modules[asked_slot], for_s)
    world.run(300)
    return world


# ---- the mode by itself


def test_the_newest_command_wins_whichever_node_it_was_given_to() -> None:
    mode = MaintenanceMode()
    assert mode.word(ms(0)) is None
    mode.asked(MaintenanceAsked(1, "console", 10), [], ms(0))
    assert mode.word(ms(1)) == Maintenance(1, 10)
    mode.heard(Maintenance(1, 99), 2, ms(1))
    assert mode.remaining_s(ms(1)) == 10, "the own word comes back"
    mode.heard(Maintenance(2, 0), 2, ms(2))
    assert not mode.is_on(ms(2)) and mode.asked_by == "slot 2"
    mode.heard(Maintenance(1, 10), 2, ms(3))
    assert not mode.is_on(ms(3)), "an older word that came late"


def test_the_seconds_left_are_rounded_up_and_end_at_zero() -> None:
    mode = MaintenanceMode()
    mode.asked(MaintenanceAsked(1, "console", 2), [], ms(0))
    assert [mode.remaining_s(ms(at)) for at in (0, 1, 999, 1000, 1999, 2000, 9000)] == [
        *(2, 2, 2, 1, 1, 0, 0)
    ]
    assert mode.is_on(ms(1999)) and not mode.is_on(ms(2000))


def test_stamps_go_round_and_never_become_zero() -> None:
    mode = MaintenanceMode()
    mode.heard(Maintenance(65_535, 5), 2, ms(0))
    mode.asked(MaintenanceAsked(1, "console", 7), [], ms(0))
    assert mode.word(ms(0)) == Maintenance(1, 7)
    other = MaintenanceMode()
    other.heard(Maintenance(65_535, 5), 1, ms(0))
    assert other.remaining_s(ms(0)) == 5, "the first word counts, whatever its stamp"
    other.heard(Maintenance(1, 7), 1, ms(0))
    assert other.remaining_s(ms(0)) == 7


def test_whoever_asks_is_told_which_slot_does_not_know() -> None:
    answer = MaintenanceMode().asked(MaintenanceAsked(1, "console", 10), [2], ms(0))
    assert answer.is_done and answer.body["remaining_s"] == 10
    assert answer.body["text"] == (
        "failover is inhibited for 10 s; slot 2 cannot be told and does not know yet"
    )


def test_who_asked_last_is_kept_and_the_end_is_told_as_such() -> None:
    mode = MaintenanceMode()
    mode.asked(MaintenanceAsked(1, "console", 10), [], ms(0))
    answer = mode.asked(MaintenanceAsked(2, "night shift", 0), [], ms(1))
    assert mode.asked_by == "night shift" and not mode.is_on(ms(1))
    assert answer.body["text"] == "failover is allowed again"


# ---- the rules


@pytest.mark.parametrize("board", BOARDS)
def test_a_standby_that_never_held_claims_only_what_a_person_let_go(board: BoardClass) -> None:
    lines, bools = (None, False, True), (False, True)
    claims = set()
    for presence, health, active, spoken, silent, goodbye, over, role in product(
        *(lines, lines, lines), *(bools, bools, bools, bools), [None, *Role]
    ):
        if (role is None) != silent or (goodbye and role is not None):
            continue
        peer = PeerEvidence(
            is_earlier=True,
            is_heard=role is not None,
            is_silent=silent,
            has_said_goodbye=goodbye,
            role=role,
            is_released=role is Role.RELINQUISHING,
            presence=presence,
            health=health,
            active=active,
            has_line_spoken=spoken and False in (presence, health),
            is_rank_delay_over=over,
            is_claim_window_over=over,
            is_contradiction_over=over,
        )
        inputs = RoleInputs(
            Role.STANDBY, Reason.PEER_IS_ACTIVE, (peer,), board=board, is_in_maintenance=True
        )
        assert decide(inputs).role is Role.STANDBY or goodbye
        outside = decide(replace(inputs, is_in_maintenance=False))
        claims.add((outside.role, decide(inputs).reason))
    assert (Role.FENCING, Reason.IN_MAINTENANCE) in claims, "nothing was inhibited"


def test_a_handover_goes_on_in_maintenance() -> None:
    peer = PeerEvidence(
        is_earlier=True,
        is_heard=True,
        role=Role.RELINQUISHING,
        is_released=True,
        has_handed_over=True,
    )
    inputs = RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (peer,), is_in_maintenance=True)
    assert decide(inputs) == RoleDecision(Role.FENCING, Reason.HANDOVER_ASKED)


# ---- two nodes


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("asked_slot", [1, 2])
def test_both_know_of_it_whichever_was_asked(board: BoardClass, asked_slot: int) -> None:
    world = in_maintenance(board, asked_slot)
    for slot in (1, 2):
        assert "maintenance" in alarms_of(world.modules[slot])
        found = status_of(world, slot)["maintenance"]
        assert found["is_on"] and FOR_S - 1 <= found["remaining_s"] <= FOR_S  # type: ignore[index]
    ask(world.modules[3 - asked_slot], 0)
    world.run(300)
    assert all("maintenance" not in alarms_of(module) for module in world.modules.values())


def test_the_log_says_what_was_asked_in_words_that_stand_alone() -> None:
    """People see the text of an event, not its kind."""
    world = in_maintenance(BoardClass.GATED)
    module = world.modules[1]
    ask(module, 0)
    module.ask(StopAsked("SIGTERM"))
    world.run(300)
    told = [event.text for event in module.events]
    assert f"maintenance on for {FOR_S} s, asked by test" in told
    assert "maintenance off, asked by test" in told
    assert "stopping, asked by SIGTERM" in told


@pytest.mark.parametrize("board", BOARDS)
def test_a_killed_active_is_not_followed_until_maintenance_is_over(board: BoardClass) -> None:
    world = in_maintenance(board, for_s=20)
    world.kill(1)
    world.run(15_000)
    second = world.modules[2]
    assert second.role is Role.STANDBY
    assert reason_of(second) is Reason.IN_MAINTENANCE
    assert {"maintenance", "unheld-in-maintenance"} <= alarms_of(second)
    become(world, 2, Role.ACTIVE, 6000)
    assert world.dual_ms == 0


@pytest.mark.parametrize("board", BOARDS)
def test_the_restarted_holder_takes_the_chassis_again(board: BoardClass) -> None:
    """Although a STANDBY is there, which normally goes before a node that starts."""
    world = in_maintenance(board)
    world.kill(1)
    world.run(3000)
    world.modules[1].boot()
    world.tell_lines()
    become(world, 1, Role.ACTIVE, 3000)
    world.run(2000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert status_of(world, 1)["maintenance"]["is_on"]  # type: ignore[index]
    assert world.dual_ms == 0


def test_a_holder_in_the_later_slot_takes_it_again_too() -> None:
    world = World(BoardClass.GATED).settled()
    world.modules[1].ask(SwitchoverAsked(1, "test", None, False))
    become(world, 2, Role.ACTIVE, 3000)
    ask(world.modules[1], FOR_S)
    world.run(300)
    world.kill(2)
    world.run(3000)
    world.modules[2].boot()
    world.tell_lines()
    become(world, 2, Role.ACTIVE, 3000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE) and world.dual_ms == 0


@pytest.mark.parametrize("board", BOARDS)
def test_a_holder_that_stood_still_takes_it_back(board: BoardClass) -> None:
    world = in_maintenance(board)
    world.modules[1].is_stopped = True
    world.run(3000)
    world.modules[1].is_stopped = False
    world.run(50)
    assert Role.ACTIVE not in world.roles()
    become(world, 1, Role.ACTIVE, 5000)
    assert world.roles()[1] is Role.STANDBY


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("way", ["switchover", "stop"])
def test_what_a_person_asks_for_is_done(board: BoardClass, way: str) -> None:
    world = in_maintenance(board)
    is_stop = way == "stop"
    world.modules[1].ask(StopAsked("test") if is_stop else SwitchoverAsked(1, "test", None, False))
    become(world, 2, Role.ACTIVE, 3000)
    assert world.dual_ms == 0


@pytest.mark.parametrize("board", BOARDS)
def test_an_active_that_is_not_heard_keeps_the_chassis(board: BoardClass) -> None:
    """On a bare board it would release for a peer that is about to claim; this one is not."""
    world = in_maintenance(board)
    world.cut(source=1)
    world.run(5000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert [role for _, role in world.modules[1].roles] == [Role.FENCING, Role.ACTIVE]


def test_the_longest_time_is_half_a_day() -> None:
    assert MAINTENANCE_S_MAX == 12 * 3600 <= 0xFFFF, "it travels as a u16"


def test_the_alarm_says_whether_the_other_module_knows_of_it() -> None:
    world = World(BoardClass.BARE).settled()
    world.cut()
    ask(world.modules[1], FOR_S)
    world.run(50)

    def told() -> str:
        node = world.modules[1].node
        assert node is not None
        alarms = {alarm.alarm_id: alarm.text for alarm in node.chassis.alarms.raised()}
        return alarms["maintenance"]

    assert told().endswith("the other module does not know of it")
    world.heal()
    world.run(300)
    assert "does not know" not in told()


@pytest.mark.parametrize("source", [1, None])
def test_the_answer_names_who_cannot_be_told(source: int | None) -> None:
    world = World(BoardClass.GATED).settled()
    world.cut(source=source)
    world.run(1500)
    ask(world.modules[1], FOR_S)
    world.run(2)
    body = world.modules[1].answers[-1].body
    assert isinstance(body, dict)
    assert str(body["text"]).endswith("slot 2 cannot be told and does not know yet")
