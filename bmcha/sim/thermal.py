"""The physics of the virtual chassis: air, heat, fans and the power they and the blades take.

Pure and deterministic: it is told how much time has passed. It knows the board's list of sensors
and fans, and nothing about modules, gates or files. The model is a small one, but its loop is
closed: temperatures follow blade load and airflow with a lag, airflow follows the fans' speed,
speed follows the applied pwm with a lag. Fans keep the last applied pwm, whoever is gone; before
the first one they run at full speed, which is the boards' power-up default. What the chassis draws
is shared by the supplies that work; a sensor belongs to a supply whose name begins its own.

Values are in hwmon's units (m°C, mV, mA, µW, rpm). Called by `bmcha.sim.chassis`.
"""

from __future__ import annotations

import math

from bmcha.model.reading import SensorKind
from bmcha.model.record import dataclass
from bmcha.model.settings import ChassisSettings, SensorSettings

AMBIENT_MILLI = 24_000
OUTPUT_V = 12
RPM_MAX = 12_000
PWM_MAX = 255
FAN_LAG_S = 0.8
HEAT_LAG_S = 6.0
AIRFLOW_MIN = 0.08
"""Convection: what is left when every fan of a zone stands."""
WARM_AIRFLOW = 0.45
"""The chassis has been running for long: it begins as warm as the fans keep it at its load."""
RISE_SHARE = 0.12
"""At full airflow and full load a part warms by this share of its room up to its limit."""
IDLE_SHARE = 0.15
"""Of what the supplies can give together, what fans and modules take before any blade does."""
RIPPLE_PERIOD_S = 7.0
"""Readings are never quite still: a mirror that is never changed would prove nothing."""


@dataclass(slots=True)
class _Fan:
    zone: str
    pwm: int = PWM_MAX
    rpm: float = RPM_MAX
    is_failed: bool = False


@dataclass(slots=True)
class _Blade:
    budget_milliwatt: int
    load_milliwatt: int
    is_on: bool = True

    @property
    def drawn_milliwatt(self) -> int:
        return self.load_milliwatt if self.is_on else 0


