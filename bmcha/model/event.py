"""Everything that can happen to a node. Events are past participles; each passes the one door,
`Node.step(event, now_ns)`. They carry values only, so that they can be logged and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from bmcha.model.message import Header, Heartbeat, Message
from bmcha.model.reading import Quality


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; silence, waits and periodic work are judged."""


@dataclass(frozen=True, slots=True)
class HeartbeatHeard:
    """A beat with news: its draft or timers differ from the last one, or the path was overdue.

    ``beats_in_row`` counts beats heard on this path since it was last overdue (from 1), so that
    recovery can be judged without every beat being an event.
    """

    path: str
    header: Header
    heartbeat: Heartbeat
    heard_ns: int
    beats_in_row: int


@dataclass(frozen=True, slots=True)
class MessageHeard:
    """Any message that is not a heartbeat."""

    path: str
    header: Header
    message: Message
    heard_ns: int


@dataclass(frozen=True, slots=True)
class PathOverdue:
    """The watch that the core set with `WatchPath` ran out; everything received was read first.

    ``last_heard_ns`` is None when nothing was heard since boot. Reported once for each watch.
    """

    path: str
    last_heard_ns: int | None


@dataclass(frozen=True, slots=True)
class PathCounts:
    """Counters since boot. ``forged_count`` stays 0 until keys exist. ``rtt_us`` None: unknown."""

    rx_count: int
    tx_count: int
    lost_count: int
    bad_count: int
    forged_count: int
    withheld_count: int
    rtt_us: int | None


@dataclass(frozen=True, slots=True)
class PathSummarised:
    """Twice a second, from each path: its last beat, whether it brought news or not."""

    path: str
    header: Header | None
    heartbeat: Heartbeat | None
    last_heard_ns: int | None
    counts: PathCounts
    fault: str
    """Why the port cannot be used just now ("" when it can)."""


@dataclass(frozen=True, slots=True)
class LineLevels:
    """Levels of the lines, True = asserted whatever the polarity; None = not wired or unreadable.

    The peer's lines are per peer slot in `LinesRead`; here one peer's.
    """

    presence: bool | None = None
    health: bool | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class LinesRead:
    """A fresh reading of every line. ``outputs_open`` is the sense of this module's own gate,
    ``own_active`` the sense of its own ACTIVE line; None where the board has no such line."""

    peers: tuple[tuple[int, LineLevels], ...]
    outputs_open: bool | None
    own_active: bool | None
    read_ns: int


@dataclass(frozen=True, slots=True)
class SensorRead:
    """``value_milli`` is None exactly when quality is BAD."""

    index: int
    value_milli: int | None
    quality: Quality
    read_ns: int


@dataclass(frozen=True, slots=True)
class FanRead:
    index: int
    rpm: int | None
    quality: Quality
    read_ns: int


@dataclass(frozen=True, slots=True)
class EpochStored:
    epoch: int


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """``what`` could not be stored. The node goes on, with an alarm."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class StoreRecovered:
    """Something was stored again after `StoreFailed`."""


@dataclass(frozen=True, slots=True)
class SwitchoverAsked:
    """``target_slot`` None: whoever is the STANDBY. Answered by `Answer(request_id, ...)`."""

    request_id: int
    asked_by: str
    target_slot: int | None
    is_forced: bool


@unique
class Question(Enum):
    STATUS = "status"
    PATHS = "paths"
    SENSORS = "sensors"
    FANS = "fans"
    EVENTS = "events"
    WHY = "why"


@dataclass(frozen=True, slots=True)
class StatusAsked:
    request_id: int
    question: Question


@dataclass(frozen=True, slots=True)
class StopAsked:
    """SIGTERM or SIGINT: hand over if it can be done, else release and say goodbye."""

    asked_by: str


@dataclass(frozen=True, slots=True)
class OutputsWithheld:
    """The shell found the node late just before an output write and wrote nothing."""

    gap_ns: int


@dataclass(frozen=True, slots=True)
class EffectFailed:
    effect: str
    why: str


Event = (
    Tick
    | HeartbeatHeard
    | MessageHeard
    | PathOverdue
    | PathSummarised
    | LinesRead
    | SensorRead
    | FanRead
    | EpochStored
    | StoreFailed
    | StoreRecovered
    | SwitchoverAsked
    | StatusAsked
    | StopAsked
    | OutputsWithheld
    | EffectFailed
)
