"""The outlines of the two files, and the text that belongs to each of their keys.

Joins what the readers ask for (`outline`) with what it means (`key_texts`). Called by the schemas,
the reference page and `bmcha check`; the running service never imports it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from bmcha.config.board_tables import read_board_table
from bmcha.config.key_texts import BOARD_TEXTS, MODULE_TEXTS
from bmcha.config.module_file import read_module_table
from bmcha.config.outline import Facts, Key, Outline, Path, outline_of

FILES: Final = ("module", "board")

# The one key that is read before there is a table: it says what else belongs to the table.
_INHERIT: Final = Key((Facts("text", "the name of a board file next to this one"),), False)


@functools.cache
def outline(file: str) -> Outline:
    """``file``: "module" or "board"."""
    if file == "module":
        return _in_order(file, (), outline_of(read_module_table))
    return _in_order(file, (), {"inherit": _INHERIT, **outline_of(read_board_table)})


def texts(file: str) -> Mapping[str, str]:
    return MODULE_TEXTS if file == "module" else BOARD_TEXTS


def text_key(path: Path, siblings: Outline) -> str:
    """Under which name a key's text is found; all lines share theirs."""
    return f"line.{path[-1]}" if is_line(siblings) else ".".join(path)


def text_of(file: str, path: Path, siblings: Outline) -> str:
    return texts(file).get(text_key(path, siblings), "")


def _in_order(file: str, path: Path, table: Outline) -> Outline:
    """As the texts stand: readers ask in the order that suits them."""
    order = {name: number for number, name in enumerate(texts(file))}

    def place(name: str) -> int:
        return order.get(text_key((*path, name), table), len(order))

    return {
        name: key
        if (key := table[name]).inner is None
        else replace(key, inner=_in_order(file, (*path, name), key.inner or {}))
        for name in sorted(table, key=place)
    }


def is_line(table: Outline) -> bool:
    return "active_low" in table


def walk(table: Outline, path: Path = ()) -> Iterator[tuple[Path, Key, Outline]]:
    """Every key with its path and the keys beside it, in the order of the readers."""
    for name, key in table.items():
        yield (*path, name), key, table
        if key.inner is not None:
            yield from walk(key.inner, (*path, name))
