"""Scenario files: text in, checked steps out. The grammar is docs/scenarios.md.

Pure. A file is checked whole before anything starts; an error names file and line. One file may
serve several boards: a step after ``on BOARD:`` or ``on BOARD,BOARD:`` counts on those only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, unique
from importlib import resources
from pathlib import Path

from bmcha.config.key_texts import MODULE_TEXTS
from bmcha.model.record import dataclass
from bmcha.model.role import Role
from bmcha.sim.action_words import ActionRejected, parse_action
from bmcha.sim.actions import Vocabulary

SECONDS_MAX = 3600.0
VICTIM = "victim"
SURVIVOR = "survivor"
SWITCHOVER = "switchover"
POLICY_KEYS = [key.removeprefix("policy.") for key in MODULE_TEXTS if key.startswith("policy.")]


class ScenarioError(Exception):
    """The file makes no scenario. The text names file and line."""


@unique
class Rule(Enum):
    """What must never happen, as written after ``never``."""

    DUAL = "dual"
    ROLE_CHANGE = "role-change"
    FAN_DROP = "fan-drop"
    STALE_WRITE = "stale-write"
    MIRROR_GAP = "mirror-gap"
    EVENT_LOSS = "event-loss"


@unique
class Aim(Enum):
    """What a ``within`` step waits for."""

    ROLE = "role"
    ALARM = "alarm"
    NO_ALARM = "no alarm"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class At:
    """Do it so many seconds after the start. ``words`` as for sim-ctl, or a switchover."""

    place: str
    seconds: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """True not later than so many seconds after the action of the `At` before (or the start).

    ``slot_word`` and ``state`` are "" where the aim has none; ``state`` is an alarm's id too.
    """

    place: str
    seconds: float
    aim: Aim
    slot_word: str
    state: str

    def sentence(self) -> str:
        words = (self.aim.value, self.slot_word, self.state)
        return f"within {self.seconds:g} {' '.join(word for word in words if word)}"


@dataclass(frozen=True, slots=True)
class Settle:
    """Goes on as soon as the chassis is at rest, which must be within so many seconds: one module
    ACTIVE, every other one that runs STANDBY with the whole picture, the fans steady. Times count
    anew from then."""

    place: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Never:
    place: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    steps: tuple[At | Within | Settle, ...] = ()
    rules: tuple[Never, ...] = ()
    empty_slots: tuple[int, ...] = ()
    """Slots without a module at the start."""
    until_s: float = 0.0
    """It lasts at least so long, however early everything has been seen."""
    policy: tuple[tuple[str, str], ...] = ()
    """Keys of both modules' [policy], with their values as in TOML."""

    def ends_s(self) -> float:
        """When it ends at the latest."""
        zero_s = base_s = latest_s = 0.0
        for step in self.steps:
            if isinstance(step, Settle):
                zero_s = base_s = latest_s = max(latest_s, base_s) + step.seconds
            elif isinstance(step, At):
                base_s = zero_s + step.seconds
            else:
                latest_s = max(latest_s, base_s + step.seconds)
        return max(latest_s, base_s, zero_s + self.until_s)


_USAGE = (
    "at SECONDS ACTION..., within SECONDS role SLOT STATE, within SECONDS [no] alarm ID, "
    "within SECONDS output SLOT, settle SECONDS, never RULE, empty SLOT, until SECONDS, "
    "policy KEY VALUE, "
    "on BOARD[,BOARD...]: STEP, # comment"
)


def shipped_scenarios() -> list[str]:
    folder = resources.files("bmcha.sim") / "scenarios"
    names = [entry.name for entry in folder.iterdir() if entry.name.endswith(".txt")]
    return sorted(name.removesuffix(".txt") for name in names)


def find_scenario(word: str) -> tuple[str, str]:
    """(file, text) of a shipped scenario's name or of a file. ScenarioError: neither."""
    if word in shipped_scenarios():
        entry = resources.files("bmcha.sim") / "scenarios" / f"{word}.txt"
        return f"{word}.txt", entry.read_text(encoding="utf-8")
    if not Path(word).is_file():
        raise ScenarioError(
            f"unknown scenario {word!r}; there are: {', '.join(shipped_scenarios())} "
            "(or the name of a file)"
        )
    try:
        return word, Path(word).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"scenario {word}: cannot be read as UTF-8 text: {error}") from None


def parse_scenario(file: str, text: str, board: str, known: Mapping[str, Vocabulary]) -> Scenario:
    """``known``: what may be named, on each board. ScenarioError: the first wrong line."""
    scenario = Scenario(Path(file).name.removesuffix(".txt"))
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        place = f"{file}:{number}"
        try:
            boards = [board]
            if words[0] == "on":
                boards, words = _condition(words, known)
            grown = [_grow(scenario, place, words, known[each]) for each in boards]
        except (ValueError, ActionRejected) as error:
            raise ScenarioError(f"{place}: {error}") from None
        if board in boards:
            scenario = grown[0]
    return scenario


