"""The chassis picture: every image cell this node knows, as values.

The picture is what the shared-memory image and the mirror are made from. It judges nothing; the
writer is the node: from its own readings when ACTIVE, from the mirror when STANDBY.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bmcha.model.reading import (
    AlarmCell,
    BladeCell,
    Cell,
    CellKind,
    EventCell,
    FanCell,
    FanValue,
    ImageCell,
    RunCell,
    SensorCell,
    SensorValue,
    SupplyCell,
)

Key = tuple[CellKind, int]


def key_of(cell: Cell) -> Key:
    match cell:
        case RunCell():
            return (CellKind.RUN, 0)
        case SensorCell() | SensorValue():
            return (CellKind.SENSOR, cell.index)
        case FanCell() | FanValue():
            return (CellKind.FAN, cell.index)
        case SupplyCell():
            return (CellKind.SUPPLY, cell.index)
        case BladeCell():
            return (CellKind.BLADE, cell.index)
        case AlarmCell():
            return (CellKind.ALARM, cell.index)
        case EventCell():
            return (CellKind.EVENT, cell.index)


class ChassisPicture:
    def __init__(self) -> None:
        self._cells: dict[Key, ImageCell] = {}

    def put(self, cell: ImageCell) -> None:
        self._cells[key_of(cell)] = cell

    def replace_all(self, cells: Iterable[ImageCell]) -> None:
        self._cells = {key_of(cell): cell for cell in cells}

    def merge(self, cell: SensorValue | FanValue) -> ImageCell | None:
        """The full cell with a new value in it; None when the full cell is not known."""
        known = self._cells.get(key_of(cell))
        match known, cell:
            case SensorCell(), SensorValue():
                return replace(
                    known,
                    value_milli=cell.value_milli,
                    quality=cell.quality,
                    stamp_ns=cell.stamp_ns,
                )
            case FanCell(), FanValue():
                return replace(
                    known, rpm=cell.rpm, pwm=cell.pwm, state=cell.state, stamp_ns=cell.stamp_ns
                )
            case _:
                return None

    def get(self, key: Key) -> ImageCell | None:
        return self._cells.get(key)

    def cells(self) -> list[ImageCell]:
        return list(self._cells.values())

    def sensors(self) -> list[SensorCell]:
        return [c for c in self._cells.values() if isinstance(c, SensorCell)]

    def fans(self) -> list[FanCell]:
        return [c for c in self._cells.values() if isinstance(c, FanCell)]

    def units(self) -> list[SupplyCell | BladeCell]:
        return [c for c in self._cells.values() if isinstance(c, SupplyCell | BladeCell)]

    def alarms(self) -> list[AlarmCell]:
        return [c for c in self._cells.values() if isinstance(c, AlarmCell) and c.is_raised]

    def sensor(self, index: int) -> SensorCell | None:
        cell = self._cells.get((CellKind.SENSOR, index))
        return cell if isinstance(cell, SensorCell) else None

    def fan(self, index: int) -> FanCell | None:
        cell = self._cells.get((CellKind.FAN, index))
        return cell if isinstance(cell, FanCell) else None
