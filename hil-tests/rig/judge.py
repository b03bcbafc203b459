"""Who held the chassis, and when: from the lines and the buses alone, never from what a guest says.

A module holds while its OUTPUT_ENABLE is up: then its gate is open. The times are the rig's, at
which the lines were read, some milliseconds after they changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.resources import SLOTS

GATE = "OUTPUT_ENABLE"


@dataclass(frozen=True, slots=True)
class Change:
    at_s: float
    slot: int
    line: str
    level: bool

    def __str__(self) -> str:
        return f"{self.at_s:12.3f} slot {self.slot} {self.line} {'up' if self.level else 'down'}"


class Judge:
    def __init__(self, log: Path) -> None:
        self._changes: list[Change] = []
        self._log = log
        self._turn = threading.Lock()

    def note(self, change: Change) -> None:
        with self._turn, self._log.open("a") as log:
            self._changes.append(change)
            log.write(f"{change}\n")

    def remark(self, text: str) -> None:
        with self._turn, self._log.open("a") as log:
            log.write(f"{time.monotonic():12.3f} ---- {text}\n")

    def changes(self, since_s: float = 0.0) -> list[Change]:
        with self._turn:
            return [change for change in self._changes if change.at_s >= since_s]

    def holders(self) -> set[int]:
        return holders_after(self.changes())

    def dual_ms(self, since_s: float) -> float:
        """For how long both gates were open."""
        return 1000 * sum(
            end - begin for begin, end, held in self._spans(since_s) if len(held) == 2
        )

    def unheld_ms(self, since_s: float) -> float:
        """The longest time in which no gate was open."""
        spans = [end - begin for begin, end, held in self._spans(since_s) if not held]
        return 1000 * max(spans, default=0.0)

    def opened_ms(self, slot: int, since_s: float) -> float | None:
        """After ``since_s``; None: its gate has not opened since."""
        for change in self.changes(since_s):
            if (change.slot, change.line, change.level) == (slot, GATE, True):
                return 1000 * (change.at_s - since_s)
        return None

    def moves_count(self, since_s: float) -> int:
        return sum(change.line == GATE and change.level for change in self.changes(since_s))

    def level(self, slot: int, line: str) -> bool:
        levels = [c.level for c in self.changes() if (c.slot, c.line) == (slot, line)]
        return bool(levels) and levels[-1]

    def _spans(self, since_s: float) -> list[tuple[float, float, set[int]]]:
        changes = [change for change in self.changes() if change.line == GATE]
        held = holders_after([change for change in changes if change.at_s < since_s])
        begin, spans = since_s, []
        for change in changes:
            if change.at_s >= since_s:
                spans.append((begin, change.at_s, set(held)))
                held = held | {change.slot} if change.level else held - {change.slot}
                begin = change.at_s
        return [*spans, (begin, time.monotonic(), set(held))]


def holders_after(changes: Sequence[Change]) -> set[int]:
    held = set()
    for slot in SLOTS:
        levels = [c.level for c in changes if (c.slot, c.line) == (slot, GATE)]
        if levels and levels[-1]:
            held.add(slot)
    return held
