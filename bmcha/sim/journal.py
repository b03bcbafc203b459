"""The judge of the virtual chassis: ``DIR/chassis/journal.jsonl``.

One flushed line an event: ``{"t_ns", "what", "slot", "name", "value"}``, in the order in which
things happened. ``t_ns`` is CLOCK_MONOTONIC; ``what`` is

- ``gate``: an output gate opened (value true) or shut (false); name ``gate``
- ``line``: a line's logical level as its readers see it changed; name ``HEALTH`` and the like
- ``output``: a write of a module was applied; name of the fan, value its pwm
- ``refused``: a write of a module with its gate shut, not applied
- ``fault``: something was done to the chassis from outside; name of the action, value what of

What is judged is computed by the functions here, from these lines alone: no module is asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bmcha.model.record import dataclass

NS_PER_MS = 1_000_000
PATH_FAULTS = ("cut", "loss", "delay", "noise")
HARMLESS_FAULTS = ("disk",)
"""They hit the holder's slot, but nothing of it that would take the outputs away."""


@dataclass(frozen=True, slots=True)
class Line:
    t_ns: int
    what: str
    slot: int | None
    name: str
    value: Any

    def as_json(self) -> str:
        return json.dumps(
            {
                "t_ns": self.t_ns,
                "what": self.what,
                "slot": self.slot,
                "name": self.name,
                "value": self.value,
            }
        )


class Journal:
    """The writer. Owned by the chassis thread. ``heard`` gets every line after it is written."""

    def __init__(self, path: Path, heard: Callable[[Line], None]) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self._heard = heard

    def write(self, line: Line) -> None:
        """Nothing is written after `close`: what happens while a rig is taken down is not judged.
        One write(2) a line: a reader, and a killed rig, never leave half a line."""
        if self._fd < 0:
            return
        os.write(self._fd, line.as_json().encode() + b"\n")
        self._heard(line)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def parse_line(text: str) -> Line:
    fields = json.loads(text)
    return Line(fields["t_ns"], fields["what"], fields["slot"], fields["name"], fields["value"])


def read_journal(path: Path) -> list[Line]:
    return [parse_line(text) for text in path.read_text().splitlines() if text.strip()]


# ------------------------------------------------------------ judging


def _spans(lines: Iterable[Line], end_ns: int | None) -> list[tuple[int, int, int]]:
    """(from_ns, to_ns, open gates) between each two changes of a gate, from the first opening."""
    open_slots: set[int | None] = set()
    spans: list[tuple[int, int, int]] = []
    since_ns: int | None = None
    last_ns = 0
    for line in lines:
        last_ns = line.t_ns
        if line.what != "gate":
            continue
        if since_ns is not None:
            spans.append((since_ns, line.t_ns, len(open_slots)))
        if line.value:
            open_slots.add(line.slot)
        else:
            open_slots.discard(line.slot)
        if since_ns is not None or open_slots:
            since_ns = line.t_ns
    if since_ns is not None:
        spans.append((since_ns, max(last_ns, end_ns or 0), len(open_slots)))
    return spans


def dual_active_ns(lines: Iterable[Line], end_ns: int | None = None) -> int:
    """The total time with two gates open, until the last line (or ``end_ns``, if later)."""
    return sum(to - since for since, to, count in _spans(lines, end_ns) if count >= 2)


def outage_ns(lines: Iterable[Line], end_ns: int | None = None) -> int:
    """The longest time with no gate open after the first opened."""
    return max((to - since for since, to, n in _spans(lines, end_ns) if n == 0), default=0)


@dataclass(frozen=True, slots=True)
class Failover:
    """A fault took the outputs from one slot and another applied its first output."""

    fault: Line
    old_slot: int
    survivor: int
    opened_ns: int
    first_output_ns: int

    @property
    def took_ns(self) -> int:
        return self.first_output_ns - self.fault.t_ns


def first_failover(lines: Sequence[Line]) -> Failover | None:
    """From the fault to the survivor's first applied output; None when nobody took over.

    A fault counts when it hit the slot that held the outputs at that moment, or a path: what is
    done to a STANDBY, a fan or a sensor is not followed by a failover, but a planned switchover
    may happen later. When several faults came before the gate opened, the last one counts.
    """
    holders: list[int] = []
    faults: list[tuple[Line, int]] = []
    opened: dict[int, int] = {}
    for line in lines:
        if line.what == "fault" and holders:
            if line.name in HARMLESS_FAULTS:
                continue
            if line.name in PATH_FAULTS or line.slot in holders:
                hit = line.slot if line.slot in holders else holders[0]
                faults.append((line, hit))
        elif line.what == "gate" and line.slot is not None:
            if line.value:
                holders.append(line.slot)
                opened[line.slot] = line.t_ns
            elif line.slot in holders:
                holders.remove(line.slot)
        elif line.what == "output" and line.slot is not None:
            found = _fault_before(faults, line.slot, opened.get(line.slot, 0))
            if found is not None:
                fault, old = found
                return Failover(fault, old, line.slot, opened[line.slot], line.t_ns)
    return None


def _fault_before(
    faults: Sequence[tuple[Line, int]], slot: int, opened_ns: int
) -> tuple[Line, int] | None:
    """The last fault that hit another slot before this slot's gate opened."""
    for fault, hit in reversed(faults):
        if hit != slot and fault.t_ns <= opened_ns:
            return fault, hit
    return None


def failover_ms(lines: Sequence[Line]) -> float | None:
    found = first_failover(lines)
    return None if found is None else as_ms(found.took_ns)


def dual_active_ms(lines: Sequence[Line], end_ns: int | None = None) -> float:
    return as_ms(dual_active_ns(lines, end_ns))


def outage_ms(lines: Sequence[Line], end_ns: int | None = None) -> float:
    return as_ms(outage_ns(lines, end_ns))


def as_ms(duration_ns: int) -> float:
    """Milliseconds with microseconds behind the point."""
    return round(duration_ns / NS_PER_MS, 3)


def stale_writes(lines: Iterable[Line]) -> list[Line]:
    """Applied outputs of a module after another module's gate opened later than its own: what a
    module that slept through its own replacement still did."""
    opened_ns: dict[int | None, int] = {}
    stale = []
    for line in lines:
        if line.what == "gate" and line.value:
            opened_ns[line.slot] = line.t_ns
        elif line.what == "output":
            own_ns = opened_ns.get(line.slot, 0)
            if any(other > own_ns for slot, other in opened_ns.items() if slot != line.slot):
                stale.append(line)
    return stale


def fan_drops(lines: Iterable[Line]) -> list[Line]:
    """Outputs applied after the first fault, or after a holder first let go, that are lower than
    the fan's lowest before it."""
    lowest: dict[str, int] = {}
    drops = []
    is_disturbed = False
    for line in lines:
        if line.what == "fault" or (line.what == "gate" and not line.value):
            is_disturbed = True
        elif line.what == "output" and not is_disturbed:
            lowest[line.name] = min(line.value, lowest.get(line.name, line.value))
        elif line.what == "output" and line.value < lowest.get(line.name, 0):
            drops.append(line)
    return drops
