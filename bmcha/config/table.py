"""Takes values out of one TOML table, key by key, and collects everything that is wrong with it.

Knows types, ranges and spelling; knows no key of bmcha and no relation between keys (those are in
`module_file`, `board_file` and `relations`). Rules: nothing is raised while reading, every problem
goes into one list; a wrong value is replaced by a stand-in of the right type, so that reading can
go on, and `is_sound` tells which keys may be compared with each other; a key that nobody asked for
is a problem when the table is closed with `end`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from bmcha.config import remedies
from bmcha.model.record import dataclass

_T = TypeVar("_T")

SHOWN_CHARS_MAX: Final = 60
"""A longer value is cut in the message: one problem stays one readable line."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong. ``value`` is as shown to people: quoted text, `missing`, ...

    ``remedy``: what to do, as an order to the reader.
    """

    file: str
    key: str
    value: str
    allowed: str
    remedy: str

    def __str__(self) -> str:
        line = f"{self.file}: {self.key}: value is {self.value}, allowed is {self.allowed}"
        return plain(line)


def plain(text: str) -> str:
    """On one line, whatever a file has in it."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


class ConfigError(Exception):
    """The configuration cannot be used; the text has one problem a line."""

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Source:
    """Which file a key came from: a board file inherits, so one table has several origins.

    ``folder`` is absolute: relative file names in the table are meant from there.
    """

    file: str
    origins: Mapping[tuple[str, ...], str]
    folder: str

    def file_of(self, path: tuple[str, ...]) -> str:
        for length in range(len(path), 0, -1):
            if (origin := self.origins.get(path[:length])) is not None:
                return origin
        return self.file


