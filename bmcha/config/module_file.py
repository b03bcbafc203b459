"""Reads one module's configuration: its own file and the board file that it names.

Knows the keys of the module's file and what they default to; the board's keys are in
`board_tables`, what must hold between them in `relations`. Rules: all problems of both files are
reported together; what cannot be read at all is reported with what is known by then. Called by
`bmcha.app` and the command line (through `bmcha.config`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Final

from bmcha.config import relations
from bmcha.config.board_file import find_board, read_board, read_toml, shipped_boards
from bmcha.config.board_tables import Board, read_board_table
from bmcha.config.log_table import LogSettings, read_log
from bmcha.config.opinion_table import Read as OpinionRead
from bmcha.config.opinion_table import check_third_opinion, read_third_opinion
from bmcha.config.path_tables import read_paths
from bmcha.config.realtime_table import RealtimeSettings, read_realtime
from bmcha.config.table import ConfigError, ConfigProblem, Source, Table, shown
from bmcha.model.board import BoardLines
from bmcha.model.identity import Succession
from bmcha.model.record import dataclass
from bmcha.model.settings import (
    PULSE_MS_MAX,
    PULSE_MS_MIN,
    Failback,
    IsolationPolicy,
    MoveSettings,
    NodeSettings,
    PathSettings,
    TimerSettings,
)

CONTROL_SOCKET: Final = "/run/bmcha/control.sock"
STATE_DIR: Final = "/var/lib/bmcha"
IMAGE_NAME: Final = "/bmcha"
NODES_MAX: Final = 16
SOCKET_NAME_BYTES_MAX: Final = 80
"""With "/proc/self/fd/N/" before it, 107 bytes at most (`bmcha.runtime.control_socket`)."""

# NAME_MAX of the file system behind shared memory is 255.
_IMAGE_NAME_ALLOWED: Final = "/ and 1 to 250 letters, digits, dots, _ or -, not only dots"
_IMAGE_NAME: Final = re.compile(r"/(?!\.+$)[A-Za-z0-9._-]{1,250}")
_POLICIES: Final = {member.value: member for member in IsolationPolicy}
_FAILBACKS: Final = {member.value: member for member in Failback}
_ANYTHING: Final = re.compile(r"[\s\S]+")


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
    log: LogSettings
    realtime: RealtimeSettings
    pid_file: str | None
    key_file: str | None
    """Not read with the rest (`bmcha.config.key_file`): it may be made and changed later."""
    watchdog_file: str | None
    watchdog_pretimeout_ms: int
    lines: BoardLines


@dataclass(frozen=True, slots=True)
class Config:
    node: NodeSettings
    service: ServiceSettings


@dataclass(frozen=True, slots=True)
class ConfigReading:
    """A configuration with everything that is wrong with it; where a value is wrong, ``config``
    has a stand-in: "" for a text, the least allowed number."""

    config: Config
    problems: tuple[ConfigProblem, ...]
    board: Board
    board_source: Source
    """Tells which of the board's files a key came from."""


def load_config(file: str, *, version: str, firmware_level: int, layout_id: int) -> Config:
    """The checked configuration. Raises `ConfigError` with every problem, and nothing else."""
    reading = read_config(file, version=version, firmware_level=firmware_level, layout_id=layout_id)
    if reading.problems:
        raise ConfigError(reading.problems)
    return reading.config


