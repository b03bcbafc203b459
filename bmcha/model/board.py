"""Where a board's lines are: file names and polarities as values.

Says nothing about how a line is read or driven (that is `bmcha.hal`) and judges nothing (that is
`bmcha.config`). File names are absolute here; the configuration has resolved them. Built by
`bmcha.config`, read by the adapters of the lines.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineFile:
    """One line as a file that holds "0" or "1", its electrical level.

    ``is_active_low``: level 0 means asserted, as the _N at the end of a schematic's name says.
    """

    file: str
    is_active_low: bool = False


@dataclass(frozen=True, slots=True)
class OwnLines:
    """Lines of this module; None: not wired. Driven by it, but for the two inputs:
    ``outputs_open``, the sense of its output gate, and ``active_sense``, of its ACTIVE line as
    the peer sees it."""

    health: LineFile | None = None
    active: LineFile | None = None
    output_enable: LineFile | None = None
    outputs_open: LineFile | None = None
    active_sense: LineFile | None = None


@dataclass(frozen=True, slots=True)
class PeerLines:
    """Lines from the node ``offset`` places later in the succession, wrapping round."""

    offset: int
    presence: LineFile | None = None
    health: LineFile | None = None
    active: LineFile | None = None


@dataclass(frozen=True, slots=True)
class BoardLines:
    """``straps`` are the slot number's bits, least significant first."""

    straps: tuple[LineFile, ...]
    own: OwnLines
    peers: tuple[PeerLines, ...]
