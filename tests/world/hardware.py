"""One module's latches, watchdog and output gate, as the board keeps them.

On a gated board a latch is raised only while the watchdog is fed, and falls for good when it has
not been for ``watchdog_ms``; the gate lets writes through only while ACTIVE is up. Elsewhere what
was latched stays, also while the process stands still, and falls when it dies. No board rule is
known here; `tests.world.chassis` says what the other module reads of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bmcha.model.effect import OwnLine
from tests.world.settings import WATCHDOG_MS


def _nothing() -> None:
    pass


@dataclass
class Hardware:
    """``changed`` is called after every change of a latch; ``is_gate_broken``: it stays shut."""

    is_gated: bool
    is_powered: bool = True
    is_process_alive: bool = False
    latched: dict[OwnLine, bool] = field(default_factory=dict)
    fed_ms: float = -10_000.0
    watchdog_ms: int = WATCHDOG_MS
    is_gate_broken: bool = False
    changed: Callable[[], None] = _nothing

    def is_fed(self, now_ms: float) -> bool:
        return not self.is_gated or now_ms - self.fed_ms < self.watchdog_ms

    def expire(self, now_ms: float) -> None:
        """HEALTH is gated and not latched: it is back with the next feed."""
        if self.is_gated and not self.is_fed(now_ms):
            self.latched[OwnLine.ACTIVE] = self.latched[OwnLine.OUTPUT_ENABLE] = False
            self.changed()

    def drive(self, line: OwnLine, is_up: bool, now_ms: float) -> None:
        self.latched[line] = is_up and self.is_process_alive and self.is_fed(now_ms)
        self.changed()

    def fall(self) -> None:
        """The process is gone: nobody drives a line any more."""
        self.is_process_alive = False
        self.latched = {}
        self.changed()

    def is_active(self, now_ms: float) -> bool:
        return self.latched.get(OwnLine.ACTIVE, False) and self.is_fed(now_ms)

    def is_healthy(self, now_ms: float) -> bool:
        return self.latched.get(OwnLine.HEALTH, False) and self.is_fed(now_ms)

    def is_gate_open(self, now_ms: float) -> bool:
        enabled = self.latched.get(OwnLine.OUTPUT_ENABLE, False)
        is_let_through = not self.is_gated or self.is_active(now_ms)
        return enabled and is_let_through and not self.is_gate_broken
