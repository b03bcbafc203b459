"""Effects are run in order; output writes are withheld when time has passed since the decision."""

from dataclasses import replace

import pytest

from bmcha.hal.port import PortError
from bmcha.model.effect import (
    Answer,
    DriveLine,
    EndService,
    EnterRole,
    FeedWatchdog,
    LeaveFans,
    OwnLine,
    PublishHeartbeat,
    PulseReset,
    ReadLines,
    RecordEvent,
    SendMessage,
    SetFan,
    StoreEpoch,
    WatchPath,
    WriteImage,
)
from bmcha.model.event import EffectFailed, LinesRead, OutputsWithheld
from bmcha.model.message import Probe
from bmcha.model.reading import EventCell
from bmcha.model.role import Reason, Role, Severity
from bmcha.runtime.effect_runner import EffectRunner, Outlets, PathOutlet
from bmcha.runtime.out_queue import Letter, OutQueue, WatchOrder
from bmcha.runtime.published import DraftBoard
from tests.unit.test_pulse import DRAFT

MS = 1_000_000
LIMIT_NS = 100 * MS
RAISE_ACTIVE = DriveLine(OwnLine.ACTIVE, True)


class World:
    """Writes down everything that is done, in order; takes its time where it is told to."""

    def __init__(self) -> None:
        self.now_ns = 1000 * MS
        self.deeds: list[object] = []
        self.posted: list[object] = []
        self.broken: set[str] = set()
        self.slow_ns: dict[str, int] = {}
        self.queue = OutQueue()
        self.drafts = DraftBoard()
        outlets = Outlets(
            drafts=self.drafts,
            paths={"udp": PathOutlet(self.queue, lambda: self.deeds.append("wake"))},
            store=self,
            lines=self,
            watchdog=self,
            fans=self,
            image=self,
            audience=self,
        )
        self.until_ns = 0
        self.beats_since_ns: int | None = None
        """They have gone on since then; None: they have not."""
        self.runner = EffectRunner(
            outlets, lambda: LIMIT_NS, self.post, lambda: self.now_ns, self.beats_went_on
        )

    def beats_went_on(self, since_ns: int, now_ns: int) -> bool:
        assert now_ns == self.now_ns
        return self.beats_since_ns is not None and self.beats_since_ns <= since_ns

    def post(self, event: object) -> bool:
        self.posted.append(event)
        return True

    def run(self, *effects, step_ns: int | None = None) -> None:
        self.runner.run(effects, self.now_ns if step_ns is None else step_ns)

    def _do(self, name: str, *values: object) -> None:
        if name in self.broken:
            raise PortError(f"{name} is broken")
        self.now_ns += self.slow_ns.get(name, 0)
        self.deeds.append((name, *values))

    def drive(self, name: str, is_up: bool) -> None:
        self._do("drive", name, is_up)

    def pulse_reset(self, slot: int, pulse_ms: int) -> bool:
        self._do("reset", slot, pulse_ms)
        return slot == 2

    def let_go(self) -> None:
        self._do("let go")

    def read(self) -> LinesRead:
        return LinesRead((), True, None, 0)

    def wait(self, timeout_s: float) -> bool:
        raise AssertionError("only the lines thread waits")

    def read_slot(self) -> int:
        raise AssertionError("read once, at start")

    def read_straps(self) -> int:
        raise AssertionError("only the lines thread reads them again")

    def close(self, is_disarmed: bool = False) -> None:
        raise AssertionError("the runner closes nothing")

    def feed(self) -> None:
        self._do("feed")

    def order(self, index: int, pwm: int, until_ns: int) -> None:
        self._do("order", index, pwm)
        self.until_ns = until_ns

    def leave_at(self, pwm: int, until_ns: int) -> None:
        self._do("leave_at", pwm)
        self.until_ns = until_ns

    def drop(self) -> None:
        self._do("drop")

    def leave(self) -> None:
        self._do("leave")

    def store_epoch(self, epoch: int) -> None:
        self._do("epoch", epoch)

    def record(self, record: EventCell) -> None:
        self._do("record", record.text)

    def write(self, effect: WriteImage) -> None:
        self._do("image", effect.sequence)

    def refresh(self) -> None:
        pass

    def role_entered(self, entered: EnterRole, now_ns: int = 0) -> None:
        self._do("role", entered.role)

    def event_recorded(self, record: EventCell, now_ns: int) -> None:
        self._do("tell", record.text)

    def answered(self, answer: Answer) -> None:
        self._do("answer", answer.request_id)

    def settings_adopted(self, number: int) -> None:
        self._do("adopt", number)


