"""Everything a node can ask the world to do. Effects are imperatives, run in list order.

The order is decided in the core: what must be stored before an output is claimed stands before
it in the list, or waits for the event that says it is done. An effect that fails comes back as
the event `EffectFailed`, never as an exception in the core.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import Any

from bmcha.model.message import HeartbeatDraft, Message
from bmcha.model.reading import EventCell, ImageCell
from bmcha.model.record import dataclass
from bmcha.model.role import Reason, Role


@dataclass(frozen=True, slots=True)
class PublishHeartbeat:
    """Replace the draft that the engines send. Also sent unchanged at every tick: its age is the
    proof that decisions are being made, and an engine whose draft is too old falls silent.

    ``is_urgent``: send a beat at once on every path (a role has changed).
    """

    draft: HeartbeatDraft
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class WatchPath:
    """Report `PathOverdue` once when nothing was heard for ``silent_after_ns``.

    Replaces the path's former watch. A beat heard after the report starts it anew.
    """

    path: str
    silent_after_ns: int


@dataclass(frozen=True, slots=True)
class SendMessage:
    path: str
    target_slot: int
    message: Message


@dataclass(frozen=True, slots=True)
class StoreEpoch:
    """Answered by `EpochStored` or `StoreFailed`."""

    epoch: int


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Put the record into the store and show it to those who follow."""

    record: EventCell


@unique
class OwnLine(Enum):
    """Lines this module drives."""

    HEALTH = "HEALTH"
    ACTIVE = "ACTIVE"
    OUTPUT_ENABLE = "OUTPUT_ENABLE"


@dataclass(frozen=True, slots=True)
class DriveLine:
    """Lowering is always done; raising ACTIVE or OUTPUT_ENABLE counts as an output write and is
    withheld when the node is found late (`OutputsWithheld`)."""

    line: OwnLine
    is_up: bool


@dataclass(frozen=True, slots=True)
class ReadLines:
    """Read every line now, instead of waiting for the next poll; answered by `LinesRead`."""


@dataclass(frozen=True, slots=True)
class PulseReset:
    """Hold the module in ``slot`` in reset for ``pulse_ms``: an output write, the hardest one.

    What came of it is read from the lines; that no pulse could be begun is `EffectFailed`.
    """

    slot: int
    pulse_ms: int


@dataclass(frozen=True, slots=True)
class FeedWatchdog:
    pass


@dataclass(frozen=True, slots=True)
class SetFan:
    """An output write: ``pwm`` 0 to 255."""

    index: int
    pwm: int


@dataclass(frozen=True, slots=True)
class LeaveFans:
    """An output write, the last one: every fan to ``pwm``, and that is waited for, not for long."""

    pwm: int


@dataclass(frozen=True, slots=True)
class WriteImage:
    """Write cells and image header in one critical section.

    ``sequence`` and ``acked_sequence`` are the mirror's; ``is_whole`` clears all other cells.
    """

    cells: tuple[ImageCell, ...]
    epoch: int
    sequence: int
    acked_sequence: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class EnterRole:
    """For the log, the service manager and those who follow; the role itself is the node's."""

    role: Role
    reason: Reason
    epoch: int
    from_role: Role


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is JSON-ready. ``is_done`` False: refused or failed; the body says why."""

    request_id: int
    is_done: bool
    body: Any


@dataclass(frozen=True, slots=True)
class AdoptSettings:
    """The node goes by the settings of `SettingsReloaded` ``number``; they are in use now."""

    number: int


@dataclass(frozen=True, slots=True)
class EndService:
    """Everything is released and said; the process may end."""


Effect = (
    PublishHeartbeat
    | WatchPath
    | SendMessage
    | StoreEpoch
    | RecordEvent
    | DriveLine
    | ReadLines
    | PulseReset
    | FeedWatchdog
    | SetFan
    | LeaveFans
    | WriteImage
    | EnterRole
    | Answer
    | AdoptSettings
    | EndService
)
