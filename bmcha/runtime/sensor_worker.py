"""Reads the sensors, tachometers, supplies and blades of one device and posts what it read.

A failed read is a reading of quality BAD, never an exception. No judging, no filtering: limits,
staleness and belief are `bmcha.chassis`. A device that does not answer stops its own worker only
(docs/adr/0008-slow-devices.md); the node sees the readings grow old. A reading's time is taken
before it is read: it may not be younger than it says, however long the driver took.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Flag
from typing import Final

from bmcha.hal.port import Sample, SensorPort
from bmcha.model.event import BladeRead, FanRead, SensorRead, SupplyRead
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.model.reading import Quality
from bmcha.model.settings import (
    UNIT_ROUNDS,
    BladeSettings,
    ChassisSettings,
    FanSettings,
    Place,
    SensorSettings,
    SupplySettings,
    device_of,
)
from bmcha.runtime.device_groups import Group, dealt, shown
from bmcha.runtime.worker import Clock, Post

READERS_MAX: Final = 24
"""Threads. With more devices than that, the later ones share a thread with the first."""

Settings = SensorSettings | FanSettings | SupplySettings | BladeSettings
Item = tuple[int, Settings]
"""Index and settings."""


class SensorWorker:
    """``group``: the items by device. ``open_device`` opens nothing before its first read.

    A unit's two values may be of two devices: it is in the group of one and reads both.
    """

    def __init__(
        self,
        group: Group[Item],
        period_ms: int,
        open_device: Callable[[Place], SensorPort],
        post: Post,
        clock: Clock,
    ) -> None:
        self.name = f"sensors {shown(group)}"
        self._items = [item for items in group.values() for item in items]
        devices = dict.fromkeys(
            device_of(place) for _, settings in self._items for place in _places(settings)
        )
        self._ports = {device: open_device(device) for device in devices}
        self._period_ns = period_ms * NS_PER_MS
        self._post = post
        self._clock = clock
        self._stopped = Flag()
        self._round = 0

    def run(self) -> None:
        due_ns = self._clock()
        try:
            while not self._stopped.is_set():
                self.read_all()
                # On the grid; a round that took longer than a period skips, it does not catch up.
                late_ns = self._clock() - due_ns
                due_ns += (late_ns // self._period_ns + 1) * self._period_ns
                self._stopped.wait((due_ns - self._clock()) / NS_PER_S)
        finally:
            for port in self._ports.values():
                port.close()

    def read_all(self) -> None:
        is_unit_round = self._round % UNIT_ROUNDS == 0
        self._round += 1
        for index, settings in self._items:
            if self._stopped.is_set():
                return
            if isinstance(settings, SensorSettings | FanSettings):
                self._read(index, settings)
            elif is_unit_round:
                self._read_unit(index, settings)

    def stop(self) -> None:
        self._stopped.set()

    def _read(self, index: int, settings: SensorSettings | FanSettings) -> None:
        read_ns = self._clock()
        if isinstance(settings, FanSettings):
            sample = self._sample(settings.rpm_place)
            quality = _quality(sample.value)
            self._post(FanRead(index, sample.value, quality, read_ns, sample.why))
            return
        sample = self._sample(settings.place, settings.has_device_limits)
        quality = _quality(sample.value)
        value, why = sample.value, sample.why
        self._post(SensorRead(index, value, quality, read_ns, why, sample.low, sample.high))

    def _read_unit(self, index: int, settings: SupplySettings | BladeSettings) -> None:
        read_ns = self._clock()
        power = self._value(settings.power_place)
        if isinstance(settings, SupplySettings):
            is_ok = self._yes_or_no(settings.ok_file)
            self._post(SupplyRead(index, is_ok, power, read_ns))
        else:
            is_present = self._yes_or_no(settings.present_file)
            self._post(BladeRead(index, is_present, power, read_ns))

    def _sample(self, place: Place, has_device_limits: bool = False) -> Sample:
        return self._ports[device_of(place)].read(place, has_device_limits)

    def _value(self, place: Place) -> int | None:
        return self._sample(place).value if place else None

    def _yes_or_no(self, file: str) -> bool | None:
        value = self._value(file)
        return None if value not in (0, 1) else bool(value)


def sensor_workers(
    chassis: ChassisSettings, open_device: Callable[[Place], SensorPort], post: Post, clock: Clock
) -> list[SensorWorker]:
    """One a device."""
    sensors: list[tuple[Place, Item]] = [
        (sensor.place, (index, sensor)) for index, sensor in enumerate(chassis.sensors)
    ]
    fans: list[tuple[Place, Item]] = [
        (fan.rpm_place, (index, fan)) for index, fan in enumerate(chassis.fans)
    ]
    units: list[Item] = [*enumerate(chassis.supplies), *enumerate(chassis.blades)]
    told = [(places[0], unit) for unit in units if (places := _places(unit[1]))]
    return [
        SensorWorker(group, chassis.sensor_period_ms, open_device, post, clock)
        for group in dealt(sensors + fans + told, READERS_MAX)
    ]


def _places(settings: Settings) -> list[Place]:
    """All that is read of it, by the thread of the first one's device; of a unit that is its power,
    as long as the board tells it: of two devices the one that may block."""
    match settings:
        case SensorSettings():
            return [settings.place]
        case FanSettings():
            return [settings.rpm_place]
        case SupplySettings():
            places = (settings.power_place, settings.ok_file)
        case BladeSettings():
            places = (settings.power_place, settings.present_file)
    return [place for place in places if place]


def _quality(value: int | None) -> Quality:
    return Quality.BAD if value is None else Quality.GOOD
