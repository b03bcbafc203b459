"""Plays a scenario file in the small world: the same text that `bmcha sim --scenario` runs.

Real settings (the configuration that `bmcha sim` writes, read by the real reader), virtual time, no
process. What only the chassis can show (single sensors, fans, supplies, blades) changes no role and
is left out, with its alarms; noise on a stream is a cut, because nothing comes through it. The
result has the roles in the order in which they were entered, to be compared with those of real
processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bmcha.config import load_config
from bmcha.model.effect import EnterRole
from bmcha.model.event import StopAsked, StrapsRead, SwitchoverAsked
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass, NodeSettings
from bmcha.sim import module_config
from bmcha.sim.action_words import parse_action
from bmcha.sim.actions import (
    Action,
    CutPath,
    DelayPath,
    FillDisk,
    ForceLine,
    HealPath,
    LosePart,
    MakeNoise,
    ModuleAction,
    SlowSensor,
    Verb,
    Vocabulary,
)
from bmcha.sim.board_plan import BOARD_FILES, board_vocabulary
from bmcha.sim.scenario import (
    Aim,
    At,
    Rule,
    Scenario,
    Settle,
    Within,
    parse_scenario,
    parse_switchover,
)
from tests.world import CHASSIS, LAYOUT_ID, Module, World
from tests.world.life import Life
from tests.world.settings import KEYS
from tests.world.watcher import Watcher

STEADY_MS = 1000
LINGER_MS = 1000
LOOK_MS = 10
RESTART_MS = 30
"""From the end of a process to the first turn of the next one."""
CHASSIS_ALARMS = "sensor-"
ALL = "all"
SERIAL_NOISE_MIN = 2000
"""Bytes a second, from which on no frame comes through whole."""


@dataclass
class Played:
    """``roles``: (slot, state, reason), each entered after the one before."""

    roles: list[tuple[int, str, str]] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    dual_ms: int = 0

    def states(self, slot: int) -> list[str]:
        return states_of([(state, each) for each, state, _ in self.roles], slot)


def states_of(roles: Iterable[tuple[str, int]], slot: int) -> list[str]:
    """From (state, slot) in order: what one module held, one after the other. A claim shows as what
    came of it: whether one that is called off was begun at all is a race of threads."""
    found: list[str] = []
    for state, each in roles:
        if each == slot and state != "FENCING" and found[-1:] != [state]:
            found.append(state)
    return found


class RoleScribe(Watcher):
    def __init__(self, played: Played) -> None:
        self._played = played

    def role_entered(self, life: Life, entered: EnterRole) -> None:
        self._played.roles.append((life.slot, entered.role.name, entered.reason.name))


def vocabularies() -> dict[str, Vocabulary]:
    return {board: board_vocabulary(board) for board in BOARD_FILES}


def shipped_settings(board: str, slot: int, scenario: Scenario, folder: Path) -> NodeSettings:
    """As `bmcha sim` configures this module, but for the chassis's parts."""
    policy = module_config.POLICY | dict(scenario.policy)
    text = module_config._HEAD.format(
        slot=slot,
        board=BOARD_FILES[board],
        image="/none",
        chassis_id=module_config.CHASSIS_ID,
        pulse=module_config.RESET_PULSE_MS,
        store="store",
        keys=module_config.KEY_FILE,
        succession="1, 2",
        policy="".join(f"{key} = {value}\n" for key, value in policy.items()),
    )
    media = {
        "udp": f'local = "127.0.0.1:{7000 + slot}"\nremote = "127.0.0.1:{7003 - slot}"',
        "serial": 'device = "/dev/null"\nbaud = 115200',
    }
    for name, medium in media.items():
        text += module_config._PATH.format(
            name=name,
            kind=name,
            peer=3 - slot,
            medium=medium,
            interval=module_config.HEARTBEAT_INTERVAL_MS,
            warn=module_config.WARNTIME_MS,
            dead=module_config.DEADTIME_MS,
        )
    file = folder / f"mm{slot}.toml"
    file.write_text(text)
    config = load_config(str(file), version="test", firmware_level=1, layout_id=LAYOUT_ID)
    return replace(config.node, chassis=CHASSIS, keys=KEYS.view)


