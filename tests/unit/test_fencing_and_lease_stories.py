"""Stories of two real nodes on boards that fence and on boards that lease, in virtual time."""

from __future__ import annotations

import pytest

from bmcha.model.event import MaintenanceAsked, StopAsked
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.unit.test_two_nodes import alarms_of, become, changes_of, reason_of, status_of
from tests.world import World

RESET, LEASE = BoardClass.RESET, BoardClass.LEASE
DEAD_MS, UNVERIFIED_MS, LEASE_WINDOW_MS = 500, 3000, 310
LONG_MS = 20_000
PATHS = ("udp", "serial")


def boots(world: World) -> tuple[int, int]:
    return world.modules[1].boots, world.modules[2].boots


# ---- both


@pytest.mark.parametrize("board", [RESET, LEASE])
@pytest.mark.parametrize("slot", [1, 2])
def test_who_starts_cut_off_beside_a_holder_stays_away_and_resets_nobody(
    board: BoardClass, slot: int
) -> None:
    world = World(board)
    world.cut()
    world.boot(3 - slot)
    assert world.run(LONG_MS, lambda: world.modules[3 - slot].role is Role.ACTIVE)
    world.boot(slot)
    world.run(LONG_MS)
    assert world.modules[slot].role is Role.STANDBY
    assert boots(world) == (1, 1)
    assert world.dual_ms == 0


@pytest.mark.parametrize("board", [RESET, LEASE])
def test_two_that_start_cut_off_have_one_holder_and_reset_nobody(board: BoardClass) -> None:
    world = World(board)
    world.cut()
    world.boot()
    world.run(60_000)
    assert boots(world) == (1, 1)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert world.dual_ms == 0


# ---- reset


def test_a_cut_off_holder_is_reset_once_and_then_followed() -> None:
    world = World(RESET).settled()
    world.cut()
    assert become(world, 2, Role.ACTIVE, 2 * DEAD_MS) <= DEAD_MS + 100
    assert reason_of(world.modules[2]) is Reason.PEER_FENCED
    world.run(LONG_MS)
    assert world.dual_ms == 0
    assert boots(world) == (2, 1), "one reset, and none in return"
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert reason_of(world.modules[1]) is Reason.ISOLATED


