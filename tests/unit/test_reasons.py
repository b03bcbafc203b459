"""Every reason and every refusal is told by a story; one that no story can tell is a word too many.

Each story is a function named after what it reaches; the tests at the end fail on an orphan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bmcha.model.effect import OwnLine
from bmcha.model.event import (
    DrillAsked,
    MaintenanceAsked,
    PathCounts,
    PathSummarised,
    SettingsReloaded,
    StopAsked,
    StoreFailed,
    StrapsRead,
    SwitchoverAsked,
)
from bmcha.model.hearsay import Opinion, OpinionsHeard, Twin
from bmcha.model.key import NO_KEYS, KeySet
from bmcha.model.message import MessageType
from bmcha.model.restart import Restart
from bmcha.model.role import Reason, Refusal, Role
from bmcha.model.settings import (
    BoardClass,
    Failback,
    IsolationPolicy,
    MoveSettings,
    ThirdOpinionSettings,
)
from bmcha.wire.messages import build_body, parse_body
from tests.speech import beat, draft
from tests.world import Module, World
from tests.world.settings import KEYS

GATED, BARE = BoardClass.GATED, BoardClass.BARE
RESET, LEASE = BoardClass.RESET, BoardClass.LEASE
HOLD = IsolationPolicy.HOLD
UNKNOWN_REASON = 200
"""A number that no version up to this one has given to a reason."""

ReasonStory = Callable[[], World]
RefusalStory = Callable[[], tuple[World, Module]]


def reasons_of(module: Module) -> list[Reason]:
    """Of every change of its role in this life, and the present one."""
    if module.node is None:
        return []
    machine = module.node.roles.machine
    return [*(change.reason for change in machine.history), machine.reason]


def wait_for(world: World, slot: int, reason: Reason, within_ms: int = 5000) -> World:
    """Until the node in ``slot`` has, or has just had, this reason, and had it not before."""
    module = world.modules[slot]
    before = reasons_of(module).count(reason)
    reached = world.run(within_ms, lambda: reasons_of(module).count(reason) > before)
    assert reached, (reason, reasons_of(module), world.story())
    return world


def settled(board: BoardClass = GATED, keys: KeySet = KEYS) -> World:
    return World(board, keys=keys).settled()


def ask(module: Module, target: int | None = None, *, is_forced: bool = False) -> None:
    module.ask(SwitchoverAsked(len(module.answers), "test", target, is_forced))


# ---- reasons to wait


def boot_listening() -> World:
    world = World(BARE)
    world.later(1, lambda: world.modules[2].boot())
    return wait_for(world, 2, Reason.BOOT_LISTENING)


def own_slot_unreadable() -> World:
    world = World(GATED)
    world.modules[1].straps = StrapsRead(None, "unreadable")
    world.later(1, world.modules[1].boot)
    return wait_for(world, 1, Reason.OWN_SLOT_UNREADABLE)


def peer_is_active() -> World:
    return wait_for(World(GATED).boot(), 2, Reason.PEER_IS_ACTIVE)


def peer_is_claiming() -> World:
    return wait_for(World(GATED).boot(), 2, Reason.PEER_IS_CLAIMING)


def peer_holds_newer_epoch() -> World:
    world = settled(BARE)
    world.cut()
    world.run(2000)
    world.heal()
    return wait_for(world, 1, Reason.PEER_HOLDS_NEWER_EPOCH)


def peer_hears_nothing() -> World:
    world = settled(BARE)
    world.cut()
    world.run(2000)
    world.cuts = {(path, 2) for path in world.path_names}
    return wait_for(world, 2, Reason.PEER_HEARS_NOTHING)


def peer_claims_first() -> World:
    """Nobody is heard and the ACTIVE line falls: the later leaves the earlier its time."""
    world = isolated()
    world.modules[1].hardware.latched[OwnLine.OUTPUT_ENABLE] = False
    world.tell_lines()
    return wait_for(world, 2, Reason.PEER_CLAIMS_FIRST)


def isolated() -> World:
    world = settled()
    world.cut()
    return wait_for(world, 2, Reason.ISOLATED)


def active_line_unreadable() -> World:
    world = isolated()
    world.stick(2, "active", None)
    return wait_for(world, 2, Reason.ACTIVE_LINE_UNREADABLE)


def in_maintenance() -> World:
    world = settled()
    world.modules[1].ask(MaintenanceAsked(1, "test", 60))
    world.run(300)
    world.kill(1)
    return wait_for(world, 2, Reason.IN_MAINTENANCE)


def locked_out() -> World:
    """One failover was one too many; then the new ACTIVE dies as well, and no line tells."""
    world = World(BARE)
    for module in world.modules.values():
        module.settings = replace(module.settings, moves=MoveSettings(failovers_max=1))
    world.settled().kill(1)
    wait_for(world, 2, Reason.PEER_SILENT)
    world.modules[1].boot()
    world.run(3000)
    world.kill(2)
    return wait_for(world, 1, Reason.LOCKED_OUT)


def other_chassis() -> World:
    """A module without a partner, beside one that belongs to another chassis."""
    world = World(BARE)
    world.boot(2)
    node = world.modules[2].node
    assert node is not None
    counts = PathCounts(0, 0, 0, 0, 0, 0, None, foreign_count=1, foreign_chassis_id=4712)
    world.run(1000)
    node.step(PathSummarised("udp", None, None, None, counts, ""), world.now_ns)
    return wait_for(world, 2, Reason.OTHER_CHASSIS)


def duplicate_slot() -> World:
    """A starter that hears an ACTIVE which says its slot."""
    world = World(BARE)
    world.boot(2)
    for _ in range(2):
        world.run(500)
        twin = Twin(7, Role.ACTIVE, 1, world.now_ns)
        counts = PathCounts(0, 0, 0, 0, 0, 0, None, twin=twin)
        world.modules[2].ask(PathSummarised("udp", None, None, None, counts, ""))
    return wait_for(world, 2, Reason.DUPLICATE_SLOT)


def cut_off() -> World:
    """The reference of the STANDBY falls silent with its paths."""
    world = World(BARE)
    asked = ThirdOpinionSettings("192.0.2.1", 100, 300, 60)
    module = world.modules[2]
    module.settings = replace(module.settings, third_opinion=asked)
    world.settled()
    answered_ns = world.now_ns
    world.cut()

    def tell() -> None:
        opinion = Opinion(asked.address, answered_ns)
        module.ask(OpinionsHeard((opinion,), world.now_ns))
        world.later(100, tell)

    tell()
    return wait_for(world, 2, Reason.CUT_OFF)


def line_fault_suspected() -> World:
    world = settled()
    world.cut()
    world.stick(2, "health", False)
    return wait_for(world, 2, Reason.LINE_FAULT_SUSPECTED)


def held_by_policy() -> World:
    world = World(BARE, HOLD).settled()
    world.cut()
    return wait_for(world, 2, Reason.HELD_BY_POLICY)


# ---- reasons to let go


def contest_lost() -> World:
    """Both claim while no path works; the lines tell each of the other."""
    world = World(GATED)
    world.cut()
    for slot in (1, 2):
        timers = replace(world.modules[slot].settings.timers, rank_delay_ms=0)
        world.modules[slot].settings = replace(world.modules[slot].settings, timers=timers)
    return wait_for(world.boot(), 2, Reason.CONTEST_LOST)


def own_gap_too_long() -> World:
    world = settled()
    world.modules[1].is_stopped = True
    world.run(1000)
    world.modules[1].is_stopped = False
    return wait_for(world, 1, Reason.OWN_GAP_TOO_LONG)


def moving(moves: MoveSettings) -> World:
    world = World(GATED)
    for module in world.modules.values():
        module.settings = replace(module.settings, moves=moves)
    return world.settled()


def health_switchover() -> World:
    world = moving(MoveSettings(health_switchover_margin=20, health_switchover_hold_s=1))
    world.modules[1].ask(StoreFailed("event", "disk full"))
    return wait_for(world, 1, Reason.HEALTH_SWITCHOVER)


def failback() -> World:
    preferred = Failback.PREFERRED_SLOT
    world = moving(MoveSettings(failback=preferred, preferred_slot=2, failback_hold_off_s=2))
    return wait_for(world, 1, Reason.FAILBACK)


def outputs_shut() -> World:
    world = settled()
    world.modules[1].hardware.latched[OwnLine.OUTPUT_ENABLE] = False
    world.tell_lines()
    return wait_for(world, 1, Reason.OUTPUTS_SHUT)


def switchover_asked() -> World:
    world = settled()
    ask(world.modules[1])
    return wait_for(world, 1, Reason.SWITCHOVER_ASKED)


def handed_over() -> World:
    return wait_for(switchover_asked(), 1, Reason.HANDED_OVER)


def stop_asked() -> World:
    world = settled()
    world.modules[1].ask(StopAsked("test"))
    return wait_for(world, 1, Reason.STOP_ASKED)


def released_unheard() -> World:
    world = settled(BARE)
    world.cut(source=1)
    return wait_for(world, 1, Reason.RELEASED_UNHEARD)


# ---- reasons to claim


def first_in_succession() -> World:
    return wait_for(World(BARE).boot(), 1, Reason.FIRST_IN_SUCCESSION)


def rank_delay_over() -> World:
    """The first in the succession has crashed and holds off; the second gave it its time."""
    world = World(BARE)
    world.modules[1].boot(restart=Restart(1, 6000, "test"))
    world.boot(2)
    return wait_for(world, 2, Reason.RANK_DELAY_OVER)


def standby_before_starting() -> World:
    """The ACTIVE restarts faster than anything can tell that it was gone."""
    world = settled(BARE)
    world.kill(1)
    world.run(8)
    world.modules[1].boot()
    return wait_for(world, 2, Reason.STANDBY_BEFORE_STARTING)


def peer_in_fault() -> World:
    """A starter whose slot another one has, too: it claims nothing, and is heard to."""
    world = duplicate_slot()
    world.run(500)
    return wait_for(world.boot(1), 1, Reason.PEER_IN_FAULT)


def peer_said_goodbye() -> World:
    """The ACTIVE stops but does not trust the STANDBY, whose HEALTH line is down."""
    world = settled()
    world.stick(1, "health", False)
    world.run(100)
    world.modules[1].ask(StopAsked("test"))
    return wait_for(world, 2, Reason.PEER_SAID_GOODBYE)


def peer_released() -> World:
    """The path comes back in the moment between the release and the peer's own claim."""
    world = released_unheard()
    world.heal()
    return wait_for(world, 2, Reason.PEER_RELEASED)


