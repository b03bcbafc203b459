"""The result of a scenario, as the public JSON object and as text.

Its keys are a contract, checked from outside: extend, do not rename. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any

from bmcha.model.record import dataclass
from bmcha.sim.follow import EventTold, RoleTold
from bmcha.sim.mirror_check import MirrorResult

EventKey = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class EventsResult:
    """None: nobody was left to be asked."""

    lost: int | None = None
    doubled: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """``failover_ms`` None: no takeover after a fault. ``why`` is empty on a pass."""

    scenario: str
    board: str
    why: tuple[str, ...] = ()
    failover_ms: float | None = None
    outage_ms: float | None = None
    dual_active_ms: float | None = None
    roles: tuple[tuple[float, int, str, str], ...] = ()
    mirror: MirrorResult = field(default_factory=MirrorResult)
    events: EventsResult = field(default_factory=EventsResult)
    seed: int | None = None
    """Given to --seed it brings the same loss and noise again."""

    @property
    def is_pass(self) -> bool:
        return not self.why

    def as_json(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "board": self.board,
            "result": "pass" if self.is_pass else "fail",
            "why": list(self.why),
            "failover_ms": self.failover_ms,
            "outage_ms": self.outage_ms,
            "dual_active_ms": self.dual_active_ms,
            "roles": [list(role) for role in self.roles],
            "mirror": {
                "staleness_ms": self.mirror.staleness_ms,
                "cells_differing": self.mirror.cells_differing,
                "cells_compared": self.mirror.cells_compared,
            },
            "events": {"lost": self.events.lost, "doubled": self.events.doubled},
            "seed": self.seed,
        }

    def lines(self) -> list[str]:
        """For people."""
        found = [
            f"{self.scenario} on {self.board}: {'pass' if self.is_pass else 'FAIL'}",
            *(f"  {sentence}" for sentence in self.why),
        ]
        rows = {
            "failover": _shown(self.failover_ms, "ms"),
            "longest outage": _shown(self.outage_ms, "ms"),
            "two gates open": _shown(self.dual_active_ms, "ms"),
            "mirror": _mirror_text(self.mirror),
            "events": _events_text(self.events),
        }
        return found + [f"  {name:<16}{text}" for name, text in rows.items()]


def _shown(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:g} {unit}"


def _mirror_text(mirror: MirrorResult) -> str:
    if mirror.cells_compared is None:
        return "-"
    return (
        f"{mirror.cells_compared} cells compared at the takeover, {mirror.cells_differing} "
        f"differ, {mirror.staleness_ms} ms behind"
    )


def _events_text(events: EventsResult) -> str:
    return "-" if events.lost is None else f"{events.lost} lost, {events.doubled} doubled"


def role_rows(
    history: Iterable[RoleTold], started_ns: int
) -> tuple[tuple[float, int, str, str], ...]:
    rows = [
        (round((told.t_ns - started_ns) / 1e6, 1), told.slot, told.state, told.reason)
        for told in history
    ]
    return tuple(sorted(rows))


def judge_events(
    told: Sequence[EventTold],
    told_by_active: Sequence[EventTold],
    final: Sequence[EventKey] | None,
) -> EventsResult:
    """``final``: the chassis log as the holder of the outputs has it in the end.

    Lost: told by a module while it was ACTIVE, but not there, though earlier ones are. (What a
    STANDBY writes down is about itself and stays with it.) Doubled: there twice, or told twice by
    the same module.
    """
    if final is None:
        return EventsResult()
    oldest = min(final, default=(0, 0, 0))
    heard = {event.key for event in told_by_active}
    lost = sum(1 for key in heard if key >= oldest and key not in set(final))
    told_twice = len(told) - len({(event.slot, event.key) for event in told})
    return EventsResult(lost, told_twice + len(final) - len(set(final)))