def read_config(file: str, *, version: str, firmware_level: int, layout_id: int) -> ConfigReading:
    """As `load_config`, for who wants to look on at what can be read. Raises `ConfigError` only
    where the module's file itself cannot be read or is no TOML."""
    problems: list[ConfigProblem] = []
    values = read_toml(file)
    folder = os.path.dirname(os.path.abspath(file))
    table = Table(values, Source(file, {}, folder), problems)
    keys = read_module_table(table)
    board_table, board_source = _open_board(table, keys, folder, problems)
    board = read_board_table(board_table)
    succession, paths = keys.succession, keys.paths
    node = NodeSettings(
        chassis_id=keys.chassis_id,
        succession=succession,
        board_class=board.board_class,
        isolation_policy=keys.isolation_policy,
        is_lone_start_allowed=keys.is_lone_start_allowed,
        watchdog_ms=board.watchdog_ms,
        has_presence=relations.is_wired(board.lines.peers, "presence", succession),
        has_health=relations.is_wired(board.lines.peers, "health", succession),
        has_active=relations.is_wired(board.lines.peers, "active", succession),
        paths=tuple(path for _, path in paths),
        timers=keys.timers,
        chassis=board.chassis,
        firmware_level=firmware_level,
        version=version,
        layout_id=layout_id,
        moves=keys.moves,
        third_opinion=keys.third_opinion[1] if keys.third_opinion is not None else None,
    )
    if table.is_sound("chassis"):
        relations.check_paths(table, paths, succession)
        relations.check_learned(paths, keys.key_file)
        relations.check_moves(keys.policy_table, keys.moves, succession)
        relations.check_board(board_table, board, succession)
    check_third_opinion(keys.third_opinion, paths)
    relations.check_timers(keys.timers_table, keys.timers, paths, board)
    _check_places(table, keys, {file, board_source.file, *board_source.origins.values()})
    service = _service(keys, file, board_source.file, board)
    return ConfigReading(Config(node, service), tuple(problems), board, board_source)


def check_own_slot(config: Config, own_slot: int) -> None:
    """What can be told only once the straps are read. Raises `ConfigError`."""
    node = config.node
    problems = slot_problems(config.service.config_file, node.succession, node.paths, own_slot)
    if problems:
        raise ConfigError(problems)


def slot_problems(
    file: str, succession: Succession, paths: Sequence[PathSettings], own_slot: int
) -> list[ConfigProblem]:
    """What is wrong with the module's ``file`` in this slot."""
    slots = ", ".join(map(str, succession.slots))
    problems = []
    if own_slot not in succession.slots:
        allowed = f"a list with this module's slot {own_slot} (by its straps) in it"
        remedy = f"add {own_slot} to the list, or move the module to another slot"
        problems.append(ConfigProblem(file, "chassis.succession", slots, allowed, remedy))
    allowed = "another slot than this module's own"
    remedy = "name the other module's slot: this file is for the module in the other slot, perhaps"
    problems += [
        ConfigProblem(file, f"paths[{number}].peer", str(own_slot), allowed, remedy)
        for number, path in enumerate(paths)
        if path.peer_slot == own_slot
    ]
    return problems


@dataclass(frozen=True, slots=True)
class ModuleKeys:
    """What stands in the module's own file."""

    board: str
    hw_root: str | None
    chassis_id: int
    succession: Succession
    timers_table: Table
    policy_table: Table
    timers: TimerSettings
    paths: list[tuple[Table, PathSettings]]
    isolation_policy: IsolationPolicy
    is_lone_start_allowed: bool
    moves: MoveSettings
    third_opinion: OpinionRead | None
    state_dir: str
    control_socket: str
    image_name: str
    log_file: str | None
    log: LogSettings
    realtime: RealtimeSettings
    pid_file: str | None
    key_file: str | None


def read_module_table(table: Table) -> ModuleKeys:
    board = table.text("board", _ANYTHING, "the name of a board file")
    hw_root = table.optional_file("hw_root")
    succession, chassis_id = _identity(table)
    timers_table, policy = table.table("timers"), table.table("policy")
    keys = ModuleKeys(
        board=board,
        hw_root=hw_root,
        chassis_id=chassis_id,
        succession=succession,
        timers_table=timers_table,
        policy_table=policy,
        timers=_timers(timers_table),
        paths=read_paths(table),
        isolation_policy=policy.choice("isolation_policy", _POLICIES, "trust-silence"),
        is_lone_start_allowed=policy.flag("lone", False),
        moves=_moves(policy),
        third_opinion=read_third_opinion(table),
        state_dir=table.file("state_dir", STATE_DIR),
        control_socket=table.file("control_socket", CONTROL_SOCKET),
        image_name=table.text("image_name", _IMAGE_NAME, _IMAGE_NAME_ALLOWED, IMAGE_NAME),
        log_file=table.optional_file("log_file"),
        log=read_log(table.table("log")),
        realtime=read_realtime(table.table("realtime")),
        pid_file=table.optional_file("pid_file"),
        key_file=table.optional_file("key_file"),
    )
    for read in (timers_table, policy, table):
        read.end()
    return keys


