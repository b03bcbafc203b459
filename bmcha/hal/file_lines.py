"""The board's lines as files that hold "0" or "1": the virtual chassis, and sysfs-shaped GPIO.

Knows files and polarity; judges nothing. Rules: a line that cannot be read, or holds anything but
0 or 1, is None and never a guess; straps are believed only when every bit can be read; a change is
a hint, levels are read again. `drive` and `read` may be called from any thread: they keep nothing.
Called by the lines worker and the effect runner; made by `bmcha.app`.
"""

from __future__ import annotations

from typing import Final

from bmcha.hal.file_watch import FileWatch
from bmcha.hal.port import PortError
from bmcha.hal.value_file import read_whole_number, write_whole_number
from bmcha.model.board import BoardLines, LineFile, PeerLines
from bmcha.model.effect import OwnLine
from bmcha.model.event import LineLevels, LinesRead
from bmcha.model.identity import Succession

_LEVELS: Final = (0, 1)


class FileLines:
    """Lines of one module in a chassis whose slots stand in ``succession``.

    Which slot a peer's lines belong to is known once `read_slot` has read the own one; until then
    `read` has no peers. Raises PortError when changes cannot be watched.
    """

    def __init__(self, lines: BoardLines, succession: Succession) -> None:
        self._lines = lines
        self._succession = succession
        self._peers: tuple[tuple[int, PeerLines], ...] = ()
        self._driven: dict[str, LineFile | None] = {
            OwnLine.HEALTH.value: lines.own.health,
            OwnLine.ACTIVE.value: lines.own.active,
            OwnLine.OUTPUT_ENABLE.value: lines.own.output_enable,
        }
        self._watch = FileWatch()
        inputs = [lines.own.outputs_open, lines.own.active_sense]
        for peer in lines.peers:
            inputs += [peer.presence, peer.health, peer.active]
        for line in inputs:
            if line is not None:
                self._watch.add(line.file)

    def read(self) -> LinesRead:
        own = self._lines.own
        return LinesRead(
            peers=tuple(
                (slot, LineLevels(_level(peer.presence), _level(peer.health), _level(peer.active)))
                for slot, peer in self._peers
            ),
            outputs_open=_level(own.outputs_open),
            own_active=_level(own.active_sense),
            read_ns=0,
        )

    def wait(self, timeout_s: float) -> bool:
        return bool(self._watch.wait(timeout_s))

    def wake(self) -> None:
        """From any thread: a waiting `wait` returns at once."""
        self._watch.wake()

    def drive(self, name: str, is_up: bool) -> None:
        """Raises PortError when it could not be written."""
        line = self._driven.get(name)
        if line is None:
            return
        try:
            write_whole_number(line.file, int(is_up != line.is_active_low))
        except OSError as error:
            text = f"line {name} ({line.file}) cannot be driven: {error.strerror}"
            raise PortError(text) from error

    def read_slot(self) -> int:
        slot = 0
        for number, strap in enumerate(self._lines.straps):
            bit = _level(strap)
            if bit is None:
                raise PortError(f"slot strap {number} ({strap.file}) cannot be read as 0 or 1")
            slot |= bit << number
        known = ", ".join(map(str, self._succession.slots))
        if slot not in self._succession.slots:
            names = ", ".join(strap.file for strap in self._lines.straps)
            raise PortError(f"the straps ({names}) say slot {slot}, not one of {known}")
        slots, rank = self._succession.slots, self._succession.rank(slot)
        self._peers = tuple(
            (slots[(rank + peer.offset) % len(slots)], peer) for peer in self._lines.peers
        )
        return slot

    def close(self) -> None:
        self._watch.close()


def _level(line: LineFile | None) -> bool | None:
    """True: asserted. None: not wired, or not 0 or 1."""
    value = read_whole_number(line.file) if line is not None else None
    if line is None or value not in _LEVELS:
        return None
    return bool(value) != line.is_active_low
