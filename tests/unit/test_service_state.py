"""What a node makes of its service's word: a crash before, a stuck thread, settings read again."""

from dataclasses import replace

import pytest

from bmcha.ha.rest import REST_MS
from bmcha.ha.service_state import STEADY_NS, ServiceState, reload_body, reload_sentence
from bmcha.model.effect import AdoptSettings, Answer
from bmcha.model.event import (
    Question,
    SettingChange,
    SettingsReloaded,
    StatusAsked,
    StopAsked,
    SwitchoverAsked,
    WorkerRecovered,
    WorkerStalled,
)
from bmcha.model.moment import NS_PER_S
from bmcha.model.restart import Restart
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass, IsolationPolicy, NodeSettings
from bmcha.node import Node
from tests.world import World, settings_of

CRASHED = Restart(crashes_count=2, hold_off_ms=6000, why="thread udp failed: OSError")


def alarms(node: Node) -> dict[str, str]:
    return {alarm.alarm_id: alarm.text for alarm in node.chassis.alarms.raised()}


def boot_after_crash(world: World, slot: int, restart: Restart) -> Node:
    """As `Module.boot`, with a word about the former life."""
    module = world.modules[slot]
    module.boot()
    node = Node(module.settings, slot, slot * 1000 + 1, 0, [], 0, world.now_ns, restart)
    module.node = node
    node.start(world.now_ns)
    return node


def test_after_a_crash_no_role_is_claimed_before_the_hold_off_is_over_and_then_it_is() -> None:
    world = World(BoardClass.GATED)
    node = boot_after_crash(world, 1, CRASHED)
    begun_ms = world.now_ms
    # Alone: PRESENCE says that nobody else is there, and it would claim at once.
    world.modules[2].hardware.is_powered = False
    world.tell_lines()
    world.run(5900)
    assert node.roles.machine.role is Role.STARTING
    assert world.run(2000, lambda: node.roles.machine.role is Role.ACTIVE)
    assert 6000 <= world.now_ms - begun_ms < 6100


@pytest.mark.parametrize("board", list(BoardClass))
@pytest.mark.parametrize("question", ["switchover", "stop"])
def test_what_is_handed_over_is_taken_in_the_hold_off_too(board: BoardClass, question: str) -> None:
    world = World(board).boot(2)
    assert world.run(5000, lambda: world.modules[2].role is Role.ACTIVE)
    world.run(world.modules[2].settings.timers.hold_off_ms)
    node = boot_after_crash(world, 1, CRASHED)
    holder = world.modules[2].node
    assert holder is not None
    assert world.run(2000, lambda: holder.facts.is_mirror_synced())
    asked = (
        SwitchoverAsked(1, "a test", None, False)
        if question == "switchover"
        else StopAsked("a test")
    )
    world.modules[2].ask(asked)
    assert world.run(500, lambda: node.roles.machine.role is Role.ACTIVE)
    assert node.facts.service.hold_off_left_ns(world.now_ns) > 0
    assert world.dual_ms == 0


@pytest.mark.parametrize("board", list(BoardClass))
def test_a_peer_that_dies_in_the_hold_off_is_replaced_as_at_any_other_time(
    board: BoardClass,
) -> None:
    world = World(board).boot(2)
    assert world.run(5000, lambda: world.modules[2].role is Role.ACTIVE)
    node = boot_after_crash(world, 1, replace(CRASHED, hold_off_ms=60_000))
    assert world.run(2000, lambda: node.roles.machine.role is Role.STANDBY)
    world.run(500)
    assert node.roles.inputs(world.now_ns).must_listen
    world.kill(2)
    assert world.run(2000, lambda: node.roles.machine.role is Role.ACTIVE)
    assert world.dual_ms == 0
    world.modules[1].ask(StatusAsked(1, Question.WHY))
    world.run(1)
    assert world.modules[1].answers[-1].body["waits"] == []


def test_the_hold_off_is_shown_as_a_wait_and_an_alarm_with_its_reason() -> None:
    world = World(BoardClass.GATED)
    node = boot_after_crash(world, 1, CRASHED)
    world.run(100)
    world.modules[1].ask(StatusAsked(1, Question.WHY))
    world.run(1)
    (wait,) = [w for w in world.modules[1].answers[-1].body["waits"] if "crash" in w["what"]]
    assert wait["what"] == "hold-off after a crash (thread udp failed: OSError)"
    assert 5800 <= wait["remaining_ms"] <= 6000
    assert alarms(node)["crashed"] == (
        "the service crashed 2 times in a row; the last: thread udp failed: OSError"
    )


def test_whoever_did_not_crash_takes_the_chassis_meanwhile() -> None:
    world = World(BoardClass.GATED)
    boot_after_crash(world, 1, CRASHED)
    world.boot(2)
    assert world.run(5000, lambda: world.modules[2].role is Role.ACTIVE)
    assert world.run(1000, lambda: world.modules[1].role is Role.STANDBY)


