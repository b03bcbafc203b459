"""Fan control: one curve a zone, driven by the zone's hottest sensor.

Rules: a zone whose sensor cannot be trusted runs at full speed; a zone with a failed fan runs
its other fans at full speed; rising demand is followed at once, falling demand by at most
``pwm_step_max`` an evaluation and only past the hysteresis, so that fans do not hunt. A new
ACTIVE starts from the mirrored pwm, so a takeover cannot be heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bmcha.model.reading import FanCell, Quality, SensorCell, UnitState
from bmcha.model.settings import ChassisSettings, ZoneSettings

PWM_FULL = 255


@dataclass(frozen=True, slots=True)
class FanDemand:
    index: int
    pwm: int


def curve_pwm(zone: ZoneSettings, value_milli: int) -> int:
    """Linear between the curve's points; full speed above the last."""
    points = zone.curve
    if value_milli <= points[0][0]:
        return points[0][1]
    for (low, pwm_low), (high, pwm_high) in pairwise(points):
        if value_milli <= high:
            return pwm_low + (pwm_high - pwm_low) * (value_milli - low) // (high - low)
    return PWM_FULL


class Cooling:
    def __init__(self, settings: ChassisSettings) -> None:
        self._settings = settings
        self.turn_count = 0

    def demands(self, sensors: Sequence[SensorCell], fans: Sequence[FanCell]) -> list[FanDemand]:
        """What every fan shall do now, whether it changes or not."""
        self.turn_count += 1
        by_name = {cell.name: cell for cell in sensors}
        zone_of_fan = {fan.name: fan.zone for fan in self._settings.fans}
        found = []
        for zone in self._settings.zones:
            zone_fans = [fan for fan in fans if zone_of_fan.get(fan.name) == zone.name]
            found += self._zone_demands(zone, by_name, zone_fans)
        return found

    def _zone_demands(
        self, zone: ZoneSettings, by_name: dict[str, SensorCell], fans: list[FanCell]
    ) -> list[FanDemand]:
        has_failed_fan = any(fan.state is UnitState.FAILED for fan in fans)
        hottest_milli = self._hottest_milli(zone, by_name)
        return [
            FanDemand(
                fan.index,
                PWM_FULL
                if has_failed_fan or hottest_milli is None
                else self._settled_pwm(zone, fan, hottest_milli),
            )
            for fan in fans
        ]

    def _hottest_milli(self, zone: ZoneSettings, by_name: dict[str, SensorCell]) -> int | None:
        """None: a sensor of the zone is missing, unreadable or stale."""
        cells = [by_name.get(s.name) for s in self._settings.sensors if s.zone == zone.name]
        values = [c.value_milli for c in cells if c is not None and c.quality is Quality.GOOD]
        return max(values) if values and len(values) == len(cells) else None

    @staticmethod
    def _settled_pwm(zone: ZoneSettings, fan: FanCell, hottest_milli: int) -> int:
        wanted = max(curve_pwm(zone, hottest_milli), fan.pwm_min)
        if wanted >= fan.pwm:
            return wanted
        wanted = max(curve_pwm(zone, hottest_milli + zone.hysteresis_milli), fan.pwm_min)
        return min(fan.pwm, max(wanted, fan.pwm - zone.pwm_step_max))
