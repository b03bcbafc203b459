"""What the node is told of the service around it: how its life ended, who is stuck, new settings.

Facts and what they mean as alarms; a hold-off is carried through by `role_keeper`. Kept by
`bmcha.node`. Pure.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from bmcha.model.event import SettingChange, SettingsReloaded
from bmcha.model.moment import NS_PER_S, ns_from_ms
from bmcha.model.record import dataclass
from bmcha.model.restart import Restart
from bmcha.model.role import Refusal, Severity

STEADY_NS = 600 * NS_PER_S
"""Ten minutes without a crash: then the last one is no news any more. The shell's count of
crashes in a row begins anew after the same time."""


@dataclass(slots=True)
class ServiceState:
    """``stalled``: since when, by the thread's name."""

    started_ns: int
    restart: Restart = field(default_factory=Restart)
    stalled: dict[str, int] = field(default_factory=dict)

    def hold_off_left_ns(self, now_ns: int) -> int:
        ends_ns = self.started_ns + ns_from_ms(self.restart.hold_off_ms)
        return max(0, ends_ns - now_ns)

    def stall(self, name: str, for_ms: int, now_ns: int) -> None:
        self.stalled.setdefault(name, now_ns - ns_from_ms(for_ms))

    def recover(self, name: str) -> None:
        self.stalled.pop(name, None)

    def conditions(self, now_ns: int) -> list[tuple[str, Severity, str]]:
        found = [
            (
                f"thread-{name.replace(' ', '-')}-stalled",
                Severity.MAJOR,
                f"the thread {name} is stuck; what it reads or writes is missing",
            )
            for name in self.stalled
        ]
        restart = self.restart
        if restart.crashes_count and now_ns - self.started_ns < STEADY_NS:
            times = "once" if restart.crashes_count == 1 else f"{restart.crashes_count} times"
            text = f"the service crashed {times} in a row; the last: {restart.why}"
            found.append(("crashed", Severity.MAJOR, text))
        return found


def reload_sentence(event: SettingsReloaded) -> str:
    """For the chassis log; what changed from what to what is in this module's own."""
    applied = [change.key for change in event.changes if not change.refusal]
    refused = [change.key for change in event.changes if change.refusal]
    told = f"settings read again, asked by {event.asked_by}: "
    told += f"changed {', '.join(applied)}" if applied else "nothing changed"
    return f"{told}; needs a restart: {', '.join(refused)}" if refused else told


def reload_body(event: SettingsReloaded) -> dict[str, Any]:
    return {
        "changed": [_change(change) for change in event.changes if not change.refusal],
        "needs_restart": [_change(change) for change in event.changes if change.refusal],
    }


def reload_refused_body(found: frozenset[Refusal]) -> dict[str, Any]:
    listed = [{"id": each.name, "text": each.advice} for each in found]
    return {"result": "refused", "text": "reload refused, nothing was changed", "refusals": listed}


def _change(change: SettingChange) -> dict[str, Any]:
    told = {"file": change.file, "key": change.key, "old": change.old, "new": change.new}
    return {**told, "why": change.refusal} if change.refusal else told
