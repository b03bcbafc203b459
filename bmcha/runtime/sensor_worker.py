"""Reads every sensor and every fan once a period and posts what it read.

A failed read is a reading of quality BAD, never an exception. No judging, no filtering: limits,
staleness and hysteresis are `bmcha.chassis`. A read that hangs (a stuck bus) stops this thread
only; the node sees the readings grow old.
"""

from __future__ import annotations

from threading import Event as Flag

from bmcha.hal.port import SensorPort
from bmcha.model.event import FanRead, SensorRead
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.model.reading import Quality
from bmcha.model.settings import ChassisSettings
from bmcha.runtime.worker import Clock, Post


class SensorWorker:
    name = "sensors"

    def __init__(
        self, chassis: ChassisSettings, sensors: SensorPort, post: Post, clock: Clock
    ) -> None:
        self._chassis = chassis
        self._sensors = sensors
        self._post = post
        self._clock = clock
        self._stopped = Flag()

    def run(self) -> None:
        period_ns = self._chassis.sensor_period_ms * NS_PER_MS
        due_ns = self._clock()
        while not self._stopped.is_set():
            self.read_all()
            # On the grid; a round that took longer than a period skips, it does not catch up.
            due_ns += ((self._clock() - due_ns) // period_ns + 1) * period_ns
            self._stopped.wait((due_ns - self._clock()) / NS_PER_S)

    def read_all(self) -> None:
        for index, sensor in enumerate(self._chassis.sensors):
            value = self._sensors.read_milli(sensor.file)
            self._post(SensorRead(index, value, _quality(value), self._clock()))
        for index, fan in enumerate(self._chassis.fans):
            rpm = self._sensors.read_milli(fan.rpm_file)
            self._post(FanRead(index, rpm, _quality(rpm), self._clock()))

    def stop(self) -> None:
        self._stopped.set()


def _quality(value: int | None) -> Quality:
    return Quality.BAD if value is None else Quality.GOOD
