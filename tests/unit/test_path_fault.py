"""What is broken where a path is silent: each fault told apart, each with its evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.answers.paths import paths
from bmcha.ha.path_fault import PathFault
from bmcha.model.event import LinkSigns, PathCounts, PathSummarised, StopAsked
from bmcha.model.settings import BoardClass
from tests.unit.test_two_nodes import alarms_of
from tests.world import Module, World

GATED, BARE = BoardClass.GATED, BoardClass.BARE
COUNTS = PathCounts(0, 0, 0, 0, 0, 0, None)
SILENT_MS = 1500


def settled(board: BoardClass = GATED) -> World:
    return World(board).settled()


def found(world: World, slot: int = 2, path: str = "udp") -> tuple[PathFault, str]:
    """The fault that the module in ``slot`` sees on the path, and its evidence."""
    node = world.modules[slot].node
    assert node is not None
    told = paths(node.facts, world.now_ns)[path]["diagnosis"]
    fault = next(each for each in PathFault if each.value == told["fault"])
    assert told["text"] == fault.sentence
    return fault, "; ".join(told["evidence"])


def tell(module: Module, counts: PathCounts, error: str = "", path: str = "udp") -> None:
    """The engine's word about its port, in the place of its own summary."""
    assert module.node is not None
    module.node.step(PathSummarised(path, None, None, None, counts, error), module.world.now_ns)


def test_a_path_that_works_has_no_fault_and_no_evidence() -> None:
    assert found(settled()) == (PathFault.NONE, "")


def test_it_is_too_early_to_say_before_the_first_dead_time() -> None:
    world = World(GATED)
    world.boot(2)
    world.run(100)
    assert found(world) == (PathFault.WAITING, "")


@pytest.mark.parametrize("board", list(BoardClass))
def test_a_cable_is_named_where_the_peer_is_heard_elsewhere(board: BoardClass) -> None:
    world = settled(board)
    world.cut("udp")
    world.run(SILENT_MS)
    for slot in (1, 2):
        assert found(world, slot) == (PathFault.CABLE, "the peer is heard on serial")
        assert found(world, slot, "serial") == (PathFault.NONE, "")


def test_a_refused_port_of_a_peer_that_lives_is_its_port() -> None:
    world = settled()
    world.cut("udp")
    world.run(SILENT_MS)
    signs = LinkSigns(refused_count=1, refused_ns=world.now_ns)
    tell(world.modules[2], replace(COUNTS, signs=signs))
    fault, evidence = found(world)
    assert fault is PathFault.PEER_PORT
    assert "heard on serial" in evidence and "refused 0 ms ago" in evidence


def test_a_refusal_of_before_the_last_beat_says_nothing() -> None:
    world = settled()
    old = LinkSigns(refused_count=1, refused_ns=world.now_ns)
    world.run(300)
    world.cut("udp")
    world.run(SILENT_MS)
    tell(world.modules[2], replace(COUNTS, signs=old))
    assert found(world)[0] is PathFault.CABLE


def test_one_way_is_told_at_both_ends() -> None:
    world = settled()
    world.cut("udp", source=1)
    world.run(2 * SILENT_MS)
    assert found(world, 1) == (
        PathFault.ONE_WAY,
        "the peer is heard here and hears nothing from here",
    )
    assert found(world, 2)[0] is PathFault.ONE_WAY
    assert "its own beats lack" in found(world, 2)[1]


def test_the_own_port_and_the_own_carrier_come_before_all_else() -> None:
    world = settled()
    world.cut("udp")
    world.run(SILENT_MS)
    tell(world.modules[2], replace(COUNTS, signs=LinkSigns(has_carrier=False)))
    assert found(world)[0] is PathFault.NO_CARRIER
    tell(world.modules[2], COUNTS, "/dev/ttyS1 cannot be opened: No such device")
    assert found(world) == (PathFault.OWN_PORT, "/dev/ttyS1 cannot be opened: No such device")


def test_noise_is_an_alarm_for_as_long_as_it_lasts() -> None:
    world = settled()
    tell(world.modules[2], replace(COUNTS, is_noisy=True, noise_per_s=5000))
    assert "path-udp-noise" in alarms_of(world.modules[2])
    tell(world.modules[2], replace(COUNTS, is_noisy=False, noise_per_s=40))
    assert "path-udp-noise" not in alarms_of(world.modules[2])


def test_noise_and_another_chassis_are_told() -> None:
    world = settled()
    world.cut()
    world.run(SILENT_MS)
    tell(world.modules[2], replace(COUNTS, is_noisy=True, noise_per_s=5000))
    assert found(world)[0] is PathFault.NOISE and "5000" in found(world)[1]
    tell(world.modules[2], replace(COUNTS, foreign_count=3, foreign_chassis_id=4711))
    assert found(world) == (PathFault.OTHER_CHASSIS, "beats of chassis 4711 arrive")


def test_a_killed_peer_has_failed_by_its_line() -> None:
    world = settled()
    world.kill(1)
    world.run(SILENT_MS)
    fault, evidence = found(world)
    assert fault is PathFault.PEER_FAILED
    assert "as a death does" in evidence


def test_a_stopped_peer_is_paused_by_its_line() -> None:
    """The watchdog of this world is 300 ms: 300 ms after its last feed, HEALTH falls."""
    world = settled()
    world.modules[1].is_stopped = True
    world.run(SILENT_MS)
    fault, evidence = found(world)
    assert fault is PathFault.PEER_PAUSED
    assert "as its watchdog does" in evidence


def test_a_killed_peer_without_lines_has_failed_if_its_port_is_refused_else_it_is_unknown() -> None:
    world = settled(BARE)
    world.kill(1)
    world.run(SILENT_MS)
    assert found(world)[0] is PathFault.UNKNOWN
    tell(world.modules[2], replace(COUNTS, signs=LinkSigns(1, world.now_ns)))
    assert found(world)[0] is PathFault.PEER_FAILED


def test_all_cables_cut_are_told_from_a_dead_peer_by_its_health_line() -> None:
    world = settled()
    world.cut()
    world.run(SILENT_MS)
    fault, evidence = found(world)
    assert fault is PathFault.CABLE
    assert "HEALTH line is up" in evidence


def test_a_pulled_peer_is_absent_and_one_that_said_goodbye_has_left() -> None:
    world = settled()
    world.pull(1)
    world.run(SILENT_MS)
    assert found(world)[0] is PathFault.PEER_ABSENT
    world = settled()
    world.modules[1].ask(StopAsked("test"))
    world.run(SILENT_MS)
    assert found(world)[0] is PathFault.PEER_LEFT


def test_a_line_down_since_before_the_peer_was_heard_proves_nothing() -> None:
    world = World(GATED)
    world.stick(2, "health", False)
    world.boot(2)
    world.run(SILENT_MS)
    assert found(world)[0] is PathFault.UNKNOWN
