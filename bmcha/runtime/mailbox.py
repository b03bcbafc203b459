"""The one way in to the node: events of all threads, in the order in which they came.

Bounded, and it says what gives way when it is full: first messages of the mirror (it asks again),
then path summaries (the next one brings the same), never a beat with news, a line, an answer of
the store or a command; if only those are left, the new event is refused and counted, and whoever
posted it says so. Readings never fill it: of each sensor, fan, supply and blade only the newest
waits, because the node has no use for an older one; and they wake nobody, because the node judges
them at its next tick.
"""

from __future__ import annotations

from collections import deque
from threading import Condition

from bmcha.model.event import Event, MessageHeard, PathSummarised, Reading
from bmcha.runtime.out_queue import MIRROR_MESSAGES

EVENTS_MAX = 1024
"""At 200 news a second, far more than two modules have, these are five seconds without a step;
by then the engines are silent and the peer has taken over."""


class Mailbox:
    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._events_max = events_max
        self._arrived = Condition()
        self._events: deque[Event] = deque()
        self._readings: dict[tuple[type[Reading], int], Reading] = {}
        self.replaced_count = 0
        self.dropped_count = 0
        self.refused_count = 0

    def post(self, event: Event) -> bool:
        """False: refused, because nothing that waits may give way."""
        with self._arrived:
            if isinstance(event, Reading):
                key = (type(event), event.index)
                # Moved to the end, so that they are handed out in order of their age.
                self.replaced_count += self._readings.pop(key, None) is not None
                self._readings[key] = event
                return True
            if len(self._events) < self._events_max or self._make_room():
                self._events.append(event)
                self._arrived.notify()
                return True
            self.refused_count += 1
            return False

    def take(self, timeout_s: float) -> list[Event]:
        """Everything that waits, readings last; [] when nothing came within ``timeout_s``."""
        with self._arrived:
            if not self._events and timeout_s > 0:
                self._arrived.wait(timeout_s)
            events = [*self._events, *self._readings.values()]
            self._events.clear()
            self._readings.clear()
            return events

    def wake(self) -> None:
        """Whoever waits looks up, and finds what it finds. Also from a signal handler that runs in
        the very thread that waits: its lock can be taken twice, and nobody holds it for long."""
        with self._arrived:
            self._arrived.notify()

    def _make_room(self) -> bool:
        for is_spare in (_is_of_mirror, _is_summary):
            for place, event in enumerate(self._events):
                if is_spare(event):
                    del self._events[place]
                    self.dropped_count += 1
                    return True
        return False


def _is_of_mirror(event: Event) -> bool:
    return isinstance(event, MessageHeard) and isinstance(event.message, MIRROR_MESSAGES)


def _is_summary(event: Event) -> bool:
    return isinstance(event, PathSummarised)
