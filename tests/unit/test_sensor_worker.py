"""The threads that read sensors: one a device, so that a device that does not answer is alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from bmcha.hal.port import Sample
from bmcha.model.event import BladeRead, Event, FanRead, SensorRead, SupplyRead
from bmcha.model.reading import Quality, SensorKind
from bmcha.model.settings import (
    UNIT_ROUNDS,
    BladeSettings,
    ChassisSettings,
    FanSettings,
    HwmonChannel,
    Place,
    SensorSettings,
    SupplySettings,
    device_of,
)
from bmcha.runtime import device_groups, sensor_worker
from bmcha.runtime.sensor_worker import SensorWorker, sensor_workers
from tests.waiting import wait_until

VALUES = {"/a/good": 24_000, "/b/good": 25_000, "/a/rpm": 4000}
VALUES |= {"/a/ok": 1, "/b/ok": 1, "/a/power": 400, "/a/fails": 0, "/a/odd": 7}


def sensor(file: str, **more: bool) -> SensorSettings:
    kind = SensorKind.TEMPERATURE
    return SensorSettings(file[1:], kind, file, 0, 1, 0, has_device_limits=more.get("own", False))


CHASSIS = ChassisSettings(
    sensors=(sensor("/a/good"), sensor("/a/gone"), sensor("/b/good", own=True)),
    fans=(FanSettings("fan", "/a/rpm", "/a/pwm", "front", 60, 500),),
    zones=(),
    supplies=(),
    blades=(),
    sensor_period_ms=5,
    sensor_stale_ms=100,
)


class Device:
    """Answers unless its gate is shut; remembers which threads came."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.gate = threading.Event()
        self.gate.set()
        self.readers: set[int] = set()
        self.closed_by: set[int] = set()
        self.places: set[Place] = set()

    def read(self, place: Place, has_device_limits: bool) -> Sample:
        self.readers.add(threading.get_ident())
        self.places.add(place)
        assert self.gate.wait(30)
        value = VALUES.get(str(place))
        if value is None:
            return Sample(None, "it is gone")
        return Sample(value, "", 1, 2) if has_device_limits else Sample(value)

    def close(self) -> None:
        self.closed_by.add(threading.get_ident())


class Readers:
    def __init__(self, chassis: ChassisSettings, clock: Callable[[], int]) -> None:
        self.devices: dict[Place, Device] = {}
        self.events: list[Event] = []
        self.workers = sensor_workers(chassis, self.open, self.post, clock)
        self.threads = [threading.Thread(target=worker.run) for worker in self.workers]

    def open(self, place: Place) -> Device:
        self.devices[place] = Device(place)
        return self.devices[place]

    def post(self, event: Event) -> bool:
        self.events.append(event)
        return True

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        for device in self.devices.values():
            device.gate.set()
        for worker in self.workers:
            worker.stop()
        for thread in self.threads:
            if thread.ident is not None:
                thread.join(10)
                assert not thread.is_alive()

    def count(self, index: int) -> int:
        return sum(isinstance(e, SensorRead) and e.index == index for e in list(self.events))


@pytest.fixture
def readers():
    made = Readers(CHASSIS, time.monotonic_ns)
    yield made
    made.stop()


def test_every_sensor_and_fan_is_read_and_a_failed_read_is_a_bad_reading_with_a_reason() -> None:
    readers = Readers(CHASSIS, lambda: 7)
    for worker in readers.workers:
        worker.read_all()
    assert readers.events == [
        SensorRead(0, 24_000, Quality.GOOD, 7),
        SensorRead(1, None, Quality.BAD, 7, "it is gone"),
        FanRead(0, 4000, Quality.GOOD, 7),
        SensorRead(2, 25_000, Quality.GOOD, 7, "", 1, 2),
    ]


def test_a_reading_is_as_old_as_the_beginning_of_its_read() -> None:
    times = iter(range(100))
    readers = Readers(replace(CHASSIS, sensors=CHASSIS.sensors[:1], fans=()), lambda: next(times))
    readers.workers[0].read_all()
    assert readers.events == [SensorRead(0, 24_000, Quality.GOOD, 0)]


def test_each_device_is_read_and_closed_by_a_thread_of_its_own(readers) -> None:
    readers.start()
    wait_until(lambda: readers.count(1) >= 3 and readers.count(2) >= 3, "three rounds")
    readers.stop()
    a, b = readers.devices["/a"], readers.devices["/b"]
    assert a.readers == a.closed_by == {readers.threads[0].ident}
    assert b.readers == b.closed_by == {readers.threads[1].ident}


