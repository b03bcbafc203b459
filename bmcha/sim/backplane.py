"""What the wires between the slots carry, and when a module's outputs are let through.

Pure: no file, no clock, no process. It is told what happened and when, and answers with what
changed on the wires. It knows nothing about roles, paths or files. Rules:

- *gated* board: a module's output gate is open while its process lives, its watchdog has been fed
  within ``watchdog_ms``, and the latches of its ACTIVE and OUTPUT_ENABLE lines are set. When the
  watchdog expires both latches fall; only a later write of "up" while it is fed sets them again.
  HEALTH as others see it is the module's HEALTH output while the watchdog is fed; ACTIVE is the
  latch.
- *bare* board: the gate is open while the process lives and OUTPUT_ENABLE is up. Nothing else is
  wired.
- When a process dies everything that it drove falls at once, as a kernel releases lines.
- A forced line lies to those who read it; gates do not listen to it.

Called by `bmcha.sim.chassis`, in one thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique

from bmcha.model.settings import BoardClass

HEALTH = "HEALTH"
ACTIVE = "ACTIVE"
OUTPUT_ENABLE = "OUTPUT_ENABLE"
OUTPUTS_OPEN = "OUTPUTS_OPEN"
PRESENCE = "PRESENCE"
GATE = "gate"

DRIVEN = (HEALTH, ACTIVE, OUTPUT_ENABLE)
"""What a module drives."""
WIRED = {
    BoardClass.GATED: (PRESENCE, HEALTH, ACTIVE, OUTPUTS_OPEN),
    BoardClass.BARE: (),
}
"""What somebody reads: the first three the peers, OUTPUTS_OPEN the module itself."""


@unique
class ChangeKind(Enum):
    """The value is the journal's ``what``."""

    LINE = "line"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class Change:
    """A line or a gate has a new level."""

    kind: ChangeKind
    slot: int
    name: str
    is_up: bool


@dataclass(slots=True)
class _Module:
    is_present: bool = False
    is_alive: bool = False
    is_health_driven: bool = False
    is_active_latched: bool = False
    is_enable_latched: bool = False
    fed_until_ns: int | None = None
    forced: dict[str, bool] = field(default_factory=dict)

    def release(self) -> None:
        self.is_health_driven = False
        self.is_active_latched = False
        self.is_enable_latched = False
        self.fed_until_ns = None