def peer_absent() -> World:
    world = settled()
    world.pull(1)
    return wait_for(world, 2, Reason.PEER_ABSENT)


def peer_health_down() -> World:
    world = settled()
    world.kill(1)
    return wait_for(world, 2, Reason.PEER_HEALTH_DOWN)


def peer_active_line_down() -> World:
    world = World(GATED)
    world.cut()
    return wait_for(world.boot(), 1, Reason.PEER_ACTIVE_LINE_DOWN)


def peer_silent() -> World:
    world = settled(BARE)
    world.kill(1)
    return wait_for(world, 2, Reason.PEER_SILENT)


def unverified_takeover() -> World:
    """The ACTIVE dies while its ACTIVE line is stuck up: only one line tells."""
    world = settled()
    world.stick(2, "active", True)
    world.kill(1)
    return wait_for(world, 2, Reason.UNVERIFIED_TAKEOVER)


def lone_start() -> World:
    world = World(BARE, HOLD)
    second = world.modules[2]
    second.settings = replace(second.settings, is_lone_start_allowed=True)
    world.boot(2)
    return wait_for(world, 2, Reason.LONE_START, 6000)


def handover_asked() -> World:
    return wait_for(switchover_asked(), 2, Reason.HANDOVER_ASKED)


def handover_timed_out() -> World:
    world = switchover_asked()
    world.modules[2].is_stopped = True
    return wait_for(world, 1, Reason.HANDOVER_TIMED_OUT)


