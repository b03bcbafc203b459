"""The words of ``bmcha sim-ctl`` and of scenario files: text in, a checked action out.

Pure. Used by the control socket, which names who sits in which slot just now, and by scenario
files, which are checked whole before anything starts. A word that is not known is answered with
the ones that are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, unique

ALL_PATHS = "all"
SLOT_ROLES = ("active", "standby")


class ActionRejected(ValueError):
    """The words make no action. The text says what is allowed."""


@unique
class Verb(Enum):
    """What can be done to a module."""

    KILL = "kill"
    STOP = "stop"
    CONT = "cont"
    START = "start"
    RESTART = "restart"
    PULL = "pull"
    INSERT = "insert"


@dataclass(frozen=True, slots=True)
class ModuleAction:
    """``slot_word`` is a number, or "active" or "standby"."""

    verb: Verb
    slot_word: str


@dataclass(frozen=True, slots=True)
class CutPath:
    """``sender_word``: only what that slot sends is dropped; None: both ways."""

    path: str
    sender_word: str | None


@dataclass(frozen=True, slots=True)
class HealPath:
    path: str


@dataclass(frozen=True, slots=True)
class ForceLine:
    """``level`` None: the line follows the truth again."""

    slot: int
    line: str
    level: bool | None


@dataclass(frozen=True, slots=True)
class FixSensor:
    sensor: str
    value: int | None


@dataclass(frozen=True, slots=True)
class FailFan:
    fan: str
    is_failed: bool


@dataclass(frozen=True, slots=True)
class ShowState:
    pass


Action = ModuleAction | CutPath | HealPath | ForceLine | FixSensor | FailFan | ShowState


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that an action may use: those of this chassis."""

    board: str
    slots: tuple[int, ...]
    paths: tuple[str, ...]
    lines: tuple[str, ...]
    """Lines that somebody reads, of each slot; none on a board that wires none."""
    sensors: tuple[str, ...]
    fans: tuple[str, ...]
    slot_words: tuple[str, ...] = SLOT_ROLES


_USAGE = {
    "cut": "cut PATH [--one-way FROM]",
    "heal": "heal PATH",
    **{verb.value: f"{verb.value} SLOT" for verb in Verb},
    "line": "line NAME high|low|follow",
    "set": "set SENSOR VALUE|auto",
    "fan": "fan N fail|ok",
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
        (slot_word,) = _exactly(1, name, rest)
        return ModuleAction(_VERBS[name], _slot(slot_word, known))
    return _PARSERS[name](rest, known)


_VERBS = {verb.value: verb for verb in Verb}


def _cut(words: Sequence[str], known: Vocabulary) -> Action:
    if len(words) == 3 and words[1] == "--one-way":
        return CutPath(_path(words[0], known), _slot(words[2], known))
    (path,) = _exactly(1, "cut", words)
    return CutPath(_path(path, known), None)


def _heal(words: Sequence[str], known: Vocabulary) -> Action:
    (path,) = _exactly(1, "heal", words)
    return HealPath(_path(path, known))


def _line(words: Sequence[str], known: Vocabulary) -> Action:
    name, level = _exactly(2, "line", words)
    module, _, line = name.partition(".")
    names = [f"mm{slot}.{line}" for slot in known.slots for line in known.lines]
    if not names:
        raise ActionRejected(f"line {name}: board {known.board} wires no lines between the slots")
    if name not in names:
        raise ActionRejected(f"unknown line {name!r}; there are: {', '.join(names)}")
    levels = {"high": True, "low": False, "follow": None}
    if level not in levels:
        raise ActionRejected(f"line {name} {level!r}: allowed are high, low and follow")
    return ForceLine(int(module.removeprefix("mm")), line, levels[level])


def _set(words: Sequence[str], known: Vocabulary) -> Action:
    sensor, value = _exactly(2, "set", words)
    if sensor not in known.sensors:
        raise ActionRejected(f"unknown sensor {sensor!r}; there are: {', '.join(known.sensors)}")
    if value == "auto":
        return FixSensor(sensor, None)
    try:
        return FixSensor(sensor, int(value))
    except ValueError:
        raise ActionRejected(
            f"set {sensor} {value!r}: allowed are a whole number in hwmon's unit "
            "(m°C, mV, mA, µW) and auto"
        ) from None


def _fan(words: Sequence[str], known: Vocabulary) -> Action:
    word, state = _exactly(2, "fan", words)
    fan = word
    if word.isdecimal() and 1 <= int(word) <= len(known.fans):
        fan = known.fans[int(word) - 1]
    if fan not in known.fans:
        raise ActionRejected(
            f"unknown fan {word!r}; there are 1 to {len(known.fans)}: {', '.join(known.fans)}"
        )
    if state not in ("fail", "ok"):
        raise ActionRejected(f"fan {word} {state!r}: allowed are fail and ok")
    return FailFan(fan, state == "fail")


def _state(words: Sequence[str], known: Vocabulary) -> Action:
    # --json only changes how the caller prints it.
    _exactly(0, "state", [word for word in words if word != "--json"])
    return ShowState()


_PARSERS: dict[str, Callable[[Sequence[str], Vocabulary], Action]] = {
    "cut": _cut,
    "heal": _heal,
    "line": _line,
    "set": _set,
    "fan": _fan,
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


def _path(word: str, known: Vocabulary) -> str:
    if word != ALL_PATHS and word not in known.paths:
        raise ActionRejected(
            f"unknown path {word!r}; there are: {', '.join(known.paths)}, {ALL_PATHS}"
        )
    return word
