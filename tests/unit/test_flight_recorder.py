"""What a node lived through can be read, is bounded, and can be stepped again with the same end."""

import json
import pickle
import threading
from dataclasses import replace

import pytest

from bmcha import cli
from bmcha.diag import flight_recorder
from bmcha.diag.flight_file import FILE_BYTES_MAX, flight_file, write_flight_file
from bmcha.diag.flight_recorder import OLDER_MAX, FlightRecorder, lines_of
from bmcha.diag.replay import NotARecording, Step, read_recording, replay, restore
from bmcha.model.effect import Effect, EnterRole, PublishHeartbeat, SetFan
from bmcha.model.event import (
    Event,
    Question,
    SensorRead,
    StatusAsked,
    StoreFailed,
    SwitchoverAsked,
    Tick,
)
from bmcha.model.invariant import InvariantBroken
from bmcha.model.reading import Quality
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass
from bmcha.node import Node
from tests.world import Module, World


class RecordedNode:
    """A node of the virtual world with a recorder at its door, as the loop has it."""

    def __init__(self, module: Module) -> None:
        assert module.node is not None
        self.node: Node = module.node
        self.recorder = FlightRecorder(lambda: pickle.dumps(self.node))
        module.node = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> object:
        return getattr(self.node, name)

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        self.recorder.step_begins(event, now_ns)
        effects = self.node.step(event, now_ns)
        self.recorder.step_ended(effects)
        return effects

    def lines(self) -> list[str]:
        return list(lines_of(self.recorder.copy(), {"why": "test"}))


def steps_of(lines: list[str]) -> list[Step]:
    return [item for item in read_recording(lines)[1] if isinstance(item, Step)]


@pytest.fixture
def world() -> World:
    return World(BoardClass.GATED).boot()


def live_through_a_lot(world: World) -> None:
    """A start, a switchover and back, a cut path, a sensor that fails, a killed peer."""
    world.run(4000)
    world.modules[1].ask(SwitchoverAsked(1, "control", None, True))
    world.run(1500)
    world.modules[2].ask(SwitchoverAsked(2, "control", None, True))
    world.modules[1].ask(StatusAsked(3, Question.STATUS))
    world.cut("udp")
    world.run(1500)
    world.modules[1].ask(SensorRead(0, None, Quality.BAD, world.now_ns))
    world.kill(2)
    world.run(2000)


def test_what_was_recorded_steps_again_to_the_same_end(world) -> None:
    nodes = [RecordedNode(module) for module in world.modules.values()]
    live_through_a_lot(world)
    for node in nodes:
        lines = node.lines()
        steps = steps_of(lines)
        assert len(steps) > 400
        assert not list(replay(read_recording(lines)[1]))
    roles = [
        e.role for s in steps_of(nodes[0].lines()) for e in s.effects if isinstance(e, EnterRole)
    ]
    assert Role.RELINQUISHING in roles
    assert roles[-1] is Role.ACTIVE


def test_a_step_that_goes_otherwise_is_found(world) -> None:
    node = RecordedNode(world.modules[1])
    world.run(4000)
    _, items = read_recording(node.lines())
    place, step = next(
        (place, item)
        for place, item in enumerate(items)
        if isinstance(item, Step) and any(isinstance(e, EnterRole) for e in item.effects)
    )
    items[place] = replace(step, effects=())
    (difference,) = replay(items)
    assert difference.now == step.effects


def test_replay_begins_at_the_first_checkpoint_of_many(world, monkeypatch) -> None:
    monkeypatch.setattr(flight_recorder, "SEGMENT_BYTES_MAX", 40_000)
    node = RecordedNode(world.modules[1])
    live_through_a_lot(world)
    lines = node.lines()
    assert sum('"checkpoint"' in line for line in lines) == 2
    assert any('"older"' in line for line in lines)
    assert len(node.recorder.copy().segments) == 2
    assert not list(replay(read_recording(lines)[1]))


def test_it_holds_no_more_than_it_says_however_long_it_runs(monkeypatch) -> None:
    monkeypatch.setattr(flight_recorder, "SEGMENT_BYTES_MAX", 20_000)
    recorder = FlightRecorder(lambda: b"node")
    for number in range(20_000):
        event: Event = StoreFailed("event", "x") if number % 2 else Tick()
        recorder.step_begins(event, number)
        recorder.step_ended([])
    recording = recorder.copy()
    assert len(recording.older) == OLDER_MAX
    assert len(recording.segments) == 2
    assert sum(len(segment.entries) for segment in recording.segments) < 120
    # What is kept longest is the newest of what had to go.
    assert recording.older[-1][0] < recording.segments[0].begun_ns
    assert recording.older[-1][0] >= recording.segments[0].begun_ns - 2


def test_what_happens_all_the_time_is_packed_or_left_out() -> None:
    recorder = FlightRecorder(lambda: b"")
    good = SensorRead(5, -1000, Quality.GOOD, 7)
    bad = SensorRead(500, None, Quality.BAD, 8)
    told = SensorRead(5, 1, Quality.GOOD, 9, low_milli=-5)
    events: list[Event] = [Tick(), good, bad, told, Tick(), Tick(3)]
    for now_ns, event in enumerate(events):
        recorder.step_begins(event, now_ns)
        recorder.step_ended([SetFan(0, 100)])
    lines = [json.loads(line) for line in lines_of(recorder.copy(), {})]
    assert lines[2]["effects"] == [{"SetFan": {"index": 0, "pwm": 100}}]
    assert lines[3]["packed"] == [
        [1, "sensor", 5, -1000, "GOOD", 7],
        [2, "sensor", 500, None, "BAD", 8],
    ]
    assert lines[4]["event"]["SensorRead"]["low_milli"] == -5
    assert lines[5]["packed"] == [[4, "tick"], [5, "tick", 3]]
    assert lines[6] == {"end": 6}
    assert [step.event for step in steps_of([json.dumps(line) for line in lines])] == events


