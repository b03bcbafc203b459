"""What one frame shows, as values. Made by `watch` and `bmcha.sim.live`, drawn by `frame`.

None is "unknown" everywhere; texts may hold anything (they come from files, from the peer and
from other versions) and are cleaned where they are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique


@dataclass(frozen=True, slots=True)
class PathShown:
    name: str
    health: str
    one_way: str | None = None
    rtt_us: int | None = None
    loss_percent: float | None = None
    """Of the last ten seconds; None: nothing came that could have been counted."""
    lost: int | None = None
    bad: int | None = None
    last_heard_ms: int | None = None
    port_fault: str = ""
    """Why this module's own port does not work."""
    broken: str = ""
    """What is broken where nothing is heard, as far as the module can tell: a word or two."""
    broken_text: str = ""
    """The same as a sentence that ends with what to do."""


@dataclass(frozen=True, slots=True)
class PeerShown:
    slot: int | None
    state: str
    role: str | None = None
    epoch: int | None = None
    health: int | None = None
    firmware_level: int | None = None
    hears_us: bool | None = None
    presence: bool | None = None
    healthy_line: bool | None = None
    active_line: bool | None = None


@dataclass(frozen=True, slots=True)
class AlarmShown:
    severity: str
    alarm_id: str
    text: str
    since_s: int | None = None


@dataclass(frozen=True, slots=True)
class ModuleShown:
    """One module's own word. ``trouble``: why it is old or missing; then the rest is the last
    that was said, if anything was."""

    name: str
    trouble: str = ""
    has_answered: bool = False
    slot: int | None = None
    version: str = ""
    uptime_s: int | None = None
    health: int | None = None
    role: str = ""
    reason_text: str = ""
    epoch: int | None = None
    since_s: int | None = None
    paths: tuple[PathShown, ...] = ()
    peers: tuple[PeerShown, ...] = ()
    redundancy: str = ""
    redundancy_reasons: tuple[str, ...] = ()
    mirror: str = ""
    mirror_staleness_ms: int | None = None
    waits: tuple[tuple[str, int], ...] = ()
    """What for, and how many ms are left."""
    alarms: tuple[AlarmShown, ...] = ()


@dataclass(frozen=True, slots=True)
class SensorShown:
    name: str
    kind: str
    value_milli: int | None
    low_milli: int | None
    high_milli: int | None
    state: str
    quality: str


@dataclass(frozen=True, slots=True)
class FanShown:
    name: str
    rpm: int | None
    pwm: int | None
    state: str


@dataclass(frozen=True, slots=True)
class ReadingsShown:
    """The chassis's readings, and in whose words. ``is_old``: that module no longer answers."""

    of: str = ""
    is_old: bool = False
    sensors: tuple[SensorShown, ...] = ()
    fans: tuple[FanShown, ...] = ()


@unique
class Tone(Enum):
    """How a line of the log is meant."""

    PLAIN = 0
    ROLE = 1
    GOOD = 2
    WARN = 3
    ALARM = 4
    DEED = 5
    """Done by whoever sits at the keyboard."""
    TRUTH = 6
    """What the virtual chassis saw."""


@dataclass(frozen=True, slots=True)
class LogLine:
    wall_ms: int
    who: str
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class LineTruth:
    name: str
    is_up: bool
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class SlotTruth:
    """What the chassis knows of one slot, whatever its module says."""

    slot: int
    life: str
    """running, stopped, dead, in reset, empty"""
    is_open: bool
    lines: tuple[LineTruth, ...] = ()
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """What the virtual chassis knows. Durations as the journal's judge counts them."""

    slots: tuple[SlotTruth, ...]
    open_count: int
    outage_ms: float
    dual_ms: float
    is_outage_now: bool = False
    failover_ms: float | None = None
    """Of the last time the outputs went from one module to another without being asked."""
    disturbed: tuple[str, ...] = ()
    """Everything that is broken just now by hand: a word each."""


@dataclass(frozen=True, slots=True)
class Screen:
    title: str
    about: str
    """Beside the title: the board, or the chassis."""
    clock: str
    modules: tuple[ModuleShown, ...]
    truth: Truth | None = None
    readings: ReadingsShown = field(default_factory=ReadingsShown)
    log: tuple[LogLine, ...] = ()
    """Oldest first."""
    scrolled_lines: int = 0
    keys: tuple[tuple[str, str], ...] = ()
    """For the footer: the key, what it does."""
    question: str = ""
    """Waits for y; stands where the footer is."""
    help: tuple[tuple[str, str], ...] = ()
    """Shown over everything else when there is any: key, sentence."""
