"""What this module's own devices answer, whoever holds the chassis.

A STANDBY judges no reading, but it takes them: whether it could is what this tells. Counts which of
the configured sensors and tachometers this module cannot read just now. A device that answers
nobody sends nothing, so what has not been read for too long cannot be read. Kept by `Node`; asked
for the health of the module.
"""

from __future__ import annotations

from bmcha.model.event import FanRead, SensorRead
from bmcha.model.moment import ns_from_ms
from bmcha.model.reading import Quality
from bmcha.model.settings import ChassisSettings


class OwnReadings:
    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._sensors_ns: dict[int, int] = {}
        self._fans_ns: dict[int, int] = {}

    def sensor_read(self, read: SensorRead) -> None:
        if read.quality is Quality.GOOD:
            self._sensors_ns[read.index] = read.read_ns

    def fan_read(self, read: FanRead) -> None:
        if read.quality is Quality.GOOD:
            self._fans_ns[read.index] = read.read_ns

    def unread_sensors_count(self, settings: ChassisSettings, now_ns: int) -> int:
        return self._old_count(self._sensors_ns, len(settings.sensors), settings, now_ns)

    def unread_fans_count(self, settings: ChassisSettings, now_ns: int) -> int:
        return self._old_count(self._fans_ns, len(settings.fans), settings, now_ns)

    def _old_count(
        self, read_ns: dict[int, int], count: int, settings: ChassisSettings, now_ns: int
    ) -> int:
        """The time since the start is given to the first reading too."""
        oldest_ns = now_ns - ns_from_ms(settings.sensor_stale_ms)
        return sum(read_ns.get(i, self._started_ns) < oldest_ns for i in range(count))
