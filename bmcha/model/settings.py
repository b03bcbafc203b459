"""What the configuration says, as checked values. Reading it from files is `bmcha.config`.

All times are milliseconds here, as the operator writes them; the core converts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from bmcha.model.identity import Succession
from bmcha.model.reading import SensorKind


@unique
class BoardClass(Enum):
    """What the lines of a board can prove about a silent peer; the rule follows from it."""

    GATED = "gated"
    BARE = "bare"


@unique
class IsolationPolicy(Enum):
    """Only for boards of class BARE: what silence on every path means."""

    TRUST_SILENCE = "trust-silence"
    HOLD = "hold"


@unique
class PathKind(Enum):
    UDP = "udp"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True)
class PathSettings:
    """One way to one peer. ``local``/``remote`` for udp, ``device``/``baud`` for serial."""

    name: str
    kind: PathKind
    peer_slot: int
    heartbeat_interval_ms: int
    warntime_ms: int
    deadtime_ms: int
    jeopardy_deadtime_ms: int
    recovery_beats_min: int
    local: tuple[str, int] = ("", 0)
    remote: tuple[str, int] = ("", 0)
    device: str = ""
    baud: int = 115200
    frame_bytes_max: int = 1200


@dataclass(frozen=True, slots=True)
class TimerSettings:
    initdead_ms: int
    lone_start_ms: int
    probe_ms: int
    claim_window_ms: int
    rank_delay_ms: int
    line_settle_ms: int
    unverified_takeover_ms: int
    store_deadline_ms: int
    drain_deadline_ms: int
    handover_deadline_ms: int
    hold_off_ms: int
    stall_limit_ms: int
    tick_ms: int


@dataclass(frozen=True, slots=True)
class SensorSettings:
    name: str
    kind: SensorKind
    file: str
    low_milli: int
    high_milli: int
    hysteresis_milli: int
    zone: str = ""


@dataclass(frozen=True, slots=True)
class FanSettings:
    name: str
    rpm_file: str
    pwm_file: str
    zone: str
    pwm_min: int
    rpm_min: int


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """A fan curve: points (m°C, pwm), rising; below the first its pwm, above the last 255."""

    name: str
    curve: tuple[tuple[int, int], ...]
    hysteresis_milli: int
    pwm_step_max: int


@dataclass(frozen=True, slots=True)
class SupplySettings:
    """``ok_file`` says 1 while the output is good; ``power_file`` is hwmon's, in µW. "": none."""

    name: str
    rated_milliwatt: int
    ok_file: str = ""
    power_file: str = ""


@dataclass(frozen=True, slots=True)
class BladeSettings:
    """``present_file`` says 1 while a blade is there; ``power_file`` as of a supply. "": none."""

    name: str
    budget_milliwatt: int
    present_file: str = ""
    power_file: str = ""


@dataclass(frozen=True, slots=True)
class ChassisSettings:
    sensors: tuple[SensorSettings, ...]
    fans: tuple[FanSettings, ...]
    zones: tuple[ZoneSettings, ...]
    supplies: tuple[SupplySettings, ...]
    blades: tuple[BladeSettings, ...]
    sensor_period_ms: int
    sensor_stale_ms: int


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """All that the core is told once, at start."""

    chassis_id: int
    succession: Succession
    board_class: BoardClass
    isolation_policy: IsolationPolicy
    is_lone_start_allowed: bool
    watchdog_ms: int | None
    """None: no hardware watchdog."""
    has_presence: bool
    has_health: bool
    has_active: bool
    paths: tuple[PathSettings, ...]
    timers: TimerSettings
    chassis: ChassisSettings
    firmware_level: int
    version: str
    layout_id: int
