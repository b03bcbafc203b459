"""What is broken where a path is silent: each fault told apart, each with its evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.answers.paths import paths
from bmcha.ha.path_fault import SLACK_NS, PathFault, Pinged, Symptoms, diagnose
from bmcha.ha.path_monitor import PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.model.event import LineLevels, LinkSigns, PathCounts, PathSummarised, StopAsked
from bmcha.model.settings import BoardClass, PathKind
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.unit.test_two_nodes import alarms_of
from tests.world import Module, World, path_settings

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


# ---- by the symptoms alone

HEARD_MS, NOW_MS, WATCHDOG_MS, BEAT_MS = 10_000, 12_000, 2000, 100


def symptoms(*heard_on: str, kind: PathKind = PathKind.UDP, **given: object) -> Symptoms:
    """Of the silent path udp; the peer is still heard on the paths that are named."""
    names = ("udp", "serial")
    settings = [replace(path_settings(name, 2), kind=kind) for name in names]
    monitors = [PathMonitor(each, 0) for each in settings]
    peer = PeerView(2, monitors, ms(15), 0)
    assert peer.meet(header(), "udp", ms(HEARD_MS))
    for monitor in monitors:
        monitor.heard(ms(HEARD_MS), 3)
        if monitor.name not in heard_on:
            monitor.overdue(ms(HEARD_MS), ms(NOW_MS), False)
    peer.hear(beat(draft()), OWN_BOOT, ms(HEARD_MS))
    found = Symptoms(peer, monitors[0], None, "", ms(WATCHDOG_MS), ms(NOW_MS))
    return replace(found, **given)  # type: ignore[arg-type]


def never_heard(**given: object) -> Symptoms:
    path = PathMonitor(path_settings("udp", 2), 0)
    found = Symptoms(PeerView(2, [path], ms(15), 0), path, None, "", None, ms(NOW_MS))
    return replace(found, **given)  # type: ignore[arg-type]


def fault_of(of: Symptoms) -> PathFault:
    return diagnose(of).fault


def test_a_refusal_on_a_path_that_was_never_heard_is_the_peers_failure() -> None:
    of = never_heard(counts=replace(COUNTS, signs=LinkSigns(1, ms(NOW_MS - 30))))
    of.monitor.overdue(None, ms(NOW_MS), False)
    assert diagnose(of).evidence == (
        "its port was refused 30 ms ago: its module runs, nobody has the port open",
    )
    assert fault_of(of) is PathFault.PEER_FAILED


def test_a_foreign_module_beside_a_peer_that_is_heard_elsewhere_is_not_its_cable() -> None:
    foreign = replace(COUNTS, foreign_count=1, foreign_chassis_id=4711)
    assert fault_of(symptoms("serial", counts=foreign)) is PathFault.CABLE
    assert fault_of(symptoms(counts=foreign)) is PathFault.OTHER_CHASSIS


def test_a_path_of_whose_beat_a_summary_told_is_not_waited_for() -> None:
    of = never_heard()
    assert fault_of(of) is PathFault.WAITING
    of.monitor.summarised(ms(HEARD_MS))
    assert fault_of(of) is PathFault.UNKNOWN


@pytest.mark.parametrize("kind", list(PathKind))
def test_a_silent_path_over_bare_ethernet_may_have_the_wrong_address(kind: PathKind) -> None:
    """The filter drops what comes from another one, and nobody counts it."""
    of = diagnose(symptoms("serial", kind=kind))
    told = ("unless its address here is not remote_mac",)
    assert of.fault is PathFault.CABLE
    assert of.evidence[1:] == (told if kind is PathKind.ETHERNET else ())


@pytest.mark.parametrize(
    ("kind", "answers", "expected"),
    [
        (PathKind.UDP, True, PathFault.PEER_PORT),
        (PathKind.UDP, False, PathFault.CABLE),
        (PathKind.UDP, None, PathFault.CABLE),
        (PathKind.SERIAL, True, PathFault.CABLE),
    ],
)
def test_a_peer_that_answers_pings_has_a_sound_network(
    kind: PathKind, answers: bool | None, expected: PathFault
) -> None:
    """Which says nothing of a serial line."""
    of = symptoms("serial", kind=kind, pinged=Pinged(peer=answers))
    assert fault_of(of) is expected


@pytest.mark.parametrize(
    ("peer", "reference", "expected", "says_peer"),
    [
        (True, True, PathFault.PEER_SOFTWARE, False),
        (True, False, PathFault.PEER_SOFTWARE, False),
        (False, True, PathFault.PEER_OR_CABLE, True),
        (None, True, PathFault.PEER_OR_CABLE, False),
        (False, False, PathFault.CUT_OFF, False),
        (None, False, PathFault.UNKNOWN, False),
        (False, None, PathFault.UNKNOWN, False),
        (None, None, PathFault.UNKNOWN, False),
    ],
)
def test_where_no_line_tells_third_parties_do(
    peer: bool | None, reference: bool | None, expected: PathFault, says_peer: bool
) -> None:
    found = diagnose(symptoms(pinged=Pinged(peer, reference)))
    assert found.fault is expected
    assert ("the peer's address does not" in found.evidence[-1]) is says_peer


@pytest.mark.parametrize(
    ("after_ms", "watchdog_ms", "expected"),
    [
        (0, WATCHDOG_MS, PathFault.PEER_FAILED),
        (BEAT_MS + 150, WATCHDOG_MS, PathFault.PEER_FAILED),
        (BEAT_MS + 151, WATCHDOG_MS, PathFault.UNKNOWN),
        (WATCHDOG_MS - 151, WATCHDOG_MS, PathFault.UNKNOWN),
        (WATCHDOG_MS - 150, WATCHDOG_MS, PathFault.PEER_PAUSED),
        (BEAT_MS, 200, PathFault.UNKNOWN),
        (0, None, PathFault.UNKNOWN),
    ],
)
def test_when_health_fell_tells_a_death_from_a_standstill(
    after_ms: int, watchdog_ms: int | None, expected: PathFault
) -> None:
    """After a beat's time and a slack it was no death, earlier than the watchdog no standstill."""
    assert ms(150) == SLACK_NS
    of = symptoms(watchdog_ns=None if watchdog_ms is None else ms(watchdog_ms))
    of.peer.lines.read(LineLevels(True, False, False), ms(HEARD_MS + after_ms))
    assert fault_of(of) is expected
