"""Two modules in one chassis of virtual time: who is plugged in, what each reads of the other.

The judge of the unit tests is the gate: `dual_ms` is for how long both modules' writes would have
reached the chassis. Time jumps from event to event; nothing happens in between. A module that
stands still in the middle of a step (`stand_still`) holds up nobody but itself: the rest of the
world goes on below that call.
"""

from __future__ import annotations

from collections.abc import Callable

from bmcha.model.event import LineLevels, LinesRead
from bmcha.model.key import KeySet
from bmcha.model.moment import NS_PER_MS
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass, IsolationPolicy
from tests.world.agenda import Agenda
from tests.world.module import Module
from tests.world.settings import KEYS
from tests.world.watcher import Watcher
from tests.world.wires import Frame, Wires

LINE_NS = NS_PER_MS
BOOT_MS = 300
"""From the end of a reset to the first instruction of the service."""


class World:
    """``seed``: of everything in it that is random. ``keys``: of both modules."""

    def __init__(
        self,
        board: BoardClass,
        policy: IsolationPolicy = IsolationPolicy.TRUST_SILENCE,
        path_names: tuple[str, ...] = ("udp", "serial"),
        start_ms: int = 1000,
        deadtime_ms: int = 500,
        seed: int = 0,
        watcher: Watcher | None = None,
        keys: KeySet = KEYS,
    ) -> None:
        self.board, self.policy, self.path_names = board, policy, path_names
        self.deadtime_ms, self.seed = deadtime_ms, seed
        self.keys = keys
        self.watcher = watcher or Watcher()
        self.agenda = Agenda(start_ms * NS_PER_MS)
        self.wires = Wires(self.agenda, path_names, seed, self._deliver)
        self.stuck: dict[tuple[int, str], bool | None] = {}
        self._dual_ns = 0
        self._unheld_ns = 0
        self._are_lines_told = True
        self.is_over = False
        """Nothing happens any more: whoever watches has seen enough."""
        self.modules = {slot: Module(self, slot) for slot in (1, 2)}

    # ---- time

    @property
    def now_ns(self) -> int:
        return self.agenda.now_ns

    @property
    def now_ms(self) -> int:
        return self.agenda.now_ns // NS_PER_MS

    @property
    def now_exact_ms(self) -> float:
        return self.agenda.now_ns / NS_PER_MS

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        self.agenda.at(self.now_ns + delay_ms * NS_PER_MS, act)

    def run(self, duration_ms: int, until: Callable[[], bool] | None = None) -> bool:
        """Returns whether ``until`` became true."""
        end_ns = self.now_ns + duration_ms * NS_PER_MS
        while self._turn(end_ns):
            if until is not None and until():
                return True
        self._advance(end_ns)
        return until is not None and until()

    def _turn(self, end_ns: int | None) -> bool:
        """The next event, if it is due by then. False: there is none."""
        due_ns = self.agenda.next_ns()
        if self.is_over or due_ns is None or (end_ns is not None and due_ns > end_ns):
            return False
        if due_ns > self.agenda.now_ns:
            self._advance(due_ns)
        self.agenda.do_next()
        return True

    def _advance(self, to_ns: int) -> None:
        passed_ns = max(0, to_ns - self.agenda.now_ns)
        open_count = self.open_count()
        if open_count > 1:
            self._dual_ns += passed_ns
        elif open_count == 0:
            self._unheld_ns += passed_ns
        self.agenda.now_ns = max(to_ns, self.agenda.now_ns)

    def stand_still(self, module: Module, for_ms: int) -> None:
        """SIGSTOP in the middle of what ``module`` does, and SIGCONT after ``for_ms``."""
        life = module.life
        if life is None:
            return
        module.is_stopped = life.is_frozen = True

        def go_on() -> None:
            if module.life is life:
                module.is_stopped = False

        self.later(for_ms, go_on)
        while module.life is life and module.is_stopped and self._turn(None):
            pass
        life.is_frozen = False

    def think(self, module: Module, for_ms: int) -> None:
        """What ``module`` decides takes it so long; its engines and all others go on meanwhile."""
        life, end_ns = module.life, self.now_ns + for_ms * NS_PER_MS
        self.agenda.at(end_ns, _nothing)
        while module.life is life and (module.is_stopped or self.now_ns < end_ns):
            if not self._turn(None):
                return

    # ---- who holds

    def open_count(self) -> int:
        now_ms = self.now_exact_ms
        return sum(module.hardware.is_gate_open(now_ms) for module in self.modules.values())

    @property
    def dual_ms(self) -> int:
        return -(-self._dual_ns // NS_PER_MS)

    @dual_ms.setter
    def dual_ms(self, dual_ms: int) -> None:
        self._dual_ns = dual_ms * NS_PER_MS

    @property
    def unheld_ms(self) -> int:
        return -(-self._unheld_ns // NS_PER_MS)

    # ---- paths

    def _deliver(self, path: str, target_slot: int, frame: Frame) -> None:
        target = self.modules[target_slot]
        if target.life is not None and target.hardware.is_powered:
            target.life.deliver(path, frame)

    @property
    def cuts(self) -> set[tuple[str, int]]:
        """(path, slot): what that slot sends there is lost."""
        return self.wires.cuts

    @cuts.setter
    def cuts(self, cuts: set[tuple[str, int]]) -> None:
        self.wires.cuts = cuts

    @property
    def delay_ms(self) -> dict[str, int]:
        return self.wires.delay_ms

    @delay_ms.setter
    def delay_ms(self, delay_ms: dict[str, int]) -> None:
        self.wires.delay_ms = delay_ms

    def cut(self, *paths: str, source: int | None = None) -> None:
        self.wires.cut(*paths, source=source)

    def heal(self) -> None:
        self.wires.heal()

    # ---- lines

    def lines_for(self, slot: int, now_ns: int) -> LinesRead:
        """What the module in ``slot`` reads of the other's lines, and of its own gate. ``now_ns``
        is the reader's own time."""
        reader = self.modules[slot]
        now_ms, own, wired = self.now_exact_ms, reader.hardware, reader.settings
        peer = self.modules[3 - slot].hardware
        levels = LineLevels(
            self._seen(slot, "presence", peer.is_powered if wired.has_presence else None),
            self._seen(slot, "health", peer.is_healthy(now_ms) if wired.has_health else None),
            self._seen(slot, "active", peer.is_active(now_ms) if wired.has_active else None),
        )
        if not wired.has_active:
            return LinesRead(((3 - slot, levels),), None, None, now_ns)
        gate, active = own.is_gate_open(now_ms), own.is_active(now_ms)
        return LinesRead(((3 - slot, levels),), gate, active, now_ns)

    def _seen(self, slot: int, name: str, level: bool | None) -> bool | None:
        return self.stuck.get((slot, name), level)

    def stick(self, slot: int, name: str, level: bool | None) -> None:
        """The line as the module in ``slot`` reads it; None: it cannot be read."""
        self.stuck[(slot, name)] = level
        self.tell_lines()

    def unstick(self, slot: int, name: str) -> None:
        del self.stuck[(slot, name)]
        self.tell_lines()

    def line_changed(self) -> None:
        """Whoever waits for an edge sees it a moment later, several of them as one."""
        self.watcher.lines_changed()
        if self._are_lines_told:
            self._are_lines_told = False
            self.agenda.at(self.now_ns + LINE_NS, self.tell_lines)

    def tell_lines(self) -> None:
        self._are_lines_told = True
        for module in self.modules.values():
            module.post_lines()

    # ---- modules

    def boot(self, *slots: int) -> World:
        for slot in slots or (1, 2):
            self.modules[slot].boot()
        self.tell_lines()
        return self

    def kill(self, slot: int) -> None:
        self.modules[slot].die()

    def pull(self, slot: int) -> None:
        self.modules[slot].hardware.is_powered = False
        self.kill(slot)

    def pulse_reset(self, by_slot: int, slot: int, pulse_ms: int) -> bool:
        """The module in ``slot`` is held in reset for so long, and boots after it. False: this
        board has no such line."""
        if self.board is not BoardClass.RESET:
            return False
        target = self.modules[slot]
        if target.is_reset_deaf:
            return True
        self.watcher.reset(by_slot, slot)
        self.kill(slot)
        target.is_held = True

        def boot_again() -> None:
            target.is_held = False
            if target.hardware.is_powered and target.life is None:
                target.boot()

        self.later(pulse_ms + BOOT_MS, boot_again)
        return True

    def settled(self) -> World:
        """Both up, slot 1 ACTIVE, the mirror synced."""
        self.boot()
        assert self.run(3000, lambda: self.roles() == (Role.ACTIVE, Role.STANDBY)), self.story()
        first = self.modules[1].node
        assert first is not None
        assert self.run(2000, lambda: first.chassis.sender.is_synced), self.story()
        self.run(1500)
        return self

    def roles(self) -> tuple[Role | None, Role | None]:
        return (self.modules[1].role, self.modules[2].role)

    def story(self) -> str:
        lines = [
            f"slot {slot}: " + ", ".join(f"{ms} {role.name}" for ms, role in module.roles)
            for slot, module in self.modules.items()
        ]
        return "\n".join([f"now {self.now_ms}, dual {self.dual_ms} ms", *lines])


def _nothing() -> None:
    """Only so that the world's clock stops there."""
