"""Keeps the last word of one module: asks it, hears what is news, notices when it falls silent.

Status twice a second and readings once; a role or a record that is told brings the next question
forward, so that a failover is seen at once and a quiet module is hardly disturbed. Never waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from selectors import BaseSelector
from typing import Any

from bmcha.view.answers import (
    event_shown,
    events_shown,
    fans_shown,
    module_shown,
    path_counts,
    sensors_shown,
)
from bmcha.view.asker import Asker
from bmcha.view.cells import duration
from bmcha.view.logbook import Logbook
from bmcha.view.model import FanShown, ModuleShown, SensorShown

STATUS_PERIOD_S = 0.5
READINGS_PERIOD_S = 1.0
SILENT_S = 1.5
"""Three questions' time: a module under load answers within milliseconds."""
LOSS_WINDOW_S = 10.0


class Watch:
    def __init__(
        self,
        name: str,
        path: str,
        selector: BaseSelector,
        logbook: Logbook,
        changed: Callable[[bool], None],
    ) -> None:
        """``changed`` is called with True for what should be seen at once."""
        self.name = name
        self.asker = Asker(path, selector, self._came, self._told, lambda: changed(True))
        self.sensors: tuple[SensorShown, ...] = ()
        self.fans: tuple[FanShown, ...] = ()
        self._logbook = logbook
        self._changed = changed
        self._shown = ModuleShown(name)
        self._asked_s: float | None = None
        self._answered_s: float | None = None
        self._since_s: float | None = None
        self._status_due_s = 0.0
        self._readings_due_s = 0.0
        self._is_asking_readings = False
        self._counts: deque[tuple[float, dict[str, tuple[int, int]]]] = deque()
        self._now_s = 0.0
        self.has_log = False

    def tick(self, now_s: float) -> None:
        self._now_s = now_s
        if self._since_s is None:
            self._since_s = now_s
        self.asker.tick(now_s)
        if not self.asker.is_up:
            return
        if self._asked_s is None and now_s >= self._status_due_s:
            self._asked_s = now_s
            self._status_due_s = now_s + STATUS_PERIOD_S
            self.asker.ask("status", {}, self._take_status)
        if not self._is_asking_readings and now_s >= self._readings_due_s:
            self._is_asking_readings = True
            self._readings_due_s = now_s + READINGS_PERIOD_S
            self.asker.ask("sensors", {}, self._take_sensors)
            self.asker.ask("fans", {}, self._take_fans)

    def shown(self) -> ModuleShown:
        """With its trouble as of the last `tick`."""
        trouble = self._trouble()
        if not trouble:
            return self._shown
        if self._shown.has_answered:
            return replace(self._shown, trouble=trouble)
        why = f"{self.asker.path}: {self.asker.why_down}"
        return replace(self._shown, trouble=trouble, reason_text=why)

    @property
    def title(self) -> str:
        """By its slot as soon as that is known: a socket's name may be long."""
        slot = self._shown.slot
        return self.name if slot is None else f"module {slot}"

    @property
    def is_silent(self) -> bool:
        return bool(self._trouble())

    def close(self) -> None:
        self.asker.close()

    # ------------------------------------------------------------ how

    def _trouble(self) -> str:
        is_late = self._asked_s is not None and self._now_s - self._asked_s > SILENT_S
        if self.asker.is_up and not is_late:
            return "" if self._shown.has_answered else "asked, no answer yet"
        last_s = self._answered_s if self._answered_s is not None else self._since_s
        silent_s = self._now_s - (last_s if last_s is not None else self._now_s)
        return f"no answer for {duration(float(int(silent_s)))}" if silent_s >= 1 else "no answer"

    def _came(self) -> None:
        self._asked_s = None
        self._is_asking_readings = False
        self._status_due_s = self._readings_due_s = 0.0
        self._counts.clear()
        self.asker.ask("follow", {}, lambda result, error: None)
        self.asker.ask("events", {}, self._take_events)
        self._changed(True)

    def _told(self, method: str, params: Any) -> None:
        if method == "event":
            key, line = event_shown(params)
            self._logbook.add(line, key)
        if method in ("event", "role"):
            self._status_due_s = self._now_s
            self._changed(True)

    def _take_status(self, result: Any, error: Any) -> None:
        self._asked_s = None
        if error is not None:
            return  # the connection broke, or the node is too busy: asked again in any case
        self._answered_s = self._now_s
        self._shown = module_shown(self.name, result, self._losses(path_counts(result)))
        self._changed(False)

    def _take_sensors(self, result: Any, error: Any) -> None:
        if error is None:
            self.sensors = sensors_shown(result)

    def _take_fans(self, result: Any, error: Any) -> None:
        self._is_asking_readings = False
        if error is None:
            self.fans = fans_shown(result)
        self._changed(False)

    def _take_events(self, result: Any, error: Any) -> None:
        if error is None:
            self.has_log = True
            for key, line in events_shown(result):
                self._logbook.add(line, key)
        self._changed(False)

    def _losses(self, counts: dict[str, tuple[int, int]]) -> dict[str, float]:
        """Per cent lost of what the peer sent lately, where anything came or was missed."""
        self._counts.append((self._now_s, counts))
        # The newest of those that are old enough stays: it is what the others are compared with.
        while len(self._counts) > 1 and self._now_s - self._counts[1][0] >= LOSS_WINDOW_S:
            self._counts.popleft()
        before = self._counts[0][1]
        found = {}
        for name, (rx, lost) in counts.items():
            rx_before, lost_before = before.get(name, (0, 0))
            came, missed = rx - rx_before, lost - lost_before
            if came >= 0 and missed >= 0 and came + missed > 0:
                found[name] = 100.0 * missed / (came + missed)
        return found
