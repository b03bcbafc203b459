"""The node's thread: waits for events, steps the node with each, runs what it asks for.

Reads the clock once an event and gives that time to the step. Ticks come on a grid of their own,
so that silence is judged when nothing happens. Knows nothing of what events mean; ends when the
node says `EndService`. Called by the supervisor, in the main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bmcha.model.effect import Effect
from bmcha.model.event import Event, StopAsked, Tick
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.runtime.effect_runner import EffectRunner
from bmcha.runtime.mailbox import Mailbox
from bmcha.runtime.worker import Clock


class Core(Protocol):
    """`bmcha.node.Node`, as far as the loop knows it."""

    @property
    def output_gap_limit_ns(self) -> int: ...

    def start(self, now_ns: int) -> Sequence[Effect]: ...

    def step(self, event: Event, now_ns: int) -> Sequence[Effect]: ...


class NodeLoop:
    """``record`` sees each event before its step, with the time that the step is given."""

    def __init__(
        self,
        node: Core,
        mailbox: Mailbox,
        runner: EffectRunner,
        tick_ms: int,
        clock: Clock,
        record: Callable[[Event, int], None],
    ) -> None:
        self._node = node
        self._mailbox = mailbox
        self._runner = runner
        self._tick_ns = tick_ms * NS_PER_MS
        self._clock = clock
        self._record = record
        self._tick_due_ns = 0
        self._stop_asked_by = ""

    def start(self) -> None:
        now_ns = self._clock()
        self._tick_due_ns = now_ns + self._tick_ns
        self._runner.run(self._node.start(now_ns), now_ns)
        self._runner.loop_completed()

    def run(self, is_broken: Callable[[], bool]) -> None:
        """Until the node has ended its service, or ``is_broken`` says that the shell has failed."""
        while not self._runner.has_ended and not is_broken():
            self.turn()

    def ask_stop(self, asked_by: str) -> None:
        """Also from a signal handler: it only leaves word, and takes no lock."""
        self._stop_asked_by = asked_by

    def turn(self) -> None:
        wait_ns = max(0, self._tick_due_ns - self._clock())
        for event in self._mailbox.take(wait_ns / NS_PER_S):
            self._step(event)
        if self._stop_asked_by:
            asked_by, self._stop_asked_by = self._stop_asked_by, ""
            self._step(StopAsked(asked_by))
        now_ns = self._clock()
        if now_ns >= self._tick_due_ns:
            self._tick_due_ns += ((now_ns - self._tick_due_ns) // self._tick_ns + 1) * self._tick_ns
            self._step(Tick())

    def _step(self, event: Event) -> None:
        if self._runner.has_ended:
            return
        now_ns = self._clock()
        self._record(event, now_ns)
        self._runner.run(self._node.step(event, now_ns), now_ns)
        self._runner.loop_completed()
