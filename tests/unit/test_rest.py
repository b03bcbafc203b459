"""A node at rest: when it is, how far apart its ticks are then, and that it misses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bmcha.ha.line_watch import Step
from bmcha.ha.path_monitor import HearingOfUs
from bmcha.ha.rest import REST_MS, rest_ns
from bmcha.model.effect import Effect
from bmcha.model.event import DrillAsked, Event, Tick
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass, NodeSettings
from bmcha.node import Node
from tests.world import World, path_settings, settings_of
from tests.world.life import Life
from tests.world.watcher import Watcher

SETTLE_MS = 4000
LATE_MS = 275
"""After the last beat a path is LATE, and not yet SILENT."""


class Counting(Watcher):
    def __init__(self) -> None:
        self.ticks: list[int] = []

    def stepped(self, life: Life, event: Event, effects: Sequence[Effect]) -> None:
        if life.slot == 1 and isinstance(event, Tick):
            self.ticks.append(life.clock())


def resting(board: BoardClass = BoardClass.GATED) -> World:
    world = World(board, watcher=Counting()).settled()
    world.run(SETTLE_MS)
    assert all(is_resting(world, slot) for slot in (1, 2))
    return world


def node_of(world: World, slot: int) -> Node:
    node = world.modules[slot].node
    assert node is not None
    return node


def is_resting(world: World, slot: int = 1) -> bool:
    return node_of(world, slot).may_rest_ns(world.modules[slot].clock()) > 0


@pytest.mark.parametrize("board", BoardClass)
def test_two_that_nothing_happens_to_tick_less_often(board: BoardClass) -> None:
    world = resting(board)
    assert isinstance(world.watcher, Counting)
    world.watcher.ticks.clear()
    world.run(10_000)
    gaps = [b - a for a, b in zip(world.watcher.ticks, world.watcher.ticks[1:], strict=False)]
    may_ns = rest_ns(world.modules[1].settings)
    assert max(gaps) <= may_ns + ns_from_ms(1)
    # At rest, for its fans, and after each reading that has changed.
    assert len(gaps) < 10_000 // 25 // 2
    assert ns_from_ms(75) <= may_ns <= ns_from_ms(REST_MS)


def test_an_active_with_fast_beats_goes_on_at_rest_and_its_orders_reach_the_fans() -> None:
    world = World(BoardClass.BARE)
    for module in world.modules.values():
        settings = module.settings
        module.settings = replace(
            settings,
            paths=tuple(
                path_settings(path.name, path.peer_slot, 30, 10) for path in settings.paths
            ),
            timers=replace(settings.timers, tick_ms=5),
        )
    world.settled().run(SETTLE_MS)
    assert all(is_resting(world, slot) for slot in (1, 2))
    first = world.modules[1]
    writes, roles = len(first.writes), len(first.roles)
    world.run(10_000)
    periods = 10_000 // first.settings.chassis.sensor_period_ms
    assert len(first.writes) - writes >= periods // 2
    assert len(first.roles) == roles and world.dual_ms == 0
    world.kill(1)
    world.run(100)
    assert world.roles() == (None, Role.ACTIVE)


@pytest.mark.parametrize(("own_ms", "peer_ms"), [(60, 50), (50, 60)])
def test_two_with_unlike_dead_times_go_on(own_ms: int, peer_ms: int) -> None:
    """As while the files of the two are changed, one after the other."""
    world = World(BoardClass.BARE)
    for module, dead_ms in zip(world.modules.values(), (own_ms, peer_ms), strict=True):
        settings = module.settings
        module.settings = replace(
            settings,
            paths=tuple(
                path_settings(path.name, path.peer_slot, dead_ms, 10) for path in settings.paths
            ),
            timers=replace(settings.timers, tick_ms=5),
        )
    world.settled().run(SETTLE_MS)
    roles = [len(module.roles) for module in world.modules.values()]
    world.run(20_000)
    assert [len(module.roles) for module in world.modules.values()] == roles
    world.kill(1)
    world.run(100)
    assert world.roles() == (None, Role.ACTIVE)


# ---- what ends it


def late_path(world: World) -> None:
    world.cut("udp", source=2)
    world.run(LATE_MS)


def unheard_there(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        peer.monitors[0].hearing_of_us = HearingOfUs(world.modules[1].clock(), None)


def unsaid_there(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        peer.monitors[0].hearing_of_us = None


def own_claim(world: World) -> None:
    node_of(world, 1).roles.machine.role = Role.FENCING


def sooner_judgement_there(world: World) -> None:
    """Beats prove nothing then."""
    for peer in node_of(world, 1).roles.peers:
        for monitor in peer.monitors:
            monitor.announced(monitor.deadtime_ns // 1_000_000 - 1)


def examined_line(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        peer.lines.step = Step.READ_AGAIN


def lying_line(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        peer.active_line_lies_since_ns = world.modules[1].clock()


def must_listen(world: World) -> None:
    node_of(world, 1).roles.own.listen_until(world.modules[1].clock() + 1)


def held_off(world: World) -> None:
    node_of(world, 1).roles.own.held_off_until_ns = world.modules[1].clock() + 1


def drill(world: World) -> None:
    node_of(world, 1).step(DrillAsked(7, "test", None), world.modules[1].clock())


def changed_cell(world: World) -> None:
    node = node_of(world, 1)
    sensor = node.chassis.picture.sensor(0)
    assert sensor is not None
    node.chassis._put(replace(sensor, value_milli=sensor.value_milli + 1))


def goodbye(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        peer.hear_goodbye()


def claiming_peer(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        assert peer.draft is not None
        peer.draft = replace(peer.draft, role=Role.FENCING)


def second_holder(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        assert peer.draft is not None
        peer.draft = replace(peer.draft, role=Role.ACTIVE)


def forgotten_word(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        peer.draft = None


def contradiction(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        peer.contradiction_since_ns = world.modules[1].clock()


def deaf_rival(world: World) -> None:
    for peer in node_of(world, 1).roles.peers:
        peer.deaf_rival_since_ns = world.modules[1].clock()


def fresh_role(world: World) -> None:
    node_of(world, 1).roles.machine.since_ns = world.modules[1].clock()


@pytest.mark.parametrize(
    "happens",
    [
        *(late_path, unheard_there, examined_line, lying_line, must_listen, held_off, drill),
        *(changed_cell, goodbye, fresh_role, claiming_peer, second_holder, forgotten_word),
        *(contradiction, deaf_rival, unsaid_there, own_claim, sooner_judgement_there),
    ],
)
def test_whatever_is_waited_for_ends_the_rest(happens) -> None:
    world = resting()
    happens(world)
    assert not is_resting(world)


def test_a_module_beside_a_dead_one_does_not_rest() -> None:
    world = resting()
    world.kill(2)
    world.run(20_000)
    assert world.roles() == (Role.ACTIVE, None)
    assert not is_resting(world)


def test_a_module_of_a_chassis_with_one_slot_rests() -> None:
    world = World(BoardClass.BARE, path_names=())
    settings = world.modules[1].settings
    alone = replace(settings, succession=replace(settings.succession, slots=(1,)))
    world.modules[1].settings = alone
    world.modules[1].boot()
    world.run(20_000)
    assert world.modules[1].roles[-1][1] is Role.ACTIVE
    assert is_resting(world)


# ---- how long


def with_times(tick_ms: int, stall_ms: int, watchdog_ms: int | None) -> NodeSettings:
    settings = settings_of(BoardClass.GATED, 1)
    timers = replace(settings.timers, tick_ms=tick_ms, stall_limit_ms=stall_ms)
    return replace(settings, timers=timers, watchdog_ms=watchdog_ms)


@pytest.mark.parametrize(
    ("tick_ms", "stall_ms", "watchdog_ms", "rest_ms"),
    [
        (5, 2000, None, REST_MS),
        (25, 2000, 1000, 250),
        (25, 200, None, 50),
        (25, 2000, 120, 30),
        (25, 2000, 80, 25),
        (250, 2000, 1000, 250),
    ],
)
def test_no_rest_looks_like_a_stall_or_lets_a_watchdog_fire(
    tick_ms: int, stall_ms: int, watchdog_ms: int | None, rest_ms: int
) -> None:
    assert rest_ns(with_times(tick_ms, stall_ms, watchdog_ms)) == ns_from_ms(rest_ms)
