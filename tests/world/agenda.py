"""What is to happen when: a heap of times, so that the world jumps from event to event.

Times are nanoseconds of the world's own clock. Two things at one time happen in the order in which
they were put in; nothing here is random. Called by `tests.world.chassis` and all its parts.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

Act = Callable[[], None]


class Alarm:
    """Something that happens again and again, each time when it was last set to."""

    __slots__ = ("act", "due_ns", "ticket")

    def __init__(self, act: Act) -> None:
        self.act = act
        self.due_ns: int | None = None
        self.ticket = 0


class Agenda:
    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self.done_count = 0
        self._heap: list[tuple[int, int, Alarm | Act]] = []
        self._ticket = 0

    def at(self, due_ns: int, act: Act) -> None:
        """Once. What is due in the past happens now."""
        self._ticket += 1
        heapq.heappush(self._heap, (max(due_ns, self.now_ns), self._ticket, act))

    def set(self, alarm: Alarm, due_ns: int) -> None:
        """Takes the place of what it was set to before."""
        due_ns = max(due_ns, self.now_ns)
        if alarm.due_ns == due_ns:
            return
        self._ticket += 1
        alarm.due_ns, alarm.ticket = due_ns, self._ticket
        heapq.heappush(self._heap, (due_ns, self._ticket, alarm))

    def wake(self, alarm: Alarm) -> None:
        """Now, unless it is due now anyway."""
        self.set(alarm, self.now_ns)

    def drop(self, alarm: Alarm) -> None:
        alarm.due_ns = None

    def next_ns(self) -> int | None:
        """When something happens next; None: never."""
        heap = self._heap
        while heap:
            due_ns, ticket, what = heap[0]
            if not isinstance(what, Alarm) or (what.due_ns == due_ns and what.ticket == ticket):
                return due_ns
            heapq.heappop(heap)
        return None

    def do_next(self) -> None:
        """The clock must be there already (`now_ns`), and `next_ns` must have been asked."""
        _, _, what = heapq.heappop(self._heap)
        self.done_count += 1
        if isinstance(what, Alarm):
            what.due_ns = None
            what.act()
        else:
            what()
