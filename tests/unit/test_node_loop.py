"""The loop around the node: one clock reading an event, ticks on a grid, a bounded end."""

import pytest

from bmcha.model.effect import Effect, EndService
from bmcha.model.event import Event, SensorRead, StopAsked, StoreFailed, Tick
from bmcha.model.reading import Quality
from bmcha.runtime.mailbox import Mailbox
from bmcha.runtime.node_loop import TICK_NS_MIN, NodeLoop

MS = 1_000_000


class ScriptedNode:
    """Notes its steps, and lets time pass in them."""

    output_gap_limit_ns = 1000 * MS

    def __init__(self, world: "World") -> None:
        self.world = world
        self.steps: list[tuple[Event, int]] = []
        self.deadline_ns: int | None = None
        self.rest_ns = 0
        self.step_takes_ns = 0

    def start(self, now_ns: int) -> list[Effect]:
        return []

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        self.steps.append((event, now_ns))
        self.world.now_ns += self.step_takes_ns
        return [EndService()] if isinstance(event, StopAsked) else []

    def next_deadline_ns(self) -> int | None:
        return self.deadline_ns

    def may_rest_ns(self, now_ns: int) -> int:
        assert now_ns <= self.world.now_ns
        return self.rest_ns


class ScriptedRunner:
    def __init__(self) -> None:
        self.has_ended = False
        self.completed_count = 0

    def run(self, effects, step_ns) -> None:
        self.has_ended = self.has_ended or EndService() in effects

    def loop_completed(self) -> None:
        self.completed_count += 1


