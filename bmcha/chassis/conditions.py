"""What is wrong with the chassis now, as its holder sees it: each thing an alarm id and a sentence.

Reads the picture and the judges, changes nothing. Called by `keeper`, which makes alarms of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from bmcha.chassis.fans import FanJudge
from bmcha.chassis.picture import ChassisPicture
from bmcha.chassis.sensors import Limits, LimitState, SensorJudge, shown, shown_limits
from bmcha.chassis.units import UnitJudge
from bmcha.model.reading import FanCell, Quality, SensorCell, UnitState
from bmcha.model.role import Severity

Condition = tuple[str, Severity, str]
"""Alarm id, severity, sentence: true now."""


def chassis_conditions(
    picture: ChassisPicture,
    limits: Limits,
    sensor_judge: SensorJudge,
    fan_judge: FanJudge,
    unit_judge: UnitJudge,
) -> list[Condition]:
    found: list[Condition] = []
    for sensor in picture.sensors():
        found += _of_sensor(sensor, limits.state(sensor.index), sensor_judge.why(sensor.index))
    for fan in picture.fans():
        found += _of_fan(fan, fan_judge)
    for unit in picture.units():
        found += unit_judge.conditions(unit)
    return found


def _of_sensor(cell: SensorCell, state: LimitState, why: str) -> Iterator[Condition]:
    name = cell.name
    because = f": {why}" if why else ""
    if cell.quality in (Quality.BAD, Quality.STALE):
        last = shown(cell.value_milli, cell.kind)
        text = f"{name}: {cell.quality.name}, last value {last}{because}"
        yield f"sensor-{name}-unreadable", Severity.MAJOR, text
    elif cell.quality is Quality.NONE and why:
        yield f"sensor-{name}-unreadable", Severity.MAJOR, f"{name}: never read{because}"
    elif state in (LimitState.LOW, LimitState.HIGH):
        text = (
            f"{name} is {state.value}: {shown(cell.value_milli, cell.kind)}, "
            f"allowed is {shown_limits(cell)}"
        )
        yield f"sensor-{name}-limit", Severity.MAJOR, text
    if cell.quality is Quality.GOOD and why:
        yield f"sensor-{name}-complains", Severity.MINOR, f"{name}: {why}"


def _of_fan(cell: FanCell, judge: FanJudge) -> Iterator[Condition]:
    name = cell.name
    if cell.state is UnitState.FAILED:
        text = f"{name} turns at {cell.rpm} rpm, asked for pwm {cell.pwm}"
        yield f"fan-{name}-failed", Severity.MAJOR, text
    if cell.state is UnitState.UNKNOWN and (why := judge.why_unread(cell.index)):
        yield f"fan-{name}-unreadable", Severity.MAJOR, f"{name}: {why}"
    if why := judge.why_undriven(cell.index):
        yield f"fan-{name}-disobeys", Severity.MAJOR, f"{name} does not follow its pwm: {why}"
