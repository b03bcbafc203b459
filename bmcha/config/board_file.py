"""Reads TOML files: a module's own, and a board file with all that it inherits.

Knows where board files are looked for and how tables are merged; judges no key but `inherit`.
Rules: of a merged board every key remembers the file it came from, so that a problem names that
file; nothing here waits or reads without bound, whatever the file name stands for. Called by
`bmcha.config.module_file` and, for the shipped boards, by the virtual chassis.
"""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from bmcha.config.table import ConfigError, ConfigProblem, shown

FILE_BYTES_MAX: Final = 1 << 20
"""A board of 512 sensors takes 100 kB; more than this is not a configuration."""
INHERIT_DEPTH_MAX: Final = 8

_READABLE = "a readable TOML file in UTF-8"


def shipped_boards() -> dict[str, str]:
    """File name to full path of every board that came with bmcha.

    A checkout's own folder comes first, so that there an edited board is the one in use.
    """
    found: dict[str, str] = {}
    for folder in _shipped("board"):
        if os.path.isdir(folder):
            for name in sorted(os.listdir(folder)):
                if name.endswith(".toml"):
                    found.setdefault(name, os.path.join(folder, name))
    return found


def shipped_schema(file: str) -> str | None:
    """The JSON Schema of a "module" or a "board" that came with bmcha, for editors."""
    places = (os.path.join(each, f"{file}.schema.json") for each in _shipped("docs/schema"))
    return next(filter(os.path.exists, places), None)


def _shipped(folder: str) -> tuple[str, str]:
    """In the checkout, and where it was installed."""
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return (
        os.path.join(checkout, folder),
        os.path.join(sys.prefix, "share", "bmcha", folder),
    )


def find_board(name: str, beside: str) -> str | None:
    """The board file ``name``: absolute, in the folder ``beside``, or shipped. None: nowhere."""
    near = os.path.join(beside, name)
    if os.path.exists(near):
        return near
    return shipped_boards().get(name)


def read_toml(file: str, named_by: ConfigProblem | None = None) -> dict[str, Any]:
    """The file's table. ``named_by``: the problem to report instead where the file is missing."""
    text = _read_text(file, named_by)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).partition(" (at ")
        place = where.removesuffix(")") or "somewhere"
        raise _unusable(file, f"not TOML: {what}", place) from None
    except RecursionError:
        raise _unusable(file, "nested too deeply") from None
    except ValueError as error:
        # A number of more than 4300 digits, a date that no calendar has.
        raise _unusable(file, f"not TOML: {error}") from None


def read_board(file: str) -> tuple[dict[str, Any], dict[tuple[str, ...], str]]:
    """The board with everything it inherits, and the file that each key came from."""
    try:
        return _read_with_base(file, ())
    except RecursionError:
        raise _unusable(file, "nested too deeply") from None


def _read_with_base(
    file: str, heirs: tuple[str, ...]
) -> tuple[dict[str, Any], dict[tuple[str, ...], str]]:
    values = read_toml(file)
    origins: dict[tuple[str, ...], str] = {}
    base_name = values.pop("inherit", None)
    merged: dict[str, Any] = {}
    if base_name is not None:
        heirs = (*heirs, os.path.realpath(file))
        base = _base_file(file, base_name, heirs)
        merged, origins = _read_with_base(base, heirs)
    _merge(merged, values, origins, file, ())
    return merged, origins


def _base_file(file: str, name: object, heirs: tuple[str, ...]) -> str:
    allowed = "the name of a board file next to this one"
    if not isinstance(name, str) or not name or "\0" in name:
        raise ConfigError([_inherit(file, shown(name), allowed)])
    base = os.path.join(os.path.dirname(file), name)
    if os.path.realpath(base) in heirs:
        allowed = "a file that does not inherit from this one in turn"
        raise ConfigError([_inherit(file, shown(name), allowed)])
    if len(heirs) > INHERIT_DEPTH_MAX:
        allowed = f"a chain of at most {INHERIT_DEPTH_MAX} files"
        raise ConfigError([_inherit(file, shown(name), allowed)])
    if not os.path.exists(base):
        value = f"{shown(name)}, which does not exist"
        raise ConfigError([_inherit(file, value, allowed)])
    return base


def _merge(
    into: dict[str, Any],
    values: Mapping[str, Any],
    origins: dict[tuple[str, ...], str],
    file: str,
    path: tuple[str, ...],
) -> None:
    """Tables key by key; everything else, arrays too, is replaced."""
    for key, value in values.items():
        here = (*path, key)
        origins[here] = file
        old = into.get(key)
        if isinstance(value, dict):
            if not isinstance(old, dict):
                into[key] = old = {}
            _merge(old, value, origins, file, here)
            continue
        if isinstance(old, dict):
            for inner in [known for known in origins if known[: len(here)] == here]:
                origins[inner] = file
        into[key] = value


def _read_text(file: str, named_by: ConfigProblem | None) -> str:
    try:
        # Not blocking: the name may be that of a pipe that nobody writes to.
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with open(fd, "rb") as opened:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise _unusable(file, "not a regular file")
            data = opened.read(FILE_BYTES_MAX + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        if named_by is not None:
            raise ConfigError([named_by]) from None
        raise _unusable(file, f"unreadable ({error.strerror})") from None
    except OSError as error:
        raise _unusable(file, f"unreadable ({error.strerror})") from None
    except ValueError:
        raise _unusable(file, "no file name") from None
    if len(data) > FILE_BYTES_MAX:
        raise _unusable(file, f"longer than {FILE_BYTES_MAX} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unusable(file, "not UTF-8", f"line {line}") from None


def _unusable(file: str, what: str, key: str = "the file") -> ConfigError:
    remedy = "mend the line" if key.startswith("line") else f"see `ls -l {file}`"
    return ConfigError([ConfigProblem(file, key, what, _READABLE, remedy)])


def _inherit(file: str, value: str, allowed: str) -> ConfigProblem:
    remedy = "name an existing file in this file's folder, or take the line out"
    return ConfigProblem(file, "inherit", value, allowed, remedy)
