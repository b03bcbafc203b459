"""The threads that own lines and the store, each around a device of the test's own."""

import threading
from dataclasses import replace

import pytest

from bmcha.hal.port import PortError
from bmcha.model.event import EpochStored, LineLevels, LinesRead, StoreFailed, StrapsRead
from bmcha.model.reading import EventCell
from bmcha.model.role import Severity
from bmcha.runtime import store_worker
from bmcha.runtime.lines_worker import DOUBTED_STRAPS_NS, POST_NS, STRAPS_NS, LinesWorker
from bmcha.runtime.store_worker import StoreWorker
from tests.waiting import wait_until

MS = 1_000_000
UP, DOWN = (LinesRead(((2, LineLevels(health=level)),), None, None, 0) for level in (True, False))


class Posts:
    def __init__(self) -> None:
        self.events: list = []

    def post(self, event: object) -> bool:
        self.events.append(event)
        return True


# ---------------------------------------------------------------- lines


class ScriptedLines(Posts):
    """One reading a turn; waiting is time passing; after the last reading the worker is told to
    stop. ``straps``: what they say look after look, None: unreadable."""

    def __init__(self, *readings: LinesRead, straps: tuple[int | None, ...] = ()) -> None:
        super().__init__()
        self.readings = list(readings)
        self.now_ns = 0
        self.waits: list[float] = []
        self.straps = list(straps)
        self.strap_looks_ns: list[int] = []
        self.worker = LinesWorker(self, self.post, lambda: self.now_ns, 2)  # type: ignore[arg-type]
        self.worker.run()

    def read(self) -> LinesRead:
        reading = self.readings.pop(0)
        if not self.readings:
            self.worker.stop()
        return reading

    def read_straps(self) -> int:
        self.strap_looks_ns.append(self.now_ns)
        slot = self.straps.pop(0)
        if slot is None:
            raise PortError("the strap is gone")
        return slot

    def wait(self, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        self.now_ns += round(timeout_s * 1e9)
        return False


def test_a_change_of_a_line_is_posted_and_the_same_again_is_not() -> None:
    lines = ScriptedLines(UP, UP, DOWN, DOWN, UP)
    levels = [dict(event.peers)[2].health for event in lines.events]
    assert levels == [True, False, True]


def test_levels_are_read_at_least_every_100_ms_and_posted_every_500() -> None:
    lines = ScriptedLines(*[UP] * 11)
    assert set(lines.waits) == {0.1}
    assert [event.read_ns for event in lines.events] == [0, POST_NS, 2 * POST_NS]


def test_a_reading_carries_its_time() -> None:
    lines = ScriptedLines(UP, DOWN)
    assert lines.events == [UP, replace(DOWN, read_ns=100 * MS)]


def test_straps_as_at_the_start_are_read_every_5_s_and_told_to_nobody() -> None:
    lines = ScriptedLines(*[UP] * 110, straps=(2, 2))
    assert lines.strap_looks_ns == [STRAPS_NS, 2 * STRAPS_NS]
    assert not [event for event in lines.events if isinstance(event, StrapsRead)]


def test_straps_that_differ_are_told_and_looked_at_again_sooner_until_they_are_right() -> None:
    lines = ScriptedLines(*[UP] * 90, straps=(1, None, 2))
    told = [event for event in lines.events if isinstance(event, StrapsRead)]
    assert told == [StrapsRead(1), StrapsRead(None, "the strap is gone"), StrapsRead(2)]
    assert lines.strap_looks_ns == [STRAPS_NS + look * DOUBTED_STRAPS_NS for look in range(3)]


# ---------------------------------------------------------------- store


def record(number: int) -> EventCell:
    return EventCell(1, number, 1, Severity.INFO, 0, "test", f"number {number}")


class ScriptedStore(Posts):
    """In memory; fails when told, and waits when told."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[object] = []
        self.why = ""
        self.gate = threading.Event()
        self.gate.set()
        self.is_closed = False
        self.worker = StoreWorker(self.open, self.post, lambda: 0)
        self.thread = threading.Thread(target=self.worker.run)

    def open(self) -> "ScriptedStore":
        self.fail_if_told()
        return self

    def fail_if_told(self) -> None:
        self.gate.wait(10)
        if self.why:
            raise PortError(self.why)

    def load_epoch(self) -> int:
        return 6

    def load_events(self, newest_max: int) -> list[EventCell]:
        return [record(1)]

    def save_epoch(self, epoch: int) -> None:
        self.fail_if_told()
        self.saved.append(epoch)

    def save_event(self, stored: EventCell) -> None:
        self.fail_if_told()
        self.saved.append(stored.number)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def store():
    scripted = ScriptedStore()
    yield scripted
    scripted.gate.set()
    scripted.worker.stop()
    if scripted.thread.ident is not None:
        scripted.thread.join(10)
        assert not scripted.thread.is_alive()


def test_the_store_tells_what_it_holds_at_the_start(store) -> None:
    store.thread.start()
    loaded = store.worker.wait_loaded(10)
    assert (loaded.epoch, loaded.records, loaded.why) == (6, (record(1),), "")


def test_an_epoch_that_is_stored_comes_back_as_an_event(store) -> None:
    store.thread.start()
    store.worker.store_epoch(8)
    wait_until(lambda: store.events == [EpochStored(8)], "stored")
    assert store.saved == [8]


def test_an_epoch_overtakes_the_records_that_wait(store) -> None:
    store.thread.start()
    store.worker.wait_loaded(10)
    store.gate.clear()
    for number in (1, 2, 3):
        store.worker.record(record(number))
    store.worker.store_epoch(8)
    store.gate.set()
    wait_until(lambda: len(store.saved) == 4, "all is written")
    # The first record may have been begun already.
    assert store.saved in ([8, 1, 2, 3], [1, 8, 2, 3])


def test_what_waits_is_still_written_at_the_end(store) -> None:
    store.gate.clear()
    for number in range(5):
        store.worker.record(record(number))
    store.worker.stop()
    store.thread.start()
    store.gate.set()
    store.thread.join(10)
    assert store.saved == [0, 1, 2, 3, 4]
    assert store.is_closed


def test_a_disk_that_fails_is_told_for_each_order_and_is_opened_again(store) -> None:
    store.why = "no space left"
    store.thread.start()
    assert store.worker.wait_loaded(10).why == "no space left"
    store.worker.store_epoch(8)
    store.worker.record(record(1))
    wait_until(lambda: len(store.events) == 2, "both are told")
    assert store.events == [
        StoreFailed("epoch", "no space left"),
        StoreFailed("event", "no space left"),
    ]
    store.why = ""
    store.worker.store_epoch(9)
    wait_until(lambda: EpochStored(9) in store.events, "stored")


def test_a_store_that_does_not_answer_does_not_keep_the_node_waiting(store) -> None:
    store.gate.clear()
    store.thread.start()
    loaded = store.worker.wait_loaded(0.01)
    assert loaded.epoch == 0
    assert "did not answer" in loaded.why


def test_records_are_bounded_and_a_lost_one_is_told(store, monkeypatch) -> None:
    monkeypatch.setattr(store_worker, "RECORDS_MAX", 2)
    for number in (1, 2, 3):
        store.worker.record(record(number))
    (failed,) = store.events
    assert failed.what == "event"
    assert "number 1" in failed.why
