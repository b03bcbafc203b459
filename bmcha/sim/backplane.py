"""What the wires between the slots carry, and when a module's outputs are let through.

Pure: no file, no clock, no process. It is told what happened and when, and answers with what
changed on the wires. It knows nothing about roles, paths or files. Rules:

- *gated* board: a module's output gate is open while its process lives, its watchdog has been fed
  within ``watchdog_ms``, and the latches of its ACTIVE and OUTPUT_ENABLE lines are set. When the
  watchdog expires both latches fall; only a later write of "up" while it is fed sets them again.
  HEALTH as others see it is the module's HEALTH output while the watchdog is fed; ACTIVE is the
  latch.
- *reset* board: the same, and each module drives a RESET line to every other one. While it is up
  that module is held in reset: it drives nothing, its latches are clear. A one-shot of the
  backplane ends a pulse after PULSE_MS_MAX, whoever goes on driving it; only a new edge begins
  another.
- *lease* board: the gate is open while the process lives and OUTPUT_ENABLE is up; ACTIVE is what
  was driven last. A process that stands still keeps both.
- *bare* board: the gate as on a lease board. Nothing else is wired.
- When a process dies everything that it drove falls at once, as a kernel releases lines.
- A forced line lies to those who read it; gates do not listen to it. Who reads RESET is the
  module's reset circuit, too.

Called by `bmcha.sim.chassis`, in one thread.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum, unique

from bmcha.model.moment import NS_PER_MS
from bmcha.model.record import dataclass
from bmcha.model.settings import PULSE_MS_MAX, BoardClass

HEALTH = "HEALTH"
ACTIVE = "ACTIVE"
OUTPUT_ENABLE = "OUTPUT_ENABLE"
OUTPUTS_OPEN = "OUTPUTS_OPEN"
PRESENCE = "PRESENCE"
RESET = "RESET"
GATE = "gate"

DRIVEN = (HEALTH, ACTIVE, OUTPUT_ENABLE)
"""What a module drives."""
WIRED = {
    BoardClass.GATED: (PRESENCE, HEALTH, ACTIVE, OUTPUTS_OPEN),
    BoardClass.RESET: (PRESENCE, HEALTH, ACTIVE, RESET, OUTPUTS_OPEN),
    BoardClass.LEASE: (PRESENCE, ACTIVE, OUTPUTS_OPEN),
    BoardClass.BARE: (),
}
"""What somebody reads: OUTPUTS_OPEN the module itself, RESET the module and the peers, the others
the peers."""
PULSE_NS_MAX = PULSE_MS_MAX * NS_PER_MS


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
    resetters: set[int] = field(default_factory=set)
    """Slots that drive the reset line to this module."""
    pulse_ends_ns: int | None = None
    forced: dict[str, bool] = field(default_factory=dict)

    @property
    def is_in_reset(self) -> bool:
        return self.forced.get(RESET, self.pulse_ends_ns is not None)

    def release(self) -> None:
        self.is_health_driven = False
        self.is_active_latched = False
        self.is_enable_latched = False
        self.fed_until_ns = None


class Backplane:
    """All slots of one chassis. Every method that may change a wire returns the changes."""

    def __init__(self, board_class: BoardClass, slots: tuple[int, ...], watchdog_ns: int) -> None:
        self._is_gated = board_class.is_gated
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
        return self._released(slot) if not is_present else self._changes(slot)

    def start(self, slot: int) -> list[Change]:
        """A process was started in this slot: it drives nothing yet."""
        self._modules[slot].is_alive = True
        return self._released(slot)

    def die(self, slot: int) -> list[Change]:
        self._modules[slot].is_alive = False
        return self._released(slot)

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

    def drive_reset(self, slot: int, target: int, is_up: bool, now_ns: int) -> list[Change]:
        """The module wrote its reset line to ``target``. Where that makes RESET go up, the process
        there has to be ended by who calls this, and to be started when RESET falls."""
        if not self._modules[slot].is_alive:
            return []
        module = self._modules[target]
        if not is_up:
            return self._undriven(slot, target)
        if not module.resetters:
            module.pulse_ends_ns = now_ns + PULSE_NS_MAX
        module.resetters.add(slot)
        return self._reset_changes(target)

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
        """Time has passed: watchdogs that were not fed in time fire, and long pulses end."""
        changes: list[Change] = []
        for slot, module in self._modules.items():
            if module.fed_until_ns is not None and module.fed_until_ns <= now_ns:
                changes += self._unfed(module, slot)
            if module.pulse_ends_ns is not None and module.pulse_ends_ns <= now_ns:
                module.pulse_ends_ns = None
                changes += self._reset_changes(slot)
        return changes

    def force(self, slot: int, line: str, level: bool | None) -> list[Change]:
        """Readers see ``level`` from now on, whatever the module does; None: the truth again."""
        module = self._modules[slot]
        if level is None:
            module.forced.pop(line, None)
        else:
            module.forced[line] = level
        return self._reset_changes(slot) if line == RESET else self._changes(slot)

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

    def is_in_reset(self, slot: int) -> bool:
        return self._modules[slot].is_in_reset

    def is_present(self, slot: int) -> bool:
        return self._modules[slot].is_present

    def forced(self, slot: int) -> dict[str, bool]:
        return dict(self._modules[slot].forced)

    def seen(self, slot: int, line: str) -> bool:
        """The level that readers of this slot's line see."""
        return self._shown[slot, line]

    def next_expiry_ns(self) -> int | None:
        """When `expire` is due."""
        modules = self._modules.values()
        dues = [due for m in modules for due in (m.fed_until_ns, m.pulse_ends_ns)]
        return min((due for due in dues if due is not None), default=None)

    # ------------------------------------------------------------ how

    def _is_fed(self, module: _Module, now_ns: int) -> bool:
        return module.fed_until_ns is not None and now_ns < module.fed_until_ns

    def _unfed(self, module: _Module, slot: int) -> list[Change]:
        module.fed_until_ns = None
        if self._is_gated:
            module.is_active_latched = False
            module.is_enable_latched = False
        return self._changes(slot)

    def _released(self, slot: int) -> list[Change]:
        """It drives nothing, no reset of others either."""
        self._modules[slot].release()
        changes = self._changes(slot)
        for other in self._modules:
            changes += self._undriven(slot, other)
        return changes

    def _undriven(self, slot: int, target: int) -> list[Change]:
        module = self._modules[target]
        module.resetters.discard(slot)
        if not module.resetters:
            module.pulse_ends_ns = None
        return self._reset_changes(target)

    def _reset_changes(self, slot: int) -> list[Change]:
        """RESET of this slot may have another level. Nobody sees it up while outputs still pass."""
        module = self._modules[slot]
        if not module.is_in_reset or not module.is_alive:
            return self._changes(slot)
        module.is_alive = False
        return self._released(slot)

    def _levels(self, slot: int) -> dict[tuple[int, str], bool]:
        module = self._modules[slot]
        levels = {
            RESET: module.is_in_reset,
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
