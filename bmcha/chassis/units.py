"""Judges power supplies and blades from what was read of them: fails, is off, is not there.

A supply whose board does not say whether its output is good, or whose file cannot be read, or was
not read for too long, is UNKNOWN and never FAILED. Judgements are values; alarms are made by
`keeper` from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bmcha.model.event import BladeRead, SupplyRead
from bmcha.model.moment import ns_from_ms
from bmcha.model.reading import BladeCell, SupplyCell, UnitState
from bmcha.model.role import Severity
from bmcha.model.settings import UNIT_ROUNDS, BladeSettings, ChassisSettings, SupplySettings

Unit = SupplyCell | BladeCell
POWER_STEP_SHARE = 100
"""A change by less than a hundredth of what is rated is not worth a write and a delta."""


def initial_supply(index: int, settings: SupplySettings, now_ns: int) -> SupplyCell:
    rated_milliwatt = settings.rated_milliwatt
    return SupplyCell(index, settings.name, UnitState.UNKNOWN, 0, rated_milliwatt, now_ns)


def initial_blade(index: int, settings: BladeSettings, now_ns: int) -> BladeCell:
    return BladeCell(index, settings.name, UnitState.UNKNOWN, settings.budget_milliwatt, now_ns)


def judge_supply(cell: SupplyCell, read: SupplyRead) -> SupplyCell:
    """The cell after the reading; without a power the last one stays."""
    state = {True: UnitState.OK, False: UnitState.FAILED, None: UnitState.UNKNOWN}[read.is_ok]
    output_milliwatt = cell.output_milliwatt
    if read.output_milliwatt is not None:
        output_milliwatt = read.output_milliwatt
    is_small = abs(output_milliwatt - cell.output_milliwatt) * POWER_STEP_SHARE
    if state is cell.state and is_small < cell.rated_milliwatt:
        return cell
    return replace(cell, state=state, output_milliwatt=output_milliwatt, stamp_ns=read.read_ns)


def judge_blade(cell: BladeCell, read: BladeRead) -> BladeCell:
    """A blade that is there and draws nothing is OFF; one whose power nobody measures is OK."""
    state = UnitState.UNKNOWN
    if read.is_present is not None:
        state = UnitState.OK if read.is_present else UnitState.ABSENT
    if state is UnitState.OK and read.drawn_milliwatt == 0:
        state = UnitState.OFF
    return cell if state is cell.state else replace(cell, state=state, stamp_ns=read.read_ns)


class UnitJudge:
    """Remembers when each unit was read last: cells that do not change keep their age."""

    def __init__(self, settings: ChassisSettings) -> None:
        self.settings = settings
        self._begun_ns = 0
        self._read_ns: dict[tuple[type, int], int] = {}
        self._overdue: set[tuple[type, int]] = set()

    def begin(self, now_ns: int) -> None:
        """From now on this node judges."""
        self._begun_ns = now_ns
        self._read_ns.clear()
        self._overdue.clear()

    def supply(self, cell: SupplyCell, read: SupplyRead) -> SupplyCell:
        self._note(cell, read.read_ns)
        return judge_supply(cell, read)

    def blade(self, cell: BladeCell, read: BladeRead) -> BladeCell:
        self._note(cell, read.read_ns)
        return judge_blade(cell, read)

    def age_out(self, cells: Sequence[Unit], now_ns: int) -> list[Unit]:
        """The cells whose last reading is too old to tell anything, as UNKNOWN."""
        old = [cell for cell in cells if self._is_told(cell) and self._is_old(cell, now_ns)]
        self._overdue.update((type(cell), cell.index) for cell in old)
        known = [cell for cell in old if cell.state is not UnitState.UNKNOWN]
        return [replace(cell, state=UnitState.UNKNOWN) for cell in known]

    def conditions(self, cell: Unit) -> Iterator[tuple[str, Severity, str]]:
        is_supply = isinstance(cell, SupplyCell)
        if is_supply and cell.state is UnitState.FAILED:
            text = f"{cell.name} gives no power: the others carry its load"
            yield f"supply-{cell.name}-failed", Severity.MAJOR, text
        why = self._why_unread(cell)
        if why and is_supply:
            yield f"supply-{cell.name}-unreadable", Severity.MAJOR, f"{cell.name}: {why}"
        elif why:
            yield f"blade-{cell.name}-unreadable", Severity.MINOR, f"{cell.name}: {why}"

    def _why_unread(self, cell: Unit) -> str:
        """ "" of what is known, of what the board does not tell, and before it could be read."""
        key = (type(cell), cell.index)
        if cell.state is not UnitState.UNKNOWN or not self._is_told(cell):
            return ""
        if key in self._overdue:
            return f"not read for {self._stale_ms} ms: its device does not answer"
        return "its file cannot be read as 0 or 1" if key in self._read_ns else ""

    @property
    def _stale_ms(self) -> int:
        return self.settings.sensor_stale_ms + UNIT_ROUNDS * self.settings.sensor_period_ms

    def _note(self, cell: Unit, read_ns: int) -> None:
        self._read_ns[(type(cell), cell.index)] = read_ns
        self._overdue.discard((type(cell), cell.index))

    def _is_old(self, cell: Unit, now_ns: int) -> bool:
        read_ns = self._read_ns.get((type(cell), cell.index), self._begun_ns)
        return now_ns - read_ns > ns_from_ms(self._stale_ms)

    def _is_told(self, cell: Unit) -> bool:
        """Whether the board tells its state; a peer may have sent more than this board has."""
        if isinstance(cell, SupplyCell):
            return any(s.ok_file for s in self.settings.supplies[cell.index : cell.index + 1])
        return any(b.present_file for b in self.settings.blades[cell.index : cell.index + 1])
