"""Checks that the straps, read now, say a slot of this chassis, and one that fits the file.

A service in a slot that its file does not know starts and can do nothing; one whose paths lead to
itself does not start. Only straps that are files are read: a GPIO line would have to be requested,
which is not done here. Called by `bmcha.check.run`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bmcha.check.bounded import within
from bmcha.check.finding import Finding, from_problems
from bmcha.check.subject import Subject
from bmcha.config.module_file import slot_problems
from bmcha.hal.board_lines import WiredLines
from bmcha.hal.port import PortError
from bmcha.model.board import BoardLines, LineFile, OwnLines
from bmcha.model.identity import Succession

ANY_SLOT = Succession(tuple(range(1, 256)))


def own_slot(subject: Subject) -> int | str | None:
    """What the service would read: the slot, or why there is none; None: not to be read here."""
    straps = subject.board.lines.straps
    lines = (*straps.bits, *straps.checks)
    is_sound = not any(key.startswith("straps") for _, key in subject.wrong_keys)
    if not lines or not is_sound:
        return None
    if not all(isinstance(line, LineFile) and subject.is_within_reach(line.file) for line in lines):
        return None
    return within(lambda: _read(BoardLines(straps, OwnLines(), ())))


def check_slot(subject: Subject, slot: int | str | None) -> Iterator[Finding]:
    """``slot``: as `own_slot` gives it."""
    if isinstance(slot, str):
        remedy = (
            "see how the module is seated; mend the backplane's straps, or bits and their proof"
        )
        yield subject.in_board("straps", slot, "straps that say a slot of this chassis", remedy)
    elif slot is not None and subject.node is not None:
        succession = subject.node.succession
        if subject.is_sound(subject.module_file, "chassis.succession"):
            found = slot_problems(subject.module_file, succession, subject.node.paths, slot)
            yield from from_problems(found)


def _read(lines: BoardLines) -> int | str:
    try:
        wired = WiredLines(lines, ANY_SLOT)
        try:
            return wired.read_slot()
        finally:
            wired.close()
    except PortError as error:
        return str(error).partition(", not one of 1, 2")[0]
