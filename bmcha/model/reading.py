"""What the chassis tells about itself: readings with a quality, and the cells that hold them.

A cell is one fixed place of the chassis image (the shared memory that both modules keep equal).
Values are integers in hwmon's milli-units: m°C, mV, mA, mW; rpm is whole. ``stamp_ns`` is the
monotonic time of this module at which the value was true; on the way to the peer it travels as
an age, because the two clocks have nothing in common.
"""

from __future__ import annotations

from enum import Enum, unique

from bmcha.model.record import dataclass
from bmcha.model.role import Role, Severity

SENSORS_MAX = 512
FANS_MAX = 64
SUPPLIES_MAX = 16
BLADES_MAX = 32
ALARMS_MAX = 256
MILLI_MAX = 2**31 - 1
"""Values are i32 in the image and on the wire. As a limit of a sensor it stands for none."""
NAME_BYTES_MAX = 24
"""A longer name is refused by the configuration: the cell has room for this many bytes."""
EVENT_TEXT_BYTES_MAX = 160
"""Room for the longest sentence of a reason with its slot before it."""
ALARM_ID_BYTES_MAX = 41
"""What the alarm's cell of the image has room for; a longer id is cut there and on the wire."""


@unique
class SensorKind(Enum):
    TEMPERATURE = 1
    VOLTAGE = 2
    CURRENT = 3
    POWER = 4


@unique
class Quality(Enum):
    """GOOD: just read. STALE: the last good value is too old. BAD: it cannot be read."""

    NONE = 0
    GOOD = 1
    STALE = 2
    BAD = 3


@unique
class UnitState(Enum):
    """State of a fan, a supply or a blade."""

    UNKNOWN = 0
    OK = 1
    FAILED = 2
    OFF = 3
    ABSENT = 4


@unique
class CellKind(Enum):
    """Wire values: the upper four bits of a cell's key."""

    RUN = 0
    SENSOR = 1
    FAN = 2
    SUPPLY = 3
    BLADE = 4
    ALARM = 5
    EVENT = 15


@dataclass(frozen=True, slots=True)
class RunCell:
    """The holder of the chassis and its state, one a chassis."""

    holder_slot: int
    role: Role
    epoch: int
    fault_count: int
    stamp_ns: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class SensorCell:
    index: int
    name: str
    kind: SensorKind
    value_milli: int
    quality: Quality
    stamp_ns: int
    low_milli: int
    high_milli: int


@dataclass(frozen=True, slots=True)
class FanCell:
    """``pwm`` is what the controller asks for, 0 to 255 as in hwmon; ``pwm_min`` configured."""

    index: int
    name: str
    rpm: int
    pwm: int
    pwm_min: int
    state: UnitState
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class SensorValue:
    """What changes in a `SensorCell` from reading to reading: the short form on the wire.

    Only in a `Delta`, and only for a cell that the receiver holds already in full.
    """

    index: int
    value_milli: int
    quality: Quality
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class FanValue:
    """The short form of a `FanCell`, under the rule of `SensorValue`."""

    index: int
    rpm: int
    pwm: int
    state: UnitState
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class SupplyCell:
    index: int
    name: str
    state: UnitState
    output_milliwatt: int
    rated_milliwatt: int
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class BladeCell:
    index: int
    name: str
    state: UnitState
    budget_milliwatt: int
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class AlarmCell:
    """One place of the alarm table; ``is_raised`` False frees it."""

    index: int
    alarm_id: str
    severity: Severity
    is_raised: bool
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class EventCell:
    """One record of the chassis log: known everywhere by (epoch, number, slot), never reused.

    ``wall_ms`` is Unix time in milliseconds and only for people; order is (epoch, number).
    """

    epoch: int
    number: int
    slot: int
    severity: Severity
    wall_ms: int
    kind: str
    text: str
    index: int = 0

    @property
    def key(self) -> tuple[int, int, int]:
        return (self.epoch, self.number, self.slot)


ImageCell = RunCell | SensorCell | FanCell | SupplyCell | BladeCell | AlarmCell
Cell = ImageCell | SensorValue | FanValue | EventCell
