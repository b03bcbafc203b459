"""What the readers of the configuration ask for, as data: keys, types, ranges, choices, defaults.

The readers themselves are the one home of this. They are run on a table that holds nothing and
says yes to everything, `RecordingTable`, again and again until every choice they can make has been
made; what they asked for each time, taken together, is the outline. Knows no key of bmcha; a new
key in a reader is in the outline without another line. Called by `bmcha.config.schema`, the
reference page, and `bmcha check`; the running service never imports it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final, TypeVar

from bmcha.config.table import ConfigProblem, Source, Table
from bmcha.model.record import dataclass

_T = TypeVar("_T")
Path = tuple[str, ...]
Scalar = str | int | bool | None

RUNS_MAX: Final = 5000


@dataclass(frozen=True, slots=True)
class Facts:
    """What one value has to be. ``kind``: integer, flag, text, name, file, choice, integers,
    array, table, tables, or the name of a Python type for what only the reader knows."""

    kind: str
    allowed: str
    low: int | None = None
    high: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    count_max: int | None = None
    default: Scalar = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A key is asked for only while ``key`` has one of ``values``; with `is_presence`, while it
    is there (True) or not (False). ``where``: and this, without which nobody asks for ``key``."""

    key: str
    values: tuple[Scalar, ...]
    is_presence: bool = False
    is_met_by_default: bool = False
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Key:
    facts: tuple[Facts, ...]
    """More than one where the reader takes either."""
    is_required: bool
    """Wherever its conditions hold."""
    when: Condition | None = None
    """Elsewhere it is unknown."""
    required_when: Condition | None = None
    """Elsewhere it may be left out. With `is_required` only."""
    inner: Mapping[str, Key] | None = None
    """Of a table, or of each entry of a list of tables."""


Outline = Mapping[str, Key]

# (table, "choice" or "has", key)
_Turn = tuple[Path, str, str]


@dataclass(slots=True)
class _Run:
    """One pass of the readers: what they decided on, and what they asked for."""

    script: Mapping[_Turn, Scalar]
    is_high: bool
    turns: dict[_Turn, Scalar] = field(default_factory=dict)
    options: dict[_Turn, tuple[Scalar, ...]] = field(default_factory=dict)
    asked: dict[Path, dict[str, list[Facts]]] = field(default_factory=dict)
    required: set[tuple[Path, str]] = field(default_factory=set)
    met_by_default: dict[_Turn, Scalar] = field(default_factory=dict)

    def turn(self, turn: _Turn, options: tuple[Scalar, ...]) -> Scalar:
        self.options[turn] = options
        return self.turns.setdefault(turn, self.script.get(turn, options[0]))


class RecordingTable(Table):
    """Answers every question of a reader with something of the right type, and notes it."""

    def __init__(self, run: _Run, path: Path = ()) -> None:
        super().__init__({}, Source("", {}, "/"), _nowhere(), path)
        self._run = run
        run.asked.setdefault(path, {})

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        allowed = f"a whole number from {low} to {high}"
        self._note(key, Facts("integer", allowed, low, high, default=default), default is None)
        if default is not None:
            return default
        return high if self._run.is_high else low

    def optional_integer(self, key: str, low: int, high: int) -> int | None:
        self._note(key, Facts("integer", f"a whole number from {low} to {high}", low, high), False)
        return high if self._run.is_high else low

    def flag(self, key: str, default: bool | None = None) -> bool:
        self._note(key, Facts("flag", "true or false", default=default), default is None)
        return bool(self._run.turn((self._path, "choice", key), (bool(default), not default)))

    def text(
        self, key: str, pattern: re.Pattern[str], allowed: str, default: str | None = None
    ) -> str:
        facts = Facts("text", allowed, pattern=pattern.pattern, default=default)
        self._note(key, facts, default is None)
        return default or ""

    def text_or_integer(
        self, key: str, pattern: re.Pattern[str], allowed: str, low: int, high: int
    ) -> str | int:
        self.integer(key, low, high)
        return self.text(key, pattern, f"{allowed}, or a number from {low} to {high}")

    def name(self, key: str, bytes_max: int, default: str | None = None) -> str:
        allowed = f"a name of 1 to {bytes_max} bytes without spaces"
        self._note(key, Facts("name", allowed, 1, bytes_max, default=default), default is None)
        return default or ""

    def file(self, key: str, default: str | None = None) -> str:
        self._note(key, Facts("file", "the name of a file", default=default), default is None)
        return default or "/"

    def optional_file(self, key: str) -> str | None:
        self._note(key, Facts("file", "the name of a file"), False)
        return "/"

    def choice(self, key: str, choices: Mapping[str, _T], default: str | None = None) -> _T:
        names = tuple(choices)
        facts = Facts("choice", "one of " + ", ".join(names), choices=names, default=default)
        self._note(key, facts, default is None)
        turn = (self._path, "choice", key)
        if default is not None:
            self._run.met_by_default[turn] = default
        return choices[str(self._run.turn(turn, names))]

    def integers(self, key: str, low: int, high: int, count_max: int) -> tuple[int, ...]:
        allowed = f"a list of 1 to {count_max} whole numbers from {low} to {high}"
        self._note(key, Facts("integers", allowed, low, high, count_max=count_max), True)
        return (low,)

    def optional_integers(self, key: str, low: int, high: int, count_max: int) -> tuple[int, ...]:
        allowed = f"a list of 1 to {count_max} whole numbers from {low} to {high}"
        self._note(key, Facts("integers", allowed, low, high, count_max=count_max), False)
        return ()

    def array(self, key: str, allowed: str) -> list[Any]:
        self._note(key, Facts("array", allowed), True)
        return []

    def table(self, key: str, is_required: bool = False) -> Table:
        self._note(key, Facts("table", "a table"), is_required)
        return RecordingTable(self._run, (*self._path, key))

    def optional_table(self, key: str) -> Table | None:
        return self.table(key)

    def tables(self, key: str, count_max: int) -> list[Table]:
        allowed = f"a list of at most {count_max} tables"
        self._note(key, Facts("tables", allowed, count_max=count_max), False)
        return [RecordingTable(self._run, (*self._path, key + "[]"))]

    # ------------------------------------------------------------ nothing is ever wrong

    def has(self, key: str) -> bool:
        return bool(self._run.turn((self._path, "has", key), (True, False)))

    def is_sound(self, *keys: str) -> bool:
        return True

    def raw(self, key: str) -> Any:
        return None

    def refuse(
        self, key: str, value: str, allowed: str, under: tuple[str, ...] = (), remedy: str = ""
    ) -> None:
        pass

    def end(self) -> None:
        pass

    def _value(
        self, key: str, wanted: type[_T], allowed: str, stand_in: _T, default: _T | None = None
    ) -> _T:
        """For a question that this class does not know yet: its type is known at least."""
        self._note(key, Facts(wanted.__name__, allowed), default is None)
        return stand_in if default is None else default

    def _note(self, key: str, facts: Facts, is_required: bool) -> None:
        self._run.asked[self._path].setdefault(key, []).append(facts)
        # Where the reader has looked first whether the key is there, it is not required.
        if is_required and not self._run.turns.get((self._path, "has", key)):
            self._run.required.add((self._path, key))


