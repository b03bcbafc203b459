"""What the checks of devices are given: the configuration as far as it could be read, and names.

Knows which file each key came from and which keys are known to be wrong already, so that a device
is not looked for under a name that is a stand-in. Built by `bmcha.check.run`.
"""

from __future__ import annotations

import os

from bmcha.check.finding import Finding
from bmcha.config.board_tables import Board
from bmcha.config.module_file import ServiceSettings
from bmcha.config.table import Source
from bmcha.model.record import dataclass
from bmcha.model.settings import NodeSettings


@dataclass(frozen=True, slots=True)
class Subject:
    """``node`` and ``service`` are None where a board file is checked alone; then also
    ``module_file`` is ""."""

    board: Board
    board_source: Source
    wrong_keys: frozenset[tuple[str, str]]
    """(file, key) of every problem that reading found."""
    module_file: str = ""
    node: NodeSettings | None = None
    service: ServiceSettings | None = None
    is_hw_root_missing: bool = False
    """Told once, and not again for every file in it."""

    def in_board(
        self, key: str, value: str, allowed: str, remedy: str, is_advice: bool = False
    ) -> Finding:
        return Finding(self.board_file_of(key), key, value, allowed, remedy, is_advice)

    def in_module(
        self, key: str, value: str, allowed: str, remedy: str, is_advice: bool = False
    ) -> Finding:
        return Finding(self.module_file, key, value, allowed, remedy, is_advice)

    def board_file_of(self, key: str) -> str:
        return self.board_source.file_of(tuple(part.partition("[")[0] for part in key.split(".")))

    def is_sound(self, file: str, key: str) -> bool:
        """Neither the key nor a table that it stands in has been found wrong."""
        parts = key.split(".")
        above = {".".join(parts[: length + 1]) for length in range(len(parts))}
        return all((file, each) not in self.wrong_keys for each in above)

    def is_within_reach(self, file: str) -> bool:
        """Whether a file that the board names can be looked for from here."""
        root = self.board_source.folder
        is_below = self.is_hw_root_missing and file.startswith(os.path.join(root, ""))
        return os.path.isabs(file) and not is_below
