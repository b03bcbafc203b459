"""A follower's own reading beside its holder's word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.fans import initial_fan
from bmcha.chassis.own_readings import OwnReadings
from bmcha.chassis.picture import ChassisPicture
from bmcha.chassis.second_view import DIFFERS_NS, LOOK_NS, SecondView
from bmcha.chassis.sensors import initial_sensor
from bmcha.model.event import FanRead, SensorRead
from bmcha.model.reading import Quality, UnitState
from bmcha.model.role import Role, Severity
from bmcha.model.settings import BoardClass
from tests.speech import ms
from tests.unit.test_two_nodes import alarms_of
from tests.world import World
from tests.world.settings import CHASSIS

(SENSOR,) = CHASSIS.sensors
NEAR_MILLI = 2 * SENSOR.hysteresis_milli
SENSOR_ALARM, FAN_ALARM = f"sensor-{SENSOR.name}-differs", f"fan-{CHASSIS.fans[0].name}-differs"


class Follower:
    def __init__(self, value_milli: int = 30_000, rpm: int = 3000) -> None:
        self.view, self.own, self.picture = SecondView(), OwnReadings(0), ChassisPicture()
        self.sensor = replace(
            initial_sensor(0, SENSOR, 0), value_milli=value_milli, quality=Quality.GOOD
        )
        self.fan = replace(initial_fan(0, CHASSIS.fans[0], 0), rpm=rpm, state=UnitState.OK)
        self.settings = CHASSIS
        self.now_ns = 0

    def look(
        self,
        value_milli: int | None = 30_000,
        rpm: int | None = 3000,
        *,
        for_ns: int = LOOK_NS,
        is_following: bool = True,
    ) -> list[str]:
        """Reads so for so long; the alarms at the end."""
        end_ns = self.now_ns + for_ns
        while self.now_ns < end_ns:
            self.now_ns += LOOK_NS
            if value_milli is not None:
                self.own.sensor_read(SensorRead(0, value_milli, Quality.GOOD, self.now_ns))
            if rpm is not None:
                self.own.fan_read(FanRead(0, rpm, Quality.GOOD, self.now_ns))
            self.picture.put(self.sensor)
            self.picture.put(self.fan)
            self.view.look(is_following, self.picture, self.own, self.settings, self.now_ns)
        return [identity for identity, _, _ in self.view.conditions(self.now_ns)]


@pytest.mark.parametrize(
    ("there", "here", "differs"),
    [
        (30_000, 30_000 + NEAR_MILLI, False),
        (30_000, 30_001 + NEAR_MILLI, True),
        (30_000, 29_999 - NEAR_MILLI, True),
        (60_000, 63_000, False),
        (60_000, 63_001, True),
        (-60_000, -63_000, False),
    ],
)
def test_two_readers_of_a_sensor_may_differ_by_twice_the_hysteresis_or_a_twentieth(
    there: int, here: int, differs: bool
) -> None:
    found = Follower(there).look(here, for_ns=2 * DIFFERS_NS)
    assert found == ([SENSOR_ALARM] if differs else [])


@pytest.mark.parametrize(("there", "here", "differs"), [(3000, 2401, False), (3000, 2399, True)])
def test_two_tachometers_may_differ_by_a_fifth(there: int, here: int, differs: bool) -> None:
    found = Follower(rpm=there).look(rpm=here, for_ns=2 * DIFFERS_NS)
    assert found == ([FAN_ALARM] if differs else [])


def test_a_fan_without_a_tachometer_is_not_compared() -> None:
    follower = Follower(rpm=6600)
    (fan,) = CHASSIS.fans
    follower.settings = replace(CHASSIS, fans=(replace(fan, has_tachometer=False),))
    assert follower.look(rpm=0, for_ns=2 * DIFFERS_NS) == []


def test_a_difference_is_told_once_it_lasted_and_with_both_values() -> None:
    follower = Follower()
    assert follower.look(50_000, for_ns=DIFFERS_NS) == []
    assert follower.look(50_000) == [SENSOR_ALARM]
    ((_, severity, text),) = follower.view.conditions(follower.now_ns)
    assert severity is Severity.MINOR
    assert text.endswith("the holder says 30 °C, this module reads 50 °C: one of the two is wrong")


def test_a_difference_that_ends_for_a_moment_begins_anew() -> None:
    follower = Follower()
    follower.look(50_000, for_ns=DIFFERS_NS)
    follower.look(30_000)
    assert follower.look(50_000, for_ns=DIFFERS_NS) == []


def test_who_follows_nobody_compares_nothing() -> None:
    follower = Follower()
    assert follower.look(50_000, for_ns=2 * DIFFERS_NS) == [SENSOR_ALARM]
    assert follower.look(50_000, is_following=False) == []
    assert follower.look(50_000, for_ns=DIFFERS_NS) == []


def test_what_either_cannot_read_is_no_difference() -> None:
    blind = Follower()
    blind.look(50_000, 100)
    assert blind.look(None, None, for_ns=2 * DIFFERS_NS) == []
    for quality in (Quality.BAD, Quality.STALE, Quality.NONE):
        follower = Follower()
        follower.sensor = replace(follower.sensor, quality=quality)
        follower.fan = replace(follower.fan, state=UnitState.UNKNOWN)
        assert follower.look(50_000, 100, for_ns=2 * DIFFERS_NS) == []


def test_it_is_looked_at_once_a_second_however_often_it_is_asked() -> None:
    follower = Follower()
    follower.look(50_000)
    follower.own.sensor_read(SensorRead(0, 30_000, Quality.GOOD, follower.now_ns))
    follower.view.look(True, follower.picture, follower.own, CHASSIS, follower.now_ns + ms(999))
    assert follower.look(50_000, for_ns=DIFFERS_NS) == [SENSOR_ALARM], "nobody saw the moment"


def test_a_standby_whose_own_sensor_reads_otherwise_says_so_and_nothing_moves() -> None:
    world = World(BoardClass.GATED).settled()
    world.run(2000)
    world.modules[2].sensor_milli = lambda _: 50_000
    assert world.run(14_000, lambda: SENSOR_ALARM in alarms_of(world.modules[2]))
    assert SENSOR_ALARM not in alarms_of(world.modules[1])
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    world.modules[2].sensor_milli = world.modules[1].sensor_milli
    assert world.run(3000, lambda: SENSOR_ALARM not in alarms_of(world.modules[2]))