def test_a_restarted_module_stands_by_at_once_and_takes_over_when_the_peer_goes() -> None:
    world = World(BoardClass.GATED).boot(2)
    assert world.run(5000, lambda: world.modules[2].role is Role.ACTIVE)
    node = boot_after_crash(world, 1, replace(CRASHED, hold_off_ms=1000))
    assert world.run(500, lambda: node.roles.machine.role is Role.STANDBY)
    world.run(1000)
    world.kill(2)
    assert world.run(1000, lambda: node.roles.machine.role is Role.ACTIVE)
    assert world.dual_ms == 0


def test_the_alarm_of_a_crash_ends_when_the_service_has_been_steady() -> None:
    state = ServiceState(0, CRASHED)
    assert [found[0] for found in state.conditions(STEADY_NS - 1)] == ["crashed"]
    assert state.conditions(STEADY_NS) == []
    assert ServiceState(0, Restart()).conditions(1) == []


def test_a_node_that_stood_still_during_its_hold_off_is_not_let_go_earlier() -> None:
    world = World(BoardClass.GATED)
    node = boot_after_crash(world, 1, CRASHED)
    node.roles.stood_still(world.now_ns)
    assert node.roles.inputs(world.now_ns + 5 * NS_PER_S).must_listen


def test_a_stuck_thread_is_an_alarm_and_costs_health_until_it_goes_on() -> None:
    world = World(BoardClass.GATED).boot()
    world.run(4000)
    module, node = world.modules[1], world.modules[1].node
    assert node is not None
    module.ask(WorkerStalled("path udp", 3000))
    world.run(REST_MS)
    assert alarms(node)["thread-path-udp-stalled"].startswith("the thread path udp is stuck")
    assert node.facts.health.score == 90
    module.ask(WorkerRecovered("path udp"))
    world.run(REST_MS)
    assert "thread-path-udp-stalled" not in alarms(node)
    assert node.facts.health.score == 100


# ---- settings read again


def reloaded(settings: NodeSettings, *changes: SettingChange) -> SettingsReloaded:
    return SettingsReloaded(7, "control", settings, changes)


@pytest.fixture
def world() -> World:
    world = World(BoardClass.GATED).boot()
    assert world.run(6000, lambda: world.modules[1].role is Role.ACTIVE)
    world.run(500)
    return world


def test_a_new_limit_judges_the_next_reading(world) -> None:
    module, node = world.modules[1], world.modules[1].node
    (sensor,) = module.settings.chassis.sensors
    lower = replace(sensor, high_milli=29_000)
    chassis = replace(module.settings.chassis, sensors=(lower,))
    assert "sensor-inlet-limit" not in alarms(node)
    module.ask(reloaded(replace(module.settings, chassis=chassis)))
    world.run(400)
    assert "sensor-inlet-limit" in alarms(node)
    module.ask(reloaded(module.settings))
    world.run(400)
    assert "sensor-inlet-limit" not in alarms(node)


def test_a_new_fan_minimum_and_a_new_curve_drive_the_fan(world) -> None:
    module = world.modules[1]
    (fan,), (zone,) = module.settings.chassis.fans, module.settings.chassis.zones
    chassis = replace(module.settings.chassis, fans=(replace(fan, pwm_min=200),))
    module.ask(reloaded(replace(module.settings, chassis=chassis)))
    assert world.run(600, lambda: module.writes[-1][1] == 200)
    curve = replace(zone, curve=((0, 250), (1, 255)))
    chassis = replace(module.settings.chassis, zones=(curve,))
    module.ask(reloaded(replace(module.settings, chassis=chassis)))
    assert world.run(600, lambda: module.writes[-1][1] == 255)


def test_a_takeover_goes_by_the_own_minima_whatever_the_mirror_brought(world) -> None:
    standby = world.modules[2]
    (fan,) = standby.settings.chassis.fans
    chassis = replace(standby.settings.chassis, fans=(replace(fan, pwm_min=222),))
    standby.ask(reloaded(replace(standby.settings, chassis=chassis)))
    world.run(100)
    world.kill(1)
    assert world.run(2000, lambda: standby.role is Role.ACTIVE)
    assert world.run(600, lambda: standby.writes[-1][1] == 222)


