"""What can be done to the virtual chassis, as values, and the names that it may be done to.

Pure. The words for them are `bmcha.sim.action_words`; they are carried out by `bmcha.sim.deeds`.
"""

from __future__ import annotations

from enum import Enum, unique

from bmcha.model.record import dataclass

SLOT_ROLES = ("active", "standby")


class CannotDo(Exception):
    """The action makes sense, but not now. The text says why and what would be possible."""


@unique
class Verb(Enum):
    """What can be done to a module."""

    KILL = "kill"
    STOP = "stop"
    CONT = "cont"
    START = "start"
    RESTART = "restart"
    PULL = "pull"
    INSERT = "insert"


@dataclass(frozen=True, slots=True)
class ModuleAction:
    """``slot_word`` is a number, or "active" or "standby". ``chassis_id``, of START and INSERT
    only: the module belongs to that chassis; None: to this one."""

    verb: Verb
    slot_word: str
    chassis_id: int | None = None


@dataclass(frozen=True, slots=True)
class CutPath:
    """``sender_word``: only what that slot sends is dropped; None: both ways."""

    path: str
    sender_word: str | None


@dataclass(frozen=True, slots=True)
class LosePart:
    """``percent`` of what ``sender_word`` (None: either) sends is lost; 0: nothing any more."""

    path: str
    percent: float
    sender_word: str | None


@dataclass(frozen=True, slots=True)
class DelayPath:
    """0: no delay any more."""

    path: str
    delay_ms: int
    sender_word: str | None


@dataclass(frozen=True, slots=True)
class MakeNoise:
    """At both receivers. 0: none any more."""

    path: str
    bytes_per_s: int


@dataclass(frozen=True, slots=True)
class HealPath:
    path: str


@dataclass(frozen=True, slots=True)
class ForceLine:
    """Of a line or a slot strap. ``level`` None: it follows the truth again."""

    slot: int
    line: str
    level: bool | None


@dataclass(frozen=True, slots=True)
class FixSensor:
    sensor: str
    value: int | None


@dataclass(frozen=True, slots=True)
class SlowSensor:
    """A slow sensor's file never answers. ``slot_word`` None: to no module; else that one only."""

    sensor: str
    is_slow: bool
    slot_word: str | None = None


@dataclass(frozen=True, slots=True)
class FailFan:
    fan: str
    is_failed: bool


@dataclass(frozen=True, slots=True)
class FailSupply:
    supply: str
    is_failed: bool


@dataclass(frozen=True, slots=True)
class SwitchBlade:
    blade: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class LoadBlade:
    blade: str
    load_milliwatt: int


@dataclass(frozen=True, slots=True)
class FillDisk:
    slot_word: str
    is_full: bool


@dataclass(frozen=True, slots=True)
class ShowState:
    pass


Action = (
    ModuleAction
    | CutPath
    | LosePart
    | DelayPath
    | MakeNoise
    | HealPath
    | ForceLine
    | FixSensor
    | SlowSensor
    | FailFan
    | FailSupply
    | SwitchBlade
    | LoadBlade
    | FillDisk
    | ShowState
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that an action may use: those of this chassis."""

    board: str
    slots: tuple[int, ...]
    paths: tuple[str, ...]
    lines: tuple[str, ...]
    """Lines that somebody reads, of each slot; none on a board that wires none."""
    sensors: tuple[str, ...]
    fans: tuple[str, ...]
    supplies: tuple[str, ...] = ()
    blades: tuple[str, ...] = ()
    straps: tuple[str, ...] = ()
    """Of each slot; the module in it alone reads them."""
    slot_words: tuple[str, ...] = SLOT_ROLES
