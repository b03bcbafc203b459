"""Carries out the actions of ``sim-ctl`` on the chassis; an answer means that it is in force.

What harms the chassis is written to the journal as a fault just before it is done, so that every
reaction comes after its cause. Runs in the chassis thread; made by `bmcha.sim.rig`.
"""

from __future__ import annotations

import select
import signal
from collections.abc import Callable
from typing import Any

from bmcha.sim.actions import (
    ACTION_NAMES,
    ALL_PATHS,
    Action,
    ActionRejected,
    CutPath,
    FailFan,
    FixSensor,
    ForceLine,
    HealPath,
    ModuleAction,
    ShowState,
    Verb,
    Vocabulary,
    parse_action,
)
from bmcha.sim.chassis import NS_PER_MS, Chassis, Timer
from bmcha.sim.ctl import INVALID_PARAMS, REFUSED, UNKNOWN_METHOD, Request
from bmcha.sim.state import chassis_state

KILL_WAIT_MS = 3000
"""A killed process is gone in milliseconds; longer only in uninterruptible sleep."""
STOP_WAIT_MS = 4000
"""`bmcha run` promises to end within two seconds of SIGTERM."""
RESPAWN_DELAY_MS = 100
"""As a service manager does by default (systemd's RestartSec)."""


class CannotDo(Exception):
    """The action makes sense, but not now. The text says why and what would be possible."""