def test_a_device_that_does_not_answer_delays_no_other_and_is_not_asked_twice(readers) -> None:
    readers.devices["/a"].gate.clear()
    readers.start()
    wait_until(lambda: readers.count(2) >= 10, "ten rounds of the other device")
    assert readers.count(0) == readers.count(1) == 0
    assert readers.devices["/a"].readers == {readers.threads[0].ident}
    readers.devices["/a"].gate.set()
    wait_until(lambda: readers.count(1) >= 1, "it is read again")


def test_a_reader_that_is_stuck_stops_as_soon_as_its_device_lets_it(readers) -> None:
    readers.devices["/a"].gate.clear()
    readers.start()
    wait_until(lambda: readers.devices["/a"].readers, "the thread is in its device")
    for worker in readers.workers:
        worker.stop()
    readers.threads[1].join(10)
    assert [thread.is_alive() for thread in readers.threads] == [True, False]
    readers.devices["/a"].gate.set()
    readers.threads[0].join(10)
    assert readers.count(1) == 0, "nothing more is read"


def test_more_devices_than_threads_share_them(monkeypatch) -> None:
    monkeypatch.setattr(sensor_worker, "READERS_MAX", 2)
    sensors = tuple(sensor(f"/{letter}/good") for letter in "abc")
    workers: list[SensorWorker] = Readers(replace(CHASSIS, sensors=sensors), int).workers
    assert [worker.name for worker in workers] == ["sensors /a /c", "sensors /b"]


def test_a_device_is_a_folder_or_a_name_and_a_place() -> None:
    cpu = HwmonChannel("cpu", "3-0048", "temp1")
    assert device_of(cpu) == device_of(replace(cpu, channel="temp2"))
    assert device_of(cpu) != device_of(replace(cpu, at="3-0049"))
    assert device_of("/hwmon/temp1_input") == "/hwmon"
    assert device_of("temp1_input") == "/"
    group = {device_of(cpu): [0], device_of(HwmonChannel("psu")): [1], "/hwmon": [2]}
    assert device_groups.shown(group) == "cpu at 3-0048 psu /hwmon"


def test_supplies_and_blades_are_read_with_their_device_and_less_often() -> None:
    chassis = replace(
        CHASSIS,
        supplies=(
            SupplySettings("psu1", 1, "/a/ok", "/a/power"),
            SupplySettings("psu2", 1, "/a/fails"),
            SupplySettings("psu3", 1, "/a/odd", "/a/gone"),
            SupplySettings("psu4", 1),
        ),
        blades=(BladeSettings("blade1", 1, "/a/ok"), BladeSettings("blade2", 1, "", "/a/power")),
    )
    readers = Readers(chassis, lambda: 7)
    assert len(readers.workers) == 2  # the devices of CHASSIS alone
    for _ in range(UNIT_ROUNDS + 1):
        for worker in readers.workers:
            worker.read_all()
    units = [event for event in readers.events if isinstance(event, SupplyRead | BladeRead)]
    assert units == 2 * [
        SupplyRead(0, True, 400, 7),
        SupplyRead(1, False, None, 7),
        SupplyRead(2, None, None, 7),
        BladeRead(0, True, None, 7),
        BladeRead(1, None, 400, 7),
    ]


def test_a_unit_may_tell_its_state_and_its_power_on_two_devices() -> None:
    """Each device has its own place, and a file of one is never looked for in the other."""
    units = ("/b/ok", "/a/power")
    chassis = replace(
        CHASSIS,
        sensors=(),
        fans=(),
        supplies=(SupplySettings("psu1", 1, *units), SupplySettings("psu2", 1, "/b/ok")),
        blades=(BladeSettings("blade1", 1, *units),),
    )
    readers = Readers(chassis, lambda: 7)
    for worker in readers.workers:
        worker.read_all()
    # By the thread of the device with the power: if that hangs, other states are read all the same.
    assert [worker.name for worker in readers.workers] == ["sensors /a", "sensors /b"]
    assert readers.events == [
        SupplyRead(0, True, 400, 7),
        BladeRead(0, True, 400, 7),
        SupplyRead(1, True, None, 7),
    ]
    assert readers.devices["/a"].places == {"/a/power"}
    assert readers.devices["/b"].places == {"/b/ok"}