class Plant:
    """State of the physics. Sensors, fans, supplies and blades are named as in the board file."""

    def __init__(self, settings: ChassisSettings) -> None:
        self._sensors = {sensor.name: sensor for sensor in settings.sensors}
        self._fans = {fan.name: _Fan(fan.zone) for fan in settings.fans}
        self._blades = {
            blade.name: _Blade(blade.budget_milliwatt, blade.budget_milliwatt // 2)
            for blade in settings.blades
        }
        self._rated_milliwatt = {each.name: each.rated_milliwatt for each in settings.supplies}
        self._failed_supplies: set[str] = set()
        self._supply_of = {
            sensor: supply
            for sensor in self._sensors
            for supply in self._rated_milliwatt
            if sensor.startswith(f"{supply}_")
        }
        self._heat_milli = {
            name: self._heat_target(sensor, WARM_AIRFLOW)
            for name, sensor in self._sensors.items()
            if sensor.kind is SensorKind.TEMPERATURE
        }
        self._fixed: dict[str, int] = {}
        self._time_s = 0.0

    # ------------------------------------------------------------ what happened

    def apply_pwm(self, fan: str, pwm: int) -> None:
        self._fans[fan].pwm = max(0, min(PWM_MAX, pwm))

    def fail_fan(self, fan: str, is_failed: bool) -> None:
        """A failed fan stands still, whatever is applied."""
        self._fans[fan].is_failed = is_failed

    def fix_sensor(self, sensor: str, value: int | None) -> None:
        """The sensor shows ``value`` from now on; None: what the physics say."""
        if value is None:
            self._fixed.pop(sensor, None)
        else:
            self._fixed[sensor] = value

    def load_blade(self, blade: str, load_milliwatt: int) -> None:
        """What it draws when it is on; nobody keeps it to its budget."""
        self._blades[blade].load_milliwatt = load_milliwatt

    def switch_blade(self, blade: str, is_on: bool) -> None:
        self._blades[blade].is_on = is_on

    def fail_supply(self, supply: str, is_failed: bool) -> None:
        (self._failed_supplies.add if is_failed else self._failed_supplies.discard)(supply)

    def step(self, elapsed_s: float) -> None:
        self._time_s += elapsed_s
        for fan in self._fans.values():
            target = 0.0 if fan.is_failed else RPM_MAX * fan.pwm / PWM_MAX
            fan.rpm += (target - fan.rpm) * _share(elapsed_s, FAN_LAG_S)
        for name, heat in self._heat_milli.items():
            sensor = self._sensors[name]
            target = self._heat_target(sensor, self._airflow(sensor.zone))
            self._heat_milli[name] = heat + (target - heat) * _share(elapsed_s, HEAT_LAG_S)

    # ------------------------------------------------------------ what is

    def value(self, sensor: str) -> int:
        """What the sensor's hwmon file shows."""
        if sensor in self._fixed:
            return self._fixed[sensor]
        settings = self._sensors[sensor]
        ripple = self._ripple(sensor)
        supply = self._supply_of.get(sensor)
        if supply is not None and settings.kind in (SensorKind.CURRENT, SensorKind.POWER):
            return self._supply_value(supply, settings.kind, ripple)
        if settings.kind is SensorKind.TEMPERATURE:
            return round((self._heat_milli[sensor] + 120 * ripple) / 125) * 125
        room = settings.high_milli - settings.low_milli
        if settings.kind is SensorKind.VOLTAGE:
            nominal = settings.low_milli + room / 2
            return round(nominal - room * (0.05 * self._load() - 0.01 * ripple))
        drawn = settings.low_milli + room * (0.15 + 0.55 * self._load() + 0.005 * ripple)
        return round(drawn) * (1000 if settings.kind is SensorKind.POWER else 1)

    def rpm(self, fan: str) -> int:
        return round(self._fans[fan].rpm / 10) * 10

    def pwm(self, fan: str) -> int:
        return self._fans[fan].pwm

    def supplies(self) -> list[str]:
        return list(self._rated_milliwatt)

    def is_supply_ok(self, supply: str) -> bool:
        return supply not in self._failed_supplies

    def supply_milliwatt(self, supply: str) -> int:
        """What it gives: an even share of what is drawn."""
        if not self.is_supply_ok(supply):
            return 0
        working_count = len(self._rated_milliwatt) - len(self._failed_supplies)
        return self._drawn_milliwatt() // working_count

    def is_blade_on(self, blade: str) -> bool:
        return self._blades[blade].is_on

    def blade_milliwatt(self, blade: str) -> int:
        return self._blades[blade].drawn_milliwatt

    def is_fixed(self, sensor: str) -> bool:
        return sensor in self._fixed

    def is_failed(self, fan: str) -> bool:
        return self._fans[fan].is_failed

    # ------------------------------------------------------------ how

    def _load(self) -> float:
        """1: every blade draws its whole budget."""
        budget_milliwatt = sum(blade.budget_milliwatt for blade in self._blades.values())
        return sum(b.drawn_milliwatt for b in self._blades.values()) / max(1, budget_milliwatt)

    def _drawn_milliwatt(self) -> int:
        rated_milliwatt = sum(self._rated_milliwatt.values())
        blades_milliwatt = sum(blade.drawn_milliwatt for blade in self._blades.values())
        return round(rated_milliwatt * IDLE_SHARE) + blades_milliwatt

    def _supply_value(self, supply: str, kind: SensorKind, ripple: float) -> int:
        milliwatt = self.supply_milliwatt(supply) * (1 + 0.005 * ripple)
        if kind is SensorKind.POWER:
            return round(milliwatt) * 1000
        return round(milliwatt / OUTPUT_V)

    def _airflow(self, zone: str) -> float:
        """Share of the full airflow. Without fans of its own a zone gets everybody's."""
        fans = [fan for fan in self._fans.values() if fan.zone == zone]
        speeds = [fan.rpm / RPM_MAX for fan in fans or self._fans.values()]
        return max(AIRFLOW_MIN, sum(speeds) / max(1, len(speeds)))

    def _heat_target(self, sensor: SensorSettings, airflow: float) -> float:
        if sensor.name.startswith(("inlet", "ambient")):
            return AMBIENT_MILLI
        load = self._load()
        supply = self._supply_of.get(sensor.name)
        if supply is not None:
            load = 2 * self.supply_milliwatt(supply) / self._rated_milliwatt[supply]
        rise = (sensor.high_milli - AMBIENT_MILLI) * RISE_SHARE * load
        return AMBIENT_MILLI + rise / math.pow(airflow, 0.8)

    def _ripple(self, sensor: str) -> float:
        """-1 to 1, another phase for each sensor."""
        phase = sum(sensor.encode()) % 97 / 97
        return math.sin(2 * math.pi * (self._time_s / RIPPLE_PERIOD_S + phase))


def _share(elapsed_s: float, lag_s: float) -> float:
    """How much of the way to its target a first-order lag goes in this time."""
    return 1.0 - math.exp(-elapsed_s / lag_s)
