"""Both held the chassis: what the loser did is kept, and both modules say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.chassis.conflict import SENTENCES_MAX, ImageChanges
from bmcha.chassis.picture import ChassisPicture
from bmcha.model.event import FanDriven, SensorRead, SwitchoverAsked
from bmcha.model.reading import (
    EVENT_TEXT_BYTES_MAX,
    EventCell,
    FanCell,
    Quality,
    SensorCell,
    SensorKind,
    UnitState,
)
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass
from tests.unit.test_two_nodes import alarms_of, become, status_of
from tests.world import World

FAN = FanCell(0, "fan1", 3000, 80, 60, UnitState.OK, 0)
SENSOR = SensorCell(0, "inlet", SensorKind.TEMPERATURE, 20_000, Quality.GOOD, 0, 0, 60_000)


def picture_of(*cells: FanCell | SensorCell) -> ChassisPicture:
    picture = ChassisPicture()
    for cell in cells:
        picture.put(cell)
    return picture


def log_of(world: World, slot: int) -> list[EventCell]:
    node = world.modules[slot].node
    assert node is not None
    return node.chassis.log.tail()


def splits_of(world: World, slot: int) -> list[EventCell]:
    return [r for r in log_of(world, slot) if r.kind == "split-brain" and r.slot == slot]


def split(world: World, for_ms: int = 3000) -> None:
    world.cut()
    become(world, 2, Role.ACTIVE, 3000)
    world.run(for_ms)


# ---- what a holder changed


def test_what_a_holder_decides_is_told_and_readings_are_not() -> None:
    changes = ImageChanges()
    changes.follow(True, picture_of(FAN, SENSOR))
    after = picture_of(
        replace(FAN, pwm=255, rpm=9000, stamp_ns=5), replace(SENSOR, value_milli=50_000, stamp_ns=5)
    )
    changes.follow(True, after)
    assert changes.sentences(after) == ["fan fan1: pwm 80, OK -> pwm 255, OK"]
    changes.follow(False, after)
    assert changes.sentences(after) == []


def test_many_changes_are_bounded_and_each_fits_a_record() -> None:
    changes = ImageChanges()
    changes.follow(True, picture_of())
    fans = [replace(FAN, index=i, name=f"fan{i}" + "x" * 300) for i in range(100)]
    found = changes.sentences(picture_of(*fans))
    assert len(found) == SENTENCES_MAX and found[-1] == "and 37 more changes"
    assert all(len(text) <= EVENT_TEXT_BYTES_MAX for text in found)


# ---- two modules


def test_the_loser_keeps_what_it_did_and_both_say_so() -> None:
    world = World(BoardClass.BARE).settled()
    first = world.modules[1]
    split(world)
    first.ask(FanDriven(0, "not permitted"))
    first.ask(SensorRead(0, None, Quality.BAD, world.now_ns, "gone"))
    world.run(10)
    own = [r.key for r in log_of(world, 1) if r.slot == 1 and r.kind == "alarm-raised"]
    world.heal()
    become(world, 1, Role.STANDBY, 2000)
    world.run(3000)
    (lost,), (won,) = splits_of(world, 1), splits_of(world, 2)
    assert "epoch 2 lost to slot 2, epoch 3" in lost.text
    assert won.text == "slot 1 held the chassis too, and let go; its own log says more"
    changed = [r.text for r in log_of(world, 1) if r.kind == "split-brain-change"]
    assert any(text.startswith("sensor inlet: GOOD -> BAD") for text in changed), changed
    assert any(text.startswith("alarm sensor-inlet-unreadable: ") for text in changed), changed
    assert set(own) <= {record.key for record in log_of(world, 1)}, "none of its own is lost"
    for slot, record in ((1, lost), (2, won)):
        assert "split-brain" in alarms_of(world.modules[slot])
        assert status_of(world, slot)["conflicts"] == {
            "count": 1,
            "last": {"wall_ms": record.wall_ms, "text": record.text},
        }


def test_the_record_says_for_how_long_both_may_have_held_and_which_records_are_of_then() -> None:
    world = World(BoardClass.BARE).settled()
    split(world, 4000)
    world.heal()
    become(world, 1, Role.STANDBY, 2000)
    (lost,) = splits_of(world, 1)
    seconds = float(lost.text.removeprefix("both held for ").split(" s at most")[0])
    assert 4.0 <= seconds <= 6.0
    first, last = lost.text.split("records (2/")[1].split(")")[0].split(" to ")
    assert int(first) < int(last) < lost.number


def test_the_alarm_outlives_a_restart_and_ends_after_a_day() -> None:
    world = World(BoardClass.BARE).settled()
    split(world)
    world.heal()
    become(world, 1, Role.STANDBY, 2000)
    world.run(500)
    world.kill(1)
    world.modules[1].boot()
    world.run(100)
    module = world.modules[1]
    assert "split-brain" in alarms_of(module)
    node = module.node
    assert node is not None
    split_record = node.chassis.log.splits[-1]
    day_ms = 25 * 3600 * 1000
    node.chassis.log.splits[-1] = replace(split_record, wall_ms=split_record.wall_ms - day_ms)
    world.run(100)
    assert "split-brain" not in alarms_of(module)


@pytest.mark.parametrize("board", [BoardClass.GATED, BoardClass.BARE])
def test_an_ordinary_change_of_role_is_no_conflict(board: BoardClass) -> None:
    world = World(board).settled()
    world.modules[1].ask(SwitchoverAsked(1, "test", None, False))
    become(world, 2, Role.ACTIVE, 2000)
    world.run(2000)
    world.kill(2)
    become(world, 1, Role.ACTIVE, 4000)
    world.modules[2].boot()
    world.run(5000)
    assert [splits_of(world, slot) for slot in (1, 2)] == [[], []]
    assert all("split-brain" not in alarms_of(module) for module in world.modules.values())
