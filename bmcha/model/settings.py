"""What the configuration says, as checked values. Reading it from files is `bmcha.config`.

All times are milliseconds here, as the operator writes them; the core converts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, unique
from typing import Final

from bmcha.model.identity import Succession
from bmcha.model.key import KeyView
from bmcha.model.reading import SensorKind
from bmcha.model.record import dataclass

PULSE_MS_MIN = 1
PULSE_MS_MAX = 5000
"""A peer in reset answers to nobody: longer than any module's reset circuit needs is a mistake."""


@unique
class BoardClass(Enum):
    """What the lines of a board can prove about a silent peer; the rule follows from it."""

    GATED = "gated"
    RESET = "reset"
    LEASE = "lease"
    BARE = "bare"

    @property
    def is_gated(self) -> bool:
        """A hardware watchdog lets HEALTH and ACTIVE fall and shuts the outputs."""
        return self in (BoardClass.GATED, BoardClass.RESET)


@unique
class IsolationPolicy(Enum):
    """Only for boards of class BARE: what silence on every path means."""

    TRUST_SILENCE = "trust-silence"
    HOLD = "hold"


@unique
class PathKind(Enum):
    UDP = "udp"
    SERIAL = "serial"
    ETHERNET = "ethernet"


@unique
class Parity(Enum):
    NONE = "none"
    EVEN = "even"
    ODD = "odd"


@unique
class Flow(Enum):
    """XON and XOFF are missing on purpose: a frame contains every byte, these two included."""

    NONE = "none"
    RTSCTS = "rtscts"


@unique
class LineType(Enum):
    RS232 = "rs232"
    RS485 = "rs485"


@dataclass(frozen=True, slots=True)
class Rs485:
    """How the driver switches its sender on and off. Levels of RTS, True: high."""

    rts_on_send: bool = True
    rts_after_send: bool = False
    delay_before_ms: int = 0
    delay_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class SerialLine:
    """How a UART is set. Always eight data bits: a frame uses them all."""

    baud: int = 115200
    bits: int = 8
    parity: Parity = Parity.NONE
    stop_bits: int = 1
    flow: Flow = Flow.NONE
    type: LineType = LineType.RS232
    rs485: Rs485 = Rs485()

    @property
    def bits_per_byte(self) -> int:
        """On the wire: start bit, data, parity, stop bits."""
        return 1 + self.bits + (self.parity is not Parity.NONE) + self.stop_bits

    @property
    def bytes_per_s(self) -> int:
        return self.baud // self.bits_per_byte


@dataclass(frozen=True, slots=True)
class PathSettings:
    """One way to one peer. ``local``/``remote`` for udp, ``device``/``line`` for serial,
    ``interface``/``remote_mac`` ("02:00:00:00:00:02") for ethernet."""

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
    line: SerialLine = SerialLine()
    interface: str = ""
    remote_mac: str = ""
    frame_bytes_max: int = 1200

    @property
    def baud(self) -> int:
        return self.line.baud


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
    reset_pulse_ms: int
    lease_margin_ms: int


@unique
class Failback(Enum):
    """Whether the role goes back to a slot that is preferred, when its module is well again."""

    NEVER = "never"
    PREFERRED_SLOT = "preferred-slot"


@dataclass(frozen=True, slots=True)
class MoveSettings:
    """How often the role may move, and when it moves unasked. The defaults: nothing of it.

    After ``failovers_max`` failovers within ``failovers_window_s`` nothing moves that need not;
    0: never locked out. A STANDBY that is healthier by ``health_switchover_margin`` for
    ``health_switchover_hold_s`` is handed the chassis; 0: never. ``failback``: so is the one in
    ``preferred_slot`` when it has been well for ``failback_hold_off_s``.
    """

    failovers_max: int = 0
    failovers_window_s: int = 3600
    health_switchover_margin: int = 0
    health_switchover_hold_s: int = 10
    failback: Failback = Failback.NEVER
    preferred_slot: int | None = None
    failback_hold_off_s: int = 60


@unique
class Via(Enum):
    """How third parties are asked."""

    PING = "ping"
    ARP = "arp"


