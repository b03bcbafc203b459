"""Where a board's lines are: files, GPIO lines, a LED for pulses; with their polarities, as values.

Says nothing about how a line is read or driven (that is `bmcha.hal`) and judges nothing (that is
`bmcha.config`). File names are absolute here; the configuration has resolved them. Built by
`bmcha.config`, read by the adapters of the lines.
"""

from __future__ import annotations

from enum import Enum, unique

from bmcha.model.record import dataclass


@dataclass(frozen=True, slots=True)
class LineFile:
    """One line as a file that holds "0" or "1", its electrical level.

    ``is_active_low``: level 0 means asserted, as the _N at the end of a schematic's name says.
    """

    file: str
    is_active_low: bool = False


@unique
class Bias(Enum):
    """AS_IS: as the boot loader or the device tree left it."""

    AS_IS = "as-is"
    PULL_UP = "pull-up"
    PULL_DOWN = "pull-down"
    DISABLED = "disabled"


@unique
class Drive(Enum):
    PUSH_PULL = "push-pull"
    OPEN_DRAIN = "open-drain"
    OPEN_SOURCE = "open-source"


@dataclass(frozen=True, slots=True)
class LineGpio:
    """One line of a GPIO character device.

    ``chip``: its file under /dev, its name there, or its label; None: whichever chip has a line
    of this name. ``line``: its name, or its number in the chip.
    """

    chip: str | None
    line: str | int
    is_active_low: bool = False
    bias: Bias = Bias.AS_IS
    drive: Drive = Drive.PUSH_PULL


@dataclass(frozen=True, slots=True)
class LineLed:
    """An output that the kernel's LED class drives: with its trigger "oneshot" the kernel itself
    ends a pulse, whatever becomes of us. ``name``: its folder under /sys/class/leds."""

    name: str


Line = LineFile | LineGpio
PulseLine = LineFile | LineGpio | LineLed


@unique
class StrapCheck(Enum):
    """NONE: the bits alone. EVEN, ODD: so many of bits and parity line together are asserted.
    COMPLEMENT: each line of ``checks`` is the inverse of its bit."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"
    COMPLEMENT = "complement"


@dataclass(frozen=True, slots=True)
class Straps:
    """``bits``: the slot number's, least significant first. ``checks``: the parity line alone, or
    a complement for each bit, in the same order."""

    bits: tuple[Line, ...]
    checks: tuple[Line, ...] = ()
    check: StrapCheck = StrapCheck.NONE


@dataclass(frozen=True, slots=True)
class OwnLines:
    """Lines of this module; None: not wired. Driven by it, but for the two inputs:
    ``outputs_open``, the sense of its output gate, and ``active_sense``, of its ACTIVE line as
    the peer sees it."""

    health: Line | None = None
    active: Line | None = None
    output_enable: Line | None = None
    outputs_open: Line | None = None
    active_sense: Line | None = None


@dataclass(frozen=True, slots=True)
class PeerLines:
    """Lines to and from the node ``offset`` places later in the succession, wrapping round.

    ``reset`` is driven by this module, in pulses; ``reset_sense`` is the same line as the peer
    sees it.
    """

    offset: int
    presence: Line | None = None
    health: Line | None = None
    active: Line | None = None
    reset: PulseLine | None = None
    reset_sense: Line | None = None


@dataclass(frozen=True, slots=True)
class BoardLines:
    straps: Straps
    own: OwnLines
    peers: tuple[PeerLines, ...]