def _condition(words: list[str], known: Mapping[str, Vocabulary]) -> tuple[list[str], list[str]]:
    """(boards, the step)."""
    name, colon, _ = words[1].partition(":") if len(words) > 1 else ("", "", "")
    boards = name.split(",")
    if not colon or name + colon != words[1] or len(words) < 3 or set(boards) - set(known):
        raise ValueError(f"write `on BOARD[,BOARD...]: STEP`; boards are {', '.join(known)}")
    return boards, words[2:]


def _grow(scenario: Scenario, place: str, words: list[str], known: Vocabulary) -> Scenario:
    match words:
        case ["at", seconds, *action] if action:
            step = At(place, _seconds(seconds), tuple(action))
            _check_action(step, scenario, known)
            return replace(scenario, steps=(*scenario.steps, step))
        case ["within", seconds, "role", slot, state]:
            _check_word("role", state, [role.name for role in Role])
            _check_slot(slot, known)
            expected = Within(place, _seconds(seconds), Aim.ROLE, slot, state)
        case ["within", seconds, "alarm", alarm]:
            expected = Within(place, _seconds(seconds), Aim.ALARM, "", alarm)
        case ["within", seconds, "no", "alarm", alarm]:
            expected = Within(place, _seconds(seconds), Aim.NO_ALARM, "", alarm)
        case ["within", seconds, "output", slot]:
            _check_slot(slot, known)
            expected = Within(place, _seconds(seconds), Aim.OUTPUT, slot, "")
        case ["never", rule]:
            _check_word("rule", rule, [each.value for each in Rule])
            return replace(scenario, rules=(*scenario.rules, Never(place, Rule(rule))))
        case ["empty", slot]:
            _check_word("slot", slot, [str(each) for each in known.slots])
            return replace(scenario, empty_slots=(*scenario.empty_slots, int(slot)))
        case ["policy", key, value]:
            _check_word("policy", key, POLICY_KEYS)
            toml = value if value.isdecimal() or value in ("true", "false") else f'"{value}"'
            return replace(scenario, policy=(*scenario.policy, (key, toml)))
        case ["settle", seconds]:
            calm = Settle(place, _seconds(seconds))
            return replace(scenario, steps=(*scenario.steps, calm))
        case ["until", seconds]:
            return replace(scenario, until_s=_seconds(seconds))
        case _:
            raise ValueError(f"{' '.join(words)!r} is no step; steps are: {_USAGE}")
    return replace(scenario, steps=(*scenario.steps, expected))


def _check_action(step: At, scenario: Scenario, known: Vocabulary) -> None:
    earlier_s = 0.0
    for other in scenario.steps:
        if not isinstance(other, Within):
            earlier_s = other.seconds if isinstance(other, At) else 0.0
    if step.seconds < earlier_s:
        raise ValueError(f"at {step.seconds:g} comes after at {earlier_s:g}: write them in order")
    if step.words[0] == SWITCHOVER:
        parse_switchover(step.words, known)
        return
    try:
        parse_action(step.words, _with_scenario_words(known))
    except ActionRejected as rejected:
        there_is = f", {SWITCHOVER}" if "there are:" in str(rejected) else ""
        raise ValueError(f"{rejected}{there_is}") from None


def parse_switchover(words: tuple[str, ...], known: Vocabulary) -> tuple[int | None, bool]:
    """(target slot or None, is forced). ValueError: it is written otherwise."""
    target: int | None = None
    is_forced = False
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word == "--force":
            is_forced = True
        elif word == "--to" and rest and rest[0] in [str(slot) for slot in known.slots]:
            target = int(rest.pop(0))
        else:
            raise ValueError(f"{' '.join(words)}: write {SWITCHOVER} [--to SLOT] [--force]")
    return target, is_forced


def _with_scenario_words(known: Vocabulary) -> Vocabulary:
    return replace(known, slot_words=(*known.slot_words, VICTIM, SURVIVOR))


def _check_slot(word: str, known: Vocabulary) -> None:
    allowed = [*map(str, known.slots), *_with_scenario_words(known).slot_words]
    _check_word("slot", word, allowed)


def _check_word(what: str, word: str, allowed: list[str]) -> None:
    if word not in allowed:
        raise ValueError(f"unknown {what} {word!r}; allowed are: {', '.join(allowed)}")


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= SECONDS_MAX:
        raise ValueError(f"{word!r} is no time; allowed are 0 to {SECONDS_MAX:g} seconds")
    return seconds