class Player:
    """``folder``: for the two configuration files."""

    def __init__(self, name: str, text: str, board: str, folder: Path) -> None:
        known = vocabularies()
        self.known = known[board]
        self.scenario = parse_scenario(name, text, board, known)
        self.played = Played()
        self.world = World(BoardClass(board), watcher=RoleScribe(self.played))
        self.world.wires.is_wire_real = True
        for slot, module in self.world.modules.items():
            module.settings = shipped_settings(board, slot, self.scenario, folder)
            module.hardware.watchdog_ms = module.settings.watchdog_ms or 0
        self._zero_ms = self._base_ms = self.world.now_ms
        self._victim: int | None = None
        self._open: list[tuple[Within, int, int | None]] = []

    def play(self) -> Played:
        slots = [slot for slot in (1, 2) if slot not in self.scenario.empty_slots]
        for slot, module in self.world.modules.items():
            module.hardware.is_powered = slot in slots
        self.world.boot(*slots)
        for step in self.scenario.steps:
            if self.played.why:
                break
            if isinstance(step, Within):
                self._open.append((step, self._base_ms, self._victim))
            elif isinstance(step, Settle):
                self._settle(step)
            else:
                self._run_until(self._zero_ms + int(step.seconds * 1000))
                self._base_ms = self.world.now_ms
                self._act(step)
            self._check()
        while self._open and not self.played.why:
            self._run_until(self.world.now_ms + LOOK_MS)
        until_ms = self._zero_ms + int(self.scenario.until_s * 1000)
        self._run_until(max(self.world.now_ms + LINGER_MS, until_ms))
        self._judge()
        return self.played

    # ---- time and expectations

    def _run_until(self, until_ms: int) -> None:
        while self.world.now_ms < until_ms and not self.played.why:
            step_ms = min(LOOK_MS, until_ms - self.world.now_ms) if self._open else None
            self.world.run(until_ms - self.world.now_ms if step_ms is None else step_ms)
            self._check()

    def _settle(self, step: Settle) -> None:
        give_up_ms = self.world.now_ms + int(step.seconds * 1000)
        since_ms: int | None = None
        while self.world.now_ms < give_up_ms and not self.played.why:
            is_at_rest = self._is_at_rest() and not self._open
            since_ms = (since_ms or self.world.now_ms) if is_at_rest else None
            if since_ms is not None and self.world.now_ms - since_ms >= STEADY_MS:
                self._zero_ms = self._base_ms = self.world.now_ms
                return
            self._run_until(self.world.now_ms + LOOK_MS)
        self.played.why.append(f"{step.place}: no rest: {self.world.story()}")

    def _is_at_rest(self) -> bool:
        running = [m for m in self.world.modules.values() if m.node and not m.is_stopped]
        roles = sorted(module.role.name for module in running if module.role)
        if roles != ["ACTIVE", *["STANDBY"] * (len(running) - 1)]:
            return False
        holder = next(module.node for module in running if module.role is Role.ACTIVE)
        return len(running) < 2 or (holder is not None and holder.chassis.sender.is_synced)

    def _check(self) -> None:
        still_open = []
        for step, base_ms, victim in self._open:
            if self._is_seen(step, base_ms, victim):
                continue
            still_open.append((step, base_ms, victim))
            if self.world.now_ms > base_ms + int(step.seconds * 1000) + LOOK_MS:
                self.played.why.append(f"{step.place}: {step.sentence()}: {self.world.story()}")
        self._open = still_open

    def _is_seen(self, step: Within, base_ms: int, victim: int | None) -> bool:
        if step.aim in (Aim.ALARM, Aim.NO_ALARM):
            return self._is_alarm_seen(step)
        slot = self._slot_of(step.slot_word, victim)
        module = self.world.modules[slot] if slot is not None else None
        if module is None:
            return False
        if step.aim is Aim.OUTPUT:
            return any(ms >= base_ms and is_open for ms, _, is_open in module.writes[-40:])
        return module.role is not None and module.role.name == step.state

    def _is_alarm_seen(self, step: Within) -> bool:
        if step.state.startswith(CHASSIS_ALARMS):
            return True
        raised = [
            {alarm.alarm_id for alarm in module.node.chassis.alarms.raised()}
            for module in self.world.modules.values()
            if module.node is not None and not module.is_stopped
        ]
        if step.aim is Aim.ALARM:
            return any(step.state in ids for ids in raised)
        return bool(raised) and all(step.state not in ids for ids in raised)

    def _slot_of(self, word: str, victim: int | None) -> int | None:
        if word.isdecimal():
            return int(word)
        if word in ("victim", "survivor"):
            found = victim if victim is not None else self._victim
            return found if found is None or word == "victim" else 3 - found
        return self._cast(word)

    def _cast(self, word: str) -> int | None:
        now_ms = self.world.now_exact_ms
        modules = self.world.modules.values()
        is_holder = word == "active"
        found = [
            m.slot
            for m in modules
            if m.life is not None and m.hardware.is_gate_open(now_ms) is is_holder
        ]
        return found[0] if len(found) == 1 else None

    def _judge(self) -> None:
        self.played.dual_ms = self.world.dual_ms
        for never in self.scenario.rules:
            if never.rule is Rule.DUAL and self.world.dual_ms:
                self.played.why.append(f"{never.place}: two gates for {self.world.dual_ms} ms")

    # ---- actions

    def _act(self, step: At) -> None:
        if step.words[0] == "switchover":
            target, is_forced = parse_switchover(step.words, self.known)
            self._victim = self._cast("active")
            if self._victim is not None:
                asked = SwitchoverAsked(1, "scenario", target, is_forced)
                self.world.modules[self._victim].ask(asked)
            return
        words = tuple(self._named(word) for word in step.words)
        self._do(parse_action(words, self.known))

    def _named(self, word: str) -> str:
        if word in ("victim", "survivor"):
            return str(self._slot_of(word, self._victim))
        return word

    def _do(self, action: Action) -> None:
        world = self.world
        match action:
            case ModuleAction(verb, slot_word, chassis_id):
                self._do_to_module(verb, self._module(slot_word), chassis_id)
            case CutPath(path, sender):
                world.cut(*self._paths(path), source=self._sender(sender))
            case HealPath(path):
                self._heal(path)
            case LosePart(path, percent, sender):
                for name in self._paths(path):
                    for slot in self._senders(sender):
                        world.wires.harm(name, slot, loss=int(percent))
            case DelayPath(path, delay_ms, _):
                for name in self._paths(path):
                    world.delay_ms[name] = max(1, delay_ms)
            case MakeNoise(path, bytes_per_s):
                self._noise(path, bytes_per_s)
            case ForceLine(slot, line, level):
                self._force(slot, line, level)
            case SlowSensor(_, is_slow, slot_word):
                if slot_word is not None:
                    self._module(slot_word).are_sensors_bad = is_slow
            case FillDisk(slot_word, is_full):
                self._module(slot_word).is_store_broken = is_full
            case _:
                pass  # a part of the chassis: it moves no role

    def _heal(self, path: str) -> None:
        for name in self._paths(path):
            for slot in (1, 2):
                self.world.cuts.discard((name, slot))
                self.world.wires.harm(name, slot, loss=0)
            self.world.delay_ms[name] = 1

    def _noise(self, path: str, bytes_per_s: int) -> None:
        for name in self._paths(path):
            if name != "serial":
                continue  # datagrams of its own, that are refused
            loss = 100 if bytes_per_s >= SERIAL_NOISE_MIN else 0
            for slot in (1, 2):
                self.world.wires.harm(name, slot, loss=loss)

    def _force(self, slot: int, line: str, level: bool | None) -> None:
        reader, name = 3 - slot, line.lower()
        if line == "RESET":
            self.world.modules[slot].is_reset_deaf = level is False
        elif line in self.known.straps:
            place = self.known.straps.index(line)
            is_up = bool(slot >> place & 1) if level is None else level
            bits = self.world.modules[slot].straps.slot or 0
            bits = bits & ~(1 << place) | is_up << place
            self.world.modules[slot].straps = StrapsRead(bits)
        elif level is None:
            self.world.stuck.pop((reader, name), None)
            self.world.tell_lines()
        else:
            self.world.stick(reader, name, level)

    def _do_to_module(self, verb: Verb, module: Module, chassis_id: int | None) -> None:
        if verb in (Verb.KILL, Verb.STOP, Verb.PULL, Verb.RESTART):
            self._victim = module.slot
        match verb:
            case Verb.KILL:
                self.world.kill(module.slot)
            case Verb.STOP:
                module.is_stopped = True
            case Verb.CONT:
                module.is_stopped = False
            case Verb.PULL:
                self.world.pull(module.slot)
            case Verb.START | Verb.INSERT:
                own = chassis_id or module_config.CHASSIS_ID
                module.hardware.is_powered = True
                module.settings = replace(module.settings, chassis_id=own)
                if not module.is_held:
                    self.world.boot(module.slot)
            case Verb.RESTART:
                module.ask(StopAsked("scenario"))
                self.world.run(5000, lambda: module.life is None)
                self.world.run(RESTART_MS)
                self.world.boot(module.slot)

    def _module(self, slot_word: str) -> Module:
        slot = self._slot_of(slot_word, self._victim)
        assert slot is not None, f"nobody is {slot_word}"
        return self.world.modules[slot]

    def _paths(self, path: str) -> tuple[str, ...]:
        return self.world.path_names if path == ALL else (path,)

    def _sender(self, word: str | None) -> int | None:
        return self._slot_of(word, self._victim) if word is not None else None

    def _senders(self, word: str | None) -> tuple[int, ...]:
        sender = self._sender(word)
        return (1, 2) if sender is None else (sender,)


def play(name: str, text: str, board: str, folder: Path) -> Played:
    return Player(name, text, board, folder).play()