def test_new_timers_and_policies_are_what_the_node_goes_by(world) -> None:
    module, node = world.modules[1], world.modules[1].node
    (udp, serial), timers = module.settings.paths, module.settings.timers
    settings = replace(
        module.settings,
        paths=(replace(udp, warntime_ms=300, jeopardy_deadtime_ms=1700), serial),
        timers=replace(timers, hold_off_ms=77_000, probe_ms=33),
        isolation_policy=IsolationPolicy.HOLD,
        is_lone_start_allowed=True,
    )
    module.ask(reloaded(settings))
    world.run(1)
    roles = node.roles
    assert roles.machine.is_held_off(world.now_ns + 60 * NS_PER_S)
    assert roles.inputs(world.now_ns).policy is IsolationPolicy.HOLD
    (peer,) = roles.peers
    assert peer.lines.probe_ns == 33_000_000
    assert node.facts.settings is roles.settings is node.settings is settings
    # The last path waits the new jeopardy time, and is late at the new warntime.
    world.cut("serial")
    world.run(1000)
    monitor = peer.monitors[0]
    assert monitor.next_watch_ns(is_last_path=False) == 300_000_000
    world.cut("udp")
    world.run(310)
    assert monitor.health.name == "LATE"
    assert monitor.next_watch_ns(is_last_path=True) == 1_700_000_000


def test_whoever_asked_is_answered_and_the_log_says_what_changed(world) -> None:
    module = world.modules[1]
    good = SettingChange("c.toml", "timers.hold_off_ms", "1", "2")
    bad = SettingChange("b.toml", "class", '"gated"', '"bare"', "needs a restart")
    module.ask(reloaded(module.settings, good, bad))
    world.run(1)
    answer = module.answers[-1]
    assert answer == Answer(7, True, reload_body(reloaded(module.settings, good, bad)))
    assert answer.body == {
        "changed": [
            {"file": "c.toml", "key": "timers.hold_off_ms", "old": "1", "new": "2"},
        ],
        "needs_restart": [
            {
                "file": "b.toml",
                "key": "class",
                "old": '"gated"',
                "new": '"bare"',
                "why": "needs a restart",
            },
        ],
    }
    assert module.events[-1].text == (
        "settings read again, asked by control: changed timers.hold_off_ms; needs a restart: class"
    )


def other_limit(settings: NodeSettings) -> NodeSettings:
    (sensor,) = settings.chassis.sensors
    sensors = (replace(sensor, high_milli=29_000),)
    return replace(settings, chassis=replace(settings.chassis, sensors=sensors))


def test_an_isolated_holder_takes_no_new_limit_unless_it_is_forced(world) -> None:
    module, node = world.modules[1], world.modules[1].node
    world.cut()
    world.run(1000)
    before = node.settings
    asked = SettingsReloaded(7, "control", other_limit(before), (), number=3)
    module.ask(asked)
    world.run(600)
    answer = module.answers[-1]
    assert not answer.is_done and answer.body["refusals"][0]["id"] == "ISOLATED"
    assert node.settings is before is node.facts.settings
    assert "sensor-inlet-limit" not in alarms(node)
    assert "reload refused, nothing was changed, asked by control" in module.events[-1].text
    module.ask(replace(asked, is_forced=True))
    world.run(600)
    assert module.answers[-1].is_done
    assert "sensor-inlet-limit" in alarms(node)


def test_an_isolated_holder_takes_what_helps_it_out(world) -> None:
    module, node = world.modules[1], world.modules[1].node
    world.cut()
    world.run(1000)
    timers = replace(node.settings.timers, hold_off_ms=77)
    module.ask(reloaded(replace(node.settings, timers=timers)))
    world.run(1)
    assert module.answers[-1].is_done and node.settings.timers.hold_off_ms == 77


def test_the_shell_hears_which_reload_was_adopted_and_of_no_other(world) -> None:
    node = world.modules[1].node
    now_ns = world.now_ns + 1
    asked = SettingsReloaded(None, "SIGHUP", other_limit(node.settings), (), number=5)
    assert AdoptSettings(5) in node.step(asked, now_ns)
    world.modules[2].die()
    world.modules[1].node.roles.peers.listen_anew(now_ns)
    back = replace(asked, settings=world.modules[1].settings, number=6)
    assert AdoptSettings(6) not in node.step(back, now_ns)


def test_a_reload_that_nobody_waits_for_and_that_changes_nothing_is_told_in_the_log(world) -> None:
    module = world.modules[1]
    count = len(module.answers)
    module.ask(SettingsReloaded(None, "SIGHUP", module.settings, ()))
    world.run(1)
    assert len(module.answers) == count
    assert module.events[-1].text == "settings read again, asked by SIGHUP: nothing changed"


def test_nothing_of_a_role_or_a_claim_moves_with_a_reload(world) -> None:
    for module in world.modules.values():
        module.ask(reloaded(settings_of(BoardClass.GATED, module.slot)))
    roles = [list(module.roles) for module in world.modules.values()]
    world.run(3000)
    assert [module.roles for module in world.modules.values()] == roles
    assert world.dual_ms == 0


def test_a_long_list_of_changes_still_begins_with_who_asked() -> None:
    settings = settings_of(BoardClass.BARE, 1)
    changes = [SettingChange("f", f"sensors[{n}].high_milli", "1", "2") for n in range(100)]
    sentence = reload_sentence(SettingsReloaded(None, "SIGHUP", settings, tuple(changes)))
    assert sentence.startswith("settings read again, asked by SIGHUP: changed sensors[0].high")