class VirtualMailbox(Mailbox):
    """Waiting is time passing."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self.world = world

    def take(self, timeout_s: float) -> list[Event]:
        events = super().take(0)
        if not events:
            self.world.now_ns += round(timeout_s * 1e9)
        return events


class World:
    def __init__(self) -> None:
        self.now_ns = 1000 * MS
        self.node = ScriptedNode(self)
        self.mailbox = VirtualMailbox(self)
        self.runner = ScriptedRunner()
        self.heard: list[Event] = []
        self.recorded: list[tuple[Event | None, int] | list[Effect]] = []
        self.beats_since_ns: int | None = None
        """They have gone on since then; None: they have not."""
        self.loop = NodeLoop(
            self.node,
            self.mailbox,
            self.runner,  # type: ignore[arg-type]
            25,
            lambda: self.now_ns,
            lambda event, now_ns: self.heard.append(event),
            self,
            self.beats_went_on,
        )
        self.loop.start()

    def beats_went_on(self, since_ns: int, now_ns: int) -> bool:
        assert now_ns == self.now_ns
        return self.beats_since_ns is not None and self.beats_since_ns <= since_ns

    def step_begins(self, event: Event | None, now_ns: int) -> None:
        self.recorded.append((event, now_ns))

    def step_ended(self, effects) -> None:
        self.recorded.append(list(effects))

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.loop.turn()


@pytest.fixture
def world() -> World:
    return World()


def test_ticks_come_on_a_grid_and_do_not_drift(world) -> None:
    world.node.step_takes_ns = 3 * MS
    world.turns(4)
    assert world.node.steps == [(Tick(), (1025 + 25 * n) * MS) for n in range(4)]


def test_a_late_loop_skips_ticks_and_keeps_the_grid(world) -> None:
    world.node.step_takes_ns = 60 * MS
    world.turns(2)
    world.node.step_takes_ns = 0
    world.turns(2)
    assert [now_ns // MS for _, now_ns in world.node.steps] == [1025, 1085, 1145, 1150]


def test_each_event_gets_a_clock_reading_of_its_own_and_is_recorded_before(world) -> None:
    world.node.step_takes_ns = 2 * MS
    events = [StoreFailed("event", str(number)) for number in range(2)]
    for event in events:
        world.mailbox.post(event)
    world.turns(1)
    assert world.node.steps == [(events[0], 1000 * MS), (events[1], 1002 * MS)]
    assert world.heard == events
    start = [(None, 1000 * MS), []]
    assert world.recorded == [*start, (events[0], 1000 * MS), [], (events[1], 1002 * MS), []]
    assert world.runner.completed_count == 3  # The start counts too.


def test_a_late_loop_whose_beats_went_on_says_so_before_the_event(world) -> None:
    world.beats_since_ns = 0
    event = StoreFailed("event", "")
    world.now_ns += 1001 * MS
    world.mailbox.post(event)
    world.turns(1)
    first, second, *_ = world.node.steps
    assert first == (Tick(1001, True), 2001 * MS)
    assert second == (event, 2001 * MS)


def test_a_late_tick_says_so_itself(world) -> None:
    world.beats_since_ns = 1000 * MS
    world.now_ns += 1001 * MS
    world.turns(1)
    assert [event.beats_went_on for event, _ in world.node.steps] == [True]


@pytest.mark.parametrize("since_ms", [None, 1000.1])
def test_a_late_loop_whose_beats_did_not_go_on_says_nothing(world, since_ms) -> None:
    world.beats_since_ns = since_ms and int(since_ms * MS)
    world.now_ns += 1001 * MS
    event = StoreFailed("event", "")
    world.mailbox.post(event)
    world.turns(1)
    assert world.node.steps[0] == (event, 2001 * MS)


def test_a_punctual_loop_asks_nobody(world) -> None:
    world.beats_since_ns = 0
    world.now_ns += 1000 * MS
    world.turns(2)
    assert not any(event.beats_went_on for event, _ in world.node.steps)


def test_a_node_at_rest_is_ticked_when_its_rest_is_over(world) -> None:
    world.node.rest_ns = 100 * MS
    world.turns(3)
    assert [now_ns // MS for _, now_ns in world.node.steps] == [1025, 1125, 1225]


def test_the_rest_ends_with_what_ends_it(world) -> None:
    """The tick of the grid that was left out comes at once, then the grid goes on."""
    world.node.rest_ns = 100 * MS
    world.turns(1)
    world.now_ns += 60 * MS
    world.mailbox.post(StoreFailed("event", ""))
    world.node.rest_ns = 0
    world.turns(2)
    assert [now_ns // MS for _, now_ns in world.node.steps] == [1025, 1085, 1085, 1100]


def test_the_nodes_own_deadline_ends_its_rest(world) -> None:
    world.node.rest_ns = 100 * MS
    world.turns(1)
    world.node.deadline_ns = 1040 * MS
    world.turns(1)
    assert [now_ns // MS for _, now_ns in world.node.steps] == [1025, 1040]


@pytest.mark.parametrize(("since_ms", "completed_count"), [(0, 3), (None, 2)])
@pytest.mark.parametrize("gap_ms", [26, 1001])
def test_a_tick_that_is_proven_by_beats_completes_the_loop_before_it_orders(
    world, since_ms, completed_count, gap_ms
) -> None:
    """After a rest, too, that is not too long by itself."""
    world.beats_since_ns = since_ms
    world.now_ns += gap_ms * MS
    world.turns(1)
    assert world.runner.completed_count == completed_count


def test_a_reading_is_looked_at_before_the_tick_that_it_waited_for(world) -> None:
    """However late the loop is by its steps: a tick in between would judge the readings before."""
    world.beats_since_ns = 0
    world.node.rest_ns = 2000 * MS
    world.turns(1)
    world.now_ns += 1500 * MS
    reading = SensorRead(0, 20_000, Quality.GOOD, world.now_ns)
    world.mailbox.post(reading)
    world.node.rest_ns = 0
    world.turns(1)
    events = [event for event, _ in world.node.steps[1:]]
    assert events[0] == reading and isinstance(events[1], Tick) and events[1].beats_went_on


def test_who_asks_for_the_end_is_heard_at_once(world) -> None:
    """By whoever waits, and by whoever is about to wait."""
    world.node.rest_ns = 100 * MS
    world.turns(1)
    world.loop.ask_stop("SIGTERM")
    world.turns(1)
    assert world.node.steps[-1] == (StopAsked("SIGTERM"), 1025 * MS)


def test_many_slow_steps_do_not_hold_up_the_ticks(world) -> None:
    world.node.step_takes_ns = 10 * MS
    for number in range(7):
        world.mailbox.post(StoreFailed("event", str(number)))
    world.turns(1)
    ticks = [
        (now_ns // MS, event.behind_ms)
        for event, now_ns in world.node.steps
        if isinstance(event, Tick)
    ]
    # After three steps each time, and at the end as ever; then all that was taken at 1000 is known.
    assert ticks == [(1030, 30), (1070, 70), (1090, 90)]
    assert len(world.node.steps) == 10
    world.node.step_takes_ns = 0
    world.turns(2)
    assert [now_ns // MS for _, now_ns in world.node.steps[10:]] == [1100, 1125]


def test_a_stop_among_many_slow_steps_is_the_last(world) -> None:
    world.node.step_takes_ns = 30 * MS
    world.mailbox.post(StopAsked("control"))
    world.mailbox.post(StoreFailed("event", "too late"))
    world.loop.run(lambda: False)
    assert [event for event, _ in world.node.steps] == [StopAsked("control")]


def test_the_nodes_own_deadline_is_a_tick_too_and_leaves_the_grid_alone(world) -> None:
    world.node.deadline_ns = 1010 * MS
    world.turns(1)
    world.node.deadline_ns = None
    world.turns(1)
    assert [now_ns // MS for _, now_ns in world.node.steps] == [1010, 1025]


def test_a_deadline_that_stays_in_the_past_does_not_make_the_loop_spin(world) -> None:
    world.node.deadline_ns = 0
    world.turns(3)
    times = [now_ns for _, now_ns in world.node.steps]
    assert times[1] - times[0] == times[2] - times[1] == TICK_NS_MIN


def test_a_stop_asked_by_a_signal_is_stepped_once_and_ends_the_loop(world) -> None:
    world.loop.ask_stop("SIGTERM")
    world.loop.run(lambda: False)
    assert [event for event, _ in world.node.steps] == [StopAsked("SIGTERM")]


def test_nothing_is_stepped_after_the_end(world) -> None:
    world.mailbox.post(StopAsked("control"))
    world.mailbox.post(StoreFailed("event", "too late"))
    world.loop.run(lambda: False)
    assert [event for event, _ in world.node.steps] == [StopAsked("control")]


def test_a_broken_shell_ends_the_loop(world) -> None:
    world.loop.run(lambda: len(world.node.steps) == 3)
    assert len(world.node.steps) == 3