def taken_back() -> World:
    world = released_unheard()
    world.kill(2)
    return wait_for(world, 1, Reason.TAKEN_BACK)


def cut_off_from_a_holder(board: BoardClass) -> World:
    world = settled(board)
    world.cut()
    return world


def fencing_peer() -> World:
    return wait_for(cut_off_from_a_holder(RESET), 2, Reason.FENCING_PEER)


def peer_fenced() -> World:
    return wait_for(cut_off_from_a_holder(RESET), 2, Reason.PEER_FENCED)


def fence_called_off() -> World:
    """A beat comes through between the decision and the pulse. Where the holder hears of the
    fence too, it lets go by itself, and there is nothing to call off."""
    world = fencing_peer()
    world.cuts = {(path, 2) for path in world.path_names}
    world.modules[1].ask(MaintenanceAsked(1, "test", 60))
    return wait_for(world, 2, Reason.FENCE_CALLED_OFF)


def lease_over() -> World:
    return wait_for(cut_off_from_a_holder(LEASE), 1, Reason.LEASE_OVER)


REASONS: dict[Reason, ReasonStory] = {
    Reason.FENCING_PEER: fencing_peer,
    Reason.PEER_FENCED: peer_fenced,
    Reason.FENCE_CALLED_OFF: fence_called_off,
    Reason.LEASE_OVER: lease_over,
    Reason.BOOT_LISTENING: boot_listening,
    Reason.OWN_SLOT_UNREADABLE: own_slot_unreadable,
    Reason.PEER_IS_ACTIVE: peer_is_active,
    Reason.PEER_IS_CLAIMING: peer_is_claiming,
    Reason.PEER_HOLDS_NEWER_EPOCH: peer_holds_newer_epoch,
    Reason.PEER_HEARS_NOTHING: peer_hears_nothing,
    Reason.PEER_CLAIMS_FIRST: peer_claims_first,
    Reason.ISOLATED: isolated,
    Reason.ACTIVE_LINE_UNREADABLE: active_line_unreadable,
    Reason.IN_MAINTENANCE: in_maintenance,
    Reason.OTHER_CHASSIS: other_chassis,
    Reason.DUPLICATE_SLOT: duplicate_slot,
    Reason.CUT_OFF: cut_off,
    Reason.LOCKED_OUT: locked_out,
    Reason.HEALTH_SWITCHOVER: health_switchover,
    Reason.FAILBACK: failback,
    Reason.LINE_FAULT_SUSPECTED: line_fault_suspected,
    Reason.HELD_BY_POLICY: held_by_policy,
    Reason.CONTEST_LOST: contest_lost,
    Reason.OWN_GAP_TOO_LONG: own_gap_too_long,
    Reason.OUTPUTS_SHUT: outputs_shut,
    Reason.HANDED_OVER: handed_over,
    Reason.RELEASED_UNHEARD: released_unheard,
    Reason.FIRST_IN_SUCCESSION: first_in_succession,
    Reason.RANK_DELAY_OVER: rank_delay_over,
    Reason.STANDBY_BEFORE_STARTING: standby_before_starting,
    Reason.PEER_IN_FAULT: peer_in_fault,
    Reason.PEER_SAID_GOODBYE: peer_said_goodbye,
    Reason.PEER_RELEASED: peer_released,
    Reason.PEER_ABSENT: peer_absent,
    Reason.PEER_HEALTH_DOWN: peer_health_down,
    Reason.PEER_ACTIVE_LINE_DOWN: peer_active_line_down,
    Reason.PEER_SILENT: peer_silent,
    Reason.UNVERIFIED_TAKEOVER: unverified_takeover,
    Reason.LONE_START: lone_start,
    Reason.HANDOVER_ASKED: handover_asked,
    Reason.HANDOVER_TIMED_OUT: handover_timed_out,
    Reason.TAKEN_BACK: taken_back,
    Reason.SWITCHOVER_ASKED: switchover_asked,
    Reason.STOP_ASKED: stop_asked,
}


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
def test_a_story_ends_with_this_reason(reason: Reason) -> None:
    world = REASONS[reason]()
    assert any(reason in reasons_of(module) for module in world.modules.values())