class Deeds:
    """The actions, on one chassis."""

    def __init__(self, chassis: Chassis, known: Vocabulary, is_respawning: bool) -> None:
        self._chassis = chassis
        self._known = known
        self._is_respawning = is_respawning
        self._expected_ends: set[int] = set()
        self._after_end: dict[int, Callable[[], None]] = {}
        chassis.asked = self.serve
        chassis.ended = self._ended

    def serve(self, request: Request) -> None:
        server = self._chassis.server
        if request.method == "follow":
            server.follow(request)
            return
        if request.method not in ACTION_NAMES:
            there_are = f"there are: {', '.join(ACTION_NAMES)}"
            sentence = f"unknown action {request.method!r}; {there_are}"
            server.refuse(request, UNKNOWN_METHOD, sentence)
            return
        try:
            action = parse_action((request.method, *request.words), self._known)
            if isinstance(action, ModuleAction) and action.verb is Verb.RESTART:
                self._restart(action, request)
                return
            server.answer(request, self._do(action))
        except ActionRejected as rejected:
            server.refuse(request, INVALID_PARAMS, str(rejected))
        except CannotDo as refusal:
            server.refuse(request, REFUSED, str(refusal))

    def start_all(self, slots: tuple[int, ...]) -> int:
        """Power on: these slots hold a module, the others are empty. Returns when it was done."""
        for slot in slots:
            self._chassis.apply(self._chassis.backplane.power(slot, True))
        for slot in self._known.slots:
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
        alive = [slot for slot, module in self._chassis.modules.items() if module.is_alive]
        if not alive:
            self._chassis.end()
            return
        slot = min(alive, key=self._chassis.backplane.is_open)
        self._end_then(slot, self.shut_down)

    # ------------------------------------------------------------ the actions

    def _do(self, action: Action) -> dict[str, Any]:
        match action:
            case ModuleAction(verb=verb, slot_word=word):
                slot = self._slot(word)
                return {"slot": slot, "text": self._do_to_module(verb, slot)}
            case CutPath(path=path, sender_word=word):
                sender = None if word is None else self._slot(word)
                return {"text": self._cut(path, sender)}
            case HealPath(path=path):
                for wire in self._wires(path):
                    wire.faults().cut_senders.clear()
                return {"text": f"path {path} carries everything again"}
            case ForceLine(slot=slot, line=line, level=level):
                return {"text": self._force(slot, line, level)}
            case FixSensor(sensor=sensor, value=value):
                if value is not None:
                    self._chassis.record("fault", None, "set", f"{sensor} {value}")
                self._chassis.plant.fix_sensor(sensor, value)
                self._chassis.show_values()
                return {"text": f"{sensor} shows {'the truth' if value is None else value}"}
            case FailFan(fan=fan, is_failed=is_failed):
                if is_failed:
                    self._chassis.record("fault", None, "fan", f"{fan} fail")
                self._chassis.plant.fail_fan(fan, is_failed)
                return {"text": f"{fan} {'stands still' if is_failed else 'turns again'}"}
            case ShowState():
                return chassis_state(self._chassis)

    def _do_to_module(self, verb: Verb, slot: int) -> str:
        module = self._chassis.modules[slot]
        match verb:
            case Verb.KILL:
                self._need_alive(slot)
                self._chassis.record("fault", slot, "kill", "SIGKILL")
                self._kill(slot)
                return f"module {slot} is dead"
            case Verb.STOP:
                self._need_alive(slot)
                self._chassis.record("fault", slot, "stop", "SIGSTOP")
                module.freeze()
                return f"module {slot} is stopped"
            case Verb.CONT:
                self._need_alive(slot)
                if not module.is_stopped:
                    raise CannotDo(f"module {slot} is not stopped")
                module.thaw()
                return f"module {slot} runs again"
            case Verb.START:
                self._start(slot)
                return f"module {slot} is started"
            case Verb.PULL:
                return self._pull(slot)
            case Verb.INSERT:
                if self._chassis.backplane.is_present(slot):
                    raise CannotDo(f"slot {slot} holds a module already; pull it first")
                self._plug(slot, True)
                self._chassis.apply(self._chassis.backplane.power(slot, True))
                self._start(slot)
                return f"module {slot} is inserted and started"
            case Verb.RESTART:
                raise CannotDo("restart is answered when the module is back")

    def _start(self, slot: int) -> None:
        module = self._chassis.modules[slot]
        if not self._chassis.backplane.is_present(slot):
            raise CannotDo(f"slot {slot} is empty; insert {slot} puts the module back")
        if module.is_alive:
            raise CannotDo(f"module {slot} runs already, as process {module.pid}")
        self._chassis.release_outputs(slot)
        module.start()
        self._chassis.started(slot)

    def _pull(self, slot: int) -> str:
        if not self._chassis.backplane.is_present(slot):
            raise CannotDo(f"slot {slot} is empty already")
        self._chassis.record("fault", slot, "pull", "power lost")
        self._plug(slot, False)
        self._chassis.take_writes()
        # Power is gone for all of the module at once, so its lines do not wait for the process.
        self._chassis.apply(self._chassis.backplane.power(slot, False))
        if self._chassis.modules[slot].is_alive:
            self._kill(slot)
        return f"slot {slot} is empty"

    def _restart(self, action: ModuleAction, request: Request) -> None:
        """SIGTERM, as a service manager does it; answered when the new process was made."""
        slot = self._slot(action.slot_word)
        self._need_alive(slot)
        if slot in self._after_end:
            raise CannotDo(f"module {slot} is being restarted already")
        self._chassis.record("fault", slot, "restart", "SIGTERM")

        def start_again() -> None:
            self._start(slot)
            text = f"module {slot} is started again"
            self._chassis.server.answer(request, {"slot": slot, "text": text})

        self._end_then(slot, start_again)

    def _cut(self, path: str, sender: int | None) -> str:
        value = path if sender is None else f"{path} --one-way {sender}"
        self._chassis.record("fault", sender, "cut", value)
        senders = set(self._known.slots) if sender is None else {sender}
        for wire in self._wires(path):
            wire.faults().cut_senders |= senders
        if sender is None:
            return f"path {path} carries nothing"
        return f"path {path} drops what slot {sender} sends"

    def _force(self, slot: int, line: str, level: bool | None) -> str:
        if level is not None:
            self._chassis.record("fault", slot, "line", f"{line} {'high' if level else 'low'}")
        self._chassis.apply(self._chassis.backplane.force(slot, line, level))
        state = "follows the truth" if level is None else f"is stuck {'high' if level else 'low'}"
        return f"mm{slot}.{line} {state}"

    # ------------------------------------------------------------ how

    def _ended(self, slot: int, code: int) -> None:
        """The chassis has collected a process."""
        is_expected = slot in self._expected_ends
        self._expected_ends.discard(slot)
        if not is_expected:
            value = f"signal {-code}" if code < 0 else f"exit {code}"
            self._chassis.record("fault", slot, "ended", value)
        then = self._after_end.pop(slot, None)
        if then is None and self._is_respawning and self._chassis.backplane.is_present(slot):
            then = self._respawn(slot)
            delay_ms = RESPAWN_DELAY_MS
        else:
            delay_ms = 0
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
            is_present = self._chassis.backplane.is_present(slot)
            if is_present and not self._chassis.modules[slot].is_alive:
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

    def _plug(self, slot: int, is_in: bool) -> None:
        for wire in self._chassis.wires.values():
            unplugged = wire.faults().unplugged
            (unplugged.discard if is_in else unplugged.add)(slot)

    def _wires(self, path: str) -> list[Any]:
        wires = self._chassis.wires
        return list(wires.values()) if path == ALL_PATHS else [wires[path]]

    def _need_alive(self, slot: int) -> None:
        if not self._chassis.modules[slot].is_alive:
            raise CannotDo(f"module {slot} does not run; start {slot} starts it")

    def _slot(self, word: str) -> int:
        """Who that is just now."""
        if word.isdecimal():
            return int(word)
        holders = self._chassis.backplane.open_slots()
        others = [
            slot
            for slot, module in self._chassis.modules.items()
            if module.is_alive and slot not in holders
        ]
        found = holders if word == "active" else others
        if len(found) == 1:
            return found[0]
        numbers = " or ".join(str(slot) for slot in self._known.slots)
        if not found:
            what = "holds the outputs" if word == "active" else "runs without holding the outputs"
            raise CannotDo(f"{word}: no module {what} now; name slot {numbers}")
        raise CannotDo(f"{word}: slots {' and '.join(map(str, found))} both are; name {numbers}")
