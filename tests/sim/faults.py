"""A seeded storm over two nodes: which fault comes next, and what must hold whatever came.

Not yet the simulator of the plan (that one has clocks that drift, torn stores and shrinking); it
already finds an order of faults that nobody thought of. A story is a seed: `Storm(board, seed)`.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from bmcha.model.event import MaintenanceAsked, SwitchoverAsked
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass
from tests.world import Module, World

PAUSES_MS = (1, 3, 10, 20, 30, 100, 400, 600, 1500, 3000)
HEAL_MS = 7000
"""Boot window, dead time, claim window and rank delay, with room: then somebody must hold."""
RETURN_MS = 150
"""A beat and its frame: how long two may hold after a path has come back."""


class Storm:
    """Either paths are cut or one line lies, never both: that is what a gated board promises."""

    def __init__(self, board: BoardClass, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World(board)
        self.log: list[str] = []
        self.lines_lie = board is BoardClass.GATED and self.random.random() < 0.5
        self.faults: list[Callable[[Module], bool]] = [
            self._cut_one_path,
            self._heal,
            self._kill,
            self._stop,
            self._go_on,
            self._start,
            self._pull,
            self._ask,
            self._maintain,
            self._delay,
            self._stick if self.lines_lie else self._cut_all,
            self._unstick if self.lines_lie else self._cut_one_way,
        ]

    def begin(self) -> None:
        if self.random.random() < 0.5:
            self.world.settled()
            return
        self.world.boot(1)
        self.world.run(self.random.choice((0, 5, 100, 700)))
        self.world.boot(2)

    def rage(self) -> None:
        for _ in range(self.random.randint(2, 6)):
            module = self.world.modules[self.random.choice((1, 2))]
            fault = self.random.choice(self.faults)
            if fault(module):
                self.log.append(f"{self.world.now_ms} {fault.__name__} {module.slot}")
            self.world.run(self.random.choice(PAUSES_MS))

    def calm(self) -> None:
        """Everything heals and every module runs."""
        world = self.world
        world.heal()
        world.delay_ms = dict.fromkeys(world.path_names, 1)
        for slot, name in list(world.stuck):
            world.unstick(slot, name)
        for module in world.modules.values():
            self._go_on(module)
            self._start(module)
            module.ask(MaintenanceAsked(2, "calm", 0))
        self.log.append(f"{world.now_ms} healed")
        world.run(HEAL_MS)

    def told(self) -> str:
        return "\n".join([*self.log, self.world.story()])

    # ---- the faults; False: it would change nothing

    def _cut_one_path(self, _: Module) -> bool:
        if self.lines_lie and self.world.cuts:
            return False
        self.world.cut(self.random.choice(self.world.path_names), source=self._some_side())
        return True

    def _some_side(self) -> int | None:
        return self.random.choice((None, 1, 2))

    def _cut_all(self, _: Module) -> bool:
        self.world.cut()
        return True

    def _cut_one_way(self, module: Module) -> bool:
        self.world.cut(source=module.slot)
        return True

    def _heal(self, _: Module) -> bool:
        self.world.heal()
        return True

    def _kill(self, module: Module) -> bool:
        if module.node is None:
            return False
        self.world.kill(module.slot)
        return True

    def _stop(self, module: Module) -> bool:
        was_stopped, module.is_stopped = module.is_stopped, True
        return not was_stopped

    def _go_on(self, module: Module) -> bool:
        was_stopped, module.is_stopped = module.is_stopped, False
        return was_stopped

    def _start(self, module: Module) -> bool:
        if module.node is not None:
            return False
        module.hardware.is_powered = True
        module.boot()
        self.world.tell_lines()
        return True

    def _pull(self, module: Module) -> bool:
        self.world.pull(module.slot)
        return True

    def _ask(self, module: Module) -> bool:
        if module.node is None:
            return False
        module.ask(SwitchoverAsked(1, "storm", None, self.random.random() < 0.5))
        return True

    def _maintain(self, module: Module) -> bool:
        if module.node is None:
            return False
        module.ask(MaintenanceAsked(2, "storm", self.random.choice((0, 1, 60))))
        return True

    def _delay(self, _: Module) -> bool:
        path = self.random.choice(self.world.path_names)
        self.world.delay_ms[path] = self.random.choice((1, 5, 60))
        return True

    def _stick(self, module: Module) -> bool:
        if self.world.stuck:
            return False
        line = self.random.choice(("presence", "health", "active"))
        self.world.stick(module.slot, line, self.random.random() < 0.5)
        return True

    def _unstick(self, _: Module) -> bool:
        for slot, name in list(self.world.stuck):
            self.world.unstick(slot, name)
            return True
        return False


def roles_of(world: World) -> list[Role]:
    return sorted((r for r in world.roles() if r is not None), key=lambda role: role.name)
