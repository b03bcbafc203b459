"""The node's one door: which events count, what comes first, and the order of what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bmcha.ha.path_monitor import HearingOfUs
from bmcha.model.effect import (
    Answer,
    DriveLine,
    Effect,
    EndService,
    EnterRole,
    FeedWatchdog,
    LeaveFans,
    OwnLine,
    PublishHeartbeat,
    RecordEvent,
    SendMessage,
    SetFan,
    StoreEpoch,
    WatchPath,
    WriteImage,
)
from bmcha.model.event import (
    EffectFailed,
    EpochStored,
    Event,
    LineLevels,
    LinesRead,
    OutputsWithheld,
    PathCounts,
    PathOverdue,
    PathSummarised,
    Question,
    SensorRead,
    StatusAsked,
    StopAsked,
    StoreFailed,
    StoreRecovered,
    SwitchoverAsked,
    Tick,
)
from bmcha.model.message import (
    Delta,
    DeltaAck,
    DeltaKind,
    Goodbye,
    Handover,
    MirrorJoin,
    Probe,
    ProbeReply,
)
from bmcha.model.reading import (
    AlarmCell,
    CellKind,
    EventCell,
    FanCell,
    Quality,
    RunCell,
    SensorCell,
    SensorKind,
    UnitState,
)
from bmcha.model.role import Reason, Role, Severity
from bmcha.model.settings import BoardClass
from bmcha.node import Node
from tests.speech import OWN_BOOT, PEER_BOOT, draft, heard, lines, ms, told
from tests.world import LAYOUT_ID, settings_of

START_MS = 10_000
FREE, HELD = LineLevels(True, True, False), LineLevels(True, True, True)
COUNTS = PathCounts(1, 2, 3, 4, 0, 0, 80)


class Life:
    """One node in slot 1 and its clock. Slot 2 is what the test says it is."""

    def __init__(self, board: BoardClass = BoardClass.GATED, own_slot: int | None = 1) -> None:
        self.now_ms = START_MS
        settings = settings_of(board, 1)
        self.node = Node(settings, own_slot, OWN_BOOT, 0, (), 1_000_000, ms(START_MS))
        self.effects: list[Effect] = self.node.start(ms(START_MS))
        self.revision = 0

    @property
    def role(self) -> Role:
        return self.node.roles.machine.role

    def step(self, event: Event, after_ms: int = 1) -> list[Effect]:
        self.now_ms += after_ms
        self.effects = self.node.step(event, ms(self.now_ms))
        return self.effects

    def hear(
        self,
        role: Role,
        *,
        epoch: int = 0,
        path: str = "udp",
        boot_id: int = PEER_BOOT,
        source: int = 2,
        mirror_sequence: int = 0,
    ) -> list[Effect]:
        self.revision += 1
        said = draft(role, revision=self.revision, epoch=epoch, mirror_sequence=mirror_sequence)
        at_ms = self.now_ms + 1
        event = heard(said, at_ms, path, boot_id=boot_id, source=source, beats_in_row=9)
        return self.step(event)

    def read(self, levels: LineLevels = FREE, own_active: bool | None = None) -> list[Effect]:
        return self.step(lines(levels, self.now_ms + 1, own_active=own_active))

    def become_active(self) -> Life:
        """Beside a STANDBY that is heard on both paths. ``effects`` are those of the whole way."""
        self.hear(Role.STANDBY)
        self.hear(Role.STARTING, path="serial")
        self.hear(Role.STANDBY)
        done: list[Effect] = []
        for _ in range(200):
            if self.role is Role.ACTIVE:
                self.effects = done
                return self
            if self.role is Role.FENCING and self.node.roles.claim is not None:
                done += self.step(EpochStored(self.node.roles.held_epoch), 0)
            epoch = self.node.roles.held_epoch
            done += self.hear(Role.STANDBY, path="serial", epoch=epoch)
            done += self.read(own_active=self.role is Role.FENCING)
            done += self.step(Tick(), 20)
        raise AssertionError(self.role)

    def follow(self, *, epoch: int = 3) -> MirrorJoin:
        """Slot 2 is ACTIVE; this node asks for its picture."""
        self.hear(Role.ACTIVE, epoch=epoch)
        (join,) = sent(self.effects, MirrorJoin)
        assert isinstance(join.message, MirrorJoin)
        return join.message


def of(effects: Sequence[Effect], kind: type[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


def sent(effects: Sequence[Effect], kind: type) -> list[SendMessage]:
    return [e for e in effects if isinstance(e, SendMessage) and isinstance(e.message, kind)]


def records(effects: Sequence[Effect]) -> list[tuple[str, str]]:
    return [(e.record.kind, e.record.text) for e in effects if isinstance(e, RecordEvent)]


def entered(effects: Sequence[Effect]) -> list[Role]:
    return [effect.role for effect in effects if isinstance(effect, EnterRole)]


def alarms(life: Life) -> set[str]:
    return {alarm.alarm_id for alarm in life.node.chassis.alarms.raised()}


LOWER_ALL = [DriveLine(OwnLine.OUTPUT_ENABLE, False), DriveLine(OwnLine.ACTIVE, False)]
OPEN = DriveLine(OwnLine.OUTPUT_ENABLE, True)


# ---- the start


def test_a_life_begins_with_outputs_shut_and_the_line_down_before_anything_is_said() -> None:
    effects = Life().effects
    assert effects[:4] == [*LOWER_ALL, FeedWatchdog(), DriveLine(OwnLine.HEALTH, True)]
    assert of(effects, PublishHeartbeat) and of(effects, WatchPath)
    assert records(effects)[0] == ("started", "bmcha test started in slot 1")


def test_a_node_without_a_slot_is_not_healthy_and_never_more_than_in_fault() -> None:
    life = Life(own_slot=None)
    assert DriveLine(OwnLine.HEALTH, False) in life.effects
    assert entered(life.effects) == [Role.FAULT]
    life.hear(Role.STANDBY)
    life.step(Tick(), 200)
    assert life.role is Role.FAULT and alarms(life) == {"own-fault"}


# ---- what does not count


@pytest.mark.parametrize(
    "event",
    [
        heard(draft(Role.ACTIVE), START_MS, "no-such-path"),
        told(Handover(1, 2, 3), START_MS, path="no-such-path"),
        PathOverdue("no-such-path", None),
        PathSummarised("no-such-path", None, None, None, COUNTS, ""),
        heard(draft(Role.ACTIVE), START_MS, source=1),
        heard(draft(Role.ACTIVE), START_MS, source=9),
    ],
)
def test_what_comes_over_an_unknown_path_or_from_another_slot_changes_nothing(
    event: Event,
) -> None:
    life = Life()
    effects = life.step(event)
    assert entered(effects) == [] and life.role is Role.STARTING
    (peer,) = life.node.roles.peers
    assert not peer.is_heard() and peer.boot_id is None


def test_a_former_life_of_the_peer_changes_nothing() -> None:
    life = Life()
    life.hear(Role.STARTING, boot_id=PEER_BOOT)
    life.hear(Role.STARTING, boot_id=PEER_BOOT + 1)
    life.hear(Role.ACTIVE, boot_id=PEER_BOOT, epoch=9)
    assert life.node.roles.seen_epoch < 9
    assert Reason.PEER_IS_ACTIVE not in [c.reason for c in life.node.roles.machine.history]


def test_a_handover_of_an_old_epoch_is_refused() -> None:
    life = Life()
    life.hear(Role.ACTIVE, epoch=5)
    life.step(told(Handover(1, 0, 50), life.now_ms, epoch=4))
    assert life.role is Role.STANDBY
    assert entered(life.step(told(Handover(1, 0, 50), life.now_ms, epoch=5))) == [Role.FENCING]


def test_a_delta_of_a_stale_writer_is_refused_and_counted() -> None:
    life = Life()
    join = life.follow(epoch=5)
    cell = SensorCell(0, "inlet", SensorKind.TEMPERATURE, 1, Quality.GOOD, 0, 0, 9)
    delta = Delta(DeltaKind.WHOLE, LAYOUT_ID, join.join_id, 0, 1, 0, 1, (cell,))
    effects = life.step(told(delta, life.now_ms, epoch=4))
    assert not sent(effects, DeltaAck) and life.node.chassis.receiver.refused_count == 1
    effects = life.step(told(delta, life.now_ms, epoch=5))
    assert [each.message for each in sent(effects, DeltaAck)] == [DeltaAck(join.join_id, 1)]


def test_what_was_mirrored_is_in_the_image_before_it_is_acknowledged() -> None:
    life = Life()
    join = life.follow(epoch=5)
    cell = SensorCell(0, "inlet", SensorKind.TEMPERATURE, 1, Quality.GOOD, 0, 0, 9)
    delta = Delta(DeltaKind.WHOLE, LAYOUT_ID, join.join_id, 0, 1, 0, 1, (cell,))
    effects = life.step(told(delta, life.now_ms, epoch=5))
    (written,) = of(effects, WriteImage)
    assert written == WriteImage((cell,), 5, 1, 1, True)
    assert effects.index(written) < effects.index(sent(effects, DeltaAck)[0])


# ---- being late


@pytest.mark.parametrize(
    ("board", "limit_ms"), [(BoardClass.GATED, 300), (BoardClass.BARE, 500 - 2 * 100)]
)
def test_a_node_may_stand_still_for_two_beats_less_than_a_dead_time_or_its_watchdog(
    board: BoardClass, limit_ms: int
) -> None:
    assert Life(board).node.output_gap_limit_ns == ms(limit_ms)


def test_a_slow_path_gives_more_time_but_never_more_than_the_watchdog() -> None:
    for board, limit_ms in ((BoardClass.GATED, 300), (BoardClass.BARE, 1800)):
        settings = settings_of(board, 1)
        slow = replace(settings.paths[0], deadtime_ms=2000)
        settings = replace(settings, paths=(slow, settings.paths[1]))
        node = Node(settings, 1, OWN_BOOT, 0, (), 0, 0)
        assert node.output_gap_limit_ns == ms(300), "no path works yet: the fastest counts"
        (peer,) = node.roles.peers
        for monitor in peer.monitors:
            monitor.heard(0, 1)
        assert node.output_gap_limit_ns == ms(limit_ms)
        peer.monitors[0].overdue(0, ms(1000), False)
        assert node.output_gap_limit_ns == ms(300), "a path that is late gives no time"


def test_the_peer_s_own_dead_time_counts_not_ours() -> None:
    life = Life(BoardClass.BARE)
    life.hear(Role.STANDBY)
    (peer,) = life.node.roles.peers
    for monitor in peer.monitors:
        monitor.heard(ms(life.now_ms), 1)
        monitor.announced(300)
    assert life.node.output_gap_limit_ns == ms(100)


def test_without_a_path_the_stall_limit_bounds_it() -> None:
    settings = replace(settings_of(BoardClass.BARE, 1), paths=())
    assert Node(settings, 1, OWN_BOOT, 0, (), 0, 0).output_gap_limit_ns == ms(2000)


@pytest.mark.parametrize("board", list(BoardClass))
def test_a_gate_s_watchdog_counts_from_the_last_feed_whatever_happened_since(
    board: BoardClass,
) -> None:
    life = Life(board).become_active()
    life.step(Tick(), 0)
    some = StoreRecovered()
    life.step(some, 150)
    life.step(some, 150)
    assert life.role is Role.ACTIVE, "300 ms, and a step between"
    effects = life.step(some, 1)
    if not board.is_gated:
        assert life.role is Role.ACTIVE
    else:
        assert effects[:2] == LOWER_ALL and entered(effects)[0] is Role.STANDBY
        assert life.node.roles.machine.history[-1].reason is Reason.OWN_GAP_TOO_LONG
        assert life.step(some, 1)[:2] != LOWER_ALL, "said once"


@pytest.mark.parametrize("board", list(BoardClass))
def test_a_late_step_lets_go_before_it_looks_at_the_event(board: BoardClass) -> None:
    life = Life(board).become_active()
    limit_ms = life.node.output_gap_limit_ns // ms(1)
    life.step(Tick(), limit_ms)
    assert life.role is Role.ACTIVE
    hot = SensorRead(0, 50_000, Quality.GOOD, ms(life.now_ms))
    assert life.step(hot, limit_ms + 1) == [], "a reading asks nobody whether it is late"
    effects = life.step(StoreRecovered(), 0)
    assert effects[:2] == LOWER_ALL and entered(effects)[0] is Role.STANDBY
    assert not of(effects, SetFan)
    assert life.node.roles.machine.history[-1].reason is Reason.OWN_GAP_TOO_LONG


@pytest.mark.parametrize("board", list(BoardClass))
def test_a_late_node_whose_beats_went_on_keeps_the_chassis_while_it_is_fed(
    board: BoardClass,
) -> None:
    life = Life(board).become_active()
    node, limit_ms = life.node, life.node.output_gap_limit_ns // ms(1)
    assert node.paths_to_trust(ms(life.now_ms + limit_ms))
    late_ms = limit_ms + 1
    is_fed = bool(node.paths_to_trust(ms(life.now_ms + late_ms)))
    assert is_fed is not board.is_gated, "there the limit is the watchdog's"
    life.step(Tick(beats_went_on=True), late_ms)
    assert life.role is (Role.ACTIVE if is_fed else Role.STANDBY)
    life.step(Tick(), limit_ms)
    assert life.role is (Role.ACTIVE if is_fed else Role.STANDBY)


def test_beats_are_not_trusted_where_the_peer_judges_sooner_or_says_that_it_hears_none() -> None:
    life = Life().become_active()
    monitors = [m for peer in life.node.roles.peers for m in peer.monitors]
    names = {monitor.name for monitor in monitors}
    assert life.node.paths_to_trust(ms(life.now_ms)) == names
    monitors[0].peer_dead_ns = monitors[0].deadtime_ns - 1
    assert life.node.paths_to_trust(ms(life.now_ms)) == names - {monitors[0].name}
    monitors[1].hearing_of_us = HearingOfUs(ms(life.now_ms), None)
    assert life.node.paths_to_trust(ms(life.now_ms)) == names - {m.name for m in monitors[:2]}


@pytest.mark.parametrize("board", list(BoardClass))
def test_no_node_is_late_for_what_the_service_did_before_it_started(board: BoardClass) -> None:
    node = Node(settings_of(board, 1), 1, OWN_BOOT, 0, (), 0, 0)
    own, limit_ns = node.roles.own, node.output_gap_limit_ns
    node.start(2 * limit_ns)
    listens_until_ns = own.must_listen_until_ns
    node.step(Tick(), 3 * limit_ns)
    assert own.must_listen_until_ns == listens_until_ns
    node.step(Tick(), 4 * limit_ns + 1)
    assert own.must_listen_until_ns > listens_until_ns, "late now"


def test_readings_are_written_and_mirrored_together_with_the_next_tick() -> None:
    life = Life().become_active()
    life.step(Tick())
    for value in (30_000, 31_000):
        read = SensorRead(0, value, Quality.GOOD, ms(life.now_ms))
        assert not of(life.step(read), WriteImage)
    (written,) = of(life.step(Tick()), WriteImage)
    assert isinstance(written, WriteImage)
    assert [cell.value_milli for cell in written.cells if isinstance(cell, SensorCell)] == [31_000]


def test_a_node_that_is_behind_waits_for_the_answer_that_may_lie_before_it() -> None:
    life = Life(BoardClass.GATED).become_active()
    (peer,) = life.node.roles.peers
    for _ in range(2):
        life.read(LineLevels(True, False, False))
    until_ms = life.now_ms + life.node.settings.timers.probe_ms
    life.step(Tick(behind_ms=1), until_ms - life.now_ms)
    assert not peer.lines.has_spoken
    life.step(Tick(behind_ms=1), 1)
    assert peer.lines.has_spoken


def test_outputs_that_were_withheld_are_let_go_of() -> None:
    life = Life().become_active()
    effects = life.step(OutputsWithheld(ms(700)))
    assert effects[:2] == LOWER_ALL and life.role is Role.STANDBY


def test_an_old_beat_in_the_buffer_of_a_late_node_leads_to_no_claim() -> None:
    life = Life(BoardClass.BARE).become_active()
    said = draft(Role.STANDBY, revision=life.revision + 1)
    effects = life.step(heard(said, life.now_ms, beats_in_row=9), 3000)
    assert entered(effects)[0] is Role.STANDBY and Role.FENCING not in entered(effects)


# ---- taking the chassis


def test_epoch_then_line_then_outputs_then_fans() -> None:
    life = Life()
    done: list[Effect] = []
    life.hear(Role.STARTING)
    done += life.effects
    done += life.step(EpochStored(life.node.roles.held_epoch))
    done += life.step(Tick(), 5)
    done += life.read(own_active=True)
    store, line = StoreEpoch(2), DriveLine(OwnLine.ACTIVE, True)
    places = [done.index(each) for each in (store, line, OPEN, SetFan(0, 255))]
    assert places == sorted(places) and life.role is Role.ACTIVE


def test_every_fan_is_written_when_the_outputs_open_as_the_picture_says() -> None:
    life = Life()
    join = life.follow(epoch=3)
    fan = FanCell(0, "fan1", 900, 111, 60, UnitState.OK, 0)
    cells = (fan, SensorCell(0, "inlet", SensorKind.TEMPERATURE, 1, Quality.GOOD, 0, 0, 9))
    delta = Delta(DeltaKind.WHOLE, LAYOUT_ID, join.join_id, 0, 1, 0, 1, cells)
    life.step(told(delta, life.now_ms, epoch=3))
    life.become_active()
    assert [e for e in life.effects if e == OPEN or isinstance(e, SetFan)] == [OPEN, SetFan(0, 111)]


def test_an_epoch_stored_that_comes_after_the_end_changes_nothing() -> None:
    life = Life()
    life.hear(Role.STARTING)
    epoch = life.node.roles.held_epoch
    assert life.role is Role.FENCING
    effects = life.step(StopAsked("test"))
    assert of(effects, EndService)
    effects = life.step(EpochStored(epoch))
    assert not of(effects, DriveLine) and not of(effects, PublishHeartbeat)
    assert entered(effects) == []


def test_an_epoch_stored_for_a_claim_that_was_lost_changes_nothing() -> None:
    life = Life()
    life.hear(Role.STARTING)
    epoch = life.node.roles.held_epoch
    life.hear(Role.ACTIVE, epoch=1)
    assert life.role is Role.STANDBY
    assert not of(life.step(EpochStored(epoch)), DriveLine)


def test_a_store_that_fails_lets_the_claim_go_on_with_an_alarm() -> None:
    life = Life()
    life.hear(Role.STARTING)
    effects = life.step(StoreFailed("epoch", "disk full"))
    assert DriveLine(OwnLine.ACTIVE, True) in effects
    assert alarms(life) == {"store-failed"}
    life.step(Tick())
    assert life.node.facts.health.score == 80
    life.step(StoreRecovered())
    life.step(Tick())
    assert alarms(life) == set() and life.node.facts.health.score == 100


def test_a_record_that_could_not_be_stored_does_not_hurry_the_claim() -> None:
    life = Life()
    life.hear(Role.STARTING)
    effects = life.step(StoreFailed("event", "disk full"))
    assert not of(effects, DriveLine) and alarms(life) == {"store-failed"}


def test_a_renewed_epoch_is_the_pictures_too() -> None:
    life = Life().become_active()
    effects = life.hear(Role.STANDBY, epoch=41)
    assert StoreEpoch(42) in effects
    assert life.node.chassis.epoch == 42
    run = life.node.chassis.picture.get((CellKind.RUN, 0))
    assert isinstance(run, RunCell) and run.epoch == 42


# ---- letting go


def test_no_fan_is_written_once_the_outputs_are_let_go() -> None:
    life = Life().become_active()
    effects = life.step(StopAsked("test"), 260)
    for _ in range(60):
        effects += life.step(Tick(), 25)
    assert of(effects, EndService)
    released = effects.index(LOWER_ALL[0])
    assert not of(effects[released:], SetFan)
    assert not of(effects, LeaveFans), "the peer goes on with them as they are"


def test_an_active_that_stops_without_a_peer_leaves_the_fans_at_full_speed_and_then_lets_go() -> (
    None
):
    life = Life(BoardClass.BARE)
    for _ in range(200):
        life.step(Tick(), 25)
        if life.role is Role.FENCING:
            life.step(EpochStored(life.node.roles.held_epoch))
    assert life.role is Role.ACTIVE
    life.step(SensorRead(0, 30_000, Quality.GOOD, ms(life.now_ms)))
    effects = life.step(StopAsked("test"), 260)
    released = effects.index(LOWER_ALL[0])
    assert effects.index(LeaveFans(255)) < released
    assert of(effects, EndService) and not of(effects[released:], SetFan)
    assert "fans" in [kind for kind, _ in records(effects)]


@pytest.mark.parametrize("role", [Role.STANDBY, Role.FENCING])
def test_whoever_does_not_hold_the_chassis_leaves_the_fans_alone_when_it_stops(role: Role) -> None:
    life = Life()
    life.hear(Role.ACTIVE, epoch=1) if role is Role.STANDBY else life.hear(Role.STARTING)
    assert life.role is role
    effects = life.step(StopAsked("test"))
    assert of(effects, EndService) and not of(effects, LeaveFans)


# ---- the peer's life and the mirror


def test_a_peer_that_restarted_has_not_got_the_picture_until_it_joins_again() -> None:
    life = Life().become_active()
    life.step(told(MirrorJoin(LAYOUT_ID, 5), life.now_ms))
    (delta,) = [each.message for each in sent(life.effects, Delta)]
    assert isinstance(delta, Delta)
    life.step(told(DeltaAck(5, delta.sequence), life.now_ms))
    assert life.node.chassis.sender.is_synced
    life.hear(Role.STANDBY, boot_id=PEER_BOOT + 1)
    life.hear(Role.STANDBY, boot_id=PEER_BOOT + 1, path="serial")
    effects = life.step(SwitchoverAsked(1, "test", None, False))
    (answer,) = [effect for effect in effects if isinstance(effect, Answer)]
    assert "MIRROR_NOT_SYNCED" in [each["id"] for each in answer.body["refusals"]]


def test_a_standby_with_another_image_layout_is_named_in_the_log() -> None:
    life = Life().become_active()
    effects = life.step(told(MirrorJoin(LAYOUT_ID + 1, 5), life.now_ms))
    assert [kind for kind, _ in records(effects)] == ["mirror-refused"]
    assert not sent(effects, Delta)


def test_a_takeover_neither_clears_nor_raises_an_alarm_that_stands() -> None:
    life = Life()
    join = life.follow(epoch=3)
    cells = (
        SensorCell(0, "inlet", SensorKind.TEMPERATURE, 99_000, Quality.GOOD, 0, 0, 60_000),
        FanCell(0, "fan1", 0, 255, 60, UnitState.FAILED, 0),
        AlarmCell(0, "sensor-inlet-limit", Severity.MAJOR, True, 0),
        AlarmCell(1, "fan-fan1-failed", Severity.MAJOR, True, 0),
    )
    delta = Delta(DeltaKind.WHOLE, LAYOUT_ID, join.join_id, 0, 1, 0, 1, cells)
    life.step(told(delta, life.now_ms, epoch=3))
    life.become_active()
    told_of = {kind for kind, _ in records(life.effects)}
    assert not told_of & {"alarm-raised", "alarm-cleared"}
    assert {"sensor-inlet-limit", "fan-fan1-failed"} <= alarms(life)


# ---- asked by others


def test_a_probe_is_answered_at_once_on_the_path_on_which_it_came() -> None:
    life = Life()
    life.hear(Role.STANDBY)
    effects = life.step(told(Probe(9), START_MS, path="serial"))
    assert sent(effects, ProbeReply) == [SendMessage("serial", 2, ProbeReply(9))]


def test_a_goodbye_is_in_the_log() -> None:
    stranger = Life().step(told(Goodbye(Reason.STOP_ASKED), START_MS))
    assert not records(stranger), "the goodbye of a life that was never heard says nothing"
    life = Life()
    life.hear(Role.STANDBY)
    effects = life.step(told(Goodbye(Reason.STOP_ASKED), START_MS))
    assert ("goodbye", "slot 2 left") in records(effects)


def test_a_question_is_answered_in_the_same_step() -> None:
    effects = Life().step(StatusAsked(3, Question.STATUS))
    (answer,) = [effect for effect in effects if isinstance(effect, Answer)]
    assert (answer.request_id, answer.is_done) == (3, True)
    assert answer.body["role"]["state"] == "STARTING"


# ---- every step


def test_only_a_tick_feeds_the_watchdog() -> None:
    life = Life()
    assert of(life.step(Tick()), FeedWatchdog)
    assert not of(life.hear(Role.STARTING), FeedWatchdog)


def test_every_step_publishes_the_draft_anew() -> None:
    life = Life()
    life.step(Tick())
    (published,) = of(life.step(Tick()), PublishHeartbeat)
    assert isinstance(published, PublishHeartbeat) and not published.is_urgent


def test_a_watch_is_ordered_once_and_anew_when_it_ran_out() -> None:
    life = Life()
    life.hear(Role.ACTIVE, path="serial")
    assert of(life.hear(Role.ACTIVE), WatchPath) == [WatchPath("udp", ms(250))]
    assert of(life.hear(Role.ACTIVE), WatchPath) == []
    effects = life.step(PathOverdue("udp", ms(life.now_ms)), 250)
    assert of(effects, WatchPath) == [WatchPath("udp", ms(500))]


def test_a_summary_brings_counts_faults_and_the_time_last_heard() -> None:
    life = Life()
    life.step(PathSummarised("udp", None, None, None, COUNTS, "no such device"))
    assert life.node.facts.counts["udp"] == COUNTS
    life.step(Tick())
    assert life.node.facts.health.score == 90


def test_a_failed_effect_is_in_the_log_but_does_not_fill_it() -> None:
    life = Life()
    told_of = []
    for _ in range(257):
        told_of += records(life.step(EffectFailed("SetFan", "no such file")))
    assert [kind for kind, _ in told_of].count("effect-failed") == 8 + 1
    assert life.node.failed_effects_count == 257


def test_lines_of_a_slot_that_is_not_configured_are_ignored() -> None:
    life = Life()
    effects = life.step(LinesRead(((9, LineLevels(False, False, False)),), None, None, 0))
    assert entered(effects) == [] and life.role is Role.STARTING


def test_the_node_is_due_when_its_role_keeper_is() -> None:
    life = Life()
    assert life.node.next_deadline_ns() is None
    life.hear(Role.STARTING)
    assert life.node.next_deadline_ns() == life.node.roles.next_deadline_ns() is not None


def test_the_log_knows_epochs_that_the_store_has_forgotten_or_never_had() -> None:
    record = EventCell(8, 1, 2, Severity.INFO, 0, "role", "slot 2 is ACTIVE")
    node = Node(settings_of(BoardClass.GATED, 1), 1, OWN_BOOT, 3, [record], 0, ms(START_MS))
    assert node.roles.seen_epoch == 8