def shown(value: object) -> str:
    """A value as TOML would write it, roughly, and never longer than a line."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = '"' + value + '"'
    elif isinstance(value, dict):
        text = "a table"
    elif isinstance(value, int) and value.bit_length() > 64:
        text = "a number of more than 64 bits"
    elif isinstance(value, list):
        text = "[" + ", ".join(shown(item) for item in value[:8]) + "]"
    else:
        text = str(value)
    return text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 3] + "..."


class Table:
    """One table under check. ``path`` is where it stands in its file.

    Everywhere: without a ``default`` the key is required.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        source: Source,
        problems: list[ConfigProblem],
        path: tuple[str, ...] = (),
    ) -> None:
        self._values = values
        self._source = source
        self._problems = problems
        self._path = path
        self._asked: list[str] = []
        self._unsound: set[str] = set()

    # ------------------------------------------------------------ one value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        allowed = f"a whole number from {low} to {high}"
        value = self._value(key, int, allowed, low, default)
        if not low <= value <= high:
            return self._refused(key, value, allowed, low, remedies.for_range(value, low, high))
        return value

    def optional_integer(self, key: str, low: int, high: int) -> int | None:
        self._asked.append(key)
        return self.integer(key, low, high) if self.has(key) else None

    def flag(self, key: str, default: bool | None = None) -> bool:
        return self._value(key, bool, "true or false", False, default)

    def text(
        self, key: str, pattern: re.Pattern[str], allowed: str, default: str | None = None
    ) -> str:
        value = self._value(key, str, allowed, "", default)
        if self.is_sound(key) and self.has(key) and not pattern.fullmatch(value):
            return self._refused(key, value, allowed, "")
        return value

    def text_or_integer(
        self, key: str, pattern: re.Pattern[str], allowed: str, low: int, high: int
    ) -> str | int:
        if type(self.raw(key)) is int:
            return self.integer(key, low, high)
        return self.text(key, pattern, f"{allowed}, or a number from {low} to {high}")

    def name(self, key: str, bytes_max: int, default: str | None = None) -> str:
        """Something people type and cells hold: no spaces, at most ``bytes_max`` UTF-8 bytes."""
        allowed = f"a name of 1 to {bytes_max} bytes without spaces"
        value = self._value(key, str, allowed, "", default)
        if self.is_sound(key) and self.has(key):
            is_plain = value.isprintable() and " " not in value
            if not is_plain or not 1 <= len(value.encode(errors="replace")) <= bytes_max:
                return self._refused(key, value, allowed, "")
        return value

    def file(self, key: str, default: str | None = None) -> str:
        """A file name, made absolute."""
        allowed = "the name of a file"
        value = self._value(key, str, allowed, "", default)
        if not self.is_sound(key):
            return ""
        if not value or "\0" in value:
            return self._refused(key, value, allowed, "")
        return os.path.join(self._source.folder, value)

    def optional_file(self, key: str) -> str | None:
        self._asked.append(key)
        return self.file(key) if self.has(key) else None

    def choice(self, key: str, choices: Mapping[str, _T], default: str | None = None) -> _T:
        allowed = "one of " + ", ".join(choices)
        stand_in = next(iter(choices))
        value = self._value(key, str, allowed, stand_in, default)
        if value not in choices:
            value = self._refused(
                key, value, allowed, stand_in, remedies.for_choice(value, choices)
            )
        return choices[value]

    def integers(self, key: str, low: int, high: int, count_max: int) -> tuple[int, ...]:
        allowed = f"a list of 1 to {count_max} whole numbers from {low} to {high}"
        values = self._value(key, list, allowed, [])
        if not self.is_sound(key):
            return ()
        are_good = all(type(item) is int and low <= item <= high for item in values)
        if not are_good or not 1 <= len(values) <= count_max:
            return self._refused(key, values, allowed, ())
        return tuple(values)

    def optional_integers(self, key: str, low: int, high: int, count_max: int) -> tuple[int, ...]:
        """() where there is no such key."""
        self._asked.append(key)
        return self.integers(key, low, high, count_max) if self.has(key) else ()

    def array(self, key: str, allowed: str) -> list[Any]:
        """What the caller checks item by item; [] and not sound where it is no array."""
        values: list[Any] = self._value(key, list, allowed, [])
        return values

    # ------------------------------------------------------------ tables in it

    def table(self, key: str, is_required: bool = False) -> Table:
        """The table under ``key``; an empty one where it is missing."""
        default: dict[str, Any] | None = None if is_required else {}
        values: dict[str, Any] = self._value(key, dict, "a table", {}, default)
        # Where there is no table, that is the problem, and not each key that it should have had.
        problems = self._problems if self.is_sound(key) else []
        return Table(values, self._source, problems, (*self._path, key))

    def optional_table(self, key: str) -> Table | None:
        self._asked.append(key)
        return self.table(key) if self.has(key) else None

    def tables(self, key: str, count_max: int) -> list[Table]:
        """The array of tables under ``key``; [] where it is missing."""
        allowed = f"a list of at most {count_max} tables"
        values = self._value(key, list, allowed, [], [])
        if len(values) > count_max or not all(isinstance(item, dict) for item in values):
            values = self._refused(key, values, allowed, [])
        path = (*self._path, key)
        return [
            Table(item, self._source, self._problems, (*path[:-1], f"{key}[{number}]"))
            for number, item in enumerate(values)
        ]

    def each(self, key: str, count_max: int, read: Callable[[Table], _T]) -> tuple[_T, ...]:
        """Reads and ends every table of an array; names in it must differ."""
        tables = self.tables(key, count_max)
        items = tuple(read(table) for table in tables)
        for table in tables:
            table.end()
        require_distinct(tables, "name")
        return items

    # ------------------------------------------------------------ what is wrong

    def has(self, key: str) -> bool:
        return key in self._values

    def is_sound(self, *keys: str) -> bool:
        """True when these keys were read without a problem (a default counts as sound)."""
        return self._unsound.isdisjoint(keys)

    def mark_unsound(self, key: str) -> None:
        """For a table under ``key`` whose problems were noted there."""
        self._unsound.add(key)

    def ignore(self, *keys: str) -> None:
        """These keys may be there; nothing can be said about them."""
        self._asked.extend(keys)

    def raw(self, key: str) -> Any:
        return self._values.get(key)

    def refuse(
        self, key: str, value: str, allowed: str, under: tuple[str, ...] = (), remedy: str = ""
    ) -> None:
        """Notes a problem that the caller found; ``value`` as people are to see it.

        ``under``: the tables between this one and the key. ``remedy``: what to do, where that is
        more than to write what is allowed.
        """
        path = (*self._path, *under, key)
        file = self._source.file_of(tuple(part.partition("[")[0] for part in path))
        where = ".".join(map(_key_shown, path))
        remedy = remedy or remedies.in_general(_key_shown(key), value, allowed)
        self._problems.append(ConfigProblem(file, where, value, allowed, remedy))
        self._unsound.add(key)

    def end(self) -> None:
        """Every key that nobody asked for is unknown."""
        known = sorted(set(self._asked))
        for key in self._values:
            if key in known:
                continue
            near = remedies.near_one(key, known)
            among = "one of " + ", ".join(known) if known else "no key at all"
            allowed = f'"{near}" (the nearest name)' if near else among
            remedy = remedies.for_unknown(_key_shown(key), known)
            self.refuse(key, "an unknown key", allowed, remedy=remedy)
            if near is not None:
                self._forget_missing(near)

    def _forget_missing(self, key: str) -> None:
        """It is there, misspelled: one mistake is told once."""
        path = ".".join(map(_key_shown, (*self._path, key)))
        self._problems[:] = [
            each for each in self._problems if (each.key, each.value) != (path, "missing")
        ]

    def _value(
        self, key: str, wanted: type[_T], allowed: str, stand_in: _T, default: _T | None = None
    ) -> _T:
        self._asked.append(key)
        if key not in self._values:
            if default is None:
                remedy = remedies.for_missing((*self._path, key), wanted)
                self.refuse(key, "missing", allowed, remedy=remedy)
                return stand_in
            return default
        value = self._values[key]
        # Exactly the type: in Python a bool is an int, in TOML it is not.
        if type(value) is not wanted:
            remedy = remedies.for_type((*self._path, _key_shown(key)), value, wanted)
            return self._refused(key, value, allowed, stand_in, remedy)
        return value

    def _refused(self, key: str, value: object, allowed: str, stand_in: _T, remedy: str = "") -> _T:
        self.refuse(key, shown(value), allowed, remedy=remedy)
        return stand_in


def require_distinct(tables: Sequence[Table], key: str) -> None:
    """The second and every later table with the same value under ``key`` is a problem."""
    seen: list[object] = []
    for table in tables:
        if table.has(key) and table.is_sound(key):
            value = table.raw(key)
            if value in seen:
                allowed = "a value that no other entry of this list has"
                table.refuse(key, shown(value), allowed, remedy=remedies.for_duplicate(key))
            seen.append(value)


def _key_shown(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+(\[\d+\])?", key) else shown(key)
