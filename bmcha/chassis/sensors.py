"""Judges readings: limits with hysteresis, and the quality of what could not be read.

A failed read is a reading of quality BAD that keeps the last value; a good value that has grown
too old is STALE. Judgements are values; alarms are raised by `Node` from them.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, unique

from bmcha.model.event import FanRead, SensorRead
from bmcha.model.moment import ns_from_ms
from bmcha.model.reading import FanCell, Quality, SensorCell, UnitState
from bmcha.model.settings import ChassisSettings, FanSettings, SensorSettings


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


def initial_fan(index: int, settings: FanSettings, now_ns: int) -> FanCell:
    """A fan whose controller is not known yet runs at full speed: the safe side."""
    return FanCell(
        index=index,
        name=settings.name,
        rpm=0,
        pwm=255,
        pwm_min=settings.pwm_min,
        state=UnitState.UNKNOWN,
        stamp_ns=now_ns,
    )


def judge_sensor(cell: SensorCell, read: SensorRead) -> SensorCell:
    """The cell after the reading; a reading without a value keeps value and age."""
    if read.value_milli is None:
        return cell if cell.quality is Quality.BAD else replace(cell, quality=Quality.BAD)
    return replace(cell, value_milli=read.value_milli, quality=read.quality, stamp_ns=read.read_ns)


def judge_fan(cell: FanCell, read: FanRead, settings: FanSettings) -> FanCell:
    if read.rpm is None:
        return replace(cell, state=UnitState.UNKNOWN)
    is_failed = read.rpm < settings.rpm_min
    state = UnitState.FAILED if is_failed else UnitState.OK
    return replace(cell, rpm=read.rpm, state=state, stamp_ns=read.read_ns)


class Limits:
    """The limit state of every sensor; leaving a limit takes its hysteresis."""

    def __init__(self, settings: ChassisSettings) -> None:
        self._settings = settings
        self._states: dict[int, LimitState] = {}

    def state(self, index: int) -> LimitState:
        return self._states.get(index, LimitState.UNKNOWN)

    def judge(self, cell: SensorCell) -> LimitState:
        if cell.quality is not Quality.GOOD:
            self._states[cell.index] = LimitState.UNKNOWN
            return LimitState.UNKNOWN
        slack = self._slack(cell.index)
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
        sensors = self._settings.sensors
        return sensors[index].hysteresis_milli if index < len(sensors) else 0


def age_out(cells: list[SensorCell], settings: ChassisSettings, now_ns: int) -> list[SensorCell]:
    """The cells whose good value has become too old, as STALE."""
    limit_ns = ns_from_ms(settings.sensor_stale_ms)
    return [
        replace(cell, quality=Quality.STALE)
        for cell in cells
        if cell.quality is Quality.GOOD and now_ns - cell.stamp_ns > limit_ns
    ]
