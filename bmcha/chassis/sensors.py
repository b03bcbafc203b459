"""Judges readings: whether to believe them, how old they may grow, and limits with hysteresis.

A failed read, or a value that the quantity cannot have, makes a cell BAD and keeps the last value;
a good value that has grown too old is STALE; a sensor that was never read stays NONE. A value that
jumps further than the sensor may is not taken until the next reading is near it: a disturbed
transfer passes unseen, a real step is a period late, and what cannot be confirmed grows STALE.
Judgements are values with a reason for people; alarms are made of them by `keeper`.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, unique
from typing import Final

from bmcha.model.event import SensorRead
from bmcha.model.moment import ns_from_ms
from bmcha.model.reading import MILLI_MAX, Quality, SensorCell, SensorKind
from bmcha.model.settings import ChassisSettings, SensorSettings

BELIEVABLE_MILLI: Final = {
    SensorKind.TEMPERATURE: (-100_000, 250_000),
    SensorKind.VOLTAGE: (-1_000_000, 1_000_000),
    SensorKind.CURRENT: (-1_000_000, 1_000_000),
    SensorKind.POWER: (-100_000_000, 100_000_000),
}
"""Wide: silicon is dead beyond it, and no rail of a chassis has a kilovolt or carries a
kiloampere. What is merely wrong for a sensor is beyond its limits."""


_UNITS: Final = {
    SensorKind.TEMPERATURE: "°C",
    SensorKind.VOLTAGE: "V",
    SensorKind.CURRENT: "A",
    SensorKind.POWER: "W",
}


def shown(value_milli: int, kind: SensorKind) -> str:
    """Exactly, and no longer than need be: 23.5 °C, 3.135 V."""
    return f"{value_milli / 1000:.10g} {_UNITS[kind]}"


def shown_limits(cell: SensorCell) -> str:
    """A limit that cannot be reached is none."""
    low, high = (shown(limit, cell.kind) for limit in (cell.low_milli, cell.high_milli))
    if cell.low_milli == -MILLI_MAX:
        return f"at most {high}"
    if cell.high_milli == MILLI_MAX:
        return f"at least {low}"
    return f"{low} to {high}"


@unique
class LimitState(Enum):
    OK = "OK"
    LOW = "LOW"
    HIGH = "HIGH"
    UNKNOWN = "UNKNOWN"


def initial_sensor(index: int, settings: SensorSettings, now_ns: int) -> SensorCell:
    return SensorCell(
        index=index,
        name=settings.name,
        kind=settings.kind,
        value_milli=0,
        quality=Quality.NONE,
        stamp_ns=now_ns,
        low_milli=settings.low_milli,
        high_milli=settings.high_milli,
    )


class SensorJudge:
    """Remembers of each sensor what it does not believe yet, and why a value is not good."""

    def __init__(self, settings: ChassisSettings) -> None:
        self.settings = settings
        self._doubted: dict[int, int] = {}
        self._whys: dict[int, str] = {}

    def why(self, index: int) -> str:
        """Why the value is not good; of a good one, what the device complains of; "" otherwise."""
        return self._whys.get(index, "")

    def forget(self) -> None:
        """From now on others judge."""
        self._doubted.clear()
        self._whys.clear()

    def judge(self, cell: SensorCell, read: SensorRead) -> SensorCell:
        """The cell after the reading; a reading that brings no good value keeps value and age."""
        index, value = read.index, read.value_milli
        if value is None:
            return self._bad(cell, read.why)
        low, high = BELIEVABLE_MILLI[cell.kind]
        if not low <= value <= high:
            return self._bad(cell, f"{shown(value, cell.kind)} is no {cell.kind.name.lower()}")
        settings = self.settings.sensors[index]
        if self._is_doubtful(cell, value, settings.jump_milli_max):
            self._doubted[index] = value
            return cell
        self._doubted.pop(index, None)
        self._whys[index] = read.why
        return replace(
            cell,
            value_milli=value,
            quality=Quality.GOOD,
            stamp_ns=read.read_ns,
            low_milli=settings.low_milli if read.low_milli is None else read.low_milli,
            high_milli=settings.high_milli if read.high_milli is None else read.high_milli,
        )

    def age_out(self, cells: list[SensorCell], now_ns: int) -> list[SensorCell]:
        """The cells whose good value has become too old, as STALE."""
        old = [c for c in cells if c.quality is Quality.GOOD and self._is_old(c, now_ns)]
        for cell in old:
            doubted = self._doubted.get(cell.index)
            last = shown(cell.value_milli, cell.kind)
            self._whys[cell.index] = (
                f"{shown(doubted, cell.kind)} after {last} is not believed"
                if doubted is not None
                else self._unanswered()
            )
        return [replace(cell, quality=Quality.STALE) for cell in old]

    def is_overdue(self, cell: SensorCell, now_ns: int) -> bool:
        """Never read, although there was time enough."""
        is_overdue = cell.quality is Quality.NONE and self._is_old(cell, now_ns)
        if is_overdue:
            self._whys[cell.index] = self._unanswered()
        return is_overdue

    def _bad(self, cell: SensorCell, why: str) -> SensorCell:
        self._doubted.pop(cell.index, None)
        self._whys[cell.index] = why
        return cell if cell.quality is Quality.BAD else replace(cell, quality=Quality.BAD)

    def _is_doubtful(self, cell: SensorCell, value: int, jump_milli_max: int) -> bool:
        if not jump_milli_max or cell.quality is Quality.NONE:
            return False
        if abs(value - cell.value_milli) <= jump_milli_max:
            return False
        doubted = self._doubted.get(cell.index)
        # Zero is what a dead sensor says, as often as it is asked.
        return doubted is None or value == 0 or abs(value - doubted) > jump_milli_max

    def _is_old(self, cell: SensorCell, now_ns: int) -> bool:
        return now_ns - cell.stamp_ns > ns_from_ms(self.settings.sensor_stale_ms)

    def _unanswered(self) -> str:
        return f"not read for {self.settings.sensor_stale_ms} ms: its device does not answer"


class Limits:
    """The limit state of every sensor; leaving a limit takes its hysteresis."""

    def __init__(self, settings: ChassisSettings) -> None:
        self.settings = settings
        self._states: dict[int, LimitState] = {}

    def state(self, index: int) -> LimitState:
        return self._states.get(index, LimitState.UNKNOWN)

    def judge(self, cell: SensorCell) -> LimitState:
        if cell.quality is not Quality.GOOD:
            self._states[cell.index] = LimitState.UNKNOWN
            return LimitState.UNKNOWN
        # Limits of the device's own may be closer together than the hysteresis.
        slack = min(self._slack(cell.index), max(0, cell.high_milli - cell.low_milli - 1))
        before = self.state(cell.index)
        high = cell.high_milli - (slack if before is LimitState.HIGH else 0)
        low = cell.low_milli + (slack if before is LimitState.LOW else 0)
        state = LimitState.OK
        if cell.value_milli > high:
            state = LimitState.HIGH
        elif cell.value_milli < low:
            state = LimitState.LOW
        self._states[cell.index] = state
        return state

    def _slack(self, index: int) -> int:
        sensors = self.settings.sensors
        return sensors[index].hysteresis_milli if index < len(sensors) else 0
