"""Two modules of which one hears nothing: who lets go, and that it is done once."""

from __future__ import annotations

import pytest

from bmcha.model.key import NO_KEYS
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass
from tests.world import World

DEADTIME_MS = 500
BEAT_MS = 100


@pytest.mark.parametrize("unheard", [1, 2])
def test_of_two_that_start_with_one_way_dead_only_one_holds_for_long(unheard: int) -> None:
    world = World(BoardClass.BARE, keys=NO_KEYS)
    world.cut(source=unheard)
    world.boot()
    world.run(8000)
    assert sorted(str(role) for role in world.roles()) == [str(Role.ACTIVE), str(Role.STANDBY)]
    assert world.dual_ms <= 3 * BEAT_MS, world.story()


@pytest.mark.parametrize("board", BoardClass)
@pytest.mark.parametrize("unheard", [1, 2])
def test_with_keys_the_one_that_is_not_heard_claims_nothing_and_says_why(
    board: BoardClass, unheard: int
) -> None:
    """It cannot know whether what it hears is of now: the other one would have to hear it."""
    world = World(board)
    world.cut(source=unheard)
    world.boot()
    world.run(8000)
    assert world.dual_ms == 0
    assert world.roles()[2 - unheard] is Role.ACTIVE
    waiting = world.modules[unheard].node
    assert waiting is not None and waiting.roles.machine.role is not Role.ACTIVE
    assert "peer-unproven" in {alarm.alarm_id for alarm in waiting.chassis.alarms.raised()}
    world.heal()
    world.run(2000)
    assert sorted(map(str, world.roles())) == [str(Role.ACTIVE), str(Role.STANDBY)]
    assert "peer-unproven" not in {alarm.alarm_id for alarm in waiting.chassis.alarms.raised()}
    assert world.dual_ms == 0


def test_a_deaf_rival_that_died_is_followed_by_one_claim() -> None:
    """Its last word stays until its dead time is over; its fallen lines prove that word old."""
    world = World(BoardClass.GATED).settled()
    world.cut(source=2)
    world.run(3 * DEADTIME_MS)
    world.kill(1)
    world.run(2 * DEADTIME_MS)
    assert world.roles() == (None, Role.ACTIVE)
    claims = [role for _, role in world.modules[2].roles if role is Role.FENCING]
    assert len(claims) == 1, world.story()
