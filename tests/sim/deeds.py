"""Carries out the deeds of a story in the world. Each says what it does, and whether it changes
anything just now.

It keeps the budget of an era: with a line that may lie the last path stays sound; without, no line
lies. A sound path is neither cut, lossy, slow nor clogged; modules may be killed, stopped and
pulled in both. Called by `tests.sim.storm`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from bmcha.model.event import (
    DrillAsked,
    LockoutClearAsked,
    MaintenanceAsked,
    SettingsReloaded,
    StopAsked,
    StrapsRead,
    SwitchoverAsked,
)
from bmcha.model.message import Header, Heartbeat
from bmcha.model.moment import NS_PER_MS
from bmcha.model.restart import Restart
from bmcha.model.role import Role
from bmcha.runtime.pulse_settings import pulse_settings
from tests.sim.firmware import newer, older
from tests.sim.judge import Judge
from tests.sim.story import DOUBTED, Deed
from tests.speech import beat, draft, header
from tests.world import Module, World
from tests.world.frame_coder import FrameCoder
from tests.world.keyring import Keyring
from tests.world.life import Halt, Interrupt
from tests.world.wires import Rewrite, Seal

UNREADABLE = StrapsRead(None, "the slot straps contradict their check")
OWN_CHASSIS, FOREIGN_CHASSIS = 7, 8
RESTART_MS = 100
"""From a death to the new life, where something restarts the service."""
BOUNCES_MS = (1, 2, 7, 15, 40)
JUMPED_PAUSE_MS = 8000
"""A longer standstill is as long as this one: nobody waits for anything longer."""
CRASH_HOLD_OFF_MS = 500
TWIN_BOOT_IDS = (1, 0xFFFF_FFFF)
TWIN_EPOCH = 60_000
TWIN_BEAT_MS = 100
REPLAY_GAP_NS = 7 * NS_PER_MS
"""Quicker than they were said: many are heard between two true beats."""


class Doer:
    """``slots``: those of this chassis; another has no module."""

    def __init__(self, world: World, judge: Judge, seed: int, slots: tuple[int, ...]) -> None:
        self.world = world
        self.modules = [world.modules[slot] for slot in slots]
        self._judge = judge
        self.may_lie = False
        self._random = Random(f"deeds {seed}")
        self._asked = 0
        self._harmed_store = 0
        self.leaving: set[int] = set()
        """Boot ids of those that were asked to stop."""
        self._bouncing: set[tuple[int, str]] = set()
        self._twins: set[int] = set()
        """Slots that somebody else says, too."""
        self._was_twin: set[int] = set()
        """In this era."""
        self.firmware: dict[int, str] = {1: "same", 2: "same"}
        self._slow_until_ms: dict[int, int] = {}

    def begin_era(self, may_lie: bool) -> None:
        self.may_lie = may_lie
        self._harmed_store = 0

    def do(self, deed: Deed) -> bool:
        """False: it changes nothing."""
        if self.is_over_budget(deed):
            return False
        deeds: dict[str, Callable[[Deed, Module], bool]] = {
            **dict.fromkeys(("cut", "clog", "loss", "double", "flip", "short"), self._harm),
            **dict.fromkeys(("jitter", "delay"), self._harm),
            **dict.fromkeys(("die-at", "pause-at", "pause-in-write"), self._interrupt),
            **dict.fromkeys(("store-old", "store-lost", "store-slow"), self._store),
            **dict.fromkeys(("store-broken", "store-ok"), self._store),
            **dict.fromkeys(("stick", "bounce", "blind"), self._line),
            **dict.fromkeys(("switchover", "maintenance", "stop-service"), self._ask),
            **dict.fromkeys(("lockout-clear", "drill"), self._ask),
            "reload": self._reload,
            **dict.fromkeys(("sensors-bad", "sensors-ok"), self._sensors),
            **dict.fromkeys(("gate-broken", "gate-ok"), self._gate),
        }
        act = deeds.get(deed.name) or getattr(self, "_" + deed.name.replace("-", "_"))
        return bool(act(deed, self.world.modules[deed.slot or 1]))

    def is_over_budget(self, deed: Deed) -> bool:
        if not self.may_lie:
            # A line that cannot be read does not lie, and one that says "held" only holds back.
            is_doubt = deed.name == "stick" and deed.what == "active" and deed.value > 0
            return deed.name in ("stick", "bounce") and not (is_doubt and self._has_gates())
        # A module of another chassis is heard on no path: as if all were cut.
        is_last_path = deed.what == self.world.path_names[-1]
        return deed.name in ("cut-all", "start-foreign") or is_last_path

    def _has_gates(self) -> bool:
        return self.modules[0].settings.board_class in DOUBTED

    def _nothing(self, _: Deed, __: Module) -> bool:
        return True

    # ---- paths

    def _harm(self, deed: Deed, _: Module) -> bool:
        wires = self.world.wires
        for slot in (deed.slot,) if deed.slot else (1, 2):
            match deed.name:
                case "cut":
                    wires.cut(deed.what, source=slot)
                case "clog":
                    wires.clog(deed.what, slot)
                case "loss":
                    wires.harm(deed.what, slot, loss=deed.value)
                case "double":
                    wires.harm(deed.what, slot, doubled=deed.value)
                case "flip":
                    wires.harm(deed.what, slot, flipped=deed.value)
                case "short":
                    wires.harm(deed.what, slot, cut_short=deed.value)
                case "jitter":
                    wires.harm(deed.what, slot, jitter_ms=deed.value)
                case _:
                    wires.delay_ms[deed.what] = deed.value
        return True

    def _replay(self, deed: Deed, module: Module) -> bool:
        """What this slot said on a path is said again, a beat's time apart: 0 there, 1 on another
        path, 2 to itself. ``more``: how many frames, the newest ones."""
        wires, settings = self.world.wires, module.settings
        kept = list(wires.directions[deed.what, module.slot].kept)[-deed.more :]
        paths = {path.name: path for path in settings.paths}
        if not kept or deed.what not in paths:
            return False
        told = pulse_settings(settings, paths[deed.what], module.slot, 0)
        target, path = 3 - module.slot, deed.what
        if deed.value == 1:
            path = self.world.path_names[self.world.path_names.index(path) - 1]
        elif deed.value == 2:
            target = module.slot
        coder = FrameCoder(path == "serial", None, Keyring(told, self.world.keys))
        for number, frame in enumerate(kept):
            data = coder.encode(*frame, module.clock())
            wires.say_again(target, path, data, number * REPLAY_GAP_NS)
        return True

    def _cut_all(self, deed: Deed, _: Module) -> bool:
        self.world.cut(source=deed.slot or None)
        return True

    def _heal(self, _: Deed, __: Module) -> bool:
        self.world.heal()
        return True

    def _unclog(self, deed: Deed, _: Module) -> bool:
        held = [way for way in self.world.wires.directions.values() if way.is_clogged]
        for way in held:
            self.world.wires.unclog(way)
        return bool(held)

    # ---- processes and power

    def _kill(self, _: Deed, module: Module) -> bool:
        was_alive = module.life is not None
        self.world.kill(module.slot)
        return was_alive

    def _start(self, _: Deed, module: Module) -> bool:
        """Also what was pulled is put back."""
        return self.boot(module)

    def boot(self, module: Module, chassis_id: int = OWN_CHASSIS) -> bool:
        if module.life is not None or module.is_held:
            return False
        module.hardware.is_powered = True
        module.settings = replace(module.settings, chassis_id=chassis_id)
        self._load_firmware(module)
        has_crashed = self._random.random() < 0.2
        restart = Restart(1, CRASH_HOLD_OFF_MS, "storm") if has_crashed else None
        module.boot(restart)
        self.world.line_changed()
        return True

    def _start_blind(self, _: Deed, module: Module) -> bool:
        """Its straps cannot be read."""
        module.straps = UNREADABLE
        return self.boot(module)

    def _straps(self, deed: Deed, module: Module) -> bool:
        """From now on they say this slot, or nothing; who runs keeps the slot of its start."""
        module.straps = StrapsRead(deed.value) if deed.value else UNREADABLE
        return module.life is not None

    def _start_foreign(self, _: Deed, module: Module) -> bool:
        """It belongs to another chassis, which the sieve that reads the wire tells."""
        self.world.wires.is_wire_real = True
        return self.boot(module, chassis_id=FOREIGN_CHASSIS)

    def _stop(self, deed: Deed, module: Module) -> bool:
        if module.life is None or module.is_stopped:
            return False
        life = module.life
        module.is_stopped = True

        def go_on() -> None:
            if module.life is life and not life.is_frozen:
                module.is_stopped = False

        self.world.later(min(deed.value, JUMPED_PAUSE_MS), go_on)
        return True

    def _hang(self, deed: Deed, module: Module) -> bool:
        if module.life is None or module.is_hung:
            return False
        life = module.life
        module.is_hung = True

        def go_on() -> None:
            if module.life is life:
                module.is_hung = False

        self.world.later(min(deed.value, JUMPED_PAUSE_MS), go_on)
        return True

    def _slow(self, deed: Deed, module: Module) -> bool:
        """Each of its steps takes so long, for a while. Not both: of two that think, the world
        sees one wait for the other."""
        if self.world.modules[3 - module.slot].step_ms:
            return False
        module.step_ms = deed.value
        until_ms = self._slow_until_ms[module.slot] = self.world.now_ms + deed.more

        def be_quick() -> None:
            if self._slow_until_ms[module.slot] == until_ms:
                module.step_ms = 0

        self.world.later(deed.more, be_quick)
        return True

    def _pull(self, _: Deed, module: Module) -> bool:
        was_powered = module.hardware.is_powered
        self.world.pull(module.slot)
        return was_powered

    def _swizzle(self, deed: Deed, module: Module) -> bool:
        """Both die, and come back in any order."""
        first, second = module, self.world.modules[3 - module.slot]
        self.world.kill(first.slot)
        self.world.kill(second.slot)
        for late_ms, each in ((deed.value, second), (deed.value + deed.more, first)):
            self.world.later(RESTART_MS + late_ms, self._restarter(each))
        return True

    def _restarter(self, module: Module) -> Callable[[], None]:
        def restart() -> None:
            if module.hardware.is_powered:
                self.boot(module)

        return restart

    def _interrupt(self, deed: Deed, module: Module) -> bool:
        if module.life is None or module.is_stopped:
            return False
        halts = {
            "die-at": Halt.DIE,
            "pause-at": Halt.STAND_STILL,
            "pause-in-write": Halt.STAND_STILL_IN_WRITE,
        }
        pause_ms = min(deed.more, JUMPED_PAUSE_MS)
        module.life.interrupt = Interrupt(halts[deed.name], deed.value, pause_ms)
        return True

    def _twin(self, deed: Deed, module: Module) -> bool:
        """Another module says this slot for so long, with an earlier or (``more``) a later boot id.
        It is heard and does nothing: its outputs lead nowhere."""
        if module.life is None or not module.life.has_slot or not module.life.paths:
            return False
        said = draft(Role[deed.what.upper()], epoch=TWIN_EPOCH)
        boot_id = TWIN_BOOT_IDS[deed.more]
        self._twins.add(module.slot)
        self._was_twin.add(module.slot)
        self._speak_as_twin(module, header(boot_id, said.epoch, module.slot), beat(said))
        self.world.later(deed.value, lambda: self._twins.discard(module.slot))
        return True

    def _speak_as_twin(self, module: Module, head: Header, said: Heartbeat) -> None:
        if module.slot not in self._twins:
            return
        if module.life is not None:
            module.life.deliver(self.world.path_names[0], (head, said))
        self.world.later(TWIN_BEAT_MS, lambda: self._speak_as_twin(module, head, said))

    # ---- store, firmware, gate

    def _store(self, deed: Deed, module: Module) -> bool:
        """Old and lost are found at the next boot only. Not of both in one era: then nobody is
        left who could know the epoch, and numbers come again."""
        if deed.name in ("store-old", "store-lost"):
            if self._harmed_store not in (0, module.slot):
                return False
            self._harmed_store = module.slot
        match deed.name:
            case "store-old":
                self._judge.store_harmed(module)
                module.store_harm = ("old", deed.value)
            case "store-lost":
                self._judge.store_harmed(module)
                module.store_harm = ("lost", 0)
            case "store-slow":
                module.store_ms = deed.value
            case "store-broken":
                self._judge.store_harmed(module)
                module.is_store_broken = True
            case _:
                module.is_store_broken = False
        return True

    def _firmware(self, deed: Deed, module: Module) -> bool:
        """From its next boot on."""
        self.firmware[module.slot] = deed.what
        return True

    def _load_firmware(self, module: Module) -> None:
        known: dict[str, Rewrite] = {"old": older, "new": newer}
        rewrite = known.get(self.firmware[module.slot])
        if module.settings.chassis_id != OWN_CHASSIS:
            rewrite = _as_it_is  # as bytes, because the reader is what refuses them
        for path in self.world.path_names:
            self.world.wires.directions[path, module.slot].rewrite = rewrite

    def _gate(self, deed: Deed, module: Module) -> bool:
        module.hardware.is_gate_broken = deed.name == "gate-broken"
        self.world.line_changed()
        return True

    def _mute_reference(self, _: Deed, module: Module) -> bool:
        if module.settings.third_opinion is None:
            return False
        module.does_reference_answer = False
        return True

    def _sensors(self, deed: Deed, module: Module) -> bool:
        module.are_sensors_bad = deed.name == "sensors-bad"
        return True

    # ---- lines

    def _line(self, deed: Deed, module: Module) -> bool:
        if self.world.stuck:
            return False  # one lie at a time
        level = None if deed.name == "blind" else deed.value > 0
        self.world.stick(module.slot, deed.what, level)
        if deed.name == "bounce":
            self._bouncing.add((module.slot, deed.what))
            self._bounce(module.slot, deed.what)
        return True

    def _bounce(self, slot: int, line: str) -> None:
        if (slot, line) not in self._bouncing:
            return
        self.world.stick(slot, line, self._random.random() < 0.5)
        pause_ms = self._random.choice(BOUNCES_MS)
        self.world.later(pause_ms, lambda: self._bounce(slot, line))

    def _unstick(self, _: Deed, __: Module) -> bool:
        return self.unstick_all()

    def unstick_all(self) -> bool:
        stuck = list(self.world.stuck)
        self._bouncing.clear()
        for slot, line in stuck:
            self.world.unstick(slot, line)
        return bool(stuck)

    # ---- people

    def _ask(self, deed: Deed, module: Module) -> bool:
        if module.life is None:
            return False
        self._asked += 1
        match deed.name:
            case "switchover":
                target = self._random.choice((None, None, 1, 2, 9))
                module.ask(SwitchoverAsked(self._asked, "storm", target, deed.value == 1))
            case "maintenance":
                module.ask(MaintenanceAsked(self._asked, "storm", deed.value))
            case "lockout-clear":
                module.ask(LockoutClearAsked(self._asked, "storm"))
            case "drill":
                path = None if deed.what == "all" else deed.what
                module.ask(DrillAsked(self._asked, "storm", path))
            case _:
                self.leaving.add(module.life.boot_id)
                module.ask(StopAsked("storm"))
        return True

    def _reload(self, deed: Deed, module: Module) -> bool:
        """With another fan minimum: what an isolated holder takes only when it is forced."""
        if module.life is None:
            return False
        settings = module.life.node.settings
        fans = tuple(replace(fan, pwm_min=60 + deed.more) for fan in settings.chassis.fans)
        settings = replace(settings, chassis=replace(settings.chassis, fans=fans))
        self._asked += 1
        is_forced = deed.value == 1
        module.ask(SettingsReloaded(self._asked, "storm", settings, (), self._asked, is_forced))
        return True

    # ---- the end of an era

    def heal_all(self) -> None:
        """Nothing is broken any more, everything is plugged in and runs."""
        world = self.world
        self.unstick_all()
        world.heal()
        world.delay_ms = dict.fromkeys(world.path_names, 1)
        for module in self.modules:
            module.is_store_broken, module.store_ms = False, 3
            module.step_ms = 0
            module.hardware.is_gate_broken = module.are_sensors_bad = False
            module.does_reference_answer = True
            module.straps = StrapsRead(module.slot)
            if module.life is not None:
                module.life.interrupt = None
                is_foreign = module.settings.chassis_id != OWN_CHASSIS
                # Who heard a twin may be in FAULT in a moment, and stays so until it is restarted.
                if module.role is Role.FAULT or is_foreign or module.slot in self._was_twin:
                    module.die()
            if module.life is not None and not module.life.is_frozen:
                module.is_stopped = False
            module.is_hung = False
            self.boot(module)
            module.ask(MaintenanceAsked(0, "storm", 0))
            module.ask(LockoutClearAsked(0, "storm"))
        self._twins.clear()
        self._was_twin.clear()
        world.line_changed()

    def jitter(self, module: Module) -> Callable[[], int]:
        random = self._random
        return lambda: random.randrange(NS_PER_MS)


def _as_it_is(frame: bytes, _is_stuffed: bool, _seal: Seal) -> bytes:
    return frame
