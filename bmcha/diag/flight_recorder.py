"""The flight recorder: the last events that passed the one door, and what the node made of them.

Records what `Node.step` was given and what it asked for, so that the last minute before a crash
can be read, and stepped again on a desk (`replay`). Knows no thread but by its lock: the node's
thread records, any thread may take a copy out. Nothing is turned into text before a copy is asked
for. Called by `runtime.node_loop`; written out by `flight_file`.

Memory: at most some 2 MB. There are two *segments*, each begins with a checkpoint, the whole node
as it was (pickled, a few kB to some 200 kB), and is followed by every event since; a segment ends
when it holds about `SEGMENT_BYTES_MAX`, and the older of the two is then thinned out to
what is notable, of which the last `OLDER_MAX` events are kept. Ticks and readings that led to
nothing are packed, 32 bytes each. An ordinary chassis makes some 25 kB a second: the two segments
reach back half a minute to a minute, what is notable for hours. Recording a step took
5 to 7 µs where the step itself takes 150 to 200.

**The file's format, version 1**: JSON, one object a line; times are ``t``, in ns of the monotonic
clock, as in the log's second column.

- first ``{"flight_recorder": 1, "why", "version", "t", "wall_ms", ...}``, any further keys;
- then up to `OLDER_MAX` lines ``{"older": N, ...}``: line N before the first checkpoint;
  between them events are missing;
- ``{"checkpoint": BASE64, "t"}``, twice at most: the node before the next line, by pickle;
- ``{"t", "start": true, "effects"}``: `Node.start`;
- ``{"t", "event": {NAME: FIELDS}, "effects": [{NAME: FIELDS}, ...]}``: one step; ``is_open`` true:
  the step did not end. Fields are as in `model.event` and `model.effect`, by `value_text`; those
  with their default value are left out, and so is an empty list of effects. `is_routine` says
  which effects are left out; an answer is there without its body;
- ``{"packed": [[t, KIND, ...], ...]}``: steps without notable effects, in order: ``"tick"``, or
  ``"sensor"`` or ``"fan"`` with index, value (null: unreadable), quality and the time it was read;
- last ``{"end": LINES}``, with the number of lines before it; without it the file was cut off.

A reader ignores keys that it does not know. Only ever add to this.
"""

from __future__ import annotations

import binascii
import json
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from threading import Lock
from typing import Any, Final

from bmcha.diag.value_text import encode
from bmcha.model.effect import (
    Answer,
    Effect,
    FeedWatchdog,
    PublishHeartbeat,
    SendMessage,
    SetFan,
    WriteImage,
)
from bmcha.model.event import (
    BladeRead,
    Event,
    FanRead,
    LinesRead,
    MessageHeard,
    PathSummarised,
    SensorRead,
    StatusAsked,
    SupplyRead,
    Tick,
)
from bmcha.model.hearsay import OpinionsHeard
from bmcha.model.message import Delta, DeltaAck
from bmcha.model.reading import Quality
from bmcha.model.record import dataclass

FORMAT: Final = 1
SEGMENT_BYTES_MAX: Final = 768 * 1024
OLDER_MAX: Final = 512
COPY_WAIT_S: Final = 1.0

EVENT_BYTES: Final = 1000
SUMMARY_BYTES: Final = 2500
CELL_BYTES: Final = 300
PACKED_BYTES: Final = 32
"""What one entry costs in memory, measured and rounded up; a cell is one of a mirror's delta."""

PACKED_INTS: Final = 4
UNREADABLE: Final = -(2**63)
KINDS: Final = ("tick", "sensor", "fan")

Entry = tuple[int, Event | None, tuple[Effect, ...]]
"""(when, what, what for); no event: the node's start."""


@dataclass(slots=True)
class Segment:
    """A checkpoint and all that followed; runs of packed steps are one array each."""

    checkpoint: bytes
    begun_ns: int
    entries: list[Entry | array[int]] = field(default_factory=list)
    cost_bytes: int = 0

    def copied(self) -> Segment:
        entries = [each[:] if isinstance(each, array) else each for each in self.entries]
        return Segment(self.checkpoint, self.begun_ns, entries)


@dataclass(frozen=True, slots=True)
class Recording:
    """A copy, that nobody writes to any more."""

    older: tuple[Entry, ...]
    segments: tuple[Segment, ...]
    open_step: Entry | None


