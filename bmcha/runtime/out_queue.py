"""What the node has asked one path to do: messages to send, and the watch to keep.

Bounded. Messages that decide roles go before messages of the mirror; when the queue is full the
oldest mirror message is dropped and counted, because the mirror asks again for what it misses.
Filled by the node's thread, emptied by the path's thread; the lock is held for a few steps only.
"""

from __future__ import annotations

from collections import deque
from threading import Lock

from bmcha.model.message import Delta, DeltaAck, Message, MirrorJoin, Pairing
from bmcha.model.record import dataclass

MESSAGES_MAX = 256
"""A whole image of 4 KiB in frames of 200 bytes is about 25 messages; ten of those."""

MIRROR_MESSAGES = (Delta, DeltaAck, MirrorJoin)


@dataclass(frozen=True, slots=True)
class WatchOrder:
    """From `WatchPath`, with the time at which the node ordered it."""

    silent_after_ns: int
    armed_ns: int


@dataclass(frozen=True, slots=True)
class Letter:
    target_slot: int
    message: Message


class OutQueue:
    def __init__(self, messages_max: int = MESSAGES_MAX) -> None:
        self._messages_max = messages_max
        self._lock = Lock()
        self._role: deque[Letter] = deque()
        self._mirror: deque[Letter] = deque()
        self._watch: WatchOrder | None = None
        self.dropped_count = 0

    def put(self, target_slot: int, message: Message) -> None:
        with self._lock:
            if isinstance(message, Pairing):
                # A line that is held up must not fill with them: the newest one is the word of now.
                self._role = deque(
                    each for each in self._role if not isinstance(each.message, Pairing)
                )
            if len(self._role) + len(self._mirror) >= self._messages_max:
                # Without a mirror message the oldest of the others goes: all are repeated.
                (self._mirror or self._role).popleft()
                self.dropped_count += 1
            is_mirror = isinstance(message, MIRROR_MESSAGES)
            (self._mirror if is_mirror else self._role).append(Letter(target_slot, message))

    def take_role(self) -> Letter | None:
        with self._lock:
            return self._role.popleft() if self._role else None

    def take_mirror(self) -> Letter | None:
        with self._lock:
            return self._mirror.popleft() if self._mirror else None

    def set_watch(self, order: WatchOrder) -> None:
        """Replaces an order that the path has not taken yet."""
        with self._lock:
            self._watch = order

    def take_watch(self) -> WatchOrder | None:
        """Each order is given out once."""
        with self._lock:
            order, self._watch = self._watch, None
            return order

    @property
    def has_mirror(self) -> bool:
        return bool(self._mirror)

    @property
    def has_role(self) -> bool:
        return bool(self._role)
