"""Takes a board apart: what it is, its watchdog, and what `line_tables` and `chassis_tables` read.

Knows the keys of a board file; knows nothing of the module's own file (that is `module_file`) nor
of what a class of board needs from both (that is `relations`). Called by
`bmcha.config.module_file`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bmcha.config.chassis_tables import read_chassis
from bmcha.config.line_tables import read_lines
from bmcha.config.table import Table
from bmcha.model.board import BoardLines
from bmcha.model.reading import NAME_BYTES_MAX
from bmcha.model.settings import BoardClass, ChassisSettings

_BOARD_CLASSES: Final = {member.value: member for member in BoardClass}


@dataclass(frozen=True, slots=True)
class Board:
    name: str
    board_class: BoardClass
    watchdog_ms: int | None
    watchdog_file: str | None
    lines: BoardLines
    chassis: ChassisSettings


def read_board_table(table: Table) -> Board:
    board = Board(
        name=table.name("name", NAME_BYTES_MAX),
        board_class=table.choice("class", _BOARD_CLASSES),
        watchdog_ms=table.optional_integer("watchdog_ms", 50, 60_000),
        watchdog_file=_watchdog_file(table),
        lines=read_lines(table),
        chassis=read_chassis(table),
    )
    if table.has("watchdog_ms") != table.has("watchdog"):
        missing = "watchdog" if table.has("watchdog_ms") else "watchdog_ms"
        table.refuse(missing, "missing", "either both, watchdog_ms and watchdog.file, or neither")
    table.end()
    return board


def _watchdog_file(table: Table) -> str | None:
    watchdog = table.optional_table("watchdog")
    if watchdog is None:
        return None
    file = watchdog.file("file")
    watchdog.end()
    return file
