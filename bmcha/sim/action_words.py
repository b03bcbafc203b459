"""The words of ``bmcha sim-ctl`` and of scenario files: text in, a checked action out.

Pure. Used by the control socket, which names who sits in which slot just now, and by scenario
files, which are checked whole before anything starts. A word that is not known is answered with
the ones that are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from bmcha.sim.actions import (
    Action,
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

ALL_PATHS = ALL_SENSORS = "all"
DELAY_MS_MAX = 10_000
NOISE_BYTES_PER_S_MAX = 2_000_000
"""Seventeen times what a line of 1 Mbaud carries; beyond that the simulator itself is the noise."""
SENSOR_VALUE_MAX = 9_999_999_999
"""Ten digits and a sign: what a value's file has room for, and more than any part can measure."""
LOAD_W_MAX = 1000
CHASSIS_ID_MAX = 2**32 - 1


class ActionRejected(ValueError):
    """The words make no action. The text says what is allowed."""


_USAGE = {
    "cut": "cut PATH [--one-way FROM]",
    "loss": "loss PATH PERCENT [--from SLOT]",
    "delay": "delay PATH MS [--from SLOT]",
    "noise": "noise PATH BYTES_PER_S",
    "heal": "heal PATH",
    **{verb.value: f"{verb.value} SLOT" for verb in Verb},
    "start": "start SLOT [--chassis ID]",
    "insert": "insert SLOT [--chassis ID]",
    "line": "line NAME high|low|follow",
    "set": "set SENSOR VALUE|auto",
    "sensor": "sensor SENSOR slow|ok [--of SLOT]",
    "fan": "fan N fail|ok",
    "psu": "psu N fail|ok",
    "blade": "blade N on|off|load W",
    "disk": "disk SLOT full|ok",
    "state": "state [--json]",
}
"""One line an action, in the order in which they are listed."""

ACTION_NAMES = tuple(_USAGE)


def usage_lines() -> list[str]:
    return list(_USAGE.values())


def parse_action(words: Sequence[str], known: Vocabulary) -> Action:
    """ActionRejected: the sentence says what is allowed."""
    if not words:
        raise ActionRejected(f"an action is missing; there are: {', '.join(ACTION_NAMES)}")
    name, *rest = words
    if name not in _USAGE:
        raise ActionRejected(f"unknown action {name!r}; there are: {', '.join(ACTION_NAMES)}")
    if name in _VERBS:
        return _module_action(name, rest, known)
    return _PARSERS[name](rest, known)


_VERBS = {verb.value: verb for verb in Verb}
_FROM_ELSEWHERE = (Verb.START, Verb.INSERT)


def _module_action(name: str, words: Sequence[str], known: Vocabulary) -> Action:
    verb = _VERBS[name]
    chassis_id = None
    if verb in _FROM_ELSEWHERE and len(words) == 3 and words[1] == "--chassis":
        text = f"{name} {' '.join(words)}"
        chassis_id = _whole(words[2], text, 1, CHASSIS_ID_MAX, "a chassis id")
        words = words[:1]
    (slot_word,) = _exactly(1, name, words)
    return ModuleAction(verb, _slot(slot_word, known), chassis_id)


def _cut(words: Sequence[str], known: Vocabulary) -> Action:
    if len(words) == 3 and words[1] == "--one-way":
        return CutPath(_path(words[0], known), _slot(words[2], known))
    (path,) = _exactly(1, "cut", words)
    return CutPath(_path(path, known), None)


def _loss(words: Sequence[str], known: Vocabulary) -> Action:
    words, sender = _sender(words, known)
    path, word = _exactly(2, "loss", words)
    try:
        percent = float(word)
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:
        raise ActionRejected(f"loss {path} {word!r}: allowed are 0 to 100 percent")
    return LosePart(_path(path, known), percent, sender)


def _delay(words: Sequence[str], known: Vocabulary) -> Action:
    words, sender = _sender(words, known)
    path, word = _exactly(2, "delay", words)
    delay_ms = _whole(word, f"delay {path} {word}", 0, DELAY_MS_MAX, "milliseconds")
    return DelayPath(_path(path, known), delay_ms, sender)


def _noise(words: Sequence[str], known: Vocabulary) -> Action:
    path, word = _exactly(2, "noise", words)
    rate = _whole(word, f"noise {path} {word}", 0, NOISE_BYTES_PER_S_MAX, "bytes a second")
    return MakeNoise(_path(path, known), rate)


def _heal(words: Sequence[str], known: Vocabulary) -> Action:
    (path,) = _exactly(1, "heal", words)
    return HealPath(_path(path, known))


def _line(words: Sequence[str], known: Vocabulary) -> Action:
    name, level = _exactly(2, "line", words)
    module, _, line = name.partition(".")
    of_slot = (*known.lines, *known.straps)
    names = [f"mm{slot}.{line}" for slot in known.slots for line in of_slot]
    if name not in names and not known.lines:
        there = f"; there are: {', '.join(names)}" if names else ""
        raise ActionRejected(
            f"line {name}: board {known.board} wires no lines between the slots{there}"
        )
    if name not in names:
        raise ActionRejected(f"unknown line {name!r}; there are: {', '.join(names)}")
    levels = {"high": True, "low": False, "follow": None}
    if level not in levels:
        raise ActionRejected(f"line {name} {level!r}: allowed are high, low and follow")
    return ForceLine(int(module.removeprefix("mm")), line, levels[level])