def outline_of(read: Callable[[Table], object]) -> Outline:
    """Everything that ``read`` may ask a table for."""
    runs = [run for is_high in (False, True) for run in _explore(read, is_high)]
    return _outline((), runs)


def _explore(read: Callable[[Table], object], is_high: bool) -> list[_Run]:
    """Runs until every option of every turn was taken once."""
    runs: list[_Run] = []
    waiting: list[dict[_Turn, Scalar]] = [{}]
    seen: set[tuple[_Turn, Scalar]] = set()
    while waiting and len(runs) < RUNS_MAX:
        run = _Run(waiting.pop(0), is_high)
        read(RecordingTable(run))
        runs.append(run)
        seen.update(run.turns.items())
        for turn, options in run.options.items():
            for option in options:
                if (turn, option) not in seen:
                    seen.add((turn, option))
                    waiting.append({**run.turns, turn: option})
    return runs


def _outline(path: Path, runs: Sequence[_Run]) -> Outline:
    here = [run for run in runs if path in run.asked]
    keys: dict[str, None] = {}
    for run in here:
        keys.update(dict.fromkeys(run.asked[path]))
    return {key: _key(path, key, here) for key in keys}


def _key(path: Path, key: str, here: Sequence[_Run]) -> Key:
    asking = [run for run in here if key in run.asked[path]]
    # A reader that found the key there knows best what it has to be.
    turn = (path, "has", key)
    sure = [run for run in asking if run.turns.get(turn)] or asking
    facts = _merged(dict.fromkeys(each for run in sure for each in run.asked[path][key]))
    inner = None
    if any(each.kind in ("table", "tables") for each in facts):
        ending = "[]" if any(each.kind == "tables" for each in facts) else ""
        inner = _outline((*path, key + ending), here)
    requiring = [run for run in asking if (path, key) in run.required]
    required_when = _condition(path, key, asking, requiring)
    return Key(
        facts=facts,
        is_required=len(requiring) == len(asking) or required_when is not None,
        when=_condition(path, key, here, asking),
        required_when=required_when,
        inner=inner,
    )


def _merged(found: Iterable[Facts]) -> tuple[Facts, ...]:
    """A default that changed with the other values is none that could be written down."""
    facts = list(found)
    bare = dict.fromkeys(_without_default(each) for each in facts)
    if len(bare) == len(facts):
        return tuple(facts)
    return tuple(bare)


def _without_default(facts: Facts) -> Facts:
    return replace(facts, default=None)


def _condition(
    path: Path, key: str, runs: Sequence[_Run], chosen: Sequence[_Run]
) -> Condition | None:
    """The one decision in the same table that tells ``chosen`` from the other runs, if there is."""
    if not chosen or len(chosen) == len(runs):
        return None
    is_chosen = {id(run) for run in chosen}
    for turn in dict.fromkeys(turn for run in runs for turn in run.turns if turn[0] == path):
        values = tuple(dict.fromkeys(run.turns.get(turn) for run in chosen))
        options = next(run.options[turn] for run in runs if turn in run.options)
        if None in values or turn[2] == key or set(values) == set(options):
            continue
        if all((run.turns.get(turn) in values) == (id(run) in is_chosen) for run in runs):
            default = next(
                (run.met_by_default[turn] for run in runs if turn in run.met_by_default), None
            )
            is_default_met = default is not None and default in values
            asking = [run for run in runs if turn in run.turns]
            where = _condition(path, turn[2], runs, asking)
            return Condition(turn[2], values, turn[1] == "has", is_default_met, where)
    return None


def _nowhere() -> list[ConfigProblem]:
    return []
