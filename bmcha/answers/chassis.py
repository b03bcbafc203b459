"""The chassis as the picture has it: sensors, fans, and the log."""

from __future__ import annotations

from bmcha.answers.facts import Body, Facts
from bmcha.model.moment import ms_from_ns
from bmcha.model.reading import MILLI_MAX, Quality


def sensors(facts: Facts, now_ns: int) -> list[Body]:
    return [
        {
            "name": cell.name,
            "kind": cell.kind.name.lower(),
            "value_milli": cell.value_milli if cell.quality is not Quality.NONE else None,
            "quality": cell.quality.name,
            "age_ms": ms_from_ns(now_ns - cell.stamp_ns),
            "low_milli": cell.low_milli if cell.low_milli > -MILLI_MAX else None,
            "high_milli": cell.high_milli if cell.high_milli < MILLI_MAX else None,
            "state": facts.chassis.limits.state(cell.index).value,
            "why": facts.chassis.sensor_judge.why(cell.index),
        }
        for cell in facts.chassis.picture.sensors()
    ]


def fans(facts: Facts, now_ns: int) -> list[Body]:
    zone_of = {fan.name: fan.zone for fan in facts.settings.chassis.fans}
    return [
        {
            "name": cell.name,
            "rpm": cell.rpm,
            "pwm": cell.pwm,
            "zone": zone_of.get(cell.name),
            "state": cell.state.name,
            "age_ms": ms_from_ns(now_ns - cell.stamp_ns),
            "why": facts.chassis.fan_judge.why(cell.index),
        }
        for cell in facts.chassis.picture.fans()
    ]


def events(facts: Facts) -> list[Body]:
    return [
        {
            "epoch": record.epoch,
            "number": record.number,
            "slot": record.slot,
            "severity": record.severity.name,
            "wall_ms": record.wall_ms,
            "kind": record.kind,
            "text": record.text,
        }
        for record in sorted(facts.chassis.log.tail(), key=lambda r: (r.wall_ms, r.key))
    ]
