"""Reads one module's configuration: its own file and the board file that it names.

Knows the keys of the module's file and what they default to; the board's keys are in
`board_tables`, what must hold between them in `relations`. Rules: all problems of both files are
reported together; what cannot be read at all is reported with what is known by then. Called by
`bmcha.app` and the command line (through `bmcha.config`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

from bmcha.config import relations
from bmcha.config.board_file import find_board, read_board, read_toml, shipped_boards
from bmcha.config.board_tables import Board, read_board_table
from bmcha.config.path_tables import read_paths
from bmcha.config.table import ConfigError, ConfigProblem, Source, Table, shown
from bmcha.model.board import BoardLines
from bmcha.model.identity import Succession
from bmcha.model.settings import IsolationPolicy, NodeSettings, TimerSettings

CONTROL_SOCKET: Final = "/run/bmcha/control.sock"
STATE_DIR: Final = "/var/lib/bmcha"
IMAGE_NAME: Final = "/bmcha"
NODES_MAX: Final = 16

# NAME_MAX of the file system behind shared memory is 255.
_IMAGE_NAME_ALLOWED: Final = "/ and 1 to 250 letters, digits, dots, _ or -"
_IMAGE_NAME: Final = re.compile(r"/[A-Za-z0-9._-]{1,250}")
_POLICIES: Final = {member.value: member for member in IsolationPolicy}
_ANYTHING: Final = re.compile(r".+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the shell around the node is told; every file name is absolute, None: not there."""

    config_file: str
    board_file: str
    board_name: str
    state_dir: str
    control_socket: str
    image_name: str
    log_file: str | None
    pid_file: str | None
    watchdog_file: str | None
    lines: BoardLines


@dataclass(frozen=True, slots=True)
class Config:
    node: NodeSettings
    service: ServiceSettings


def load_config(file: str, *, version: str, firmware_level: int, layout_id: int) -> Config:
    """The checked configuration. Raises `ConfigError` with every problem, and nothing else."""
    problems: list[ConfigProblem] = []
    values = read_toml(file)
    folder = os.path.dirname(os.path.abspath(file))
    table = Table(values, Source(file, {}, folder), problems)
    board_file, board_table = _open_board(table, folder, problems)
    board = read_board_table(board_table)
    succession, chassis_id = _identity(table)
    timers_table = table.table("timers")
    timers = _timers(timers_table)
    paths = read_paths(table)
    policy = table.table("policy")
    node = NodeSettings(
        chassis_id=chassis_id,
        succession=succession,
        board_class=board.board_class,
        isolation_policy=policy.choice("isolation_policy", _POLICIES, "trust-silence"),
        is_lone_start_allowed=policy.flag("lone", False),
        watchdog_ms=board.watchdog_ms,
        has_presence=relations.is_wired(board.lines.peers, "presence", succession),
        has_health=relations.is_wired(board.lines.peers, "health", succession),
        has_active=relations.is_wired(board.lines.peers, "active", succession),
        paths=tuple(path for _, path in paths),
        timers=timers,
        chassis=board.chassis,
        firmware_level=firmware_level,
        version=version,
        layout_id=layout_id,
    )
    service = _service(table, file, board_file, board)
    for read in (timers_table, policy, table):
        read.end()
    if table.is_sound("chassis"):
        relations.check_paths(table, paths, succession)
        relations.check_board(board_table, board, succession)
    relations.check_timers(timers_table, timers, paths, board)
    if problems:
        raise ConfigError(problems)
    return Config(node, service)


def check_own_slot(config: Config, own_slot: int) -> None:
    """What can be told only once the straps are read. Raises `ConfigError`."""
    file = config.service.config_file
    slots = ", ".join(map(str, config.node.succession.slots))
    problems = []
    if own_slot not in config.node.succession.slots:
        allowed = f"a list with this module's slot {own_slot} (by its straps) in it"
        problems.append(ConfigProblem(file, "chassis.succession", slots, allowed))
    problems += [
        ConfigProblem(
            file, f"paths[{number}].peer", str(own_slot), "another slot than this module's own"
        )
        for number, path in enumerate(config.node.paths)
        if path.peer_slot == own_slot
    ]
    if problems:
        raise ConfigError(problems)


def _open_board(table: Table, folder: str, problems: list[ConfigProblem]) -> tuple[str, Table]:
    """The board's table; where there is none, an empty one whose problems nobody wants to see."""
    name = table.text("board", _ANYTHING, "the name of a board file")
    hw_root = table.optional_file("hw_root") or folder
    if table.is_sound("board"):
        board_file = find_board(name, folder)
        if board_file is not None:
            try:
                values, origins = read_board(board_file)
                return board_file, Table(values, Source(board_file, origins, hw_root), problems)
            except ConfigError as error:
                problems.extend(error.problems)
        else:
            known = ", ".join(shipped_boards()) or "(none found)"
            allowed = f"a file that exists, or one of the shipped boards: {known}"
            table.refuse("board", shown(name), allowed)
    return name, Table({}, Source(name, {}, hw_root), [])


def _identity(table: Table) -> tuple[Succession, int]:
    chassis = table.table("chassis", is_required=True)
    if not table.is_sound("chassis"):
        return Succession((1,)), 0
    chassis_id = chassis.integer("id", 0, 2**32 - 1)
    slots = chassis.integers("succession", 1, 255, NODES_MAX)
    if len(set(slots)) < len(slots):
        chassis.refuse("succession", shown(list(slots)), "a list that names no slot twice")
    chassis.end()
    if not chassis.is_sound("succession"):
        table.mark_unsound("chassis")
        return Succession((1,)), chassis_id
    return Succession(slots), chassis_id


def _timers(table: Table) -> TimerSettings:
    """The defaults are for the virtual chassis' dead times of 1500 ms."""
    return TimerSettings(
        initdead_ms=table.integer("initdead_ms", 10, 600_000, 3000),
        lone_start_ms=table.integer("lone_start_ms", 10, 3_600_000, 10_000),
        probe_ms=table.integer("probe_ms", 1, 10_000, 15),
        claim_window_ms=table.integer("claim_window_ms", 1, 60_000, 100),
        rank_delay_ms=table.integer("rank_delay_ms", 1, 60_000, 400),
        line_settle_ms=table.integer("line_settle_ms", 1, 10_000, 5),
        unverified_takeover_ms=table.integer("unverified_takeover_ms", 10, 600_000, 5000),
        store_deadline_ms=table.integer("store_deadline_ms", 1, 60_000, 200),
        drain_deadline_ms=table.integer("drain_deadline_ms", 1, 60_000, 500),
        handover_deadline_ms=table.integer("handover_deadline_ms", 10, 60_000, 1000),
        hold_off_ms=table.integer("hold_off_ms", 0, 3_600_000, 1000),
        stall_limit_ms=table.integer("stall_limit_ms", 10, 600_000, 2000),
        tick_ms=table.integer("tick_ms", 1, 1000, 25),
    )


def _service(table: Table, file: str, board_file: str, board: Board) -> ServiceSettings:
    return ServiceSettings(
        config_file=file,
        board_file=board_file,
        board_name=board.name,
        state_dir=table.file("state_dir", STATE_DIR),
        control_socket=table.file("control_socket", CONTROL_SOCKET),
        image_name=table.text("image_name", _IMAGE_NAME, _IMAGE_NAME_ALLOWED, IMAGE_NAME),
        log_file=table.optional_file("log_file"),
        pid_file=table.optional_file("pid_file"),
        watchdog_file=board.watchdog_file,
        lines=board.lines,
    )
