"""The chassis log: no record is lost, none is doubled, and no two have one name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bmcha.chassis.event_log import FAILOVER, LOCKOUT_CLEARED, TAIL_MAX, EventLog
from bmcha.model.reading import EVENT_TEXT_BYTES_MAX, EventCell
from bmcha.model.role import Severity


def write(log: EventLog, epoch: int, text: str = "it happened") -> EventCell:
    return log.write(epoch, Severity.INFO, 0, "test", text)


def record(epoch: int, number: int, slot: int) -> EventCell:
    return EventCell(epoch, number, slot, Severity.INFO, 0, "test", "it happened")


def test_records_are_numbered_from_one_within_each_epoch() -> None:
    log = EventLog(1, ())
    written = [write(log, epoch).key for epoch in (0, 0, 3, 3)]
    assert written == [(0, 1, 1), (0, 2, 1), (3, 1, 1), (3, 2, 1)]


def test_an_epoch_never_goes_back_in_the_log() -> None:
    log = EventLog(1, ())
    write(log, 3)
    assert write(log, 2).key == (3, 2, 1)


def test_the_numbering_goes_on_after_a_restart() -> None:
    log = EventLog(1, [record(3, 1, 1), record(3, 2, 1)])
    assert write(log, 3).key > (3, 2, 1)


def test_the_numbering_goes_on_when_newer_records_of_the_peer_have_crowded_out_the_own() -> None:
    """What is loaded at a start is the newest of all; the store may hold own ones below it."""
    tail = [record(3, number, 2) for number in range(5, 5 + TAIL_MAX)]
    assert write(EventLog(1, tail), 3).number > 4


def test_the_numbering_goes_on_when_the_newest_records_are_of_a_newer_epoch() -> None:
    tail = [record(4, number, 2) for number in range(1, TAIL_MAX + 1)]
    assert write(EventLog(1, tail), 3).key > (3, 9, 1)


def test_a_record_that_comes_twice_is_one_record() -> None:
    log = EventLog(1, ())
    assert log.receive(record(3, 1, 2))
    assert not log.receive(record(3, 1, 2))
    assert log.doubled_count == 1 and log.tail() == [record(3, 1, 2)]


def test_a_record_that_is_in_the_loaded_tail_is_known() -> None:
    log = EventLog(1, [record(3, 1, 2)])
    assert not log.receive(record(3, 1, 2))


def test_the_own_record_that_comes_back_is_known() -> None:
    log = EventLog(1, ())
    assert not log.receive(write(log, 3))


def test_the_same_number_in_another_slot_or_epoch_is_another_record() -> None:
    log = EventLog(1, ())
    write(log, 3)
    assert log.receive(record(3, 1, 2)) and log.receive(record(4, 1, 1))


def test_a_long_text_is_cut_between_characters() -> None:
    assert write(EventLog(1, ()), 0, "x" * 200).text == "x" * EVENT_TEXT_BYTES_MAX
    cut = write(EventLog(1, ()), 0, "x" + "é" * 100).text
    assert cut == "x" + "é" * 79 and len(cut.encode()) <= EVENT_TEXT_BYTES_MAX


def test_the_tail_is_bounded_and_keeps_the_newest() -> None:
    log = EventLog(1, ())
    for _ in range(5 * TAIL_MAX):
        write(log, 1)
    assert [each.number for each in log.tail()] == list(range(4 * TAIL_MAX + 1, 5 * TAIL_MAX + 1))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 4)), max_size=40))
def test_whatever_is_written_and_received_no_key_is_there_twice(
    deeds: list[tuple[bool, int, int]],
) -> None:
    log = EventLog(1, ())
    for is_own, epoch, number in deeds:
        if is_own:
            write(log, epoch)
        else:
            log.receive(record(epoch, number, 2))
    keys = [each.key for each in log.tail()]
    assert len(keys) == len(set(keys))


def moved(kind: str, number: int, wall_ms: int, slot: int = 1) -> EventCell:
    return EventCell(3, number, slot, Severity.MINOR, wall_ms, kind, "")


def test_failovers_are_counted_from_the_last_time_that_they_were_cleared() -> None:
    log = EventLog(1, [moved(FAILOVER, 1, 1000), moved(FAILOVER, 2, 2000)])
    assert list(log.failovers_ms) == [1000, 2000]
    log.write(3, Severity.MINOR, 3000, LOCKOUT_CLEARED, "")
    assert not log.failovers_ms
    assert log.receive(moved(FAILOVER, 3, 4000, slot=2))
    assert not log.receive(moved(FAILOVER, 3, 4000, slot=2)), "once is once"
    assert list(log.failovers_ms) == [4000]


def test_a_restart_forgets_what_was_cleared_by_number_or_by_clock() -> None:
    numbered = [moved(FAILOVER, 5, 9000, slot=2), moved(LOCKOUT_CLEARED, 6, 100)]
    timed = [moved(LOCKOUT_CLEARED, 5, 9000), moved(FAILOVER, 5, 8000, slot=2)]
    later = [moved(LOCKOUT_CLEARED, 5, 9000), moved(FAILOVER, 6, 9500)]
    assert [list(EventLog(1, tail).failovers_ms) for tail in (numbered, timed, later)] == [
        *([], [], [9500])
    ]
