"""Stories for rules that storms reach seldom or never, each named after what it leads to.

Two real nodes in virtual time, as in tests/unit/test_two_nodes.py. Each says how it must end; that
it passes its rule is seen by the marks (`tests.sim.test_marks`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bmcha.model.event import MaintenanceAsked, StopAsked, SwitchoverAsked
from bmcha.model.identity import Succession
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy
from tests.world import World

BARE, GATED, LEASE = BoardClass.BARE, BoardClass.GATED, BoardClass.LEASE
SLOW_STORE_MS = 190
LONG_MS = 2000


def _expect(world: World, slot: int, role: Role, reason: Reason, within_ms: int = 5000) -> None:
    module = world.modules[slot]

    def is_there() -> bool:
        machine = module.node.roles.machine if module.node is not None else None
        return machine is not None and (machine.role, machine.reason) == (role, reason)

    assert world.run(within_ms, is_there), world.story()


def a_chassis_of_one_slot() -> None:
    world = World(BARE)
    module = world.modules[1]
    module.settings = replace(module.settings, succession=Succession((1,)), paths=())
    world.boot(1)
    _expect(world, 1, Role.ACTIVE, Reason.LONE_START)


def a_holder_that_hears_too_late_that_it_is_passed_over() -> None:
    """The way back is mended while the other one, which hears nothing, is claiming already."""
    world = World(BARE).settled()
    world.modules[2].store_ms = SLOW_STORE_MS
    world.cut()
    assert world.run(LONG_MS, lambda: world.modules[2].role is Role.FENCING)
    world.cuts = {(path, 1) for path in world.path_names}
    _expect(world, 1, Role.RELINQUISHING, Reason.RELEASED_UNHEARD)


def a_handover_after_which_the_successor_is_not_heard() -> None:
    """It shows on its line that it holds: nothing is taken back."""
    world = World(GATED).settled()
    world.modules[2].store_ms = SLOW_STORE_MS
    world.modules[1].ask(SwitchoverAsked(1, "test", None, True))
    assert world.run(LONG_MS, lambda: world.modules[2].role is Role.FENCING)
    world.cut()
    _expect(world, 1, Role.STANDBY, Reason.HANDOVER_TIMED_OUT)
    assert world.dual_ms == 0


def a_holder_that_restarts_in_maintenance() -> None:
    """It takes again what it held."""
    world = World(BARE).settled()
    for module in world.modules.values():
        module.ask(MaintenanceAsked(1, "test", 60))
    world.run(300)
    world.kill(1)
    world.run(8)
    world.boot(1)
    assert world.run(6000, lambda: world.modules[1].role is Role.ACTIVE), world.story()
    assert world.modules[2].role is Role.STANDBY


def a_goodbye_beside_a_line_that_stays_up() -> None:
    """It is waited for, and not for ever."""
    world = World(GATED).settled()
    world.stick(2, "active", True)
    world.modules[1].ask(StopAsked("test"))
    _expect(world, 2, Role.STANDBY, Reason.LINE_FAULT_SUSPECTED)
    _expect(world, 2, Role.ACTIVE, Reason.UNVERIFIED_TAKEOVER, 10_000)


def a_presence_line_that_falls_while_the_holder_stands_still() -> None:
    """It answers nobody, but its ACTIVE line is up: PRESENCE alone takes nothing from it."""
    world = World(GATED).settled()
    before = list(world.modules[2].roles)
    world.modules[1].is_stopped = True
    world.stick(2, "presence", False)
    world.run(200)
    world.modules[1].is_stopped = False
    world.run(LONG_MS)
    assert world.modules[1].role is Role.ACTIVE
    assert world.modules[2].roles == before, world.story()


def pulled_out_while_a_claim_waits_for_its_answer() -> None:
    """A board with a PRESENCE line alone: an empty slot owes nothing."""
    world = World(BARE, IsolationPolicy.HOLD)
    for module in world.modules.values():
        module.settings = replace(module.settings, has_presence=True)
    world.settled().kill(1)
    world.run(8)
    world.modules[2].store_ms = SLOW_STORE_MS
    world.boot(1)
    assert world.run(LONG_MS, lambda: world.modules[2].role is Role.FENCING), world.story()
    world.cut()
    world.pull(1)
    assert world.run(LONG_MS, lambda: world.modules[2].role is Role.ACTIVE), world.story()


def pulled_out_when_nobody_was_heard_any_more(board: BoardClass) -> None:
    """The lines fall together, and the first reading that shows it is enough."""
    world = World(board)
    world.cut()
    world.boot(1)
    assert world.run(6000, lambda: world.modules[1].role is Role.ACTIVE)
    world.boot(2)
    world.run(6000)
    assert world.modules[2].role is Role.STANDBY, world.story()
    world.pull(1)
    _expect(world, 2, Role.ACTIVE, Reason.PEER_ABSENT)


def pulled_out_beside_a_line_that_tells_nothing(board: BoardClass, level: bool | None) -> None:
    """Its ACTIVE line reads up, or cannot be read, and nobody was heard any more."""
    world = World(board).settled()
    world.stick(2, "active", level)
    world.cut()
    world.run(LONG_MS)
    world.pull(1)
    _expect(world, 2, Role.ACTIVE, Reason.PEER_ABSENT)


STORIES: tuple[Callable[[], None], ...] = (
    a_chassis_of_one_slot,
    a_holder_that_hears_too_late_that_it_is_passed_over,
    a_handover_after_which_the_successor_is_not_heard,
    a_holder_that_restarts_in_maintenance,
    a_goodbye_beside_a_line_that_stays_up,
    a_presence_line_that_falls_while_the_holder_stands_still,
    pulled_out_while_a_claim_waits_for_its_answer,
    lambda: pulled_out_when_nobody_was_heard_any_more(GATED),
    lambda: pulled_out_when_nobody_was_heard_any_more(LEASE),
    lambda: pulled_out_beside_a_line_that_tells_nothing(GATED, True),
    lambda: pulled_out_beside_a_line_that_tells_nothing(LEASE, None),
)
