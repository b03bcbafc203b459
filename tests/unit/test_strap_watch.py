"""The slot straps while the service runs: one bouncing reading moves nothing."""

from bmcha.ha.strap_watch import StrapWatch
from bmcha.model.event import StrapsRead
from bmcha.model.settings import BoardClass
from tests.world import Module, World


def alarms_of(module: Module) -> set[str]:
    assert module.node is not None
    return {alarm.alarm_id for alarm in module.node.chassis.alarms.raised()}


def watch(*readings: StrapsRead) -> StrapWatch:
    found = StrapWatch()
    for reading in readings:
        found.read(reading, own_slot=2)
    return found


def test_one_reading_moves_nothing() -> None:
    assert watch(StrapsRead(1)).fault == ""
    assert watch(StrapsRead(1), StrapsRead(2), StrapsRead(1)).fault == ""


def test_two_in_a_row_are_a_fault_that_names_both_slots() -> None:
    said = "the slot straps say slot 1 now; this module keeps slot 2, which it read at its start"
    assert watch(StrapsRead(1), StrapsRead(1)).fault == said


def test_straps_that_cannot_be_read_any_more_say_why() -> None:
    found = watch(StrapsRead(1), StrapsRead(None, "strap 0 is gone"))
    assert found.fault.startswith("strap 0 is gone; this module keeps slot 2")


def test_a_reading_as_at_the_start_ends_it() -> None:
    assert watch(StrapsRead(1), StrapsRead(1), StrapsRead(2)).fault == ""


def test_straps_that_change_raise_an_alarm_and_move_no_role() -> None:
    world = World(BoardClass.GATED).settled()
    module = world.modules[1]
    roles = list(module.roles)
    for _ in range(2):
        module.ask(StrapsRead(2))
    world.run(1000)
    assert "slot-straps-changed" in alarms_of(module)
    assert module.roles == roles
    module.ask(StrapsRead(1))
    world.run(1000)
    assert "slot-straps-changed" not in alarms_of(module)
