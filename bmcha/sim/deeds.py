"""Answers ``sim-ctl``: what is asked is checked and done; an answer means that it is in force.

What harms the chassis is written to the journal as a fault just before it is done, so that every
reaction comes after its cause. What happens to modules is `bmcha.sim.module_deeds`, to everything
else `bmcha.sim.hardware_deeds`. Runs in the chassis thread; made by `bmcha.sim.rig`.
"""

from __future__ import annotations

from typing import Any

from bmcha.sim.action_words import ACTION_NAMES, ActionRejected, parse_action
from bmcha.sim.actions import (
    Action,
    CannotDo,
    CutPath,
    DelayPath,
    FailFan,
    FailSupply,
    FillDisk,
    FixSensor,
    ForceLine,
    HealPath,
    LoadBlade,
    LosePart,
    MakeNoise,
    ModuleAction,
    ShowState,
    SlowSensor,
    SwitchBlade,
    Verb,
    Vocabulary,
)
from bmcha.sim.chassis import Chassis
from bmcha.sim.ctl import INVALID_PARAMS, REFUSED, UNKNOWN_METHOD, Request
from bmcha.sim.hardware_deeds import HardwareDeeds
from bmcha.sim.module_deeds import Configure, ModuleDeeds
from bmcha.sim.state import chassis_state


class Deeds:
    """The actions, on one chassis."""

    def __init__(
        self, chassis: Chassis, known: Vocabulary, configure: Configure, is_respawning: bool
    ) -> None:
        self._chassis = chassis
        self._known = known
        self._modules = ModuleDeeds(chassis, configure, is_respawning)
        self._hardware = HardwareDeeds(chassis)
        chassis.asked = self.serve
        self.start_all = self._modules.start_all
        self.shut_down = self._modules.shut_down

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
                # Answered when the module is back.
                self._modules.restart(
                    self._slot(action.slot_word),
                    lambda body: server.answer(request, body),
                    lambda refusal: server.refuse(request, REFUSED, str(refusal)),
                )
                return
            server.answer(request, self._do(action))
        except ActionRejected as rejected:
            server.refuse(request, INVALID_PARAMS, str(rejected))
        except CannotDo as refusal:
            server.refuse(request, REFUSED, str(refusal))

    def _do(self, action: Action) -> dict[str, Any]:
        match action:
            case ModuleAction(verb=verb, slot_word=word, chassis_id=chassis_id):
                slot = self._slot(word)
                return {"slot": slot, "text": self._modules.do(verb, slot, chassis_id)}
            case FillDisk(slot_word=word, is_full=is_full):
                slot = self._slot(word)
                return {"slot": slot, "text": self._modules.fill_disk(slot, is_full)}
            case ShowState():
                return chassis_state(self._chassis)
            case _:
                return {"text": self._do_to_hardware(action)}

    def _do_to_hardware(self, action: Action) -> str:
        hardware = self._hardware
        match action:
            case CutPath(path=path, sender_word=word):
                return hardware.cut(path, self._sender(word))
            case LosePart(path=path, percent=percent, sender_word=word):
                return hardware.lose(path, percent, self._sender(word))
            case DelayPath(path=path, delay_ms=delay_ms, sender_word=word):
                return hardware.delay(path, delay_ms, self._sender(word))
            case MakeNoise(path=path, bytes_per_s=rate):
                return hardware.noise(path, rate)
            case HealPath(path=path):
                return hardware.heal(path)
            case ForceLine(slot=slot, line=line, level=level):
                return hardware.force(slot, line, level)
            case FixSensor(sensor=sensor, value=value):
                return hardware.fix_sensor(sensor, value)
            case SlowSensor(sensor=sensor, is_slow=is_slow, slot_word=word):
                return hardware.slow_sensor(sensor, is_slow, self._sender(word))
            case FailFan(fan=fan, is_failed=is_failed):
                return hardware.fail_fan(fan, is_failed)
            case FailSupply(supply=supply, is_failed=is_failed):
                return hardware.fail_supply(supply, is_failed)
            case SwitchBlade(blade=blade, is_on=is_on):
                return hardware.switch_blade(blade, is_on)
            case LoadBlade(blade=blade, load_milliwatt=load_milliwatt):
                return hardware.load_blade(blade, load_milliwatt)
            case _:
                raise CannotDo(f"{type(action).__name__} is nothing to do to hardware")

    def _sender(self, word: str | None) -> int | None:
        return None if word is None else self._slot(word)

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
