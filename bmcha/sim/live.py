"""The live view of a running sim: the chassis's truth beside the modules' words, and keys that
break and mend things.

It is a client of the sockets like any other: keys are `sim-ctl` actions, the truth is `sim-ctl
state` and the journal as it is told. Main thread only. Called by `bmcha.sim.show`.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from typing import Any

from bmcha.sim import journal
from bmcha.sim.backplane import RESET
from bmcha.sim.journal import NS_PER_MS, Line
from bmcha.sim.layout import RigLayout
from bmcha.sim.live_keys import HELP, key_labels, words_of
from bmcha.sim.truth import truth_of
from bmcha.view.asker import Asker, sentence_of
from bmcha.view.live import Canvas, Live
from bmcha.view.model import LogLine, Tone, Truth

STATE_PERIOD_S = 0.5


class SimStage:
    """A `bmcha.view.live.Backstage`."""

    title = "bmcha sim"
    help: tuple[tuple[str, str], ...] = HELP

    def __init__(
        self, layout: RigLayout, selector: selectors.BaseSelector, is_over: Callable[[], bool]
    ) -> None:
        self.live = Live(self, selector)
        for slot in layout.slots:
            self.live.watch(f"module {slot}", str(layout.module_socket(slot)))
        self._asker = Asker(str(layout.chassis_socket), selector, self._came, self._told)
        self._is_over = is_over
        self._state: dict[str, Any] = {}
        self._gates: list[Line] = []
        self._recent: list[Line] = []
        """Since the last failover: what the next one is measured from."""
        self._fresh_slots: set[int | None] = set()
        """Their gate has opened, and nothing that they wrote has been applied yet."""
        self._failover_ms: float | None = None
        self._is_asking = False
        self._due_s = 0.0
        self._own_deeds_count = 0

    # ------------------------------------------------------------ what the view asks for

    def keys(self) -> tuple[tuple[str, str], ...]:
        return key_labels(self._state)

    def about(self) -> str:
        return f"board {self._state['board']}" if "board" in self._state else ""

    def tick(self, now_s: float) -> None:
        self._asker.tick(now_s)
        if self._asker.is_up and not self._is_asking and now_s >= self._due_s:
            self._is_asking = True
            self._due_s = now_s + STATE_PERIOD_S
            self._asker.ask("state", [], self._take_state)

    def truth(self) -> Truth | None:
        if not self._state:
            return None
        return truth_of(self._state, self._gates, self._failover_ms, time.monotonic_ns())

    def is_over(self) -> bool:
        return self._is_over()

    def press(self, key: str, live: Live) -> None:
        if key == "o":
            live.ask_switchover()
            return
        sensors = next((watch.sensors for watch in live.watches if watch.sensors), ())
        words = words_of(key, self._state, sensors)
        if words:
            self._act(words)

    def close(self) -> None:
        self.live.close()
        self._asker.close()

    # ------------------------------------------------------------ how

    def _act(self, words: tuple[str, ...]) -> None:
        """Told as of the moment at which the key was pressed, before what came of it."""
        pressed_ms = round(time.time() * 1000)
        self._own_deeds_count += 1

        def done(result: Any, error: Any) -> None:
            self._own_deeds_count -= 1
            self._due_s = 0.0
            came = result.get("text") if error is None and isinstance(result, dict) else None
            told = f"not done: {sentence_of(error)}" if error is not None else came
            text = f"{' '.join(words)}: {told}"
            self.live.logbook.add(LogLine(pressed_ms, "you", text, Tone.DEED))
            self.live.scroll(-len(self.live.logbook))
            self.live.changed(True)

        self._asker.ask(words[0], list(words[1:]), done)

    def _came(self) -> None:
        self._is_asking = False
        self._asker.ask("follow", [], lambda result, error: None)

    def _take_state(self, result: Any, error: Any) -> None:
        self._is_asking = False
        if error is None and isinstance(result, dict):
            self._state = result

    def _told(self, method: str, params: Any) -> None:
        if method != "journal":
            return
        line = Line(*(params[key] for key in ("t_ns", "what", "slot", "name", "value")))
        if line.what == "output":
            self._take_output(line)
            return
        if line.what == "gate":
            self._gates.append(line)
            self._tell(line, f"gate of module {line.slot} {'opens' if line.value else 'shuts'}")
            if line.value:
                self._fresh_slots.add(line.slot)
        elif line.what == "line" and line.name == RESET:
            self._tell(
                line, f"module {line.slot} is held in reset{'' if line.value else ' no more'}"
            )
        elif line.what == "fault" and line.name == "ended":
            self._tell(line, f"the process of module {line.slot} has ended: {line.value}")
        elif line.what == "fault" and not self._own_deeds_count:
            # By somebody else: sim-ctl in another terminal.
            self._tell(line, f"{line.name} {line.value if line.slot is None else line.slot}")
        if line.what in ("gate", "fault"):
            self._recent.append(line)
            self._due_s = 0.0

    def _take_output(self, line: Line) -> None:
        """Fans are written all the time; what counts is the first write of a new holder."""
        if line.slot not in self._fresh_slots:
            return
        self._fresh_slots.discard(line.slot)
        self._recent.append(line)
        found = journal.first_failover(self._recent)
        if found is not None:
            self._failover_ms = journal.as_ms(found.took_ns)
        opened = [each for each in self._recent if each.what == "gate" and each.value]
        self._recent = [each for each in opened if each.slot == line.slot][-1:]

    def _tell(self, line: Line, text: str) -> None:
        ago_ms = (time.monotonic_ns() - line.t_ns) / NS_PER_MS
        wall_ms = round(time.time() * 1000 - ago_ms)
        self.live.logbook.add(LogLine(wall_ms, "chassis", text, Tone.TRUTH))
        self.live.changed(True)


def run_live(
    layout: RigLayout, canvas: Canvas, start: Callable[[], object], is_over: Callable[[], bool]
) -> None:
    """Until q, or until the chassis is over. ``start`` is called when the journal is followed.
    Signals' exceptions pass through."""
    with selectors.DefaultSelector() as selector:
        stage = SimStage(layout, selector, is_over)
        try:
            stage.tick(time.monotonic())
            start()
            stage.live.run(canvas)
        finally:
            stage.close()