@pytest.fixture
def world() -> World:
    return World()


def test_effects_are_run_in_list_order(world) -> None:
    record = EventCell(1, 1, 1, Severity.INFO, 0, "role", "text")
    world.run(
        StoreEpoch(8),
        RAISE_ACTIVE,
        SetFan(1, 200),
        FeedWatchdog(),
        WriteImage((), 8, 5, 4, False),
        RecordEvent(record),
        EnterRole(Role.ACTIVE, Reason.PEER_ABSENT, 8, Role.STANDBY),
        Answer(3, True, {}),
        DriveLine(OwnLine.HEALTH, False),
    )
    assert world.deeds == [
        ("epoch", 8),
        ("drive", "ACTIVE", True),
        ("order", 1, 200),
        ("feed",),
        ("image", 5),
        ("record", "text"),
        ("tell", "text"),
        ("role", Role.ACTIVE),
        ("role", Role.ACTIVE),
        ("answer", 3),
        ("drive", "HEALTH", False),
    ]
    assert world.posted == []


def test_a_message_and_a_watch_go_to_their_path_and_wake_it(world) -> None:
    world.run(SendMessage("udp", 2, Probe(7)), WatchPath("udp", 500 * MS))
    assert world.queue.take_role() == Letter(2, Probe(7))
    assert world.queue.take_watch() == WatchOrder(500 * MS, world.now_ns)
    assert world.deeds == ["wake", "wake"]


def test_only_the_first_and_the_urgent_draft_wake_the_paths(world) -> None:
    world.run(PublishHeartbeat(DRAFT, False))
    world.run(PublishHeartbeat(DRAFT, False))
    assert world.deeds == ["wake"]
    world.run(PublishHeartbeat(DRAFT, True))
    assert world.deeds == ["wake", "wake"]
    assert world.drafts.current.urgent_count == 1


def test_lines_that_were_asked_for_come_back_with_the_time_of_reading(world) -> None:
    world.run(ReadLines())
    assert world.posted == [replace(world.read(), read_ns=world.now_ns)]


@pytest.mark.parametrize(
    "write", [SetFan(0, 90), RAISE_ACTIVE, DriveLine(OwnLine.OUTPUT_ENABLE, True)]
)
def test_an_output_write_too_long_after_its_step_is_withheld(world, write) -> None:
    step_ns = world.now_ns
    world.now_ns += LIMIT_NS + 1
    world.runner.loop_completed()
    world.run(write, step_ns=step_ns)
    assert world.deeds == [("drop",)], "nor is what waits carried out"
    assert world.posted == [OutputsWithheld(LIMIT_NS + 1)]


def test_an_output_write_just_within_the_limit_is_done(world) -> None:
    world.now_ns += LIMIT_NS
    world.run(SetFan(0, 90))
    assert world.deeds == [("order", 0, 90)]


def test_an_output_write_too_long_after_the_last_completed_loop_is_withheld(world) -> None:
    world.now_ns += LIMIT_NS + 5
    world.run(SetFan(0, 90))
    assert world.deeds == [("drop",)]
    assert world.posted == [OutputsWithheld(LIMIT_NS + 5)]


def test_a_peer_is_reset_through_its_line(world) -> None:
    world.run(PulseReset(2, 100))
    assert world.deeds == [("reset", 2, 100)]
    assert world.posted == []


def test_an_output_write_that_is_late_is_done_where_beats_went_on(world) -> None:
    step_ns = world.now_ns
    world.now_ns += LIMIT_NS + 1
    world.beats_since_ns = step_ns
    world.run(PulseReset(2, 500), step_ns=step_ns)
    assert world.posted == []
    world.now_ns += LIMIT_NS + 1
    world.beats_since_ns = step_ns + 1
    world.run(PulseReset(2, 500), step_ns=step_ns)
    assert world.posted == [OutputsWithheld(2 * LIMIT_NS + 2)]


def test_a_reset_pulse_that_was_decided_before_a_stop_is_withheld(world) -> None:
    world.now_ns += LIMIT_NS + 5
    world.run(PulseReset(2, 100))
    assert world.deeds == [("drop",)]
    assert world.posted == [OutputsWithheld(LIMIT_NS + 5)]


def test_a_reset_without_a_line_is_told(world) -> None:
    world.run(PulseReset(3, 100))
    told = "no reset line goes to slot 3; see [[lines.peer]]"
    assert world.posted == [EffectFailed("PulseReset", told)]


