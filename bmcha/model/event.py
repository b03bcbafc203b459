"""Everything that can happen to a node. Events are past participles; each passes the one door,
`Node.step(event, now_ns)`. They carry values only, so that they can be logged and replayed.
"""

from __future__ import annotations

from enum import Enum, unique

from bmcha.model.hearsay import OpinionsHeard, Twin
from bmcha.model.message import Header, Heartbeat, Message
from bmcha.model.reading import Quality
from bmcha.model.record import dataclass
from bmcha.model.settings import NodeSettings


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. What came in the last ``behind_ms`` may still wait. Late, yet
    ``beats_went_on`` all the while: docs/adr/0024."""

    behind_ms: int = 0
    beats_went_on: bool = False


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
class UartCounts:
    """What the line's driver has counted since it was loaded (TIOCGICOUNT, serial_core)."""

    framing_count: int
    parity_count: int
    overrun_count: int
    break_count: int


@dataclass(frozen=True, slots=True)
class LinkSigns:
    """What a port and the kernel know beside the bytes. Hints: shown, and no reason to act.

    ``refused_count``: how often the peer's module was there and nobody had the port open;
    ``refused_ns`` when last. ``has_carrier`` is of the own end; ``is_clear_to_send``: the far end
    of a line with flow control; None: unknown. ``unread_count``: dropped by the kernel.
    """

    refused_count: int = 0
    refused_ns: int | None = None
    is_hung_up: bool = False
    has_carrier: bool | None = None
    is_clear_to_send: bool | None = None
    unread_count: int = 0
    uart: UartCounts | None = None


@dataclass(frozen=True, slots=True)
class PathCounts:
    """Counters since boot; ``rtt_us`` None: unknown. ``forged_count``: sound, and not said by the
    peer of now (`wire.frame.FORGED`); ``bad_counts`` has both by reason. ``noise_per_s``: bytes of
    a stream, else datagrams, that are no frame; ``is_noisy`` while that is more than a path may
    have. ``foreign_count``: sound frames not for this path; ``foreign_chassis_id`` and ``twin``:
    the last other chassis, and module that says our slot, heard on it. ``unproven_ns``: the last
    beat of a boot that has not shown that it is of now, while none has."""

    rx_count: int
    tx_count: int
    lost_count: int
    bad_count: int
    forged_count: int
    withheld_count: int
    rtt_us: int | None
    bad_counts: tuple[tuple[str, int], ...] = ()
    noise_per_s: int = 0
    is_noisy: bool = False
    foreign_count: int = 0
    foreign_chassis_id: int | None = None
    twin: Twin | None = None
    unproven_ns: int | None = None
    signs: LinkSigns = LinkSigns()

    @property
    def refused_count(self) -> int:
        return self.signs.refused_count

    @property
    def hung_up(self) -> bool:
        return self.signs.is_hung_up


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

    The peer's lines are per peer slot in `LinesRead`; here one peer's. ``reset``: the sense of the
    line that this module resets that peer by.
    """

    presence: bool | None = None
    health: bool | None = None
    active: bool | None = None
    reset: bool | None = None


@dataclass(frozen=True, slots=True)
class LinesRead:
    """A fresh reading of every line. ``outputs_open`` is the sense of this module's own gate,
    ``own_active`` the sense of its own ACTIVE line; None where the board has no such line."""

    peers: tuple[tuple[int, LineLevels], ...]
    outputs_open: bool | None
    own_active: bool | None
    read_ns: int


@dataclass(frozen=True, slots=True)
class StrapsRead:
    """The slot straps were read again, and do not say what they said at the start, or did not the
    last time. ``slot`` None: they cannot be read, and ``why`` tells why."""

    slot: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class SensorRead:
    """``value_milli`` is None exactly when quality is BAD.

    ``why`` is for people: why it is BAD; with a good value, what the device itself complains of.
    ``low_milli`` and ``high_milli`` are limits that come with the reading; None: as configured.
    """

    index: int
    value_milli: int | None
    quality: Quality
    read_ns: int
    why: str = ""
    low_milli: int | None = None
    high_milli: int | None = None


@dataclass(frozen=True, slots=True)
class FanRead:
    """``rpm`` None and ``why`` as in `SensorRead`."""

    index: int
    rpm: int | None
    quality: Quality
    read_ns: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class SupplyRead:
    """None: the board does not say, or it could not be read."""

    index: int
    is_ok: bool | None
    output_milliwatt: int | None
    read_ns: int


@dataclass(frozen=True, slots=True)
class BladeRead:
    """None as in `SupplyRead`."""

    index: int
    is_present: bool | None
    drawn_milliwatt: int | None
    read_ns: int


@dataclass(frozen=True, slots=True)
class FanDriven:
    """Told when it changes: why a fan does not do what `SetFan` asks for; "" when it does."""

    index: int
    why: str


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


MAINTENANCE_S_MAX = 12 * 3600
"""Longer than any visit: a chassis must not stay without failover because somebody forgot."""


@dataclass(frozen=True, slots=True)
class MaintenanceAsked:
    """``for_s`` 0: it ends now; else 1 to `MAINTENANCE_S_MAX`."""

    request_id: int
    asked_by: str
    for_s: int


@dataclass(frozen=True, slots=True)
class LockoutClearAsked:
    """The role may move again although it moved too often."""

    request_id: int
    asked_by: str


@dataclass(frozen=True, slots=True)
class DrillAsked:
    """``path`` None: every path, and every line."""

    request_id: int
    asked_by: str
    path: str | None


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
class WatchdogHasReset:
    """The hardware says that this module's last reset was its watchdog's doing."""

    identity: str


@dataclass(frozen=True, slots=True)
class EffectFailed:
    effect: str
    why: str


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One key that stands otherwise in the file than it is in use. ``refusal`` "": it was applied;
    else why not. ``old`` and ``new`` are as shown to people."""

    file: str
    key: str
    old: str
    new: str
    refusal: str = ""

    def __str__(self) -> str:
        line = f"{self.file}: {self.key}: {self.old} -> {self.new}"
        return f"{line}, {self.refusal}" if self.refusal else line


@dataclass(frozen=True, slots=True)
class SettingsReloaded:
    """``settings``: with everything that can change while the service runs; the rest is as it was.
    ``request_id`` None: nobody waits for an `Answer`. ``number`` names it for `AdoptSettings`."""

    request_id: int | None
    asked_by: str
    settings: NodeSettings
    changes: tuple[SettingChange, ...]
    number: int = 0
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class WorkerStalled:
    """A thread of the service works at one thing for too long; what it brings is missing."""

    name: str
    for_ms: int


@dataclass(frozen=True, slots=True)
class WorkerRecovered:
    """After `WorkerStalled`: it goes on."""

    name: str


Reading = SensorRead | FanRead | SupplyRead | BladeRead
"""It moves no role; what it means for fans and alarms is judged by the next step that judges."""

Event = (
    Tick
    | HeartbeatHeard
    | MessageHeard
    | PathOverdue
    | PathSummarised
    | LinesRead
    | StrapsRead
    | OpinionsHeard
    | Reading
    | FanDriven
    | EpochStored
    | StoreFailed
    | StoreRecovered
    | SwitchoverAsked
    | MaintenanceAsked
    | LockoutClearAsked
    | DrillAsked
    | StatusAsked
    | StopAsked
    | OutputsWithheld
    | WatchdogHasReset
    | EffectFailed
    | SettingsReloaded
    | WorkerStalled
    | WorkerRecovered
)
