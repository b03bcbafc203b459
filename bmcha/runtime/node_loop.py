"""The node's thread: waits for events, steps the node with each, runs what it asks for.

Gives each step the time at which it begins. Ticks come on a grid of their own, so that silence is
judged when nothing happens; and in the middle of many events whose steps are slow, so that these
hold up neither that nor the watchdog. A tick says how far back the events go that may still wait
(docs/adr/0020-waits-of-a-slow-node.md). While the node rests ticks are far apart (docs/adr/0027).
Of what events mean it knows one thing: a reading is noted, and proves nothing. Ends when the node
says `EndService`. Called by the supervisor, in the main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bmcha.model.effect import Effect
from bmcha.model.event import Event, Reading, StopAsked, Tick
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.runtime.effect_runner import EffectRunner
from bmcha.runtime.mailbox import Mailbox
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Clock

TICK_NS_MIN = NS_PER_MS
"""Between a tick and one that the node's own deadline asks for."""


BeatsWentOn = Callable[[int, int], bool]
"""From before the first time until the second, now: did beats leave without a hole?"""


class Core(Protocol):
    """`bmcha.node.Node`, as far as the loop knows it."""

    @property
    def output_gap_limit_ns(self) -> int: ...

    def start(self, now_ns: int) -> Sequence[Effect]: ...

    def step(self, event: Event, now_ns: int) -> Sequence[Effect]: ...

    def next_deadline_ns(self) -> int | None:
        """When to step next at the latest, if that is sooner than the next tick."""

    def may_rest_ns(self, now_ns: int) -> int:
        """How long after a tick the next may come, if nothing happens; 0: no longer than ever."""


class Recorder(Protocol):
    """`FlightRecorder`."""

    def step_begins(self, event: Event | None, now_ns: int) -> None: ...

    def step_ended(self, effects: Sequence[Effect]) -> None: ...


class NodeLoop:
    """``listen`` sees each event before its step, with the time that the step is given."""

    def __init__(
        self,
        node: Core,
        mailbox: Mailbox,
        runner: EffectRunner,
        tick_ms: int,
        clock: Clock,
        listen: Callable[[Event, int], None],
        recorder: Recorder,
        beats_went_on: BeatsWentOn,
    ) -> None:
        self._node = node
        self._beats_went_on = beats_went_on
        self._mailbox = mailbox
        self._runner = runner
        self._tick_ns = tick_ms * NS_PER_MS
        self._clock = clock
        self._listen = listen
        self._recorder = recorder
        self.pace = Pace(clock)
        self._tick_due_ns = 0
        self._ticked_ns = 0
        self._stepped_ns = clock()
        self._known_ns = 0
        """What came by then has had its step."""
        self._stop_asked_by = ""

    def start(self) -> None:
        self.pace.begin()
        now_ns = self._clock()
        self._tick_due_ns = now_ns + self._tick_ns
        self._known_ns = self._stepped_ns = now_ns
        self._recorder.step_begins(None, now_ns)
        effects = self._node.start(now_ns)
        self._recorder.step_ended(effects)
        self._runner.run(effects, now_ns)
        self._runner.loop_completed()

    def run(self, is_broken: Callable[[], bool]) -> None:
        """Until the node has ended its service, or ``is_broken`` says that the shell has failed."""
        while not self._runner.has_ended and not is_broken():
            self.turn()

    def ask_stop(self, asked_by: str) -> None:
        """Also from a signal handler, in the loop's own thread."""
        self._stop_asked_by = asked_by
        self._mailbox.wake()

    def turn(self) -> None:
        wait_ns = 0 if self._stop_asked_by else max(0, self.due_ns() - self._clock())
        self.pace.begin(wait_ns)
        events = self._mailbox.take(wait_ns / NS_PER_S)
        looked_ns = taken_ns = self._clock()
        for event in events:
            self._step(event)
            if self._clock() - looked_ns >= self._tick_ns:
                self._tick()
                looked_ns = self._clock()
        self._known_ns = taken_ns
        if self._stop_asked_by:
            asked_by, self._stop_asked_by = self._stop_asked_by, ""
            self._step(StopAsked(asked_by))
        if self._clock() >= self.due_ns():
            self._tick()

    def _tick(self) -> None:
        now_ns = self._clock()
        late_ns = max(0, now_ns - self._tick_due_ns + self._tick_ns)
        self._tick_due_ns += late_ns // self._tick_ns * self._tick_ns
        self._ticked_ns = now_ns
        self.pace.begin()
        behind_ms = (now_ns - self._known_ns) // NS_PER_MS
        # After a rest, too: what this tick orders is as good as what any other does.
        is_proven = now_ns - self._stepped_ns > self._tick_ns and self._beats_went_on(
            self._stepped_ns, now_ns
        )
        if is_proven:
            self._runner.loop_completed()
        self._do_step(Tick(behind_ms, is_proven and self._is_late(now_ns)), now_ns)

    def _is_late(self, now_ns: int) -> bool:
        """By its steps; whether it has stood still, beats may know better (docs/adr/0024)."""
        return now_ns - self._stepped_ns > self._node.output_gap_limit_ns

    def due_ns(self) -> int:
        """The next tick of the grid, or later while the node rests; or the node's own deadline if
        that is sooner."""
        rest_ns = self._node.may_rest_ns(self._stepped_ns)
        tick_due_ns = max(self._tick_due_ns, self._ticked_ns + rest_ns)
        deadline_ns = self._node.next_deadline_ns()
        if deadline_ns is None:
            return tick_due_ns
        # A deadline that a tick did not settle must not make the loop spin.
        return min(tick_due_ns, max(deadline_ns, self._ticked_ns + TICK_NS_MIN))

    def _step(self, event: Event) -> None:
        now_ns = self._clock()
        if isinstance(event, Reading):
            # No tick before it: that would judge the readings before this one.
            self._give(event, now_ns)
            return
        if self._is_late(now_ns) and self._beats_went_on(self._stepped_ns, now_ns):
            self._tick()
            now_ns = self._stepped_ns  # However long the tick took, the event is not later for it.
        self._do_step(event, now_ns)

    def _do_step(self, event: Event, now_ns: int) -> None:
        self._stepped_ns = now_ns
        self._give(event, now_ns)
        self._runner.loop_completed()

    def _give(self, event: Event, now_ns: int) -> None:
        """To the node, and to the runner what it asks for."""
        if self._runner.has_ended:
            return
        self._listen(event, now_ns)
        self._recorder.step_begins(event, now_ns)
        effects = self._node.step(event, now_ns)
        self._recorder.step_ended(effects)
        self._runner.run(effects, now_ns)
