"""A test for each sentence of docs/adr/0003-beat-engine.md, in virtual time, in its order.

Each runs twice: with the engine in C that the service has, and with its twin in Python.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bmcha.model.event import HeartbeatHeard, LinkSigns, MessageHeard, PathOverdue
from bmcha.model.hearsay import Twin
from bmcha.model.message import (
    AGE_NEVER_NS,
    DeltaAck,
    Goodbye,
    Handover,
    Header,
    Heartbeat,
    HeartbeatDraft,
    MirrorJoin,
    PathEcho,
    Probe,
    ProbeReply,
    Progress,
)
from bmcha.model.role import Reason, Role
from bmcha.runtime.engine import EngineDrafts
from bmcha.runtime.out_queue import OutQueue, WatchOrder
from bmcha.runtime.published import DraftBoard
from bmcha.runtime.pulse_settings import EchoLimits, PulseSettings
from tests.unit.native_pulse import NativeEchoes, NativePulse
from tests.world.echo_board import EchoBoard, LastHeard
from tests.world.frame_coder import Damage
from tests.world.proof import LATE_MAX_NS
from tests.world.pulse import SUMMARY_NS, Pulse
from tests.world.pulse_sender import SEND_TIMES_MAX, Outgoing

MS = 1_000_000
START_NS = 1_000_000 * MS
INTERVAL_NS = 100 * MS
DEADTIME_NS = 500 * MS
OWN_BOOT, PEER_BOOT = 1001, 2002
CHASSIS, OWN_SLOT, PEER_SLOT = 4711, 1, 2
NEVER = PathEcho(0, AGE_NEVER_NS)

DRAFT = HeartbeatDraft(
    revision=1,
    epoch=7,
    role=Role.STANDBY,
    reason=Reason.PEER_IS_ACTIVE,
    is_holding=False,
    is_released=False,
    will_claim_on_silence=True,
    health=100,
    echo_boot_id=PEER_BOOT,
    mirror_sequence=5,
    settings_sequence=1,
    progress=Progress(1, 2, 3),
    firmware_level=1,
)

SETTINGS = PulseSettings(
    path="udp",
    chassis_id=CHASSIS,
    own_slot=OWN_SLOT,
    peer_slot=PEER_SLOT,
    boot_id=OWN_BOOT,
    interval_ms=100,
    deadtime_ms=500,
    recovery_beats_min=3,
    stall_limit_ms=2000,
    echo_index=0,
    echo_limits=(EchoLimits(300 * MS, 500 * MS), EchoLimits(400 * MS, 800 * MS)),
    line_bytes_per_s=None,
)


class TwinPulse(Pulse):
    """With what the tests look at beside the contract."""

    def sender_due_ns(self, now_ns: int) -> int:
        return self._sender.due_ns(now_ns)

    def set_sequence(self, sequence: int) -> None:
        self._sender._sequence = sequence

    def expect(self, now_ns: int) -> None:
        self._expected_ns = now_ns


class Bench:
    """One engine, the boards around it, and a clock that only moves when told."""

    def __init__(
        self, is_native: bool, settings: PulseSettings = SETTINGS, messages_max: int = 256
    ) -> None:
        self.now_ns = START_NS
        self.is_native = is_native
        self.drafts = EngineDrafts() if is_native else DraftBoard()
        self.echoes = NativeEchoes() if is_native else EchoBoard(2)
        self.queue = OutQueue(messages_max)
        self.pulse = self.another_pulse(settings, self.queue)
        self.peer_sequence = 0

    def another_pulse(self, settings: PulseSettings, queue: OutQueue) -> Any:
        make: Any = NativePulse if self.is_native else TwinPulse
        return make(settings, self.drafts, self.echoes, queue, self.now_ns)

    def publish(self, draft: HeartbeatDraft = DRAFT, is_urgent: bool = False) -> None:
        self.drafts.publish(draft, is_urgent, self.now_ns)

    def sent(self, size_bytes: int = 80) -> list[Outgoing]:
        """Everything that the engine wants to send now, on a medium that takes it."""
        sent: list[Outgoing] = []
        while outgoing := self.pulse.offer(self.now_ns):
            self.pulse.note_sent(outgoing, size_bytes, self.now_ns)
            sent.append(outgoing)
        return sent

    def run_until(self, end_ns: int) -> list[tuple[int, Outgoing]]:
        """Turn after turn, each exactly when the engine asked for it."""
        sent: list[tuple[int, Outgoing]] = []
        while True:
            due_ns = self.pulse.due_ns(self.now_ns)
            if due_ns > end_ns:
                self.now_ns = end_ns
                return sent
            self.now_ns = max(self.now_ns, due_ns)
            self.pulse.woke(self.now_ns)
            sent += [(self.now_ns, outgoing) for outgoing in self.sent()]
            self.pulse.summary(self.now_ns)
            self.pulse.is_watch_due(self.now_ns)

    def wait(self, duration_ns: int) -> None:
        """Time passes, and the engine is called exactly when it asked to be."""
        self.pulse.due_ns(self.now_ns)
        self.now_ns += duration_ns
        self.pulse.expect(self.now_ns)

    def arm(self, silent_after_ns: int = DEADTIME_NS) -> None:
        self.queue.set_watch(WatchOrder(silent_after_ns, self.now_ns))
        self.pulse.woke(self.now_ns)

    def overdue(self) -> PathOverdue | None:
        if not self.pulse.is_watch_due(self.now_ns):
            return None
        found: PathOverdue | None = self.pulse.judge(self.now_ns)
        return found

    def header(self, sequence: int | None = None, **fields: int) -> Header:
        if sequence is None:
            sequence = self.peer_sequence + 1
        self.peer_sequence = sequence
        return Header(
            fields.get("chassis_id", CHASSIS),
            fields.get("source_slot", PEER_SLOT),
            fields.get("target_slot", OWN_SLOT),
            fields.get("boot_id", PEER_BOOT),
            fields.get("epoch", 7),
            sequence,
        )

    def beat(
        self,
        draft: HeartbeatDraft | None = None,
        echoes: tuple[PathEcho, ...] = (PathEcho(1, 0), PathEcho(1, 0)),
        header: Header | None = None,
        interval_ms: int = 100,
        deadtime_ms: int = 500,
    ) -> HeartbeatHeard | MessageHeard | None:
        draft = draft or replace(DRAFT, echo_boot_id=OWN_BOOT)
        heartbeat = Heartbeat(draft, interval_ms, deadtime_ms, echoes)
        header = header or self.header(epoch=draft.epoch)
        found: HeartbeatHeard | MessageHeard | None
        found = self.pulse.hear(header, heartbeat, self.now_ns)
        return found

    def settle(self) -> None:
        """The beats after boot that are reported in any case."""
        for _ in range(SETTINGS.recovery_beats_min):
            assert self.beat()
        assert self.beat() is None


MakeBench = Callable[..., Bench]


@pytest.fixture(params=[True, False], ids=["engine", "twin"])
def make_bench(request: pytest.FixtureRequest) -> MakeBench:
    return lambda *args, **kwargs: Bench(request.param, *args, **kwargs)


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench()


# ---------------------------------------------------------------- sending


def test_s1_a_beat_goes_out_at_every_deadline_and_lateness_does_not_move_the_next(bench) -> None:
    bench.publish()
    assert len(bench.sent()) == 1
    bench.now_ns += INTERVAL_NS + 30 * MS
    assert len(bench.sent()) == 1
    assert bench.pulse.due_ns(bench.now_ns) == START_NS + 2 * INTERVAL_NS


def test_s1_beats_do_not_drift_over_a_thousand_of_them(bench) -> None:
    times = []
    for _ in range(1000):
        bench.publish()
        assert bench.sent()
        times.append(bench.now_ns)
        bench.now_ns = bench.pulse.sender_due_ns(bench.now_ns) + 3 * MS
    assert times[-1] == START_NS + 999 * INTERVAL_NS + 3 * MS


def test_s1_missed_deadlines_are_not_made_good(bench) -> None:
    bench.publish()
    bench.sent()
    bench.now_ns += 7 * INTERVAL_NS + 1
    bench.publish()
    assert len(bench.sent()) == 1
    assert bench.pulse.sender_due_ns(bench.now_ns) == START_NS + 8 * INTERVAL_NS


def test_s2_an_urgent_draft_goes_out_at_once_beside_the_deadlines(bench) -> None:
    bench.publish()
    bench.sent()
    bench.now_ns += 10 * MS
    bench.publish(replace(DRAFT, role=Role.ACTIVE), is_urgent=True)
    assert bench.pulse.due_ns(bench.now_ns) == bench.now_ns
    (outgoing,) = bench.sent()
    assert isinstance(outgoing.message, Heartbeat)
    assert outgoing.message.draft.role is Role.ACTIVE
    assert bench.pulse.due_ns(bench.now_ns) == START_NS + INTERVAL_NS


def test_s2_an_unchanged_draft_waits_for_its_deadline(bench) -> None:
    bench.publish()
    bench.sent()
    bench.now_ns += 10 * MS
    bench.publish()
    assert bench.sent() == []


def test_s2_every_path_sends_the_urgent_draft(make_bench) -> None:
    first = make_bench()
    second = first.another_pulse(SETTINGS, OutQueue())
    first.publish(is_urgent=True)
    assert first.sent()
    assert second.offer(START_NS)


def test_s3_a_stalled_node_is_silent_and_each_deadline_is_counted(bench) -> None:
    bench.publish()
    bench.sent()
    bench.queue.put(PEER_SLOT, Probe(1))
    bench.now_ns = START_NS + 2000 * MS + 1
    assert bench.sent() == []
    bench.now_ns += 3 * INTERVAL_NS
    assert bench.sent() == []
    bench.now_ns = START_NS + SUMMARY_NS * 5
    # The grid's deadlines 1 to 23, of which 1 to 20 were skipped by this test itself.
    assert bench.pulse.summary(bench.now_ns).counts.withheld_count == 23


def test_s3_a_draft_just_as_old_as_the_limit_is_still_sent(bench) -> None:
    bench.publish()
    bench.sent()
    bench.now_ns = START_NS + 2000 * MS
    assert len(bench.sent()) == 1


def test_s3_a_stalled_engine_does_not_spin(bench) -> None:
    bench.publish()
    bench.sent()
    bench.queue.put(PEER_SLOT, Probe(1))
    bench.now_ns = START_NS + 2001 * MS
    bench.sent()
    bench.pulse.summary(bench.now_ns)
    assert bench.pulse.due_ns(bench.now_ns) == START_NS + 2100 * MS


def test_s3_before_the_first_draft_nothing_is_sent_and_nothing_counted(bench) -> None:
    bench.now_ns += 5000 * MS
    assert bench.sent() == []
    assert bench.pulse.summary(bench.now_ns).counts.withheld_count == 0


def test_s4_the_path_fills_in_its_sequence_and_timers(bench) -> None:
    bench.publish()
    (outgoing,) = bench.sent()
    assert outgoing.header == Header(CHASSIS, OWN_SLOT, PEER_SLOT, OWN_BOOT, 7, 1)
    assert isinstance(outgoing.message, Heartbeat)
    assert (outgoing.message.interval_ms, outgoing.message.deadtime_ms) == (100, 500)


def test_s4_a_beat_echoes_what_every_path_heard_with_its_age(bench) -> None:
    bench.beat(header=bench.header(41))
    bench.echoes.note(1, LastHeard(PEER_BOOT, 99, START_NS - 40 * MS))
    bench.now_ns += 25 * MS
    bench.publish()
    (outgoing,) = bench.sent()
    assert isinstance(outgoing.message, Heartbeat)
    assert outgoing.message.echoes == (PathEcho(41, 25 * MS), PathEcho(99, 65 * MS))


def test_s4_an_echo_of_another_boot_than_the_draft_names_is_never(bench) -> None:
    bench.beat()
    bench.publish(replace(DRAFT, echo_boot_id=PEER_BOOT + 1))
    (outgoing,) = bench.sent()
    assert isinstance(outgoing.message, Heartbeat)
    assert outgoing.message.echoes == (NEVER, NEVER)


def test_s5_the_sequence_counts_frames_of_every_kind_from_one(bench) -> None:
    bench.queue.put(PEER_SLOT, Probe(1))
    bench.queue.put(PEER_SLOT, DeltaAck(1, 1))
    bench.publish()
    assert [outgoing.header.sequence for outgoing in bench.sent()] == [1, 2, 3]


def test_s5_a_refused_frame_uses_no_sequence(bench) -> None:
    bench.publish()
    assert bench.pulse.offer(bench.now_ns).header.sequence == 1
    bench.pulse.note_refused(bench.now_ns)
    bench.now_ns += 10 * MS
    assert bench.pulse.offer(bench.now_ns).header.sequence == 1


def test_s5_the_sequence_wraps_without_zero(bench) -> None:
    bench.pulse.set_sequence(0xFFFF_FFFF)
    bench.publish()
    assert bench.sent()[0].header.sequence == 1


def test_s6_beat_then_role_then_mirror(bench) -> None:
    mirror = [MirrorJoin(1, 1), DeltaAck(1, 4)]
    role = [Probe(1), ProbeReply(2), Handover(3, 4, 1)]
    for message in (*mirror, *role):
        bench.queue.put(PEER_SLOT, message)
    bench.publish()
    messages = [outgoing.message for outgoing in bench.sent()]
    assert isinstance(messages[0], Heartbeat)
    assert messages[1:] == [*role, *mirror]


def test_s6_a_role_message_overtakes_a_mirror_message_that_was_refused(bench) -> None:
    bench.publish()
    bench.sent()
    bench.queue.put(PEER_SLOT, DeltaAck(1, 1))
    assert bench.pulse.offer(bench.now_ns).message == DeltaAck(1, 1)
    bench.pulse.note_refused(bench.now_ns)
    bench.queue.put(PEER_SLOT, Probe(1))
    bench.now_ns += 10 * MS
    assert [outgoing.message for outgoing in bench.sent()] == [Probe(1), DeltaAck(1, 1)]


def test_s6_a_queued_message_makes_the_engine_due_at_once(bench) -> None:
    bench.publish()
    bench.sent()
    bench.queue.put(PEER_SLOT, Probe(1))
    assert bench.pulse.due_ns(bench.now_ns) == bench.now_ns


def test_s7_a_full_queue_drops_its_oldest_mirror_message_and_counts_it(make_bench) -> None:
    bench = make_bench(messages_max=3)
    for message in (DeltaAck(1, 1), DeltaAck(1, 2), Probe(1), Probe(2)):
        bench.queue.put(PEER_SLOT, message)
    bench.publish()
    messages = [outgoing.message for outgoing in bench.sent()][1:]
    assert messages == [Probe(1), Probe(2), DeltaAck(1, 2)]
    assert bench.pulse.odd_counts["mirror messages dropped"] == 1


def test_s8_on_a_line_of_known_rate_a_mirror_message_waits_until_the_line_is_idle(
    make_bench,
) -> None:
    bench = make_bench(replace(SETTINGS, line_bytes_per_s=10_000))
    for sequence in (1, 2):
        bench.queue.put(PEER_SLOT, DeltaAck(1, sequence))
    bench.publish()
    # 80 bytes at 10,000 a second: 8 ms.
    assert [type(outgoing.message) for outgoing in bench.sent()] == [Heartbeat]
    assert bench.pulse.due_ns(bench.now_ns) == START_NS + 8 * MS
    bench.now_ns += 8 * MS
    assert [outgoing.message for outgoing in bench.sent(200)] == [DeltaAck(1, 1)]
    assert bench.pulse.due_ns(bench.now_ns) == START_NS + 28 * MS


def test_s8_beats_and_role_messages_do_not_wait_for_the_line(make_bench) -> None:
    bench = make_bench(replace(SETTINGS, line_bytes_per_s=10_000))
    bench.publish()
    bench.sent(4000)
    bench.queue.put(PEER_SLOT, Probe(1))
    assert [outgoing.message for outgoing in bench.sent()] == [Probe(1)]
    bench.now_ns += INTERVAL_NS
    assert [type(outgoing.message) for outgoing in bench.sent()] == [Heartbeat]


def test_s9_a_refused_beat_is_made_afresh_after_ten_milliseconds(bench) -> None:
    bench.publish()
    bench.pulse.offer(bench.now_ns)
    bench.pulse.note_refused(bench.now_ns)
    assert bench.pulse.offer(bench.now_ns) is None
    assert bench.pulse.due_ns(bench.now_ns) == START_NS + 10 * MS
    bench.now_ns += 10 * MS
    bench.publish(replace(DRAFT, health=50))
    (outgoing,) = bench.sent()
    assert isinstance(outgoing.message, Heartbeat)
    assert outgoing.message.draft.health == 50


def test_s10_after_a_goodbye_nothing_is_sent(bench) -> None:
    bench.queue.put(PEER_SLOT, Goodbye(Reason.STOP_ASKED))
    bench.queue.put(PEER_SLOT, Probe(1))
    bench.queue.put(PEER_SLOT, DeltaAck(1, 1))
    bench.publish()
    sent = [outgoing.message for outgoing in bench.sent()]
    assert sent[1:] == [Goodbye(Reason.STOP_ASKED)]
    bench.now_ns += 3 * INTERVAL_NS
    bench.publish(is_urgent=True)
    assert bench.sent() == []
    assert bench.pulse.has_said_goodbye


# ---------------------------------------------------------------- receiving


@pytest.mark.parametrize(
    "fields", [{"chassis_id": 1}, {"source_slot": OWN_SLOT}, {"target_slot": 3}]
)
def test_r1_a_frame_that_is_not_for_this_path_is_counted_and_ignored(bench, fields) -> None:
    assert bench.beat(header=bench.header(**fields)) is None
    assert bench.pulse.odd_counts["frames not for this path"] == 1
    assert bench.pulse.summary(START_NS + SUMMARY_NS).last_heard_ns is None


def test_r1_a_beat_from_the_own_slot_and_another_boot_is_a_twin_and_no_life(bench) -> None:
    assert bench.beat(header=bench.header(source_slot=OWN_SLOT, boot_id=99)) is None
    summary = bench.pulse.summary(START_NS + SUMMARY_NS)
    assert summary.counts.twin == Twin(99, DRAFT.role, 7, START_NS)
    assert summary.last_heard_ns is None


@pytest.mark.parametrize(
    "fields",
    [
        {"source_slot": OWN_SLOT, "boot_id": OWN_BOOT},
        {"source_slot": OWN_SLOT, "chassis_id": 1},
        {"source_slot": 3},
    ],
)
def test_r1_an_echo_of_ours_another_chassis_or_a_third_slot_is_no_twin(bench, fields) -> None:
    bench.beat(header=bench.header(**fields))
    assert bench.pulse.summary(START_NS + SUMMARY_NS).counts.twin is None


@pytest.mark.parametrize("sequence", [9, 10])
def test_r2_a_repeated_or_old_frame_is_no_life(bench, sequence) -> None:
    bench.beat(header=bench.header(10))
    bench.now_ns += 50 * MS
    assert bench.beat(header=bench.header(sequence)) is None
    assert bench.pulse.odd_counts["frames heard twice or too late"] == 1
    assert bench.pulse.summary(START_NS + SUMMARY_NS).last_heard_ns == START_NS


def test_r2_a_sequence_that_wrapped_is_newer(bench) -> None:
    bench.settle()
    bench.beat(header=bench.header(0x7FFF_FFFF))
    bench.beat(header=bench.header(0xFFFF_FFFE))
    bench.now_ns += 50 * MS
    bench.beat(header=bench.header(1))
    assert bench.pulse.summary(START_NS + SUMMARY_NS).last_heard_ns == bench.now_ns


def test_r2_a_late_frame_of_the_boot_before_is_no_life(bench) -> None:
    bench.beat(header=bench.header(500))
    bench.beat(header=bench.header(1, boot_id=PEER_BOOT + 1))
    assert bench.beat(header=bench.header(501)) is None
    assert bench.pulse.odd_counts["frames heard twice or too late"] == 1


def test_r2_the_boot_before_is_heard_again_if_the_one_after_it_says_no_more(bench) -> None:
    bench.settle()
    bench.beat(header=bench.header(500))
    bench.beat(header=bench.header(90, boot_id=PEER_BOOT + 1))  # of an older life, and late
    bench.now_ns += LATE_MAX_NS - 1
    assert bench.beat(header=bench.header(501)) is None
    bench.now_ns += 1
    assert bench.beat(header=bench.header(502)).header.boot_id == PEER_BOOT
    assert bench.beat(header=bench.header(91, boot_id=PEER_BOOT + 1)) is None


def test_r3_a_gap_counts_as_lost_frames(bench) -> None:
    bench.beat(header=bench.header(10))
    bench.beat(header=bench.header(14))
    assert bench.pulse.summary(START_NS + SUMMARY_NS).counts.lost_count == 3


def test_r3_a_new_boot_starts_the_count_anew(bench) -> None:
    bench.beat(header=bench.header(10))
    bench.beat(header=bench.header(1, boot_id=PEER_BOOT + 1))
    assert bench.pulse.summary(START_NS + SUMMARY_NS).counts.lost_count == 0


def test_r4_only_a_heartbeat_is_life(bench) -> None:
    bench.beat()
    bench.arm()
    bench.wait(DEADTIME_NS)
    bench.pulse.hear(bench.header(), Probe(1), bench.now_ns)
    bench.pulse.note_link(Damage(bad_count=2), LinkSigns())
    assert bench.overdue() == PathOverdue("udp", START_NS)
    assert bench.pulse.summary(bench.now_ns).counts.bad_count == 2


def test_r5_the_round_trip_comes_from_the_own_paths_echo(bench) -> None:
    bench.publish()
    bench.sent()
    bench.now_ns += 12 * MS
    bench.beat(echoes=(PathEcho(1, 10 * MS), PathEcho(1, 0)))
    assert bench.pulse.summary(START_NS + SUMMARY_NS).counts.rtt_us == 2000


def test_r5_an_echo_of_another_boot_of_ours_tells_no_round_trip(bench) -> None:
    bench.publish()
    bench.sent()
    bench.beat(draft=replace(DRAFT, echo_boot_id=OWN_BOOT - 1))
    assert bench.pulse.summary(START_NS + SUMMARY_NS).counts.rtt_us is None


def test_r5_an_echo_of_a_beat_too_long_ago_tells_no_round_trip(bench) -> None:
    for _ in range(SEND_TIMES_MAX + 1):
        bench.publish()
        bench.sent()
        bench.now_ns += INTERVAL_NS
    bench.beat(echoes=(PathEcho(1, 0), NEVER))
    assert bench.pulse.summary(bench.now_ns).counts.rtt_us is None


def test_r5_an_echo_names_its_beat_by_the_low_16_bits(bench) -> None:
    bench.pulse.set_sequence(0x1_0000 + 40)
    bench.publish()
    bench.sent()
    bench.now_ns += 3 * MS
    bench.beat(echoes=(PathEcho(41, 0), NEVER))
    assert bench.pulse.summary(START_NS + SUMMARY_NS).counts.rtt_us == 3000


def test_r6_the_first_beat_is_news(bench) -> None:
    event = bench.beat()
    assert isinstance(event, HeartbeatHeard)
    assert (event.path, event.heard_ns, event.beats_in_row) == ("udp", START_NS, 1)


def test_r6_a_beat_like_the_last_one_is_no_news(bench) -> None:
    bench.settle()
    assert bench.beat() is None


def test_r6_another_boot_id_is_news(bench) -> None:
    bench.settle()
    assert bench.beat(header=bench.header(1, boot_id=PEER_BOOT + 1))


def test_r6_another_epoch_in_the_header_is_news(bench) -> None:
    bench.settle()
    assert bench.beat(header=bench.header(epoch=9))


@pytest.mark.parametrize("timers", [{"interval_ms": 50}, {"deadtime_ms": 600}])
def test_r6_other_timers_are_news(bench, timers) -> None:
    bench.settle()
    assert bench.beat(**timers)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("revision", 2),
        ("epoch", 8),
        ("role", Role.ACTIVE),
        ("reason", Reason.ISOLATED),
        ("is_holding", True),
        ("is_released", True),
        ("will_claim_on_silence", False),
        ("health", 99),
        ("firmware_level", 2),
    ],
)
def test_r6_another_draft_is_news(bench, field, value) -> None:
    bench.settle()
    draft = replace(DRAFT, echo_boot_id=OWN_BOOT)
    assert bench.beat(replace(draft, **{field: value}))
    assert bench.beat(replace(draft, **{field: value})) is None
    assert bench.beat(draft)


@pytest.mark.parametrize(
    ("field", "value"),
    [("mirror_sequence", 6), ("settings_sequence", 2), ("progress", Progress(9, 9, 9))],
)
def test_r6_what_moves_with_every_beat_is_no_news(bench, field, value) -> None:
    bench.settle()
    assert bench.beat(replace(DRAFT, echo_boot_id=OWN_BOOT, **{field: value})) is None


@pytest.mark.parametrize(
    "echoes",
    [
        (PathEcho(1, 301 * MS), PathEcho(1, 0)),
        (PathEcho(1, 501 * MS), PathEcho(1, 0)),
        (PathEcho(1, 0), PathEcho(1, 401 * MS)),
        (PathEcho(1, 0), PathEcho(1, 801 * MS)),
        (PathEcho(1, 0), NEVER),
    ],
)
def test_r6_an_echo_that_crosses_a_limit_is_news_both_ways(bench, echoes) -> None:
    bench.settle()
    assert bench.beat(echoes=echoes)
    assert bench.beat(echoes=echoes) is None
    assert bench.beat()


def test_r6_an_older_echo_within_the_limits_is_no_news(bench) -> None:
    bench.settle()
    assert bench.beat(echoes=(PathEcho(2, 300 * MS), PathEcho(2, 400 * MS))) is None


def test_r6_a_late_echo_is_silent_only_beyond_the_dead_time(bench) -> None:
    bench.settle()
    assert bench.beat(echoes=(PathEcho(2, 301 * MS), PathEcho(1, 0)))
    assert bench.beat(echoes=(PathEcho(2, 500 * MS), PathEcho(1, 0))) is None
    assert bench.beat(echoes=(PathEcho(2, 501 * MS), PathEcho(1, 0)))


def test_r6_an_echo_of_another_boot_of_ours_counts_as_never(bench) -> None:
    bench.settle()
    assert bench.beat(replace(DRAFT, echo_boot_id=OWN_BOOT - 1))


def test_r6_more_echoes_than_configured_paths_do_no_harm(bench) -> None:
    assert bench.beat(echoes=(PathEcho(1, 0),) * 5)
    assert bench.beat(echoes=())


def test_r7_the_beats_after_boot_and_after_an_overdue_watch_are_counted_and_reported(bench) -> None:
    bench.settle()
    bench.arm()
    bench.wait(DEADTIME_NS)
    assert bench.overdue()
    assert [bench.beat().beats_in_row for _ in range(3)] == [1, 2, 3]
    assert bench.beat() is None


def test_r8_every_other_message_is_reported(bench) -> None:
    header = bench.header()
    event = bench.pulse.hear(header, Probe(5), START_NS)
    assert event == MessageHeard("udp", header, Probe(5), START_NS)


def test_r9_a_summary_every_half_second_brings_the_latest_beat_counts_and_fault(bench) -> None:
    bench.publish()
    bench.sent()
    bench.settle()
    bench.pulse.fault = "the port is gone"
    assert bench.pulse.summary(START_NS + SUMMARY_NS - 1) is None
    summary = bench.pulse.summary(START_NS + SUMMARY_NS)
    assert summary.header.sequence == 4
    assert summary.heartbeat.draft.role is Role.STANDBY
    assert (summary.counts.rx_count, summary.counts.tx_count) == (4, 1)
    assert summary.fault == "the port is gone"
    assert bench.pulse.summary(START_NS + SUMMARY_NS + 1) is None
    assert bench.pulse.summary(START_NS + 5 * SUMMARY_NS)
    assert bench.pulse.summary(START_NS + 5 * SUMMARY_NS + 1) is None


# ---------------------------------------------------------------- the watch


def test_w1_a_watch_counts_from_the_last_beat(bench) -> None:
    bench.beat()
    bench.wait(100 * MS)
    bench.arm()
    assert bench.pulse.due_ns(bench.now_ns) <= START_NS + DEADTIME_NS
    bench.wait(400 * MS - 1)
    assert bench.overdue() is None
    bench.wait(1)
    assert bench.overdue() == PathOverdue("udp", START_NS)


def test_w1_before_anything_was_heard_it_counts_from_the_order(bench) -> None:
    bench.wait(10_000 * MS)
    bench.arm()
    bench.wait(DEADTIME_NS - 1)
    assert bench.overdue() is None
    bench.wait(1)
    assert bench.overdue() == PathOverdue("udp", None)


def test_w1_without_a_watch_nothing_is_overdue(bench) -> None:
    bench.beat()
    bench.wait(100_000 * MS)
    assert bench.overdue() is None


def test_w2_a_new_order_replaces_the_watch_and_may_be_due_at_once(bench) -> None:
    bench.beat()
    bench.arm(DEADTIME_NS)
    bench.wait(200 * MS)
    bench.arm(100 * MS)
    assert bench.pulse.due_ns(bench.now_ns) <= bench.now_ns
    assert bench.overdue()


def test_w2_after_a_report_the_next_order_reports_again(bench) -> None:
    bench.beat()
    bench.arm(300 * MS)
    bench.wait(300 * MS)
    assert bench.overdue()
    bench.arm(500 * MS)
    bench.wait(200 * MS - 1)
    assert bench.overdue() is None
    bench.wait(1)
    assert bench.overdue()


def test_w3_it_is_reported_once_and_a_beat_starts_it_anew(bench) -> None:
    bench.beat()
    bench.arm()
    bench.wait(DEADTIME_NS)
    assert bench.overdue()
    bench.wait(DEADTIME_NS)
    assert bench.overdue() is None
    bench.beat()
    heard_ns = bench.now_ns
    bench.wait(DEADTIME_NS)
    assert bench.overdue() == PathOverdue("udp", heard_ns)


def test_w4_a_beat_that_was_waiting_unread_saves_the_path(bench) -> None:
    bench.beat()
    bench.arm()
    bench.wait(DEADTIME_NS)
    assert bench.pulse.is_watch_due(bench.now_ns)
    looked_ns = bench.now_ns
    bench.beat()
    assert bench.pulse.judge(looked_ns) is None


def test_w4_silence_is_judged_as_of_before_the_last_read(bench) -> None:
    bench.beat()
    bench.arm()
    bench.wait(DEADTIME_NS - 1)
    looked_ns = bench.now_ns
    bench.wait(50 * MS)
    assert bench.pulse.judge(looked_ns) is None


def test_w5_an_engine_that_stood_still_grants_that_time_to_the_peer(bench) -> None:
    bench.beat()
    bench.arm()
    due_ns = bench.pulse.due_ns(bench.now_ns)
    bench.now_ns = due_ns + 5000 * MS
    bench.pulse.woke(bench.now_ns)
    assert bench.overdue() is None
    bench.wait(START_NS + DEADTIME_NS + 5000 * MS - bench.now_ns - 1)
    assert bench.overdue() is None
    bench.wait(1)
    assert bench.overdue()


def test_w5_time_gone_between_two_looks_is_own_lateness_too(bench) -> None:
    bench.beat()
    bench.arm()
    bench.pulse.due_ns(bench.now_ns)
    bench.now_ns += 10 * MS
    bench.pulse.woke(bench.now_ns)
    bench.now_ns += DEADTIME_NS
    assert bench.overdue() is None


def test_w5_a_timers_jitter_is_not_granted(bench) -> None:
    bench.beat()
    bench.arm()
    while bench.now_ns < START_NS + DEADTIME_NS:
        bench.now_ns = bench.pulse.due_ns(bench.now_ns) + 5 * MS
        bench.pulse.woke(bench.now_ns)
        bench.publish()
        bench.sent()
        bench.pulse.summary(bench.now_ns)
    assert bench.now_ns < START_NS + DEADTIME_NS + INTERVAL_NS
    assert bench.overdue()


def test_w5_the_next_beat_ends_the_grant(bench) -> None:
    bench.beat()
    bench.arm()
    bench.now_ns = bench.pulse.due_ns(bench.now_ns) + 5000 * MS
    bench.pulse.woke(bench.now_ns)
    bench.beat()
    heard_ns = bench.now_ns
    bench.wait(DEADTIME_NS)
    assert bench.overdue() == PathOverdue("udp", heard_ns)


# ---------------------------------------------------------------- what the node asks of its beats


def beat_until(bench: Bench, end_ns: int, every_ns: int = INTERVAL_NS) -> None:
    while bench.now_ns < end_ns:
        bench.now_ns += every_ns
        bench.publish()
        assert bench.sent()


def test_t1_beats_within_the_dead_time_less_one_are_without_a_hole(bench) -> None:
    bench.publish()
    bench.sent()
    beat_until(bench, START_NS + 4000 * MS, DEADTIME_NS - INTERVAL_NS)
    assert bench.pulse.beats_went_on(START_NS, bench.now_ns)
    assert not bench.pulse.beats_went_on(START_NS - 1, bench.now_ns), "nothing is known of before"


def test_t1_a_hole_begins_anew_whoever_looks_first(bench) -> None:
    bench.publish()
    bench.sent()
    stepped_ns = bench.now_ns
    bench.now_ns += DEADTIME_NS - INTERVAL_NS + 1
    bench.publish()
    bench.sent()
    assert not bench.pulse.beats_went_on(stepped_ns, bench.now_ns)
    assert bench.pulse.beats_went_on(bench.now_ns, bench.now_ns)


def test_t1_the_time_before_the_write_and_the_time_after_it_prove_what_is_less(bench) -> None:
    bench.publish()
    first = bench.pulse.offer(bench.now_ns)
    bench.now_ns += 300 * MS
    bench.pulse.note_sent(first, 80, bench.now_ns)
    bench.now_ns += 101 * MS
    bench.publish()
    assert bench.sent(), "401 ms after the first may have left"
    assert not bench.pulse.beats_went_on(START_NS + 300 * MS, bench.now_ns)


def test_t2_what_the_medium_refused_has_not_left(bench) -> None:
    bench.publish()
    assert not bench.pulse.beats_went_on(START_NS, START_NS), "before the first"
    bench.pulse.offer(bench.now_ns)
    bench.pulse.note_refused(bench.now_ns)
    assert not bench.pulse.beats_went_on(START_NS, bench.now_ns)


def test_t2_a_message_is_no_beat(bench) -> None:
    bench.publish()
    bench.sent()
    bench.now_ns += DEADTIME_NS - INTERVAL_NS - 2 * MS
    bench.publish()
    bench.pulse.offer(bench.now_ns)  # the beat that is due
    bench.pulse.note_refused(bench.now_ns)
    assert bench.pulse.beats_went_on(START_NS, bench.now_ns)
    assert not bench.pulse.beats_went_on(START_NS, bench.now_ns + 3 * MS)


def test_t3_the_last_beat_must_not_be_long_ago(bench) -> None:
    bench.publish()
    bench.sent()
    beat_until(bench, START_NS + 1000 * MS)
    last_ns = bench.now_ns
    assert bench.pulse.beats_went_on(START_NS, last_ns + DEADTIME_NS - INTERVAL_NS)
    assert not bench.pulse.beats_went_on(START_NS, last_ns + DEADTIME_NS - INTERVAL_NS + 1)


def test_two_engines_on_a_clean_medium_wake_the_node_three_times_and_then_rest(make_bench) -> None:
    """The contract as a whole: a minute of beats, and only the first ones were events."""
    bench = make_bench()
    events = []
    for _ in range(600):
        bench.publish()
        bench.run_until(bench.now_ns + INTERVAL_NS)
        events.append(bench.beat())
    assert [event for event in events if event] == events[:3]
    summary = bench.pulse.summary(bench.now_ns + SUMMARY_NS)
    assert summary is not None
    assert summary.counts.tx_count == 601
