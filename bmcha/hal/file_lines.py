"""One of the board's lines as a file that holds "0" or "1": the virtual chassis, and sysfs GPIO.

Knows the file and its polarity; judges nothing. Rules: a line that cannot be read, or holds
anything but 0 or 1, is None and never a guess. Any thread may read and drive: nothing is kept.
Made and used by `board_lines`.
"""

from __future__ import annotations

from typing import Final

from bmcha.hal.port import PortError
from bmcha.hal.value_file import read_whole_number, write_whole_number
from bmcha.model.board import LineFile

_LEVELS: Final = (0, 1)


class FileLine:
    def __init__(self, line: LineFile) -> None:
        self._line = line

    def __str__(self) -> str:
        return self._line.file

    def level(self) -> bool | None:
        """True: asserted. None: not 0 or 1, or unreadable."""
        value = read_whole_number(self._line.file)
        return None if value not in _LEVELS else bool(value) != self._line.is_active_low

    def drive(self, is_up: bool) -> None:
        """PortError: it could not be written."""
        try:
            write_whole_number(self._line.file, int(is_up != self._line.is_active_low))
        except OSError as error:
            raise PortError(f"{self} cannot be driven: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is held. A file keeps its level: it may be another process's by now."""
