"""What the virtual chassis needs to know of a module's board: which file is which.

Taken from the module's own configuration, so that the two ends of a line cannot disagree about
its file or its polarity. Called by `bmcha.sim.rig`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from bmcha.config import Config, ConfigError, ConfigProblem, find_board, load_config
from bmcha.config.board_file import read_board
from bmcha.config.board_tables import read_board_table
from bmcha.config.table import Source, Table
from bmcha.model.board import LineFile, PulseLine
from bmcha.model.record import dataclass
from bmcha.model.settings import BoardClass, ChassisSettings
from bmcha.sim.actions import Vocabulary
from bmcha.sim.backplane import (
    ACTIVE,
    HEALTH,
    OUTPUT_ENABLE,
    OUTPUTS_OPEN,
    PRESENCE,
    RESET,
    WIRED,
)
from bmcha.sim.claim import RigRefused
from bmcha.sim.layout import SLOTS, RigLayout
from bmcha.sim.wires import PATH_NAMES

BOARD_FILES = {each.value: f"virtual-{each.value}.toml" for each in BoardClass}
"""The boards, with the names of their files."""
DEFAULT_BOARD = "gated"


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """One module's view. File names are absolute."""

    name: str
    board_class: BoardClass
    watchdog_ms: int
    """0: the board has no watchdog."""
    watchdog_file: str
    succession: tuple[int, ...]
    straps: tuple[LineFile, ...]
    """Least significant bit of the slot number first."""
    driven: dict[str, LineFile]
    """The module's own output lines, by name."""
    senses: dict[str, LineFile]
    """Inputs that tell a module of itself, by line name: is its gate open, is its line up."""
    peers: dict[tuple[int, str], LineFile]
    """Inputs from the node so many places later in the succession, by line name."""
    resets: dict[int, LineFile]
    """Output lines that reset the node so many places later."""
    chassis: ChassisSettings

    @property
    def strap_names(self) -> tuple[str, ...]:
        return _strap_names(self.straps)


def board_vocabulary(board: str) -> Vocabulary:
    """What actions on this board may name. ConfigError: its file cannot be used."""
    file = find_board(BOARD_FILES[board], beside=os.curdir)
    if file is None:
        raise RigRefused(
            f"the board file {BOARD_FILES[board]} is not there: install bmcha, or run it from a "
            "checkout that is whole"
        )
    values, origins = read_board(file)
    problems: list[ConfigProblem] = []
    found = read_board_table(Table(values, Source(file, origins, ""), problems))
    if problems:
        raise ConfigError(problems)
    return Vocabulary(
        board=board,
        slots=SLOTS,
        paths=PATH_NAMES,
        lines=WIRED[found.board_class],
        sensors=tuple(sensor.name for sensor in found.chassis.sensors),
        fans=tuple(fan.name for fan in found.chassis.fans),
        supplies=tuple(supply.name for supply in found.chassis.supplies),
        blades=tuple(blade.name for blade in found.chassis.blades),
        straps=_strap_names([_file(line) for line in found.lines.straps.bits]),
    )


def read_plan(layout: RigLayout, slot: int) -> BoardPlan:
    """ConfigError: the written configuration cannot be used, with the reasons."""
    config = load_config(str(layout.config(slot)), version="", firmware_level=0, layout_id=0)
    return _plan(config)


def _plan(config: Config) -> BoardPlan:
    node, service = config.node, config.service
    own = service.lines.own
    driven = {HEALTH: own.health, ACTIVE: own.active, OUTPUT_ENABLE: own.output_enable}
    senses = {OUTPUTS_OPEN: own.outputs_open, ACTIVE: own.active_sense}
    peers = {
        (peer.offset, name): line
        for peer in service.lines.peers
        for name, line in (
            (PRESENCE, peer.presence),
            (HEALTH, peer.health),
            (ACTIVE, peer.active),
            (RESET, peer.reset_sense),
        )
    }
    resets = {peer.offset: peer.reset for peer in service.lines.peers}
    return BoardPlan(
        name=service.board_name,
        board_class=node.board_class,
        watchdog_ms=node.watchdog_ms or 0,
        watchdog_file=service.watchdog_file or "",
        succession=node.succession.slots,
        straps=tuple(_file(line) for line in service.lines.straps.bits),
        driven={name: _file(line) for name, line in driven.items() if line is not None},
        senses={name: _file(line) for name, line in senses.items() if line is not None},
        peers={key: _file(line) for key, line in peers.items() if line is not None},
        resets={offset: _file(line) for offset, line in resets.items() if line is not None},
        chassis=node.chassis,
    )


def _strap_names(straps: Sequence[LineFile]) -> tuple[str, ...]:
    return tuple(os.path.basename(strap.file) for strap in straps)


def _file(line: PulseLine) -> LineFile:
    if not isinstance(line, LineFile):
        raise RigRefused(f"line {line} is a real one; the virtual chassis has files")
    return line
