"""What this module's own devices answer, whoever holds the chassis.

A STANDBY judges no reading, but it takes them: whether it could, and what it read, is what this
tells. A device that answers nobody sends nothing, so what has not been read for too long cannot be
read. Kept by `Node`; asked for the health of the module, and by `bmcha.chassis.second_view`.
"""

from __future__ import annotations

from bmcha.model.event import FanRead, SensorRead
from bmcha.model.moment import ns_from_ms
from bmcha.model.reading import Quality
from bmcha.model.settings import ChassisSettings

_Reading = tuple[int, int]
"""When it was read, and what: milli-units or rpm."""


class OwnReadings:
    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._sensors: dict[int, _Reading] = {}
        self._fans: dict[int, _Reading] = {}

    def sensor_read(self, read: SensorRead) -> None:
        if read.quality is Quality.GOOD and read.value_milli is not None:
            self._sensors[read.index] = read.read_ns, read.value_milli

    def fan_read(self, read: FanRead) -> None:
        if read.quality is Quality.GOOD and read.rpm is not None:
            self._fans[read.index] = read.read_ns, read.rpm

    def sensor_milli(self, index: int, settings: ChassisSettings, now_ns: int) -> int | None:
        """None: it cannot be read just now."""
        return _fresh(self._sensors.get(index), settings, now_ns)

    def fan_rpm(self, index: int, settings: ChassisSettings, now_ns: int) -> int | None:
        return _fresh(self._fans.get(index), settings, now_ns)

    def unread_sensors_count(self, settings: ChassisSettings, now_ns: int) -> int:
        return self._old_count(self._sensors, len(settings.sensors), settings, now_ns)

    def unread_fans_count(self, settings: ChassisSettings, now_ns: int) -> int:
        return self._old_count(self._fans, len(settings.fans), settings, now_ns)

    def _old_count(
        self, read: dict[int, _Reading], count: int, settings: ChassisSettings, now_ns: int
    ) -> int:
        """The time since the start is given to the first reading too."""
        oldest_ns = now_ns - ns_from_ms(settings.sensor_stale_ms)
        return sum(read.get(i, (self._started_ns, 0))[0] < oldest_ns for i in range(count))


def _fresh(reading: _Reading | None, settings: ChassisSettings, now_ns: int) -> int | None:
    if reading is None or now_ns - reading[0] > ns_from_ms(settings.sensor_stale_ms):
        return None
    return reading[1]
