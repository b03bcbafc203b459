"""What becomes of a frame between two modules: nothing, or all the harm a path can do.

A frame travels as the two values that it was made of, or as bytes through the real coder: always
when it is harmed on its way (so that the checksum is what refuses it) and, where ``is_wire_real``,
all of them. Datagrams are lost, doubled, overtaken, cut short or changed one by one; of a stream
the bytes are changed or missing, and what follows is put together by the reader. Everything random
comes from one generator a direction, so that a fault on one path changes nothing on another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from bmcha.model.message import Header, Message
from bmcha.model.moment import NS_PER_MS
from tests.world.agenda import Agenda
from tests.world.frame_coder import FrameCoder

ARRIVED_MAX = 550
"""What a socket's buffer holds while nobody reads (as measured for `bmcha.runtime.path_worker`)."""
CLOGGED_MAX = 550
KEPT_MAX = 400
"""Half a minute of beats, and of former boots what came just before."""

Frame = tuple[Header, Message] | bytes
Seal = Callable[[bytes], bytes]
Rewrite = Callable[[bytes, bool, Seal], bytes]
"""What another firmware makes of a frame: (bytes, is it stuffed?, what signs it) -> bytes."""


@dataclass(frozen=True, slots=True)
class Harm:
    """In percent of the frames; ``jitter_ms``: later by up to so much, each by itself, so that
    datagrams overtake each other."""

    loss: int = 0
    doubled: int = 0
    flipped: int = 0
    cut_short: int = 0
    jitter_ms: int = 0

    @property
    def is_none(self) -> bool:
        return self == HARMLESS


HARMLESS = Harm()


@dataclass
class Direction:
    """What one module sends on one path."""

    path: str
    source: int
    random: Random
    is_stream: bool
    harm: Harm = HARMLESS
    is_clogged: bool = False
    clogged: list[Frame] = field(default_factory=list)
    rewrite: Rewrite | None = None
    last_due_ns: int = 0
    carried_count: int = 0
    lost_count: int = 0
    kept: deque[tuple[Header, Message]] = field(default_factory=lambda: deque(maxlen=KEPT_MAX))
    """What arrived of late and was heard: whoever listens on the way may say it again."""

    def chance(self, percent: int) -> bool:
        return percent > 0 and self.random.random() * 100 < percent


class Wires:
    """``cuts`` and ``delay_ms`` may be set by anybody at any time. ``deliver(path, target, frame)``
    is called when something arrives."""

    def __init__(
        self,
        agenda: Agenda,
        path_names: tuple[str, ...],
        seed: int,
        deliver: Callable[[str, int, Frame], None],
    ) -> None:
        self._agenda = agenda
        self._deliver = deliver
        self.path_names = path_names
        self.is_wire_real = False
        self.cuts: set[tuple[str, int]] = set()
        self.delay_ms = dict.fromkeys(path_names, 1)
        self.directions = {
            (path, slot): Direction(path, slot, Random(f"{seed} {path} {slot}"), path == "serial")
            for path in path_names
            for slot in (1, 2)
        }

    def carry(
        self, path: str, source: int, coder: FrameCoder, frame: tuple[Header, Message], now_ns: int
    ) -> None:
        """``now_ns``: the sender's own time, from which the wire makes ages."""
        way = self.directions[path, source]
        way.carried_count += 1
        if (path, source) in self.cuts or way.chance(way.harm.loss):
            way.lost_count += 1
            return
        found: Frame = frame
        harm = way.harm
        if self.is_wire_real or harm.flipped or harm.cut_short or way.rewrite is not None:
            found = self._as_bytes(way, coder.encode(*frame, now_ns), coder)
        if way.is_clogged:
            if len(way.clogged) < CLOGGED_MAX:
                way.clogged.append(found)
            return
        self._send(way, found)
        if way.chance(harm.doubled) and not way.is_stream:
            self._send(way, found)

    def _as_bytes(self, way: Direction, data: bytes, coder: FrameCoder) -> bytes:
        if way.rewrite is not None:
            data = way.rewrite(data, way.is_stream, coder.seal)
        if way.chance(way.harm.flipped):
            bit = way.random.randrange(8 * len(data))
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            data = bytes(changed)
        if way.chance(way.harm.cut_short):
            data = data[: way.random.randrange(len(data))]
        return data

    def _send(self, way: Direction, frame: Frame) -> None:
        late_ns = self.delay_ms[way.path] * NS_PER_MS
        if way.harm.jitter_ms:
            late_ns += way.random.randrange(way.harm.jitter_ms * NS_PER_MS)
        due_ns = self._agenda.now_ns + late_ns
        if way.is_stream or not way.harm.jitter_ms:
            due_ns = max(due_ns, way.last_due_ns)
            way.last_due_ns = due_ns
        self._agenda.at(due_ns, lambda: self._arrive(way, frame))

    def _arrive(self, way: Direction, frame: Frame) -> None:
        self._deliver(way.path, 3 - way.source, frame)

    # ---- who listens on the way

    def keep(self, path: str, source: int, header: Header, message: Message) -> None:
        self.directions[path, source].kept.append((header, message))

    def say_again(self, target: int, path: str, data: bytes, after_ns: int) -> None:
        self._agenda.at(self._agenda.now_ns + after_ns, lambda: self._deliver(path, target, data))

    # ---- faults

    def cut(self, *paths: str, source: int | None = None) -> None:
        sources = (1, 2) if source is None else (source,)
        self.cuts |= {(path, each) for path in paths or self.path_names for each in sources}

    def heal(self) -> None:
        """Everything but the delay, and what another firmware does."""
        self.cuts.clear()
        for way in self.directions.values():
            way.harm = HARMLESS
            self.unclog(way)

    def harm(self, path: str, source: int, **changes: int) -> None:
        way = self.directions[path, source]
        way.harm = replace(way.harm, **changes)

    def clog(self, path: str, source: int) -> None:
        self.directions[path, source].is_clogged = True

    def unclog(self, way: Direction) -> None:
        """All that was held arrives in one burst."""
        way.is_clogged = False
        held, way.clogged = way.clogged, []
        for frame in held:
            self._send(way, frame)

    def is_clean(self, path: str, source: int) -> bool:
        """Every frame of this direction arrives, whole and in order."""
        way = self.directions[path, source]
        return (path, source) not in self.cuts and way.harm.is_none and not way.is_clogged

    def is_quiet(self) -> bool:
        """Nothing here happens by chance, and nothing waits: time may be jumped over."""
        return all(way.harm.is_none and not way.clogged for way in self.directions.values())
