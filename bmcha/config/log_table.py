"""Takes the ``[log]`` table of a module's file apart. Called by `bmcha.config.module_file`."""

from __future__ import annotations

from typing import Final

from bmcha.config.table import Table
from bmcha.diag.log import Level, StderrUse
from bmcha.model.record import dataclass

FILE_BYTES_DEFAULT: Final = 1_000_000
"""Two files of this size hold some months of an ordinary module's life."""

_LEVELS: Final = {level.name.lower(): level for level in Level}
_STDERR_USES: Final = {use.value: use for use in StderrUse}


@dataclass(frozen=True, slots=True)
class LogSettings:
    """``file_bytes_max``: then the file becomes ``NAME.1``, so that twice this is the most."""

    level: Level
    stderr: StderrUse
    file_bytes_max: int


def read_log(table: Table) -> LogSettings:
    log = LogSettings(
        level=table.choice("level", _LEVELS, "info"),
        stderr=table.choice("stderr", _STDERR_USES, "auto"),
        file_bytes_max=table.integer("file_bytes_max", 10_000, 1 << 30, FILE_BYTES_DEFAULT),
    )
    table.end()
    return log