@dataclass(frozen=True, slots=True)
class ThirdOpinionSettings:
    """Who is asked, and for how long its silence may forbid a claim; 0: it forbids nothing.

    ``interface``: what ARP goes over, "" otherwise."""

    address: str
    period_ms: int
    silent_after_ms: int
    forbid_max_s: int
    via: Via = Via.PING
    interface: str = ""

    def asked(self, paths: Sequence[PathSettings]) -> tuple[str, ...]:
        """The reference, then the other ends of the udp paths; ARP knows nobody with IPv6."""
        remotes = [path.remote[0] for path in paths if path.kind is PathKind.UDP]
        found = dict.fromkeys([self.address, *remotes])
        return tuple(each for each in found if self.via is Via.PING or ":" not in each)


PWM_MAX: Final = 255
"""Full drive, in hwmon's words."""


@dataclass(frozen=True, slots=True)
class HwmonChannel:
    """One value of a hwmon device, found by what it is called and where it sits.

    ``device``: what its `name` file says. ``at``: a shell pattern that one component of the
    device's resolved path must fit, "" when the name is enough. ``channel``: as in the files' names
    ("temp1", "pwm2"); with a ``label`` only their kind ("temp"), and the number is that of the one
    whose `_label` file says so. ``read_max``: of a pwm, what reads back at full drive.
    """

    device: str
    at: str = ""
    channel: str = ""
    label: str = ""
    read_max: int = PWM_MAX


Place = str | HwmonChannel
"""Where a value is: the absolute name of a file, or a channel of a hwmon device."""


def device_of(place: Place) -> Place:
    """What is behind the same driver, as far as names tell: the folder, or the device."""
    if isinstance(place, str):
        return place.rpartition("/")[0] or "/"
    return HwmonChannel(place.device, place.at)


@dataclass(frozen=True, slots=True)
class SensorSettings:
    """``file`` is "" where there is a ``channel``. ``has_device_limits``: what the device gives
    as its limits goes before ``low_milli`` and ``high_milli``. ``jump_milli_max`` 0: any jump
    from one reading to the next is believed."""

    name: str
    kind: SensorKind
    file: str
    low_milli: int
    high_milli: int
    hysteresis_milli: int
    zone: str = ""
    channel: HwmonChannel | None = None
    has_device_limits: bool = False
    jump_milli_max: int = 0

    @property
    def place(self) -> Place:
        return self.channel or self.file


@dataclass(frozen=True, slots=True)
class FanSettings:
    """The files are "" where there are channels. Without ``has_tachometer`` the speed is no reading
    but what this module commands."""

    name: str
    rpm_file: str
    pwm_file: str
    zone: str
    pwm_min: int
    rpm_min: int
    rpm_channel: HwmonChannel | None = None
    pwm_channel: HwmonChannel | None = None
    has_tachometer: bool = True

    @property
    def rpm_place(self) -> Place:
        return self.rpm_channel or self.rpm_file

    @property
    def pwm_place(self) -> Place:
        return self.pwm_channel or self.pwm_file


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """A fan curve: points (m°C, pwm), rising; below the first its pwm, above the last 255."""

    name: str
    curve: tuple[tuple[int, int], ...]
    hysteresis_milli: int
    pwm_step_max: int


UNIT_ROUNDS = 4
"""Supplies and blades are read once in so many rounds: what they say changes seldom."""


@dataclass(frozen=True, slots=True)
class SupplySettings:
    """``ok_file`` says 1 while the output is good; ``power_place`` is hwmon's, in µW. "": none."""

    name: str
    rated_milliwatt: int
    ok_file: str = ""
    power_place: Place = ""


@dataclass(frozen=True, slots=True)
class BladeSettings:
    """``present_file`` says 1 while a blade is there; ``power_place`` as of a supply. "": none."""

    name: str
    budget_milliwatt: int
    present_file: str = ""
    power_place: Place = ""


@dataclass(frozen=True, slots=True)
class ChassisSettings:
    sensors: tuple[SensorSettings, ...]
    fans: tuple[FanSettings, ...]
    zones: tuple[ZoneSettings, ...]
    supplies: tuple[SupplySettings, ...]
    blades: tuple[BladeSettings, ...]
    sensor_period_ms: int
    sensor_stale_ms: int
    hwmon_root: str = "/sys/class/hwmon"


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
    moves: MoveSettings = MoveSettings()
    third_opinion: ThirdOpinionSettings | None = None
    """None: nobody is asked."""
    keys: KeyView = KeyView()
    """What the core may know of the keys that frames are signed with."""
