"""The chassis log: numbered records, none lost, none doubled.

A record is known by (epoch, number, slot): each node numbers its own records within the highest
epoch it knows, so two nodes never name two things alike. The ACTIVE's records travel in the
mirror; a record that arrives twice is one record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from bmcha.model.reading import EVENT_TEXT_BYTES_MAX, EventCell
from bmcha.model.role import Severity

TAIL_MAX = 256
"""Records kept in memory for readers and for a peer that joins; the store keeps more."""

FAILOVER, LOCKOUT_CLEARED = "failover", "lockout-cleared"
"""Kinds of records: another slot took the chassis, unasked; from here on they are counted anew."""
SPLIT_BRAIN, SPLIT_CHANGES = "split-brain", "split-brain-change"
"""Two held the chassis at once; what the one that let go had changed meanwhile."""
SPLITS_MAX = 16
"""This node's own records of splits that are at hand; each but the last is history."""
FAILOVERS_MAX = 1000
"""More than any limit (`policy.failovers_max`) asks for."""
NUMBERS_LEFT_OUT = 1024
"""At each start: more records than can wait for the store (`store_worker.RECORDS_MAX` is 512)."""


class EventLog:
    def __init__(self, own_slot: int, tail: Iterable[EventCell]) -> None:
        self._own_slot = own_slot
        self._tail: deque[EventCell] = deque(maxlen=TAIL_MAX)
        self._known: dict[tuple[int, int, int], None] = {}
        self.doubled_count = 0
        self.failovers_ms: deque[int] = deque(maxlen=FAILOVERS_MAX)
        self.splits: deque[EventCell] = deque(maxlen=SPLITS_MAX)
        for record in tail:
            self._keep(record)
        self.failovers_ms = deque(_uncleared(self._tail), maxlen=FAILOVERS_MAX)
        # Own records may be missing in a tail that is full of the peer's, but they are older than
        # its newest one. The last ones before a crash may be at the peer and not in the store.
        newest = max((r.key for r in self._tail), default=(-1, 0, 0))
        self._number_epoch, self._number = newest[0], newest[1] + NUMBERS_LEFT_OUT

    def write(
        self, epoch: int, severity: Severity, wall_ms: int, kind: str, text: str
    ) -> EventCell:
        """A new record of this node. Text beyond EVENT_TEXT_BYTES_MAX is cut."""
        if epoch > self._number_epoch:
            self._number_epoch, self._number = epoch, 0
        self._number += 1
        short = text.encode()[:EVENT_TEXT_BYTES_MAX].decode(errors="ignore")
        record = EventCell(
            self._number_epoch, self._number, self._own_slot, severity, wall_ms, kind, short
        )
        self._keep(record)
        return record

    def receive(self, record: EventCell) -> bool:
        """A record of the peer's; False when it is known already."""
        if record.key in self._known:
            self.doubled_count += 1
            return False
        self._keep(record)
        return True

    def tail(self) -> list[EventCell]:
        return list(self._tail)

    def _keep(self, record: EventCell) -> None:
        if record.kind == FAILOVER:
            self.failovers_ms.append(record.wall_ms)
        elif record.kind == SPLIT_BRAIN and record.slot == self._own_slot:
            self.splits.append(record)
        elif record.kind == LOCKOUT_CLEARED:
            # All that are known by now: two modules' clocks may differ.
            self.failovers_ms.clear()
        self._tail.append(record)
        self._known[record.key] = None
        while len(self._known) > 4 * TAIL_MAX:
            del self._known[next(iter(self._known))]


def _uncleared(records: Iterable[EventCell]) -> list[int]:
    """When the failovers were that count, of records in no certain order: those of two modules
    have numbers and clocks of their own. In doubt a failover is forgotten."""
    known = list(records)
    cleared = [record for record in known if record.kind == LOCKOUT_CLEARED]
    return [
        record.wall_ms
        for record in known
        if record.kind == FAILOVER
        and not any(c.wall_ms >= record.wall_ms or c.key > record.key for c in cleared)
    ]