def test_a_stop_between_two_writes_withholds_the_second_and_all_after_it(world) -> None:
    world.slow_ns["order"] = LIMIT_NS + 1
    world.run(SetFan(0, 90), SetFan(1, 90), RAISE_ACTIVE, FeedWatchdog())
    assert world.deeds == [("order", 0, 90), ("drop",), ("feed",)]
    assert world.posted == [OutputsWithheld(LIMIT_NS + 1)]


@pytest.mark.parametrize("line", list(OwnLine))
def test_lowering_a_line_is_always_done(world, line) -> None:
    world.now_ns += 100 * LIMIT_NS
    world.run(SetFan(0, 90), DriveLine(line, False))
    assert world.deeds[-1] == ("drive", line.value, False)


@pytest.mark.parametrize("line", [OwnLine.ACTIVE, OwnLine.OUTPUT_ENABLE])
def test_the_fans_are_left_before_a_line_of_the_outputs_falls(world, line) -> None:
    world.run(DriveLine(line, False))
    assert world.deeds == [("leave",), ("drive", line.value, False)]


@pytest.mark.parametrize("role", list(Role))
def test_orders_are_dropped_with_every_role_but_active(world, role) -> None:
    world.run(EnterRole(role, Reason.PEER_ABSENT, 8, Role.STARTING))
    assert (("drop",) in world.deeds) == (role is not Role.ACTIVE)


def test_the_fans_last_order_ends_like_any_other_and_is_withheld_like_any_other(world) -> None:
    world.run(LeaveFans(255), DriveLine(OwnLine.OUTPUT_ENABLE, False))
    lowered = ("drive", "OUTPUT_ENABLE", False)
    assert world.deeds == [("leave_at", 255), ("leave",), lowered]
    assert world.until_ns == world.now_ns + LIMIT_NS
    world.now_ns += LIMIT_NS + 1
    world.run(LeaveFans(255), DriveLine(OwnLine.OUTPUT_ENABLE, False))
    assert world.deeds[3:] == [("drop",), ("leave",), lowered]


def test_an_order_ends_when_the_own_gap_would_be_too_long(world) -> None:
    world.run(SetFan(0, 90))
    assert world.until_ns == world.now_ns + LIMIT_NS
    world.now_ns += 10 * MS
    world.run(SetFan(0, 90))
    assert world.until_ns == world.now_ns - 10 * MS + LIMIT_NS, "from the last completed loop"
    world.runner.loop_completed()
    world.run(SetFan(0, 90), step_ns=world.now_ns - 3 * MS)
    assert world.until_ns == world.now_ns - 3 * MS + LIMIT_NS, "from the deciding step"


def test_health_is_no_output_and_may_be_raised_late(world) -> None:
    world.now_ns += 100 * LIMIT_NS
    world.run(DriveLine(OwnLine.HEALTH, True))
    assert world.deeds == [("drive", "HEALTH", True)]
    assert world.posted == []


def test_the_next_list_is_judged_afresh(world) -> None:
    world.now_ns += LIMIT_NS + 1
    world.run(SetFan(0, 90))
    world.runner.loop_completed()
    world.run(SetFan(0, 91))
    assert world.deeds == [("drop",), ("order", 0, 91)]


@pytest.mark.parametrize(
    ("effect", "device", "name"),
    [
        (DriveLine(OwnLine.ACTIVE, False), "drive", "DriveLine ACTIVE down"),
        (FeedWatchdog(), "feed", "FeedWatchdog"),
        (WriteImage((), 1, 1, 1, False), "image", "WriteImage"),
    ],
)
def test_an_effect_that_fails_comes_back_and_the_next_is_still_run(
    world, effect, device, name
) -> None:
    world.broken.add(device)
    world.run(effect, StoreEpoch(1))
    assert world.posted == [EffectFailed(name, f"{device} is broken")]
    assert world.deeds[-1] == ("epoch", 1)


def test_a_mistake_of_ours_is_not_taken_for_a_broken_device(world) -> None:
    with pytest.raises(KeyError):
        world.run(SendMessage("no such path", 2, Probe(1)))


def test_the_end_is_noted(world) -> None:
    assert not world.runner.has_ended
    world.run(EndService())
    assert world.runner.has_ended


def test_a_draft_is_as_old_as_the_step_that_asked_for_it(world) -> None:
    decided_ns = world.now_ns
    world.now_ns += 6000 * MS  # the process was stopped in between
    world.run(PublishHeartbeat(DRAFT, True), step_ns=decided_ns)
    assert world.drafts.current.published_ns == decided_ns
