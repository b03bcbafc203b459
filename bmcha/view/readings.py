"""Sensors and fans as rows: value, a bar between the limits, the limit. Pure.

What is out of its limits or cannot be read comes first, whatever there is room for; everything
else keeps the board's order, so that nothing jumps about.
"""

from __future__ import annotations

from collections.abc import Sequence

from bmcha.view.cells import clean, fill
from bmcha.view.model import FanShown, SensorShown
from bmcha.view.spans import Glyphs, Row, Span, Style

_UNITS = {"temperature": "C", "voltage": "V", "current": "A", "power": "W"}
_DECIMALS = {"temperature": 1, "voltage": 2, "current": 1, "power": 0}
NAME_WIDTH = 14
VALUE_WIDTH = 9
LIMIT_WIDTH = 6
BAR_MIN, BAR_MAX = 5, 40
FAN_MIN = 17
"""A fan's name, speed and drive, without their units."""
NEAR_SHARE = 0.9
"""Nine tenths of the way to its upper limit a value is worth a look."""


def sensor_style(sensor: SensorShown) -> Style:
    if sensor.state in ("HIGH", "LOW") or sensor.quality == "BAD":
        return Style.ALARM
    if sensor.quality == "STALE":
        return Style.WARN
    if sensor.value_milli is None:
        return Style.DIM
    is_bounded = sensor.kind == "temperature" and sensor.high_milli is not None
    is_near = is_bounded and sensor.value_milli > (sensor.high_milli or 0) * NEAR_SHARE
    return Style.WARN if is_near else Style.PLAIN


def fan_style(fan: FanShown) -> Style:
    return {"FAILED": Style.ALARM, "OK": Style.PLAIN}.get(fan.state, Style.WARN)


def worst_first(sensors: Sequence[SensorShown]) -> list[SensorShown]:
    order = (Style.ALARM, Style.WARN)
    return sorted(sensors, key=lambda s: order.index(st) if (st := sensor_style(s)) in order else 2)


def sensor_row(sensor: SensorShown, width: int, glyphs: Glyphs) -> Row:
    style = sensor_style(sensor)
    value = quantity(sensor.value_milli, sensor.kind, glyphs)
    if sensor.quality in ("BAD", "STALE"):
        value = sensor.quality
    name_width = min(NAME_WIDTH, max(6, width - VALUE_WIDTH))
    row = [
        Span(fill(clean(sensor.name), name_width, glyphs.ellipsis), _calm(style)),
        Span(value.rjust(VALUE_WIDTH), style),
    ]
    bar_width = min(BAR_MAX, width - name_width - VALUE_WIDTH - LIMIT_WIDTH - 2)
    if bar_width < BAR_MIN or sensor.low_milli is None or sensor.high_milli is None:
        return row
    is_band = sensor.kind == "voltage"
    share = _share(sensor.value_milli, sensor.low_milli, sensor.high_milli)
    row += [Span("  "), *_bar(share, bar_width, is_band, style, glyphs)]
    row.append(Span(f" {_limit(sensor.high_milli, sensor.kind)}".ljust(LIMIT_WIDTH), Style.DIM))
    return row


def fan_row(fan: FanShown, width: int, glyphs: Glyphs) -> Row:
    style = fan_style(fan)
    is_narrow = width < FAN_MIN + 4
    rpm = "-" if fan.rpm is None else f"{fan.rpm}{'' if is_narrow else ' rpm'}"
    drive = "-" if fan.pwm is None else f"{fan.pwm * 100 // 255} %"
    if fan.state == "FAILED":
        drive = "FAILED"
    value_width, drive_width = (5, 7) if is_narrow else (VALUE_WIDTH, 7)
    name_width = min(NAME_WIDTH, max(5, width - value_width - drive_width))
    row = [
        Span(fill(clean(fan.name), name_width, glyphs.ellipsis), _calm(style)),
        Span(rpm.rjust(value_width), style),
        Span(drive.rjust(drive_width), style),
    ]
    bar_width = min(BAR_MAX, width - name_width - value_width - drive_width - 2)
    if bar_width >= BAR_MIN:
        share = None if fan.pwm is None else fan.pwm / 255
        row += [Span("  "), *_bar(share, bar_width, False, style, glyphs)]
    return row


def quantity(value_milli: int | None, kind: str, glyphs: Glyphs) -> str:
    if value_milli is None:
        return "-"
    unit = _UNITS.get(kind, "")
    degree = glyphs.degree if kind == "temperature" else ""
    return f"{value_milli / 1000:.{_DECIMALS.get(kind, 1)}f} {degree}{unit}".rstrip()


def _limit(value_milli: int, kind: str) -> str:
    decimals = 1 if kind == "voltage" else 0
    return f"{value_milli / 1000:.{decimals}f}"


def _share(value: int | None, low: int, high: int) -> float | None:
    if value is None or high <= low:
        return None
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _bar(share: float | None, width: int, is_band: bool, style: Style, glyphs: Glyphs) -> Row:
    """Filled from the left; of a band, in which the middle is right, only the place is marked.
    Bright only where something is wrong: the value says it all otherwise."""
    style = Style.DIM if style is Style.PLAIN else style
    if share is None:
        return [Span(glyphs.track * width, Style.DIM)]
    if is_band:
        place = round(share * (width - 1))
        after = glyphs.track * (width - 1 - place)
        before = glyphs.track * place
        mark = Style.PLAIN if style is Style.DIM else style
        return [Span(before, Style.DIM), Span(glyphs.bar, mark), Span(after, Style.DIM)]
    filled = round(share * width)
    return [Span(glyphs.bar * filled, style), Span(glyphs.track * (width - filled), Style.DIM)]


def _calm(style: Style) -> Style:
    return style if style in (Style.ALARM, Style.WARN) else Style.PLAIN