class FlightRecorder:
    """``save``: the whole node as bytes, or b"" if that cannot be."""

    def __init__(self, save: Callable[[], bytes]) -> None:
        self._save = save
        self._lock = Lock()
        self._older: deque[Entry] = deque(maxlen=OLDER_MAX)
        self._segments: list[Segment] = []
        self._open: tuple[int, Event | None] | None = None
        self._pwm: dict[int, int] = {}

    # ---- from the node's thread

    def step_begins(self, event: Event | None, now_ns: int) -> None:
        """Before the step, while the node is as the last event has left it."""
        if not self._segments or self._segments[-1].cost_bytes >= SEGMENT_BYTES_MAX:
            self._begin_segment(now_ns)
        self._open = (now_ns, event)

    def step_ended(self, effects: Sequence[Effect]) -> None:
        if self._open is None:
            return
        now_ns, event = self._open
        kept = tuple([each for each in effects if not self._is_left_out(each, event)])
        packed = None if kept else _packed(event, now_ns)
        with self._lock:
            self._open = None
            segment = self._segments[-1]
            if packed is None:
                segment.entries.append((now_ns, event, kept))
                segment.cost_bytes += _cost_bytes(event)
                return
            last = segment.entries[-1] if segment.entries else None
            if isinstance(last, array):
                last.extend(packed)
            else:
                segment.entries.append(array("q", packed))
            segment.cost_bytes += PACKED_BYTES

    def _is_left_out(self, effect: Effect, event: Event | None) -> bool:
        if isinstance(effect, SetFan):
            former = self._pwm.get(effect.index)
            self._pwm[effect.index] = effect.pwm
            return former == effect.pwm
        return is_routine(effect, event)

    def _begin_segment(self, now_ns: int) -> None:
        segment = Segment(self._save(), now_ns)
        # A fan's pwm is told again after each checkpoint, for those who begin to read there.
        self._pwm.clear()
        with self._lock:
            if len(self._segments) > 1:
                gone = self._segments.pop(0)
                self._older += [
                    each
                    for each in gone.entries
                    if not isinstance(each, array) and _is_notable(each)
                ]
            self._segments.append(segment)

    # ---- from any thread

    def copy(self) -> Recording:
        """What is recorded now; quick, the node waits for it. Raises TimeoutError."""
        if not self._lock.acquire(timeout=COPY_WAIT_S):
            raise TimeoutError("the flight recorder is not let go of")
        try:
            opened = self._open
            return Recording(
                tuple(self._older),
                tuple(segment.copied() for segment in self._segments),
                None if opened is None else (*opened, ()),
            )
        finally:
            self._lock.release()


def is_routine(effect: Effect, event: Event | None) -> bool:
    """What every tick and every reading brings, and follows from the rest: it is not recorded.
    A fan's pwm is, when it is another than before."""
    match effect:
        case PublishHeartbeat(_, is_urgent):
            return not is_urgent
        case SendMessage(_, _, message):
            return isinstance(message, Delta | DeltaAck)
        case Answer():
            return isinstance(event, StatusAsked)
        case FeedWatchdog() | WriteImage():
            return True
        case _:
            return False


QUIET = (
    *(PathSummarised, LinesRead, StatusAsked, OpinionsHeard),
    *(SensorRead, FanRead, SupplyRead, BladeRead),
)


def _is_notable(entry: Entry) -> bool:
    _, event, effects = entry
    if effects:
        return True
    if isinstance(event, MessageHeard):
        return not isinstance(event.message, Delta | DeltaAck)
    return not isinstance(event, QUIET)


def _cost_bytes(event: Event | None) -> int:
    match event:
        case PathSummarised():
            return SUMMARY_BYTES
        case MessageHeard(_, _, Delta(cells=cells), _):
            return EVENT_BYTES + CELL_BYTES * len(cells)
        case _:
            return EVENT_BYTES


def _packed(event: Event | None, now_ns: int) -> tuple[int, ...] | None:
    """None: it has more to say than fits."""
    if isinstance(event, Tick):
        return (now_ns, 0, event.behind_ms, 0)
    if isinstance(event, SensorRead):
        kind, value = 1, event.value_milli
        if event != SensorRead(event.index, value, event.quality, event.read_ns):
            return None
    elif isinstance(event, FanRead):
        kind, value = 2, event.rpm
        if event != FanRead(event.index, value, event.quality, event.read_ns):
            return None
    else:
        return None
    code = kind + 4 * event.quality.value + 32 * event.index
    return (now_ns, code, UNREADABLE if value is None else value, event.read_ns)


# ---- as text


def lines_of(recording: Recording, header: dict[str, Any]) -> Iterator[str]:
    """The file's lines, without their ends."""
    count = 1
    yield _json({"flight_recorder": FORMAT, **header})
    left_count = len(recording.older)
    for entry in recording.older:
        count += 1
        yield _json({"older": left_count, **_entry_object(entry)})
        left_count -= 1
    for segment in recording.segments:
        checkpoint = binascii.b2a_base64(segment.checkpoint, newline=False).decode()
        count += 1 + len(segment.entries)
        yield _json({"checkpoint": checkpoint, "t": segment.begun_ns})
        for each in segment.entries:
            is_packed = isinstance(each, array)
            yield _json({"packed": _unpacked(each)} if is_packed else _entry_object(each))
    if recording.open_step is not None:
        count += 1
        yield _json({**_entry_object(recording.open_step), "is_open": True})
    yield _json({"end": count})


def _entry_object(entry: Any) -> dict[str, Any]:
    now_ns, event, effects = entry
    found: dict[str, Any] = {"t": now_ns}
    if event is None:
        found["start"] = True
    else:
        found["event"] = encode(event, Event)
    if effects:
        found["effects"] = [encode(_without_body(each), Effect) for each in effects]
    return found


def _without_body(effect: Effect) -> Effect:
    return Answer(effect.request_id, effect.is_done, None) if isinstance(effect, Answer) else effect


def _unpacked(run: Any) -> list[list[Any]]:
    found: list[list[Any]] = []
    for place in range(0, len(run), PACKED_INTS):
        now_ns, code, value, read_ns = run[place : place + PACKED_INTS]
        if code == 0:
            found.append([now_ns, KINDS[0], value] if value else [now_ns, KINDS[0]])
            continue
        quality = Quality(code // 4 % 8).name
        shown = None if value == UNREADABLE else value
        found.append([now_ns, KINDS[code % 4], code // 32, shown, quality, read_ns])
    return found


def _json(found: dict[str, Any]) -> str:
    return json.dumps(found, separators=(",", ":"), default=str)
