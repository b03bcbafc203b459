"""Takes the chassis of a board file apart: sensors, fans, zones, supplies and blades.

Knows the keys of one entry and the relations inside it or between entries of one board; where a
value is read or written is `bmcha.config.place_keys`. Called by `bmcha.config.board_tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from bmcha.config.place_keys import (
    HWMON_ROOT,
    read_fan_places,
    read_power_place,
    read_sensor_place,
)
from bmcha.config.table import Table, shown
from bmcha.model.reading import (
    BLADES_MAX,
    FANS_MAX,
    MILLI_MAX,
    NAME_BYTES_MAX,
    SENSORS_MAX,
    SUPPLIES_MAX,
    SensorKind,
)
from bmcha.model.settings import (
    PWM_MAX,
    BladeSettings,
    ChassisSettings,
    FanSettings,
    Place,
    SensorSettings,
    SupplySettings,
    ZoneSettings,
)

RPM_MAX: Final = 100_000
ZONES_MAX: Final = 16
CURVE_POINTS_MAX: Final = 16

JUMP_MILLI_MAX: Final = 30_000
"""30 °C from one reading to the next, the default for temperatures: metal and air take seconds."""

_SENSOR_KINDS: Final = {member.name.lower(): member for member in SensorKind}
_LIMITS: Final = {"fixed": False, "device": True}


def read_chassis(table: Table) -> ChassisSettings:
    zones = table.each("zones", ZONES_MAX, _zone)
    zone_names = tuple(zone.name for zone in zones)

    def sensor(entry: Table) -> SensorSettings:
        return _sensor(entry, zone_names)

    def fan(entry: Table) -> FanSettings:
        return _fan(entry, zone_names)

    chassis = ChassisSettings(
        sensors=table.each("sensors", SENSORS_MAX, sensor),
        fans=table.each("fans", FANS_MAX, fan),
        zones=zones,
        supplies=table.each("supplies", SUPPLIES_MAX, _supply),
        blades=table.each("blades", BLADES_MAX, _blade),
        sensor_period_ms=table.integer("sensor_period_ms", 10, 60_000, 250),
        sensor_stale_ms=table.integer("sensor_stale_ms", 20, 600_000, 2000),
        hwmon_root=table.file("hwmon_root", HWMON_ROOT),
    )
    period_ms, stale_ms = chassis.sensor_period_ms, chassis.sensor_stale_ms
    if table.is_sound("sensor_period_ms", "sensor_stale_ms") and stale_ms <= period_ms:
        allowed = f"more than sensor_period_ms = {period_ms}"
        table.refuse("sensor_stale_ms", str(stale_ms), allowed)
    _check_shared_drives(table, chassis.fans)
    followed = {found.zone for found in chassis.sensors}
    for name in zone_names:
        if name and name not in followed and table.is_sound("sensors"):
            value = f"{shown(name)}, which no sensor names as its zone"
            table.refuse("zones", value, "zones with at least one temperature each")
    return chassis


def _sensor(entry: Table, zone_names: Sequence[str]) -> SensorSettings:
    has_device_limits = entry.choice("limits", _LIMITS, "fixed")
    # What the device gives goes first; these then stand where it gives nothing.
    low = entry.integer(
        "low_milli", -MILLI_MAX, MILLI_MAX, -MILLI_MAX if has_device_limits else None
    )
    high = entry.integer(
        "high_milli", -MILLI_MAX, MILLI_MAX, MILLI_MAX if has_device_limits else None
    )
    hysteresis = entry.integer("hysteresis_milli", 0, MILLI_MAX)
    if entry.is_sound("low_milli", "high_milli"):
        span = high - low
        if span <= 0:
            entry.refuse("low_milli", str(low), f"less than high_milli = {high}")
        elif entry.is_sound("hysteresis_milli") and hysteresis >= span:
            entry.refuse("hysteresis_milli", str(hysteresis), f"less than high - low = {span}")
    kind = entry.choice("kind", _SENSOR_KINDS)
    zone = _zone_name(entry, zone_names) if entry.has("zone") else entry.name("zone", 1, "")
    if zone and entry.is_sound("kind") and kind is not SensorKind.TEMPERATURE:
        entry.refuse("zone", shown(zone), "none: only a temperature steers the fans of a zone")
    jump = JUMP_MILLI_MAX if kind is SensorKind.TEMPERATURE else 0
    file, channel = read_sensor_place(entry, kind)
    return SensorSettings(
        name=entry.name("name", NAME_BYTES_MAX),
        kind=kind,
        file=file,
        low_milli=low,
        high_milli=high,
        hysteresis_milli=hysteresis,
        zone=zone,
        channel=channel,
        has_device_limits=has_device_limits,
        jump_milli_max=entry.integer("jump_milli_max", 0, MILLI_MAX, jump),
    )


def _fan(entry: Table, zone_names: Sequence[str]) -> FanSettings:
    places = read_fan_places(entry)
    return FanSettings(
        name=entry.name("name", NAME_BYTES_MAX),
        rpm_file=places.rpm_file,
        pwm_file=places.pwm_file,
        zone=_zone_name(entry, zone_names),
        pwm_min=entry.integer("pwm_min", 0, PWM_MAX),
        rpm_min=entry.integer("rpm_min", 0, RPM_MAX),
        rpm_channel=places.rpm_channel,
        pwm_channel=places.pwm_channel,
        has_tachometer=entry.flag("has_tachometer", True),
    )


def _check_shared_drives(table: Table, fans: Sequence[FanSettings]) -> None:
    """Fans may hang on one pwm, each with a tachometer; nobody can drive it two ways at once."""
    first_of: dict[Place, FanSettings] = {}
    for fan in fans:
        place = fan.pwm_place
        if not (place if isinstance(place, str) else place.channel):
            continue  # It was not given soundly.
        first = first_of.setdefault(place, fan)
        if (first.zone, first.pwm_min) != (fan.zone, fan.pwm_min):
            value = f"{shown(first.name)} and {shown(fan.name)}, which are driven by the same pwm"
            table.refuse("fans", value, "the same zone and pwm_min for fans of one pwm")


def _zone_name(entry: Table, zone_names: Sequence[str]) -> str:
    name = entry.name("zone", NAME_BYTES_MAX)
    if name and name not in zone_names:
        known = ", ".join(zone_names)
        entry.refuse("zone", shown(name), f"one of the zones {known}" if known else "no zone")
    return name


def _zone(entry: Table) -> ZoneSettings:
    return ZoneSettings(
        name=entry.name("name", NAME_BYTES_MAX),
        curve=_curve(entry),
        hysteresis_milli=entry.integer("hysteresis_milli", 0, MILLI_MAX),
        pwm_step_max=entry.integer("pwm_step_max", 1, PWM_MAX),
    )


def _curve(entry: Table) -> tuple[tuple[int, int], ...]:
    allowed = (
        f"a list of 1 to {CURVE_POINTS_MAX} points [m°C, pwm], m°C rising, pwm 0 to {PWM_MAX}"
        " and never falling"
    )
    points = entry.array("curve", allowed)
    if not entry.is_sound("curve"):
        return ()
    curve = tuple((point[0], point[1]) for point in points if _is_point(point))
    is_good = 1 <= len(points) == len(curve) <= CURVE_POINTS_MAX and all(
        left[0] < right[0] and left[1] <= right[1] for left, right in pairwise(curve)
    )
    if not is_good:
        entry.refuse("curve", shown(points), allowed)
    return curve


def _is_point(point: object) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(number) is int for number in point)
        and abs(point[0]) <= MILLI_MAX
        and 0 <= point[1] <= PWM_MAX
    )


def _supply(entry: Table) -> SupplySettings:
    return SupplySettings(
        name=entry.name("name", NAME_BYTES_MAX),
        rated_milliwatt=entry.integer("rated_milliwatt", 1, MILLI_MAX),
        ok_file=entry.optional_file("ok_file") or "",
        power_place=read_power_place(entry),
    )


def _blade(entry: Table) -> BladeSettings:
    return BladeSettings(
        name=entry.name("name", NAME_BYTES_MAX),
        budget_milliwatt=entry.integer("budget_milliwatt", 1, MILLI_MAX),
        present_file=entry.optional_file("present_file") or "",
        power_place=read_power_place(entry),
    )
