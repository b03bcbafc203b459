"""What a module can read of the chassis, whoever holds it."""

from __future__ import annotations

from bmcha.chassis.own_readings import OwnReadings
from bmcha.model.event import FanRead, SensorRead
from bmcha.model.reading import Quality
from tests.speech import ms
from tests.world.settings import CHASSIS


def counts(readings: OwnReadings, now_ms: int) -> tuple[int, int]:
    now_ns = ms(now_ms)
    return (
        readings.unread_sensors_count(CHASSIS, now_ns),
        readings.unread_fans_count(CHASSIS, now_ns),
    )


def test_what_was_never_read_is_missing_once_it_had_its_time() -> None:
    readings = OwnReadings(ms(1000))
    assert counts(readings, 1000 + CHASSIS.sensor_stale_ms) == (0, 0)
    assert counts(readings, 1001 + CHASSIS.sensor_stale_ms) == (1, 1)


def test_what_was_read_last_is_told_while_it_is_fresh() -> None:
    readings = OwnReadings(ms(0))
    assert readings.sensor_milli(0, CHASSIS, ms(0)) is None is readings.fan_rpm(0, CHASSIS, ms(0))
    readings.sensor_read(SensorRead(0, 20_000, Quality.GOOD, ms(5000)))
    readings.fan_read(FanRead(0, 3000, Quality.GOOD, ms(5000)))
    fresh_ns = ms(5000 + CHASSIS.sensor_stale_ms)
    told = readings.sensor_milli(0, CHASSIS, fresh_ns), readings.fan_rpm(0, CHASSIS, fresh_ns)
    assert told == (20_000, 3000)
    assert readings.sensor_milli(0, CHASSIS, fresh_ns + 1) is None
    assert readings.fan_rpm(0, CHASSIS, fresh_ns + 1) is None


def test_only_a_good_reading_counts_and_for_so_long_as_it_is_fresh() -> None:
    readings = OwnReadings(ms(0))
    readings.sensor_read(SensorRead(0, 20_000, Quality.GOOD, ms(5000)))
    readings.fan_read(FanRead(0, 3000, Quality.GOOD, ms(5000)))
    assert counts(readings, 7000) == (0, 0)
    readings.sensor_read(SensorRead(0, None, Quality.BAD, ms(7000), "no such device"))
    readings.fan_read(FanRead(0, None, Quality.BAD, ms(7000)))
    assert counts(readings, 7001) == (1, 1)