def test_when_the_paths_come_back_after_a_fence_nothing_moves() -> None:
    world = World(RESET).settled()
    world.cut()
    world.run(5000)
    world.heal()
    world.run(5000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert world.dual_ms == 0


@pytest.mark.parametrize("stop_ms", [1, 10, 100, 299, 310, 450, 600, 2000, 60_000])
def test_a_holder_that_stands_still_is_followed_and_never_joined(stop_ms: int) -> None:
    world = World(RESET).settled()
    world.modules[1].is_stopped = True
    world.run(stop_ms)
    world.modules[1].is_stopped = False
    world.run(5000)
    assert world.dual_ms == 0
    assert sorted(str(role) for role in world.roles()) == ["Role.ACTIVE", "Role.STANDBY"]


def test_a_holder_that_is_heard_but_hears_nothing_lets_go_before_it_is_reset() -> None:
    world = World(RESET).settled()
    world.cut(source=1)
    become(world, 2, Role.ACTIVE, 5000)
    assert boots(world) == (1, 1)
    assert world.dual_ms == 0
    assert Reason.RELEASED_UNHEARD in changes_of(world.modules[1])


@pytest.mark.parametrize("line", ["health", "presence"])
def test_one_lying_line_does_not_get_a_heard_holder_reset(line: str) -> None:
    world = World(RESET).settled()
    world.stick(2, line, False)
    world.run(LONG_MS)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert boots(world) == (1, 1)


def test_a_fence_whose_effect_cannot_be_seen_ends_in_a_takeover_with_a_critical_alarm() -> None:
    world = World(RESET).settled()
    for line in ("health", "active"):
        world.stick(2, line, True)
    world.cut()
    took_ms = become(world, 2, Role.ACTIVE, UNVERIFIED_MS + 2000)
    assert took_ms >= UNVERIFIED_MS
    assert reason_of(world.modules[2]) is Reason.UNVERIFIED_TAKEOVER
    assert "unverified-takeover" in alarms_of(world.modules[2])


def test_a_reset_peer_whose_active_line_is_stuck_up_is_not_waited_for() -> None:
    world = World(RESET).settled()
    world.stick(2, "active", True)
    world.run(100)
    world.cut()
    assert become(world, 2, Role.ACTIVE, 2 * DEAD_MS) <= DEAD_MS + 100
    assert reason_of(world.modules[2]) is Reason.PEER_FENCED
    assert world.dual_ms == 0


def test_a_reset_peer_that_is_heard_to_boot_is_followed_though_its_line_is_stuck() -> None:
    world = World(RESET).settled()
    for line in ("active", "health"):
        world.stick(2, line, True)
    world.run(100)
    world.cut()
    assert world.run(1000, lambda: world.modules[1].life is None)
    world.heal()
    become(world, 2, Role.ACTIVE, 1000)
    world.run(5000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert boots(world) == (2, 1), "once is enough"
    assert status_of(world, 1)["mirror"]["state"] == "SYNCED"  # type: ignore[index]


@pytest.mark.parametrize("heal_ms", range(0, 900, 50))
def test_a_peer_that_lets_go_after_a_pulse_that_did_not_reach_it_is_not_reset_again(
    heal_ms: int,
) -> None:
    """Its reset line is broken; it is heard again, hears that it is passed over, and says so."""
    world = World(RESET).settled()
    world.modules[1].is_reset_deaf = True
    world.cut()
    become(world, 2, Role.FENCING, 2 * DEAD_MS)
    world.run(60 + heal_ms)
    world.modules[1].is_reset_deaf = False
    world.heal()
    become(world, 2, Role.ACTIVE, 500)
    assert reason_of(world.modules[2]) is Reason.PEER_RELEASED
    world.run(5000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert boots(world) == (1, 1) and world.dual_ms == 0


def test_a_holder_whose_line_cannot_be_read_is_reset_once_and_then_followed() -> None:
    world = World(RESET).settled()
    world.stick(2, "active", None)
    world.run(100)
    world.cut()
    assert become(world, 2, Role.ACTIVE, 2 * DEAD_MS) <= DEAD_MS + 100
    assert reason_of(world.modules[2]) is Reason.PEER_FENCED
    world.run(5000)
    assert boots(world) == (2, 1) and world.dual_ms == 0


def test_a_fence_that_no_line_can_show_ends_in_a_takeover_that_says_so() -> None:
    world = World(RESET).settled()
    for line in ("health", "active"):
        world.stick(2, line, None)
    world.run(100)
    world.cut()
    took_ms = become(world, 2, Role.ACTIVE, UNVERIFIED_MS + 2000)
    assert took_ms >= UNVERIFIED_MS
    assert reason_of(world.modules[2]) is Reason.UNVERIFIED_TAKEOVER


def test_who_held_itself_since_does_not_reset_a_follower_that_it_never_heard() -> None:
    """1 was ACTIVE, is reset, and boots cut off; 2 holds, stands still, and 1 takes over."""
    world = World(RESET).settled()
    world.cut()
    become(world, 2, Role.ACTIVE, 2 * DEAD_MS)
    world.run(5000)
    assert boots(world) == (2, 1)
    world.modules[2].is_stopped = True
    become(world, 1, Role.ACTIVE, 5000)
    world.modules[2].is_stopped = False
    world.run(LONG_MS)
    assert boots(world) == (2, 1), "one reset in all"
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert reason_of(world.modules[2]) is Reason.ISOLATED


def test_in_maintenance_nobody_is_reset() -> None:
    world = World(RESET).settled()
    world.modules[1].ask(MaintenanceAsked(1, "test", 60))
    world.run(500)
    world.cut()
    world.run(10_000)
    assert boots(world) == (1, 1)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)


def test_a_fencer_that_stands_still_before_its_pulse_gives_none() -> None:
    world = World(RESET).settled()
    world.cut()
    become(world, 2, Role.FENCING, 2 * DEAD_MS)
    world.modules[2].is_stopped = True
    world.run(3000)
    world.modules[2].is_stopped = False
    world.run(5)
    assert Reason.OWN_GAP_TOO_LONG in changes_of(world.modules[2])
    assert boots(world) == (1, 1)


# ---- lease


def test_a_cut_off_holder_lets_go_when_its_lease_is_over_and_is_followed() -> None:
    world = World(LEASE).settled()
    world.cut()
    assert become(world, 2, Role.ACTIVE, 2 * DEAD_MS) <= DEAD_MS + 50 + 100
    assert Reason.LEASE_OVER in changes_of(world.modules[1])
    world.run(LONG_MS)
    assert world.dual_ms == 0
    assert world.roles() == (Role.STANDBY, Role.ACTIVE), "and neither lets go again"
    assert changes_of(world.modules[2]).count(Reason.LEASE_OVER) <= 1


def test_a_holder_whose_standby_died_lets_go_once_and_takes_back() -> None:
    world = World(LEASE).settled()
    world.kill(2)
    world.run(60_000)
    assert world.modules[1].role is Role.ACTIVE
    changes = changes_of(world.modules[1])
    assert changes.count(Reason.LEASE_OVER) == 1
    assert changes.count(Reason.TAKEN_BACK) == 2, "into the claim, and through it"


@pytest.mark.parametrize("how", ["pulled", "stopped in order"])
def test_a_holder_lets_nothing_go_for_a_standby_that_is_known_to_be_away(how: str) -> None:
    world = World(LEASE).settled()
    if how == "pulled":
        world.pull(2)
    else:
        world.modules[2].ask(StopAsked("test"))
    world.run(LONG_MS)
    assert Reason.LEASE_OVER not in changes_of(world.modules[1])


def test_a_holder_lets_nothing_go_for_a_module_that_is_put_in() -> None:
    """Its PRESENCE is up again, and it has not said a word yet."""
    world = World(LEASE).settled()
    world.pull(2)
    world.run(LONG_MS)
    world.modules[2].hardware.is_powered = True
    world.tell_lines()
    world.run(3000)
    world.boot(2)
    world.run(LONG_MS)
    assert Reason.LEASE_OVER not in changes_of(world.modules[1])
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)


def test_a_frozen_holder_whose_line_stays_up_is_followed_with_a_critical_alarm() -> None:
    world = World(LEASE).settled()
    world.modules[1].is_stopped = True
    took_ms = become(world, 2, Role.ACTIVE, DEAD_MS + UNVERIFIED_MS + 1000)
    assert took_ms >= UNVERIFIED_MS
    assert "unverified-takeover" in alarms_of(world.modules[2])


def test_a_holder_that_nobody_hears_any_more_lets_go_before_it_is_followed() -> None:
    world = World(LEASE).settled()
    world.cut(source=1)
    world.run(LONG_MS)
    assert world.dual_ms == 0
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)


def test_a_holder_that_hears_nothing_lets_go_and_the_role_moves_at_most_once_each_way() -> None:
    world = World(LEASE).settled()
    world.cut(source=2)
    world.run(60_000)
    assert world.dual_ms == 0
    assert sorted(str(role) for role in world.roles()) == ["Role.ACTIVE", "Role.STANDBY"]
    assert len(changes_of(world.modules[1])) < 12


@pytest.mark.parametrize("path", PATHS)
def test_losing_one_path_ends_no_lease(path: str) -> None:
    world = World(LEASE).settled()
    world.cut(path)
    world.run(LONG_MS)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert Reason.LEASE_OVER not in changes_of(world.modules[1])