def _open_board(
    table: Table, keys: ModuleKeys, folder: str, problems: list[ConfigProblem]
) -> tuple[Table, Source]:
    """The board's table; where there is none, an empty one whose problems nobody wants to see."""
    name, hw_root = keys.board, keys.hw_root or folder
    if table.is_sound("board"):
        board_file = find_board(name, folder)
        if board_file is not None:
            try:
                values, origins = read_board(board_file)
                source = Source(board_file, origins, hw_root)
                return Table(values, source, problems), source
            except ConfigError as error:
                problems.extend(error.problems)
        else:
            known = ", ".join(shipped_boards()) or "(none found)"
            allowed = f"a file that exists, or one of the shipped boards: {known}"
            remedy = f"write the board's file into {folder}, or name a shipped board"
            table.refuse("board", shown(name), allowed, remedy=remedy)
    source = Source(name, {}, hw_root)
    return Table({}, source, []), source


def _check_places(table: Table, keys: ModuleKeys, read: Iterable[str]) -> None:
    """``read``: the files of this configuration. A service that writes its log or its process id
    into one of them, or two things into one file, would start, and lose what was there. So would
    `bmcha key`, which writes the key file."""
    written = {
        "state_dir": keys.state_dir,
        "control_socket": keys.control_socket,
        "log_file": keys.log_file,
        "pid_file": keys.pid_file,
        "key_file": keys.key_file,
    }
    taken = {os.path.abspath(file): "the configuration itself" for file in read}
    for key, file in written.items():
        if not file or not table.is_sound(key):
            continue
        names = [file, f"{file}.1"] if key == "log_file" else [file]
        first = next((taken[name] for name in map(os.path.abspath, names) if name in taken), None)
        if first is not None:
            allowed = f"a name of its own: this one is {first}"
            table.refuse(key, shown(file), allowed, remedy="take another name")
        taken.update({os.path.abspath(name): key for name in names})
    name = os.fsencode(os.path.basename(keys.control_socket))
    if len(name) > SOCKET_NAME_BYTES_MAX and table.is_sound("control_socket"):
        allowed = f"a name of at most {SOCKET_NAME_BYTES_MAX} bytes behind the last /"
        table.refuse("control_socket", shown(keys.control_socket), allowed)


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
        reset_pulse_ms=table.integer("reset_pulse_ms", PULSE_MS_MIN, PULSE_MS_MAX, 100),
        lease_margin_ms=table.integer("lease_margin_ms", 1, 60_000, 100),
    )


def _moves(policy: Table) -> MoveSettings:
    return MoveSettings(
        failovers_max=policy.integer("failovers_max", 0, 1000, 10),
        failovers_window_s=policy.integer("failovers_window_s", 1, 7 * 24 * 3600, 3600),
        health_switchover_margin=policy.integer("health_switchover_margin", 0, 100, 30),
        health_switchover_hold_s=policy.integer("health_switchover_hold_s", 1, 3600, 10),
        failback=policy.choice("failback", _FAILBACKS, "never"),
        preferred_slot=policy.optional_integer("preferred_slot", 1, 255),
        failback_hold_off_s=policy.integer("failback_hold_off_s", 1, 7 * 24 * 3600, 60),
    )


def _service(keys: ModuleKeys, file: str, board_file: str, board: Board) -> ServiceSettings:
    return ServiceSettings(
        config_file=file,
        board_file=board_file,
        board_name=board.name,
        state_dir=keys.state_dir,
        control_socket=keys.control_socket,
        image_name=keys.image_name,
        log_file=keys.log_file,
        log=keys.log,
        realtime=keys.realtime,
        pid_file=keys.pid_file,
        key_file=keys.key_file,
        watchdog_file=board.watchdog_file,
        watchdog_pretimeout_ms=board.watchdog_pretimeout_ms,
        lines=board.lines,
    )
