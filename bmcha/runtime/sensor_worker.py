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

from bmcha.hal.port import SensorPort
from bmcha.model.event import BladeRead, FanRead, SensorRead, SupplyRead
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.model.reading import Quality
from bmcha.model.settings import (
    BladeSettings,
    ChassisSettings,
    FanSettings,
    Place,
    SensorSettings,
    SupplySettings,
)
from bmcha.runtime.device_groups import Group, dealt, shown
from bmcha.runtime.worker import Clock, Post

READERS_MAX: Final = 24
"""Threads. With more devices than that, the later ones share a thread with the first."""

UNIT_ROUNDS: Final = 4
"""Supplies and blades are read once in so many rounds: what they say changes seldom."""

Settings = SensorSettings | FanSettings | SupplySettings | BladeSettings
Item = tuple[int, Settings]
"""Index and settings."""


class SensorWorker:
    """``group``: the items by device. ``open_device`` opens nothing before its first read."""

    def __init__(
        self,
        group: Group[Item],
        period_ms: int,
        open_device: Callable[[Place], SensorPort],
        post: Post,
        clock: Clock,
    ) -> None:
        self.name = f"sensors {shown(group)}"
        self._items = [(open_device(device), items) for device, items in group.items()]
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
            for port, _ in self._items:
                port.close()

    def read_all(self) -> None:
        is_unit_round = self._round % UNIT_ROUNDS == 0
        self._round += 1
        for port, items in self._items:
            for index, settings in items:
                if self._stopped.is_set():
                    return
                if isinstance(settings, SensorSettings | FanSettings):
                    self._read(port, index, settings)
                elif is_unit_round:
                    self._read_unit(port, index, settings)

    def stop(self) -> None:
        self._stopped.set()

    def _read(self, port: SensorPort, index: int, settings: SensorSettings | FanSettings) -> None:
        read_ns = self._clock()
        if isinstance(settings, FanSettings):
            sample = port.read(settings.rpm_place, False)
            quality = _quality(sample.value)
            self._post(FanRead(index, sample.value, quality, read_ns, sample.why))
            return
        sample = port.read(settings.place, settings.has_device_limits)
        quality = _quality(sample.value)
        value, why = sample.value, sample.why
        self._post(SensorRead(index, value, quality, read_ns, why, sample.low, sample.high))

    def _read_unit(
        self, port: SensorPort, index: int, settings: SupplySettings | BladeSettings
    ) -> None:
        read_ns = self._clock()
        power = _value(port, settings.power_file)
        if isinstance(settings, SupplySettings):
            is_ok = _yes_or_no(port, settings.ok_file)
            self._post(SupplyRead(index, is_ok, power, read_ns))
        else:
            is_present = _yes_or_no(port, settings.present_file)
            self._post(BladeRead(index, is_present, power, read_ns))


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
    units: list[tuple[Place, Item]] = [
        (supply.ok_file or supply.power_file, (index, supply))
        for index, supply in enumerate(chassis.supplies)
    ]
    units += [
        (blade.present_file or blade.power_file, (index, blade))
        for index, blade in enumerate(chassis.blades)
    ]
    told = [(place, item) for place, item in units if place]
    return [
        SensorWorker(group, chassis.sensor_period_ms, open_device, post, clock)
        for group in dealt(sensors + fans + told, READERS_MAX)
    ]


def _value(port: SensorPort, file: str) -> int | None:
    return port.read(file, False).value if file else None


def _yes_or_no(port: SensorPort, file: str) -> bool | None:
    value = _value(port, file)
    return None if value not in (0, 1) else bool(value)


def _quality(value: int | None) -> Quality:
    return Quality.BAD if value is None else Quality.GOOD