class Backplane:
    """All slots of one chassis. Every method that may change a wire returns the changes."""

    def __init__(self, board_class: BoardClass, slots: tuple[int, ...], watchdog_ns: int) -> None:
        self._is_gated = board_class is BoardClass.GATED
        self._watchdog_ns = watchdog_ns
        self._modules = {slot: _Module() for slot in slots}
        self._shown: dict[tuple[int, str], bool] = {}
        for slot in slots:
            self._shown.update(self._levels(slot))

    # ------------------------------------------------------------ what happened

    def power(self, slot: int, is_present: bool) -> list[Change]:
        """A module was inserted or pulled. A pulled one holds nothing."""
        module = self._modules[slot]
        module.is_present = is_present
        if not is_present:
            module.is_alive = False
            module.release()
        return self._changes(slot)

    def start(self, slot: int) -> list[Change]:
        """A process was started in this slot: it drives nothing yet."""
        module = self._modules[slot]
        module.release()
        module.is_alive = True
        return self._changes(slot)

    def die(self, slot: int) -> list[Change]:
        module = self._modules[slot]
        module.is_alive = False
        module.release()
        return self._changes(slot)

    def drive(self, slot: int, line: str, is_up: bool, now_ns: int) -> list[Change]:
        """The module wrote one of its output lines, be it the same level again."""
        module = self._modules[slot]
        if not module.is_alive:
            return []
        is_latched = is_up and (not self._is_gated or self._is_fed(module, now_ns))
        if line == HEALTH:
            module.is_health_driven = is_up
        elif line == ACTIVE:
            module.is_active_latched = is_latched
        elif line == OUTPUT_ENABLE:
            module.is_enable_latched = is_latched
        else:
            raise ValueError(f"{line}: a module drives only {', '.join(DRIVEN)}")
        return self._changes(slot)

    def feed(self, slot: int, now_ns: int) -> list[Change]:
        """The module fed its watchdog."""
        module = self._modules[slot]
        if module.is_alive and self._is_gated:
            module.fed_until_ns = now_ns + self._watchdog_ns
        return self._changes(slot)

    def disarm(self, slot: int) -> list[Change]:
        """Magic close: nobody vouches for this module any more, so that it holds nothing."""
        return self._unfed(self._modules[slot], slot)

    def expire(self, now_ns: int) -> list[Change]:
        """Time has passed: watchdogs that were not fed in time fire."""
        changes: list[Change] = []
        for slot, module in self._modules.items():
            if module.fed_until_ns is not None and module.fed_until_ns <= now_ns:
                changes += self._unfed(module, slot)
        return changes

    def force(self, slot: int, line: str, level: bool | None) -> list[Change]:
        """Readers see ``level`` from now on, whatever the module does; None: the truth again."""
        module = self._modules[slot]
        if level is None:
            module.forced.pop(line, None)
        else:
            module.forced[line] = level
        return self._changes(slot)

    # ------------------------------------------------------------ what is

    def is_open(self, slot: int) -> bool:
        module = self._modules[slot]
        if not module.is_alive or not module.is_enable_latched:
            return False
        if not self._is_gated:
            return True
        return module.is_active_latched and module.fed_until_ns is not None

    def open_slots(self) -> list[int]:
        return [slot for slot in self._modules if self.is_open(slot)]

    def is_fed(self, slot: int) -> bool:
        return self._modules[slot].fed_until_ns is not None

    def is_present(self, slot: int) -> bool:
        return self._modules[slot].is_present

    def forced(self, slot: int) -> dict[str, bool]:
        return dict(self._modules[slot].forced)

    def seen(self, slot: int, line: str) -> bool:
        """The level that readers of this slot's line see."""
        return self._shown[slot, line]

    def next_expiry_ns(self) -> int | None:
        """When `expire` is due."""
        fed = [m.fed_until_ns for m in self._modules.values() if m.fed_until_ns is not None]
        return min(fed, default=None)

    # ------------------------------------------------------------ how

    def _is_fed(self, module: _Module, now_ns: int) -> bool:
        return module.fed_until_ns is not None and now_ns < module.fed_until_ns

    def _unfed(self, module: _Module, slot: int) -> list[Change]:
        module.fed_until_ns = None
        if self._is_gated:
            module.is_active_latched = False
            module.is_enable_latched = False
        return self._changes(slot)

    def _levels(self, slot: int) -> dict[tuple[int, str], bool]:
        module = self._modules[slot]
        levels = {
            PRESENCE: module.is_present,
            HEALTH: module.is_health_driven
            and (module.fed_until_ns is not None or not self._is_gated),
            ACTIVE: module.is_active_latched,
            OUTPUT_ENABLE: module.is_enable_latched,
            OUTPUTS_OPEN: self.is_open(slot),
        }
        levels.update(module.forced)
        levels[GATE] = self.is_open(slot)
        return {(slot, name): is_up for name, is_up in levels.items()}

    def _changes(self, slot: int) -> list[Change]:
        """What differs from what was last told; a shutting gate is told first, an opening last."""
        changes = []
        for (_, name), is_up in self._levels(slot).items():
            if self._shown[slot, name] != is_up:
                self._shown[slot, name] = is_up
                kind = ChangeKind.GATE if name == GATE else ChangeKind.LINE
                changes.append(Change(kind, slot, name, is_up))
        changes.sort(key=lambda change: change.kind is ChangeKind.GATE and change.is_up)
        changes.sort(key=lambda c: not (c.kind is ChangeKind.GATE and not c.is_up))
        return changes
