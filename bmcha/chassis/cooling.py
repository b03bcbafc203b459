"""Fan control: one curve a zone, driven by the zone's hottest sensor.

Rules: a zone whose sensor cannot be trusted runs at full speed; a zone with a fan that has failed,
cannot be read or does not obey runs all its fans at full speed; rising demand is followed at once,
falling demand by at most ``pwm_step_max`` an evaluation and only past the hysteresis, so that fans
do not hunt. A new ACTIVE starts from the mirrored pwm, so a takeover cannot be heard.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from bmcha.model.reading import FanCell, Quality, SensorCell, UnitState
from bmcha.model.record import dataclass
from bmcha.model.settings import ChassisSettings, ZoneSettings

PWM_FULL = 255
_UNTRUSTED = (UnitState.FAILED, UnitState.UNKNOWN)


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
        self.settings = settings
        self.turn_count = 0

    def demands(
        self,
        sensors: Sequence[SensorCell],
        fans: Sequence[FanCell],
        undriven: Collection[int] = (),
    ) -> list[FanDemand]:
        """What every fan shall do now, whether it changes or not. ``undriven``: by index, those
        that did not do what they were told last."""
        self.turn_count += 1
        by_name = {cell.name: cell for cell in sensors}
        zone_of_fan = {fan.name: fan.zone for fan in self.settings.fans}
        found = []
        for zone in self.settings.zones:
            zone_fans = [fan for fan in fans if zone_of_fan.get(fan.name) == zone.name]
            is_short = any(f.state in _UNTRUSTED or f.index in undriven for f in zone_fans)
            found += self._zone_demands(zone, by_name, zone_fans, is_short)
        return found

    def _zone_demands(
        self,
        zone: ZoneSettings,
        by_name: dict[str, SensorCell],
        fans: list[FanCell],
        is_short: bool,
    ) -> list[FanDemand]:
        """``is_short``: a fan of the zone cannot be counted on."""
        hottest_milli = self._hottest_milli(zone, by_name)
        return [
            FanDemand(
                fan.index,
                PWM_FULL
                if is_short or hottest_milli is None
                else self._settled_pwm(zone, fan, hottest_milli),
            )
            for fan in fans
        ]

    def _hottest_milli(self, zone: ZoneSettings, by_name: dict[str, SensorCell]) -> int | None:
        """None: a sensor of the zone is missing, unreadable or stale."""
        cells = [by_name.get(s.name) for s in self.settings.sensors if s.zone == zone.name]
        values = [c.value_milli for c in cells if c is not None and c.quality is Quality.GOOD]
        return max(values) if values and len(values) == len(cells) else None

    @staticmethod
    def _settled_pwm(zone: ZoneSettings, fan: FanCell, hottest_milli: int) -> int:
        wanted = max(curve_pwm(zone, hottest_milli), fan.pwm_min)
        if wanted >= fan.pwm:
            return wanted
        wanted = max(curve_pwm(zone, hottest_milli + zone.hysteresis_milli), fan.pwm_min)
        return min(fan.pwm, max(wanted, fan.pwm - zone.pwm_step_max))
