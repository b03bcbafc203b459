"""Moves that nothing forces: when the role goes to a healthier module, or to the preferred slot."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.flap_limiter import FlapLimiter
from bmcha.ha.letting_go import LettingGo
from bmcha.ha.seat import Seat
from bmcha.ha.voluntary_moves import MoveInputs, VoluntaryMoves, judge
from bmcha.model.event import MaintenanceAsked, StoreFailed, StoreRecovered
from bmcha.model.message import Progress
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, Failback, MoveSettings
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.unit.test_two_nodes import become, changes_of, status_of
from tests.world import World, settings_of

BOARDS = list(BoardClass)
HEALTH = MoveSettings(health_switchover_margin=20, health_switchover_hold_s=3)
PREFER_1 = MoveSettings(failback=Failback.PREFERRED_SLOT, preferred_slot=1, failback_hold_off_s=3)


def settled(moves: MoveSettings, board: BoardClass = BoardClass.GATED) -> World:
    world = World(board)
    for module in world.modules.values():
        module.settings = replace(module.settings, moves=moves)
    return world.settled()


def fail_over(world: World, slot: int = 1) -> None:
    world.kill(slot)
    become(world, 3 - slot, Role.ACTIVE, 5000)
    world.modules[slot].boot()


# ---- the judgement


@pytest.mark.parametrize(
    ("own", "peer", "expected"),
    [(100, 100, None), (80, 100, Reason.HEALTH_SWITCHOVER), (81, 100, None), (100, 1, None)],
)
def test_a_holder_moves_for_a_module_that_is_healthier_by_the_margin(
    own: int, peer: int, expected: Reason | None
) -> None:
    assert judge(MoveInputs(1, own, 2, peer), HEALTH) is expected
    assert judge(MoveInputs(1, own, 2, peer), MoveSettings()) is None, "0 is off"


def test_a_failback_leads_to_the_preferred_slot_only_and_only_when_it_is_as_well() -> None:
    for own_slot, peer_health in product((1, 2), (99, 100)):
        made = judge(MoveInputs(own_slot, 100, 3 - own_slot, peer_health), PREFER_1)
        assert (made is Reason.FAILBACK) == (own_slot == 2 and peer_health == 100)


def test_two_modules_never_want_to_give_each_other_the_role() -> None:
    """Whatever the health: no move is followed by its reverse as long as nothing changes."""
    both = replace(PREFER_1, health_switchover_margin=20)
    for first, second in product(range(0, 101, 5), repeat=2):
        there = judge(MoveInputs(1, first, 2, second), both)
        back = judge(MoveInputs(2, second, 1, first), both)
        assert there is None or back is None, (first, second)


@pytest.mark.parametrize(
    ("failback", "preferred_slot"), [(Failback.NEVER, 2), (Failback.PREFERRED_SLOT, 3)]
)
def test_a_module_that_is_not_to_have_the_role_back_is_given_nothing(
    failback: Failback, preferred_slot: int
) -> None:
    moves = replace(PREFER_1, failback=failback, preferred_slot=preferred_slot)
    assert judge(MoveInputs(1, 100, 2, 100), moves) is None


# ---- the wait

HOLD_MS, HELD_MS = 3000, 10_000
BOTH = replace(HEALTH, failback=Failback.PREFERRED_SLOT, preferred_slot=2, failback_hold_off_s=3)
ILL = ChassisWord(True, True, 40, Progress(0, 0, 0), 50)
WELL = replace(ILL, health=100)


def moves_beside(role: Role, *, is_holder: bool = True) -> VoluntaryMoves:
    """Of slot 1, which hears a module in ``role`` in slot 2."""
    seat = Seat(replace(settings_of(BoardClass.GATED, 1), moves=BOTH), 1, 3, 0)
    for step in (Role.FENCING, Role.ACTIVE) if is_holder else (Role.STANDBY,):
        seat.machine.enter(step, Reason.PEER_SILENT, 3, 0)
    (peer,) = seat.peers
    assert peer.meet(header(), "udp", ms(HELD_MS))
    peer.monitors[0].heard(ms(HELD_MS), 3)
    peer.hear(beat(draft(role)), OWN_BOOT, ms(HELD_MS))
    return VoluntaryMoves(seat, LettingGo(seat, FlapLimiter(seat)))


def reason_due(moves: VoluntaryMoves, word: ChassisWord, at_ms: int) -> Reason | None:
    due = moves.due(word, False, ms(at_ms))
    return due[0] if due is not None else None


def test_a_move_waits_for_as_long_as_its_reason_and_a_new_reason_waits_anew() -> None:
    moves = moves_beside(Role.STANDBY)
    assert moves.remaining_ns(ms(HELD_MS)) == 0, "it waits for nothing"
    assert reason_due(moves, ILL, HELD_MS) is None
    assert moves.remaining_ns(ms(HELD_MS + 1000)) == ms(HOLD_MS - 1000)
    assert reason_due(moves, WELL, HELD_MS + 1000) is None
    assert moves.wanted == (Reason.FAILBACK, ms(HELD_MS + 1000))
    assert reason_due(moves, WELL, HELD_MS + 1000 + HOLD_MS - 1) is None
    assert reason_due(moves, WELL, HELD_MS + 1000 + HOLD_MS) is Reason.FAILBACK


def test_in_maintenance_nothing_is_waited_for() -> None:
    moves = moves_beside(Role.STANDBY)
    reason_due(moves, ILL, HELD_MS)
    assert moves.due(ILL, True, ms(HELD_MS + HOLD_MS)) is None
    assert moves.wanted is None


@pytest.mark.parametrize(
    ("role", "is_holder"),
    [(Role.STARTING, True), (Role.FAULT, True), (Role.ACTIVE, True), (Role.STANDBY, False)],
)
def test_only_a_holder_wants_to_move_and_only_to_a_standby(role: Role, is_holder: bool) -> None:
    moves = moves_beside(role, is_holder=is_holder)
    assert reason_due(moves, ILL, HELD_MS) is None and moves.wanted is None


# ---- by health


@pytest.mark.parametrize("board", BOARDS)
def test_a_holder_that_is_ill_for_long_enough_hands_over_and_stays_standby(
    board: BoardClass,
) -> None:
    world = settled(HEALTH, board)
    world.modules[1].ask(StoreFailed("event", "disk full"))
    world.run(2800)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY), "not yet"
    waits = status_of(world, 1)["waits"]
    assert isinstance(waits, list)
    assert [wait["what"] for wait in waits] == ["switchover to the healthier module"]
    become(world, 2, Role.ACTIVE, 1000)
    assert Reason.HEALTH_SWITCHOVER in changes_of(world.modules[1])
    world.run(100)
    world.modules[1].ask(StoreRecovered())
    world.run(8000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert world.dual_ms == 0
    lockout = status_of(world, 2)["lockout"]
    assert isinstance(lockout, dict) and lockout["failovers"] == 1, "nobody asked for it"


def test_a_holder_that_is_ill_for_a_moment_keeps_the_role() -> None:
    world = settled(HEALTH)
    for _ in range(3):
        world.modules[1].ask(StoreFailed("event", "disk full"))
        world.run(2000)
        world.modules[1].ask(StoreRecovered())
        world.run(200)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)


def test_what_refuses_a_switchover_refuses_this_one() -> None:
    world = settled(HEALTH)
    world.modules[1].ask(StoreFailed("event", "disk full"))
    world.stick(1, "health", False)
    world.run(6000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    world.unstick(1, "health")
    become(world, 2, Role.ACTIVE, 1000)


# ---- back


@pytest.mark.parametrize("board", BOARDS)
def test_the_role_goes_back_to_the_preferred_slot_after_the_hold_off(board: BoardClass) -> None:
    world = settled(PREFER_1, board)
    fail_over(world)
    become(world, 1, Role.STANDBY, 5000)
    world.run(2800)
    assert world.modules[2].role is Role.ACTIVE, "not yet"
    become(world, 1, Role.ACTIVE, 3000)
    assert Reason.FAILBACK in changes_of(world.modules[2])
    world.run(8000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)


def test_without_a_failback_the_role_stays_where_it_went() -> None:
    world = settled(MoveSettings(preferred_slot=1))
    fail_over(world)
    world.run(10_000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)


def test_an_ill_module_is_not_given_the_role_although_it_is_preferred() -> None:
    world = settled(PREFER_1)
    fail_over(world)
    become(world, 1, Role.STANDBY, 5000)
    world.modules[1].ask(StoreFailed("event", "disk full"))
    world.run(8000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)


def test_in_maintenance_nothing_moves_unasked() -> None:
    world = settled(PREFER_1)
    fail_over(world)
    become(world, 1, Role.STANDBY, 5000)
    world.modules[2].ask(MaintenanceAsked(1, "test", 10))
    world.run(9000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    become(world, 1, Role.ACTIVE, 6000)


def test_too_many_moves_by_policy_are_locked_out_too() -> None:
    world = settled(replace(PREFER_1, failovers_max=2))
    fail_over(world)
    become(world, 1, Role.ACTIVE, 12_000)
    fail_over(world)
    world.run(12_000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    lockout = status_of(world, 2)["lockout"]
    assert isinstance(lockout, dict) and lockout["is_locked"]
