"""The second look at the chassis: does a follower read what its holder says?

Two readers of one sensor agree within its hysteresis and a twentieth of its value; two tachometers
within a fifth. A difference that stays for `DIFFERS_NS` is told, once a second at most: one of the
two modules, or its bus, is wrong, and only a person can say which. Pure; looks and changes nothing,
moves no role and no health. Kept by `bmcha.answers.facts`, looked through at each tick.
"""

from __future__ import annotations

from collections.abc import Iterator

from bmcha.chassis.conditions import Condition
from bmcha.chassis.own_readings import OwnReadings
from bmcha.chassis.picture import ChassisPicture
from bmcha.chassis.sensors import shown
from bmcha.model.moment import NS_PER_S
from bmcha.model.reading import Quality, UnitState
from bmcha.model.role import Severity
from bmcha.model.settings import ChassisSettings

LOOK_NS = NS_PER_S
DIFFERS_NS = 10 * NS_PER_S
"""A step of a reading is seen by both within a period and the mirror's way: seconds at most."""
SENSOR_SHARE, FAN_SHARE = 20, 5
"""The part of a value, one in so many, that two readers may differ by."""


class SecondView:
    def __init__(self) -> None:
        self._since_ns: dict[str, int] = {}
        self._found: dict[str, Condition] = {}
        self._looked_ns = 0

    def look(
        self,
        is_following: bool,
        picture: ChassisPicture,
        own: OwnReadings,
        settings: ChassisSettings,
        now_ns: int,
    ) -> None:
        """``is_following``: the picture is that of a holder that is heard, and whole."""
        if not is_following:
            self._since_ns.clear()
            self._found.clear()
            return
        if now_ns - self._looked_ns < LOOK_NS:
            return
        self._looked_ns = now_ns
        found = _differences(picture, own, settings, now_ns)
        self._found = {condition[0]: condition for condition in found}
        self._since_ns = {each: self._since_ns.get(each, now_ns) for each in self._found}

    def conditions(self, now_ns: int) -> list[Condition]:
        lasting = [i for i, since_ns in self._since_ns.items() if now_ns - since_ns >= DIFFERS_NS]
        return [self._found[identity] for identity in lasting]


def _differences(
    picture: ChassisPicture, own: OwnReadings, settings: ChassisSettings, now_ns: int
) -> Iterator[Condition]:
    for sensor, configured in zip(picture.sensors(), settings.sensors, strict=False):
        read = own.sensor_milli(sensor.index, settings, now_ns)
        if read is None or sensor.quality is not Quality.GOOD:
            continue
        near = max(2 * configured.hysteresis_milli, abs(sensor.value_milli) // SENSOR_SHARE)
        if abs(read - sensor.value_milli) > near:
            here, there = shown(read, sensor.kind), shown(sensor.value_milli, sensor.kind)
            text = f"{sensor.name}: {_told(there, here)}"
            yield f"sensor-{sensor.name}-differs", Severity.MINOR, text
    for fan, wired in zip(picture.fans(), settings.fans, strict=False):
        rpm = own.fan_rpm(fan.index, settings, now_ns) if wired.has_tachometer else None
        if rpm is None or fan.state is UnitState.UNKNOWN:
            continue
        if abs(rpm - fan.rpm) > max(rpm, fan.rpm) // FAN_SHARE:
            text = f"{fan.name}: {_told(f'{fan.rpm} rpm', f'{rpm} rpm')}"
            yield f"fan-{fan.name}-differs", Severity.MINOR, text


def _told(there: str, here: str) -> str:
    return f"the holder says {there}, this module reads {here}: one of the two is wrong"
