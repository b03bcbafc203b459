"""What ``sim-ctl`` does to modules: power, processes, signals, and the disk below their store.

Each is in force on return, which says so as a sentence; what harms is a fault in the journal just
before it is done. Runs in the chassis thread; called by `bmcha.sim.deeds`.
"""

from __future__ import annotations

import select
import signal
from collections.abc import Callable
from typing import Any

from bmcha.sim.actions import CannotDo, Verb
from bmcha.sim.chassis import NS_PER_MS, Chassis, Timer

KILL_WAIT_MS = 3000
"""A killed process is gone in milliseconds; longer only in uninterruptible sleep."""
STOP_WAIT_MS = 4000
"""`bmcha run` promises to end within two seconds of SIGTERM."""
RESPAWN_DELAY_MS = 100
"""As a service manager does by default (systemd's RestartSec)."""
LOOK_AGAIN_MS = 5
"""For the end of a killed process, which nothing can hold up for long."""

Configure = Callable[[int, int | None], None]
"""Slot and chassis: writes the configuration of the module that is put there. None: this one."""


class ModuleDeeds:
    def __init__(self, chassis: Chassis, configure: Configure, is_respawning: bool) -> None:
        self._chassis = chassis
        self._configure = configure
        self._is_respawning = is_respawning
        self._expected_ends: set[int] = set()
        self._after_end: dict[int, Callable[[], None]] = {}
        self._is_shutting_down = False
        chassis.ended = self._ended
        chassis.reset_changed = self._reset_changed

    def start_all(self, slots: tuple[int, ...]) -> int:
        """Power on: these slots hold a module, the others are empty. Returns when it was done."""
        for slot in slots:
            self._chassis.apply(self._chassis.backplane.power(slot, True))
        for slot in self._chassis.layout.slots:
            self._plug(slot, slot in slots)
        for slot in slots:
            self._start(slot)
        return self._chassis.now_ns()

    def shut_down(self) -> None:
        """Ends every module, then the chassis's loop. The journal is closed: this is not judged.

        Those without the outputs go first, so that the last one has nobody to hand over to.
        """
        self._chassis.journal.close()
        self._is_respawning = False
        self._is_shutting_down = True
        alive = [slot for slot, module in self._chassis.modules.items() if module.is_alive]
        if not alive:
            self._chassis.end()
            return
        slot = min(alive, key=self._chassis.backplane.is_open)
        self._end_then(slot, self.shut_down)

    def do(self, verb: Verb, slot: int, chassis_id: int | None) -> str:
        """All but a restart."""
        match verb:
            case Verb.KILL:
                self._need_alive(slot)
                self._chassis.record("fault", slot, "kill", "SIGKILL")
                self._kill(slot)
                return f"module {slot} is dead"
            case Verb.STOP:
                self._need_alive(slot)
                self._chassis.record("fault", slot, "stop", "SIGSTOP")
                self._chassis.modules[slot].freeze()
                return f"module {slot} is stopped"
            case Verb.CONT:
                return self._cont(slot)
            case Verb.START:
                return self._start_by_hand(slot, chassis_id)
            case Verb.PULL:
                return self._pull(slot)
            case Verb.INSERT:
                return self._insert(slot, chassis_id)
            case Verb.RESTART:
                raise CannotDo("restart is answered when the module is back")

    def restart(
        self,
        slot: int,
        answer: Callable[[dict[str, Any]], None],
        refuse: Callable[[CannotDo], None],
    ) -> None:
        """SIGTERM, as a service manager does it; answered when the new process was made, or
        refused: somebody may have pulled or started the module while it was ending."""
        self._need_alive(slot)
        if slot in self._after_end:
            raise CannotDo(f"module {slot} is being restarted already")
        self._chassis.record("fault", slot, "restart", "SIGTERM")

        def start_again() -> None:
            try:
                self._start(slot)
            except CannotDo as refusal:
                refuse(refusal)
                return
            answer({"slot": slot, "text": f"module {slot} is started again"})

        self._end_then(slot, start_again)

    def fill_disk(self, slot: int, is_full: bool) -> str:
        """The module can write no file any further, and no new one."""
        if is_full:
            self._chassis.record("fault", slot, "disk", "full")
        disks = self._chassis.full_disks
        (disks.add if is_full else disks.discard)(slot)
        self._chassis.modules[slot].fill_disk(is_full)
        return f"the disk of module {slot} {'is full' if is_full else 'has room again'}"

    # ------------------------------------------------------------ one action each

    def _cont(self, slot: int) -> str:
        self._need_alive(slot)
        module = self._chassis.modules[slot]
        if not module.is_stopped:
            raise CannotDo(f"module {slot} is not stopped")
        module.thaw()
        return f"module {slot} runs again"

    def _start_by_hand(self, slot: int, chassis_id: int | None) -> str:
        self._need_startable(slot)
        if chassis_id is not None:
            self._chassis.record("fault", slot, "start", f"chassis {chassis_id}")
            self._configure(slot, chassis_id)
        self._start(slot)
        return f"module {slot} is started"

    def _insert(self, slot: int, chassis_id: int | None) -> str:
        if self._chassis.backplane.is_present(slot):
            raise CannotDo(f"slot {slot} holds a module already; pull it first")
        if chassis_id is not None:
            self._chassis.record("fault", slot, "insert", f"chassis {chassis_id}")
        self._configure(slot, chassis_id)
        self._chassis.full_disks.discard(slot)  # it brings its own
        self._chassis.apply(self._chassis.backplane.power(slot, True))
        self._plug(slot, True)
        if self._chassis.backplane.is_in_reset(slot):
            return f"module {slot} is inserted; it starts when its reset ends"
        self._start(slot)
        return f"module {slot} is inserted and started"

    def _pull(self, slot: int) -> str:
        if not self._chassis.backplane.is_present(slot):
            raise CannotDo(f"slot {slot} is empty already")
        module = self._chassis.modules[slot]
        if module.is_alive and not module.is_stopped:
            # A processor without power sees none of what follows, and tells nobody of it.
            module.freeze()
        self._chassis.record("fault", slot, "pull", "power lost")
        self._plug(slot, False)
        self._chassis.take_writes()
        # Power is gone for all of the module at once, so its lines do not wait for the process.
        self._chassis.apply(self._chassis.backplane.power(slot, False))
        if module.is_alive:
            self._kill(slot)
        self._forget_life(slot)
        return f"slot {slot} is empty"

    # ------------------------------------------------------------ how

    def _start(self, slot: int) -> None:
        self._need_startable(slot)
        self._chassis.release_outputs(slot)
        module = self._chassis.modules[slot]
        module.start()
        if slot in self._chassis.full_disks:
            module.fill_disk(True)
        self._chassis.started(slot)

    def _need_startable(self, slot: int) -> None:
        module = self._chassis.modules[slot]
        if not self._chassis.backplane.is_present(slot):
            raise CannotDo(f"slot {slot} is empty; insert {slot} puts the module back")
        if self._chassis.backplane.is_in_reset(slot):
            raise CannotDo(f"module {slot} is held in reset; it starts when that ends")
        if module.is_alive:
            raise CannotDo(f"module {slot} runs already, as process {module.pid}")

    def _reset_changed(self, slot: int, is_up: bool) -> None:
        """What a power-on reset does: the process is gone at once, and the module boots when the
        line falls, whatever it did before. No fault: a module, or a forced line, asked for it."""
        module = self._chassis.modules[slot]
        if not is_up:
            self._boot(slot, module.pid)
        elif module.is_alive:
            self._expected_ends.add(slot)
            module.send(signal.SIGKILL)

    def _boot(self, slot: int, dying_pid: int | None) -> None:
        """``dying_pid``: the process that the reset has killed, if its end was not seen yet."""

        def boot() -> None:
            module, backplane = self._chassis.modules[slot], self._chassis.backplane
            is_startable = backplane.is_present(slot) and not backplane.is_in_reset(slot)
            if self._is_shutting_down or not is_startable:
                return
            if module.is_alive and module.pid == dying_pid:
                self._later(LOOK_AGAIN_MS, boot)
            elif not module.is_alive:
                self._forget_life(slot)
                self._start(slot)

        # Not at once: a line may fall while the writes of others are being taken in.
        self._later(0, boot)

    def _need_alive(self, slot: int) -> None:
        if not self._chassis.modules[slot].is_alive:
            raise CannotDo(f"module {slot} does not run; start {slot} starts it")

    def _ended(self, slot: int, code: int) -> None:
        """The chassis has collected a process."""
        is_expected = slot in self._expected_ends
        self._expected_ends.discard(slot)
        if not is_expected:
            value = f"signal {-code}" if code < 0 else f"exit {code}"
            self._chassis.record("fault", slot, "ended", value)
        then = self._after_end.pop(slot, None)
        delay_ms = 0
        if then is None and self._is_respawning and self._chassis.backplane.is_present(slot):
            then, delay_ms = self._respawn(slot), RESPAWN_DELAY_MS
        if then is not None:
            self._later(delay_ms, then)

    def _end_then(self, slot: int, then: Callable[[], None]) -> None:
        """SIGTERM; SIGKILL when that is not heard in time; then ``then``."""
        module = self._chassis.modules[slot]
        patience = Timer(self._chassis.now_ns() + STOP_WAIT_MS * NS_PER_MS, lambda: None)

        def lose_patience() -> None:
            patience.due_ns = None
            module.send(signal.SIGKILL)

        def ended() -> None:
            patience.due_ns = None
            then()

        patience.act = lose_patience
        self._chassis.timers.append(patience)
        self._expected_ends.add(slot)
        self._after_end[slot] = ended
        module.send(signal.SIGTERM)
        module.send(signal.SIGCONT)  # a stopped one would never hear it

    def _respawn(self, slot: int) -> Callable[[], None]:
        def start() -> None:
            backplane = self._chassis.backplane
            is_startable = backplane.is_present(slot) and not backplane.is_in_reset(slot)
            if is_startable and not self._chassis.modules[slot].is_alive:
                self._start(slot)

        return start

    def _later(self, delay_ms: int, then: Callable[[], None]) -> None:
        timer = Timer(self._chassis.now_ns() + delay_ms * NS_PER_MS, lambda: None)

        def act() -> None:
            timer.due_ns = None
            then()

        timer.act = act
        self._chassis.timers.append(timer)

    def _kill(self, slot: int) -> None:
        """On return the process is gone and everything that it drove has fallen."""
        module = self._chassis.modules[slot]
        self._expected_ends.add(slot)
        module.send(signal.SIGKILL)
        poller = select.poll()
        poller.register(module.pidfd, select.POLLIN)
        if not poller.poll(KILL_WAIT_MS):
            raise CannotDo(f"module {slot} did not die within {KILL_WAIT_MS} ms of SIGKILL")
        self._chassis.take_end(slot)

    def _forget_life(self, slot: int) -> None:
        """With power its kernel boots anew, and a service does not call that a crash of its own.
        There is one kernel here, so what it wrote down of its life is taken away instead."""
        for life in self._chassis.layout.module(slot).glob("store*/life.json"):
            life.unlink(missing_ok=True)

    def _plug(self, slot: int, is_in: bool) -> None:
        for wire in self._chassis.wires.values():
            unplugged = wire.faults.unplugged
            (unplugged.discard if is_in else unplugged.add)(slot)
        self._chassis.settle_wires()
