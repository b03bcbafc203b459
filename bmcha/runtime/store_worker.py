"""The thread that owns the durable store: the node never waits for a disk.

Orders come in by `store_epoch` and `record`, answers go out as `EpochStored`, `StoreFailed` and,
once after a failure, `StoreRecovered`.
An epoch goes before all records that wait, because a claim waits for it. Records are bounded; when
the disk cannot keep up the oldest is given up and said so. At the end everything that waits is
still written, for as long as the supervisor allows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition
from threading import Event as Flag

from bmcha.hal.port import PortError, StorePort
from bmcha.model.event import EpochStored, StoreFailed, StoreRecovered
from bmcha.model.reading import EventCell
from bmcha.model.record import dataclass
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Clock, Post

RECORDS_MAX = 512
RECORDS_LOADED_MAX = 256


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the store held at the start. ``why`` tells why it could not be read, "" if it could."""

    epoch: int
    records: tuple[EventCell, ...]
    why: str


class StoreWorker:
    name = "store"

    def __init__(self, open_store: Callable[[], StorePort], post: Post, clock: Clock) -> None:
        self.pace = Pace(clock)
        self._open_store = open_store
        self._post = post
        self._changed = Condition()
        self._epochs: deque[int] = deque()
        self._records: deque[EventCell] = deque()
        self._is_stopped = False
        self._has_failed = False
        self._store: StorePort | None = None
        self._loaded: Loaded | None = None
        self._loaded_flag = Flag()

    def wait_loaded(self, timeout_s: float) -> Loaded:
        """What the node starts from. A store that does not answer in time is one that failed."""
        self._loaded_flag.wait(timeout_s)
        return self._loaded or Loaded(0, (), f"the store did not answer within {timeout_s:g} s")

    def store_epoch(self, epoch: int) -> None:
        with self._changed:
            self._epochs.append(epoch)
            self._changed.notify()

    def record(self, record: EventCell) -> None:
        with self._changed:
            if len(self._records) >= RECORDS_MAX:
                lost = self._records.popleft()
                self._post(StoreFailed("event", f"the disk is too slow; lost: {lost.text}"))
            self._records.append(record)
            self._changed.notify()

    def run(self) -> None:
        self.pace.begin()
        self._loaded = self._load()
        self._loaded_flag.set()
        try:
            while (order := self._next_order()) is not None:
                self.pace.begin()
                self._obey(order)
        finally:
            if self._store is not None:
                self._store.close()

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify()

    def _load(self) -> Loaded:
        try:
            self._store = self._open_store()
            records = tuple(self._store.load_events(RECORDS_LOADED_MAX))
            return Loaded(self._store.load_epoch(), records, "")
        except PortError as error:
            self._has_failed = True
            return Loaded(0, (), str(error))

    def _next_order(self) -> int | EventCell | None:
        """The epoch or record to write next; None when stopped and nothing is left."""
        with self._changed:
            while not self._epochs and not self._records:
                self.pace.rest()
                if self._is_stopped:
                    return None
                self._changed.wait()
            return self._epochs.popleft() if self._epochs else self._records.popleft()

    def _obey(self, order: int | EventCell) -> None:
        what = "epoch" if isinstance(order, int) else "event"
        try:
            if self._store is None:
                self._store = self._open_store()
            if isinstance(order, int):
                self._store.save_epoch(order)
                self._post(EpochStored(order))
            else:
                self._store.save_event(order)
            if self._has_failed:
                self._has_failed = False
                self._post(StoreRecovered())
        except PortError as error:
            self._has_failed = True
            self._post(StoreFailed(what, str(error)))