def _set(words: Sequence[str], known: Vocabulary) -> Action:
    sensor, value = _exactly(2, "set", words)
    _sensor(sensor, known)
    if value == "auto":
        return FixSensor(sensor, None)
    is_whole = re.fullmatch(r"-?[0-9]{1,20}", value) is not None
    if is_whole and abs(int(value)) <= SENSOR_VALUE_MAX:
        return FixSensor(sensor, int(value))
    raise ActionRejected(
        f"set {sensor} {value!r}: allowed are a whole number in hwmon's unit (m°C, mV, mA, µW), "
        f"up to {SENSOR_VALUE_MAX} either way, and auto"
    )


def _slow(words: Sequence[str], known: Vocabulary) -> Action:
    slot = None
    if len(words) == 4 and words[2] == "--of":
        words, slot = words[:2], _slot(words[3], known)
    sensor, state = _exactly(2, "sensor", words)
    if sensor != ALL_SENSORS:
        _sensor(sensor, known)
    return SlowSensor(sensor, _either(state, f"sensor {sensor}", "slow", "ok"), slot)


def _fan(words: Sequence[str], known: Vocabulary) -> Action:
    word, state = _exactly(2, "fan", words)
    fan = _unit("fan", word, known.fans)
    return FailFan(fan, _either(state, f"fan {word}", "fail", "ok"))


def _psu(words: Sequence[str], known: Vocabulary) -> Action:
    word, state = _exactly(2, "psu", words)
    supply = _unit("psu", word, known.supplies)
    return FailSupply(supply, _either(state, f"psu {word}", "fail", "ok"))


def _blade(words: Sequence[str], known: Vocabulary) -> Action:
    if len(words) == 3 and words[1] == "load":
        blade = _unit("blade", words[0], known.blades)
        text = f"blade {' '.join(words)}"
        return LoadBlade(blade, 1000 * _whole(words[2], text, 0, LOAD_W_MAX, "watts"))
    word, state = _exactly(2, "blade", words)
    blade = _unit("blade", word, known.blades)
    if state not in ("on", "off"):
        raise ActionRejected(f"blade {word} {state!r}: allowed are on, off and load W")
    return SwitchBlade(blade, state == "on")


def _disk(words: Sequence[str], known: Vocabulary) -> Action:
    word, state = _exactly(2, "disk", words)
    return FillDisk(_slot(word, known), _either(state, f"disk {word}", "full", "ok"))


def _state(words: Sequence[str], known: Vocabulary) -> Action:
    # --json only changes how the caller prints it.
    _exactly(0, "state", [word for word in words if word != "--json"])
    return ShowState()


_PARSERS: dict[str, Callable[[Sequence[str], Vocabulary], Action]] = {
    "cut": _cut,
    "loss": _loss,
    "delay": _delay,
    "noise": _noise,
    "heal": _heal,
    "line": _line,
    "set": _set,
    "sensor": _slow,
    "fan": _fan,
    "psu": _psu,
    "blade": _blade,
    "disk": _disk,
    "state": _state,
}


def _exactly(count: int, name: str, words: Sequence[str]) -> Sequence[str]:
    if len(words) != count:
        raise ActionRejected(f"{' '.join([name, *words])}: write {_USAGE[name]}")
    return words


def _slot(word: str, known: Vocabulary) -> str:
    allowed = [*(str(slot) for slot in known.slots), *known.slot_words]
    if word not in allowed:
        raise ActionRejected(f"unknown slot {word!r}; allowed are: {', '.join(allowed)}")
    return word


def _sender(words: Sequence[str], known: Vocabulary) -> tuple[Sequence[str], str | None]:
    """The words without ``--from SLOT``, and that slot's word."""
    if len(words) >= 2 and words[-2] == "--from":
        return words[:-2], _slot(words[-1], known)
    return words, None


def _path(word: str, known: Vocabulary) -> str:
    if word != ALL_PATHS and word not in known.paths:
        raise ActionRejected(
            f"unknown path {word!r}; there are: {', '.join(known.paths)}, {ALL_PATHS}"
        )
    return word


def _sensor(word: str, known: Vocabulary) -> None:
    if word not in known.sensors:
        raise ActionRejected(f"unknown sensor {word!r}; there are: {', '.join(known.sensors)}")


def _unit(what: str, word: str, names: Sequence[str]) -> str:
    """By number from 1, or by name."""
    if word.isdecimal() and 1 <= int(word) <= len(names):
        return names[int(word) - 1]
    if word not in names:
        raise ActionRejected(
            f"unknown {what} {word!r}; there are 1 to {len(names)}: {', '.join(names)}"
        )
    return word


def _either(word: str, text: str, bad: str, good: str) -> bool:
    """True: ``bad``."""
    if word not in (bad, good):
        raise ActionRejected(f"{text} {word!r}: allowed are {bad} and {good}")
    return word == bad


def _whole(word: str, text: str, least: int, most: int, unit: str) -> int:
    if word.isdecimal() and least <= int(word) <= most:
        return int(word)
    raise ActionRejected(f"{text}: allowed are {least} to {most}, {unit}")