def test_no_reason_is_without_a_story() -> None:
    assert set(Reason) - set(REASONS) == {Reason.FROM_NEWER_VERSION}


def test_a_reason_of_newer_firmware_is_a_reason_and_the_beat_is_life() -> None:
    body = bytearray(build_body(beat(draft(Role.STANDBY, Reason.PEER_IS_ACTIVE)), 0))
    place = body.index(bytes([Reason.PEER_IS_ACTIVE.value]))
    body[place] = UNKNOWN_REASON
    found = parse_body(MessageType.HEARTBEAT, bytes(body), 0, 0)
    assert found == beat(draft(Role.STANDBY, Reason.FROM_NEWER_VERSION))


# ---- refusals


def not_active() -> tuple[World, Module]:
    world = settled()
    ask(world.modules[2])
    return world, world.modules[2]


def already_there() -> tuple[World, Module]:
    world = settled()
    ask(world.modules[1], 1)
    return world, world.modules[1]


def no_such_slot() -> tuple[World, Module]:
    world = settled()
    ask(world.modules[1], 9)
    return world, world.modules[1]


def peer_not_heard() -> tuple[World, Module]:
    world = settled()
    world.kill(2)
    world.run(1500)
    ask(world.modules[1])
    return world, world.modules[1]


def peer_does_not_hear() -> tuple[World, Module]:
    world = settled()
    world.cut(source=1)
    world.run(1500)
    ask(world.modules[1])
    return world, world.modules[1]