def test_a_step_that_never_ended_is_the_last_word(world) -> None:
    node = RecordedNode(world.modules[1])
    world.run(100)
    broken = StoreFailed("epoch", "this breaks it")
    node.recorder.step_begins(broken, world.now_ns)
    lines = node.lines()
    last = steps_of(lines)[-1]
    assert (last.event, last.is_open) == (broken, True)
    assert not list(replay(read_recording(lines)[1]))


def test_a_beat_that_is_urgent_is_recorded_and_an_ordinary_one_is_not(world) -> None:
    node = RecordedNode(world.modules[1])
    world.run(4000)
    beats = [
        e for s in steps_of(node.lines()) for e in s.effects if isinstance(e, PublishHeartbeat)
    ]
    assert beats
    assert all(beat.is_urgent for beat in beats)


def test_a_copy_may_be_taken_while_the_node_goes_on(monkeypatch) -> None:
    monkeypatch.setattr(flight_recorder, "SEGMENT_BYTES_MAX", 1000)
    recorder = FlightRecorder(lambda: b"")
    is_over = threading.Event()

    def go_on() -> None:
        now_ns = 0
        while not is_over.is_set():
            recorder.step_begins(Tick(), now_ns)
            recorder.step_ended([])
            now_ns += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        for _ in range(50):
            times = [step.now_ns for step in steps_of(list(lines_of(recorder.copy(), {})))]
            assert times == sorted(times)
    finally:
        is_over.set()
        thread.join()


class _Reduced:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


def test_a_role_is_let_in_in_the_way_that_python_3_11_2_writes_it() -> None:
    restored: object = restore(pickle.dumps(_Reduced(getattr, Role, "ACTIVE")))
    assert restored is Role.ACTIVE


@pytest.mark.parametrize(
    "what",
    [
        *(_Reduced(print, "this must not run"), print, json.JSONDecoder, {"a": threading.Lock}),
        *(_Reduced(getattr, Role, "mro"), _Reduced(getattr, "text", "format")),
    ],
)
def test_a_checkpoint_lets_nothing_in_but_the_core(what, capsys) -> None:
    with pytest.raises(NotARecording):
        restore(pickle.dumps(what))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["no JSON"],
        ['{"flight_recorder": 2}'],
        ['{"flight_recorder": 1}', '{"t": 1, "event": {"Nonsense": {}}}'],
        ['{"flight_recorder": 1}', "[]"],
    ],
)
def test_what_is_no_recording_is_said_to_be_none(lines) -> None:
    with pytest.raises(NotARecording):
        read_recording(lines)


def test_the_file_is_whole_private_and_the_former_one_is_kept(tmp_path) -> None:
    file = flight_file(str(tmp_path), "crash")
    write_flight_file(file, ["first"])
    write_flight_file(file, ["second"])
    crash = tmp_path / "flight-crash.jsonl"
    assert crash.read_text() == "second\n"
    assert crash.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "flight-crash.jsonl.1").read_text() == "first\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_cannot_be_written_leaves_the_former_one(tmp_path) -> None:
    file = flight_file(str(tmp_path), "crash")
    write_flight_file(file, ["first"])
    (tmp_path / "flight-crash.jsonl.new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        write_flight_file(file, ["second"])
    assert (tmp_path / "flight-crash.jsonl").read_text() == "first\n"
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_is_never_larger_than_its_bound(tmp_path) -> None:
    file = flight_file(str(tmp_path), "report")
    write_flight_file(file, ["x" * 99_999] * 1000)
    assert (tmp_path / "flight-report.jsonl").stat().st_size > FILE_BYTES_MAX - 100_000
    assert (tmp_path / "flight-report.jsonl").stat().st_size <= FILE_BYTES_MAX


def test_the_command_says_whether_it_ends_the_same(world, tmp_path, capsys) -> None:
    node = RecordedNode(world.modules[1])
    world.run(3000)
    file = str(tmp_path / "flight.jsonl")
    write_flight_file(file, node.lines())
    assert cli.main(["replay", file]) == 0
    assert "steps, 0 end otherwise" in capsys.readouterr().out


def test_the_command_says_what_is_no_recording_and_where(tmp_path, capsys) -> None:
    assert cli.main(["replay", str(tmp_path / "none")]) == 1
    (tmp_path / "image").write_bytes(b"\x89PNG\xff")
    assert cli.main(["replay", str(tmp_path / "image")]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"bmcha replay: {tmp_path}/none: No such file or directory"
    assert told[1].startswith(f"bmcha replay: {tmp_path}/image: not a flight recorder's file")


def test_a_step_that_fails_again_is_shown_with_what_was_found_before(
    world, tmp_path, capsys, monkeypatch
) -> None:
    node = RecordedNode(world.modules[1])
    world.run(3000)
    file = str(tmp_path / "flight.jsonl")
    write_flight_file(file, node.lines())

    def fail(*_: object) -> None:
        raise InvariantBroken("two and two are four")

    monkeypatch.setattr(Node, "step", fail)
    assert cli.main(["replay", file]) == 1
    told = capsys.readouterr().out
    assert "recorded by bmcha" in told
    assert "InvariantBroken: two and two are four" in told.splitlines()[-1]
