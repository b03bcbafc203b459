"""`bmcha sensors` and `bmcha fans` in words."""

from __future__ import annotations

from collections.abc import Sequence

from bmcha.cli.text.columns import Body, Lines, clean, indented, milliseconds, table

_UNITS = {"temperature": "°C", "voltage": "V", "current": "A", "power": "W"}
_DECIMALS = {"temperature": 1, "voltage": 3, "current": 3, "power": 1}


def sensors_lines(body: Body) -> Lines:
    """Behind the table a sentence for each sensor that is not to be trusted."""
    heads = ["SENSOR", ">VALUE", ">LOW", ">HIGH", "STATE", "QUALITY", ">AGE"]
    yield from table(
        heads,
        [
            [
                clean(sensor["name"]),
                _quantity(sensor["value_milli"], sensor["kind"]),
                _quantity(sensor["low_milli"], sensor["kind"]),
                _quantity(sensor["high_milli"], sensor["kind"]),
                clean(sensor["state"]),
                clean(sensor["quality"]),
                milliseconds(sensor["age_ms"]),
            ]
            for sensor in body["sensors"]
        ],
    )
    yield from _doubts(body["sensors"])


def _doubts(units: Sequence[Body]) -> Lines:
    doubted = [unit for unit in units if unit.get("why")]
    if doubted:
        yield ""
    for unit in doubted:
        yield from indented(f"{unit['name']}: {unit['why']}", "")


def _quantity(value_milli: int | None, kind: str) -> str:
    if value_milli is None:
        return "-"
    return f"{value_milli / 1000:.{_DECIMALS.get(kind, 3)}f} {_UNITS.get(kind, '')}".rstrip()


def fans_lines(body: Body) -> Lines:
    """Likewise."""
    heads = ["FAN", "ZONE", ">SPEED", ">PWM", ">DRIVE", "STATE", ">AGE"]
    yield from table(
        heads,
        [
            [
                clean(fan["name"]),
                clean(fan["zone"]),
                "-" if fan["rpm"] is None else f"{fan['rpm']} rpm",
                clean(fan["pwm"]),
                "-" if fan["pwm"] is None else f"{fan['pwm'] * 100 // 255} %",
                clean(fan["state"]),
                milliseconds(fan["age_ms"]),
            ]
            for fan in body["fans"]
        ],
    )
    yield from _doubts(body["fans"])
