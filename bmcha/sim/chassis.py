"""The chassis itself: one loop, one thread, over everything that can happen to it.

Module writes (inotify), module ends (pidfds), the wires' bytes, requests on the control socket
and a few timers meet here; what they mean is decided by `bmcha.sim.backplane` (lines and gates)
and `bmcha.sim.thermal` (physics), and every event becomes a line of the journal. It never tells a
module of a fault: modules learn through paths and lines alone. Rules:

- What modules have written is read before anything is judged by time, and before a module's end
  is: a late loop never fires a watchdog that was fed, and no write is lost to a death after it.
- An output counts only while its module's gate is open; opening a gate applies nothing by itself.
- It waits in one place, and for as long as nothing is due.

Called by `bmcha.sim.rig`, which runs it in a thread; `bmcha.sim.deeds` carries out its actions.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from bmcha.model.record import dataclass
from bmcha.sim.backplane import RESET, Backplane, Change, ChangeKind
from bmcha.sim.board_plan import BoardPlan
from bmcha.sim.ctl import ControlServer, Request
from bmcha.sim.hw_tree import (
    HwTree,
    LineWritten,
    PwmWritten,
    ResetWritten,
    WatchdogWritten,
    Written,
)
from bmcha.sim.journal import Journal, Line
from bmcha.sim.layout import RigLayout
from bmcha.sim.modules import Module
from bmcha.sim.thermal import Plant
from bmcha.sim.watches import Watches
from bmcha.sim.wires import Wire

PLANT_PERIOD_NS = 250_000_000
"""The boards read their sensors four times a second."""
CALL_WAIT_S = 10.0
"""Starting two processes on a machine that does much else."""
NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

Result = TypeVar("Result")


@dataclass(slots=True)
class Timer:
    """Something to do at a time; `due_ns` None: done or called off."""

    due_ns: int | None
    act: Callable[[], None]


class Chassis:
    """Everything between and around the modules. Made in the rig's thread, then run in its own."""

    def __init__(
        self,
        layout: RigLayout,
        plans: dict[int, BoardPlan],
        modules: dict[int, Module],
        wires: list[Wire],
        gate_opened: Callable[[int, int], None],
    ) -> None:
        self.layout = layout
        self.plan = plan = plans[layout.slots[0]]
        self.modules = modules
        self.wires = {wire.name: wire for wire in wires}
        self.seed = 0
        self.full_disks: set[int] = set()
        self.foreign: dict[int, int] = {}
        """Slots whose module belongs to another chassis, and to which."""
        self.gate_opened = gate_opened
        watchdog_ns = plan.watchdog_ms * NS_PER_MS
        self.backplane = Backplane(plan.board_class, layout.slots, watchdog_ns)
        self.plant = Plant(plan.chassis)
        self.selector = selectors.DefaultSelector()
        self.watches: Watches[Written] = Watches()
        self.trees = {slot: HwTree(slot, plans[slot]) for slot in layout.slots}
        self.timers: list[Timer] = [Timer(self.now_ns() + PLANT_PERIOD_NS, self._step_plant)]
        self.asked: Callable[[Request], None] = lambda request: None
        self.ended: Callable[[int, int], None] = lambda slot, code: None
        self.reset_changed: Callable[[int, bool], None] = lambda slot, is_up: None
        self._stepped_ns = self.now_ns()
        self._is_ending = False
        self._posted: deque[Callable[[], object]] = deque()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._register()
        self.server = ControlServer(layout.chassis_socket, self.selector, self._ask)
        self.journal = Journal(layout.journal, self._tell)

    @staticmethod
    def now_ns() -> int:
        return time.monotonic_ns()

    def run(self) -> None:
        """Until `end` is called. Modules are left as they are."""
        self.show_values()
        while not self._is_ending:
            wait_s = max(0, self._due_ns() - self.now_ns()) / NS_PER_S
            ready = self.selector.select(wait_s)
            self.take_writes()
            for key, mask in ready:
                # An earlier one of this round may have closed it, and its number may be another's.
                if self.selector.get_map().get(key.fd) is key:
                    key.data(mask)
            self._run_timers()

    def _due_ns(self) -> int:
        """When something is to be done though nothing happens; the plant's timer always is."""
        dues = [timer.due_ns for timer in self.timers]
        dues += [wire.due_ns() for wire in self.wires.values()]
        dues.append(self.backplane.next_expiry_ns())
        return min(due for due in dues if due is not None)

    def end(self) -> None:
        """In the chassis thread: `run` returns after this round."""
        self._is_ending = True

    def post(self, act: Callable[[], object]) -> None:
        """From any thread: ``act`` is done in the chassis thread, soon."""
        self._posted.append(act)
        os.write(self._wake_writer, b"\0")

    def call(self, ask: Callable[[], Result]) -> Result:
        """From any other thread: as `post`, and its result."""
        answer: Future[Result] = Future()

        def act() -> None:
            try:
                answer.set_result(ask())
            except Exception as error:
                answer.set_exception(error)

        self.post(act)
        return answer.result(CALL_WAIT_S)

    def abandon(self) -> None:
        """After a defect ended `run`: whoever is connected learns it at once."""
        self.server.close()

    def close(self) -> None:
        """After `run` has returned."""
        self.journal.close()
        self.server.close()
        self.selector.close()
        self.watches.close()
        for tree in self.trees.values():
            tree.close()
        for fd in (self._wake_reader, self._wake_writer):
            os.close(fd)

    # ------------------------------------------------------------ what deeds use

    def record(self, what: str, slot: int | None, name: str, value: Any) -> None:
        self.journal.write(Line(self.now_ns(), what, slot, name, value))

    def apply(self, changes: list[Change]) -> None:
        """Wires have changed: journal, then the trees of those who read them."""
        for change in changes:
            self.record(change.kind.value, change.slot, change.name, change.is_up)
            if change.kind is ChangeKind.GATE:
                if change.is_up:
                    self.gate_opened(change.slot, self.now_ns())
                continue
            # A module's own sense comes last: what it reads there, the others can see already.
            for slot in sorted(self.trees, key=lambda slot: slot == change.slot):
                self.trees[slot].show_line(change.slot, change.name, change.is_up)
            if change.name == RESET:
                self.reset_changed(change.slot, change.is_up)

    def settle_wires(self) -> None:
        """Faults of wires were changed: in force on return."""
        for wire in self.wires.values():
            wire.settle(self.now_ns())

    def take_writes(self) -> None:
        """Everything that modules have written so far, in order."""
        for written in self.watches.written():
            self._take(written)

    def started(self, slot: int) -> None:
        """A process was made in this slot."""
        module = self.modules[slot]
        for wire in self.wires.values():
            wire.faults.deaf.discard(slot)
        self.settle_wires()
        self.apply(self.backplane.start(slot))
        self.selector.register(
            module.pidfd, selectors.EVENT_READ, lambda _mask: self.take_end(slot)
        )

    def take_end(self, slot: int) -> None:
        """The process has ended: everything that it drove falls."""
        self.take_writes()
        module = self.modules[slot]
        self.selector.unregister(module.pidfd)
        code = module.reap()
        for wire in self.wires.values():
            wire.faults.deaf.add(slot)
        self.settle_wires()
        self.ended(slot, code)
        self.apply(self.backplane.die(slot))
        self.release_outputs(slot)

    def release_outputs(self, slot: int) -> None:
        """What a module's files say, and its wires hold, when nobody is there."""
        for wire in self.wires.values():
            wire.forget(slot)
        self.trees[slot].release({fan: self.plant.pwm(fan) for fan in self._fans()})
        for written in self.watches.written():
            if written.slot != slot:  # its own are ours
                self._take(written)

    # ------------------------------------------------------------ how

    def _register(self) -> None:
        read = selectors.EVENT_READ
        self.selector.register(self._wake_reader, read, lambda _mask: self._take_posted())
        self.selector.register(self.watches, read, lambda _mask: None)
        for wire in self.wires.values():
            wire.faults.deaf.update(self.modules)
            for fd, slot in wire.fds().items():
                self.selector.register(
                    fd, read, lambda _mask, wire=wire, slot=slot: wire.relay(slot, self.now_ns())
                )
        for tree in self.trees.values():
            for path, written in tree.outputs():
                self.watches.add(path, written)

    def _take_posted(self) -> None:
        os.read(self._wake_reader, 4096)
        while self._posted:
            self._posted.popleft()()

    def _ask(self, request: Request) -> None:
        self.asked(request)

    def _tell(self, line: Line) -> None:
        params = {"t_ns": line.t_ns, "what": line.what, "slot": line.slot}
        self.server.tell_followers({**params, "name": line.name, "value": line.value})

    def _take(self, written: Written) -> None:
        slot = written.slot
        match written:
            case LineWritten(line=line):
                level = self.trees[slot].line_level(line)
                if level is not None:
                    self.apply(self.backplane.drive(slot, line, level, self.now_ns()))
            case ResetWritten(target=target):
                level = self.trees[slot].reset_level(target)
                if level is not None:
                    now_ns = self.now_ns()
                    self.apply(self.backplane.drive_reset(slot, target, level, now_ns))
            case PwmWritten(fan=fan):
                self._take_pwm(slot, fan)
            case WatchdogWritten():
                if self.trees[slot].is_watchdog_disarmed():
                    self.apply(self.backplane.disarm(slot))
                else:
                    self.apply(self.backplane.feed(slot, self.now_ns()))

    def _take_pwm(self, slot: int, fan: str) -> None:
        pwm, text = self.trees[slot].pwm(fan)
        if not text:
            return  # emptied before it is written anew
        if pwm is None or not self.backplane.is_open(slot):
            self.record("refused", slot, fan, text if pwm is None else pwm)
            return
        self.plant.apply_pwm(fan, pwm)
        self.record("output", slot, fan, pwm)

    def _run_timers(self) -> None:
        for timer in list(self.timers):
            if timer.due_ns is not None and timer.due_ns <= self.now_ns():
                timer.act()
        self.timers = [timer for timer in self.timers if timer.due_ns is not None]
        for wire in self.wires.values():
            wire.act(self.now_ns())
        expiry_ns = self.backplane.next_expiry_ns()
        if expiry_ns is not None and expiry_ns <= self.now_ns():
            self.take_writes()
            self.apply(self.backplane.expire(self.now_ns()))

    def _step_plant(self) -> None:
        now_ns = self.now_ns()
        self.plant.step((now_ns - self._stepped_ns) / NS_PER_S)
        self._stepped_ns = now_ns
        self.show_values()
        # From now, not from when it was due: after a stall there is nothing to catch up.
        self.timers[0].due_ns = now_ns + PLANT_PERIOD_NS

    def show_values(self) -> None:
        for tree in self.trees.values():
            tree.show_values(self.plant)

    def _fans(self) -> list[str]:
        return [fan.name for fan in self.plan.chassis.fans]
