"""What a holder changed in the picture while it heard nobody: kept in words if it loses.

Holds the cells as they were when it was left alone, and compares. Readings are not what it did:
of them only the quality counts. Judges nothing; called by `bmcha.chronicle`.
"""

from __future__ import annotations

from bmcha.chassis.picture import ChassisPicture, Key, key_of
from bmcha.model.reading import (
    EVENT_TEXT_BYTES_MAX,
    AlarmCell,
    BladeCell,
    FanCell,
    ImageCell,
    SensorCell,
    SupplyCell,
)

SENTENCES_MAX = 64
"""Some ten kilobytes of log for one split; further changes are counted."""


class ImageChanges:
    def __init__(self) -> None:
        self._before: dict[Key, ImageCell] | None = None

    def follow(self, is_alone: bool, picture: ChassisPicture) -> None:
        if not is_alone:
            self._before = None
        elif self._before is None:
            self._before = {key_of(cell): cell for cell in picture.cells()}

    def sentences(self, picture: ChassisPicture) -> list[str]:
        """One for each cell that says another thing than then, none longer than a record holds."""
        if self._before is None:
            return []
        found = []
        for cell in picture.cells():
            former = self._before.get(key_of(cell))
            before, after = _word(former), _word(cell)
            if after is not None and before != after:
                found.append(f"{after[0]}: {before[1] if before else 'new'} -> {after[1]}")
        if len(found) > SENTENCES_MAX:
            left_out = len(found) - SENTENCES_MAX + 1
            found = [*found[: SENTENCES_MAX - 1], f"and {left_out} more changes"]
        return [text[:EVENT_TEXT_BYTES_MAX] for text in found]


def _word(cell: ImageCell | None) -> tuple[str, str] | None:
    """What a cell is called, and what a holder decides of it. None: nothing."""
    match cell:
        case FanCell():
            return f"fan {cell.name}", f"pwm {cell.pwm}, {cell.state.name}"
        case SensorCell():
            return f"sensor {cell.name}", cell.quality.name
        case SupplyCell():
            return f"supply {cell.name}", cell.state.name
        case BladeCell():
            return f"blade {cell.name}", f"{cell.state.name}, {cell.budget_milliwatt} mW"
        case AlarmCell():
            return f"alarm {cell.alarm_id}", "raised" if cell.is_raised else "cleared"
        case _:
            return None