def peer_not_standby() -> tuple[World, Module]:
    """The peer says that it is STARTING until it hears the ACTIVE. With keys such a one is not
    heard at all."""
    world = settled(BARE, NO_KEYS)
    world.kill(2)
    world.run(1500)
    world.cut(source=1)
    world.modules[2].boot()
    world.run(300)
    ask(world.modules[1])
    return world, world.modules[1]


def peer_unhealthy() -> tuple[World, Module]:
    world = settled()
    world.modules[2].ask(StoreFailed("event", "disk full"))
    world.run(300)
    ask(world.modules[1])
    return world, world.modules[1]


def peer_health_line_down() -> tuple[World, Module]:
    world = settled()
    world.stick(1, "health", False)
    world.run(100)
    ask(world.modules[1])
    return world, world.modules[1]


def mirror_not_synced() -> tuple[World, Module]:
    world = World(GATED)
    second = world.modules[2]
    second.settings = replace(second.settings, layout_id=second.settings.layout_id + 1)
    world.boot()
    world.run(3000)
    ask(world.modules[1])
    return world, world.modules[1]


def role_too_fresh() -> tuple[World, Module]:
    world = World(GATED).boot()
    assert world.run(3000, lambda: world.modules[1].role is Role.ACTIVE)
    ask(world.modules[1])
    return world, world.modules[1]


def change_under_way() -> tuple[World, Module]:
    world = switchover_asked()
    ask(world.modules[1])
    return world, world.modules[1]


def stopping() -> tuple[World, Module]:
    """The STANDBY does not answer; for a while the stopping ACTIVE waits for it."""
    world = settled()
    world.modules[1].ask(StopAsked("test"))
    world.modules[2].is_stopped = True
    world.run(100)
    ask(world.modules[1])
    return world, world.modules[1]


def moves_locked_out() -> tuple[World, Module]:
    world = World(GATED)
    for module in world.modules.values():
        module.settings = replace(module.settings, moves=MoveSettings(failovers_max=1))
    world.settled().kill(1)
    world.run(1000)
    world.modules[1].boot()
    world.run(5000)
    ask(world.modules[2])
    return world, world.modules[2]


def drill_under_way() -> tuple[World, Module]:
    world = settled()
    world.cut("udp")
    for _ in range(2):
        world.modules[1].ask(DrillAsked(1, "test", None))
    return world, world.modules[1]


def no_such_path() -> tuple[World, Module]:
    world = settled()
    world.modules[1].ask(DrillAsked(1, "test", "usb"))
    return world, world.modules[1]


def isolated_holder() -> tuple[World, Module]:
    world = settled(BARE)
    world.kill(2)
    world.run(1000)
    holder = world.modules[1]
    chassis = replace(holder.settings.chassis, sensor_stale_ms=9999)
    holder.ask(SettingsReloaded(1, "test", replace(holder.settings, chassis=chassis), ()))
    return world, holder


def handover_failed() -> tuple[World, Module]:
    world = handover_timed_out()
    return world, world.modules[1]


REFUSALS: dict[Refusal, RefusalStory] = {
    Refusal.NOT_ACTIVE: not_active,
    Refusal.ALREADY_THERE: already_there,
    Refusal.NO_SUCH_SLOT: no_such_slot,
    Refusal.PEER_NOT_HEARD: peer_not_heard,
    Refusal.PEER_DOES_NOT_HEAR: peer_does_not_hear,
    Refusal.PEER_NOT_STANDBY: peer_not_standby,
    Refusal.PEER_UNHEALTHY: peer_unhealthy,
    Refusal.PEER_HEALTH_LINE_DOWN: peer_health_line_down,
    Refusal.MIRROR_NOT_SYNCED: mirror_not_synced,
    Refusal.ROLE_TOO_FRESH: role_too_fresh,
    Refusal.CHANGE_UNDER_WAY: change_under_way,
    Refusal.STOPPING: stopping,
    Refusal.HANDOVER_FAILED: handover_failed,
    Refusal.LOCKED_OUT: moves_locked_out,
    Refusal.DRILL_UNDER_WAY: drill_under_way,
    Refusal.NO_SUCH_PATH: no_such_path,
    Refusal.ISOLATED: isolated_holder,
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_story_ends_with_this_refusal(refusal: Refusal) -> None:
    world, asked = REFUSALS[refusal]()
    assert world.run(2000, lambda: bool(asked.answers)), world.story()
    answer = asked.answers[-1]
    assert not answer.is_done
    assert refusal.name in {each["id"] for each in answer.body["refusals"]}


def test_no_refusal_is_without_a_story() -> None:
    assert set(Refusal) - set(REFUSALS) == set()
