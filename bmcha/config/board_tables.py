"""Takes a board apart: what it is, its watchdog, and what `line_tables` and `chassis_tables` read.

Knows the keys of a board file; knows nothing of the module's own file (that is `module_file`) nor
of what a class of board needs from both (that is `relations`). Called by
`bmcha.config.module_file`.
"""

from __future__ import annotations

from typing import Final

from bmcha.config.chassis_tables import read_chassis
from bmcha.config.line_tables import read_lines
from bmcha.config.table import Table
from bmcha.model.board import BoardLines
from bmcha.model.reading import NAME_BYTES_MAX
from bmcha.model.record import dataclass
from bmcha.model.settings import BoardClass, ChassisSettings

_BOARD_CLASSES: Final = {member.value: member for member in BoardClass}
KERNEL_DEVICE: Final = "/dev/watchdog"


@dataclass(frozen=True, slots=True)
class Board:
    name: str
    board_class: BoardClass
    watchdog_ms: int | None
    watchdog_file: str | None
    watchdog_pretimeout_ms: int
    lines: BoardLines
    chassis: ChassisSettings


def read_board_table(table: Table) -> Board:
    watchdog_file, pretimeout_ms = _watchdog(table)
    board = Board(
        name=table.name("name", NAME_BYTES_MAX),
        board_class=table.choice("class", _BOARD_CLASSES),
        watchdog_ms=table.optional_integer("watchdog_ms", 50, 60_000),
        watchdog_file=watchdog_file,
        watchdog_pretimeout_ms=pretimeout_ms,
        lines=read_lines(table),
        chassis=read_chassis(table),
    )
    if table.has("watchdog_ms") != table.has("watchdog"):
        missing = "watchdog" if table.has("watchdog_ms") else "watchdog_ms"
        table.refuse(missing, "missing", "either both, watchdog_ms and watchdog.file, or neither")
    table.end()
    return board


def _watchdog(table: Table) -> tuple[str | None, int]:
    """Its file, and the pretimeout, 0 for none."""
    watchdog = table.optional_table("watchdog")
    if watchdog is None:
        return None, 0
    file = watchdog.file("file")
    pretimeout_ms = watchdog.integer("pretimeout_ms", 0, 60_000, 0)
    watchdog.end()
    timeout_ms = table.raw("watchdog_ms")
    if isinstance(timeout_ms, int) and watchdog.is_sound("file", "pretimeout_ms"):
        _check_seconds(table, watchdog, file, timeout_ms, pretimeout_ms)
    return file, pretimeout_ms


def _check_seconds(
    table: Table, watchdog: Table, file: str, timeout_ms: int, pretimeout_ms: int
) -> None:
    """The kernel's device counts whole seconds; a plain file in its place does not mind."""
    if not file.startswith(KERNEL_DEVICE):
        if pretimeout_ms:
            allowed = f"0 or missing: {file} is not the kernel's device"
            watchdog.refuse("pretimeout_ms", str(pretimeout_ms), allowed)
        return
    if timeout_ms % 1000:
        allowed = f"a multiple of 1000: {file} counts whole seconds"
        table.refuse("watchdog_ms", str(timeout_ms), allowed)
    if pretimeout_ms % 1000 or pretimeout_ms >= timeout_ms > 0:
        allowed = f"a multiple of 1000 below watchdog_ms = {timeout_ms}"
        watchdog.refuse("pretimeout_ms", str(pretimeout_ms), allowed)
