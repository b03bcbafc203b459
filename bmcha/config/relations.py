"""What must hold between the module's file and its board file, and within all of the timers.

Knows no file and no TOML; it is handed values with the tables they were read from, and notes
problems there, only where the values compared were sound by themselves. Called by
`bmcha.config.module_file` once everything is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from bmcha.config.board_tables import Board
from bmcha.config.table import Table
from bmcha.model.board import PeerLines
from bmcha.model.identity import Succession
from bmcha.model.settings import BoardClass, PathSettings, TimerSettings

TICKS_PER_WATCHDOG_MIN = 3
"""The watchdog is fed at ticks: two in a row may come late without a reset."""
TICKS_PER_STALL_MIN = 4
TICKS_PER_GAP_MIN = 2
STOP_MS_MAX = 1500

Paths = Sequence[tuple[Table, PathSettings]]


def check_paths(table: Table, paths: Paths, succession: Succession) -> None:
    """Every path leads to a node of this chassis, and there is one if there are others."""
    if not table.is_sound("paths"):
        return
    slots = ", ".join(map(str, succession.slots))
    for entry, path in paths:
        if entry.is_sound("peer") and path.peer_slot not in succession.slots:
            entry.refuse("peer", str(path.peer_slot), f"a slot of chassis.succession: {slots}")
    peers_max = len(succession.slots) - 1
    if len({path.peer_slot for _, path in paths if path.peer_slot in succession.slots}) > peers_max:
        allowed = f"paths to at most {peers_max} other slots: one of {slots} is this module"
        table.refuse("paths", "a list that names every slot as a peer", allowed)
    if peers_max and not paths and not table.has("paths"):
        table.refuse("paths", "missing", "at least one path to another slot")


def check_timers(timers_table: Table, timers: TimerSettings, paths: Paths, board: Board) -> None:
    longest_ms = max((path.deadtime_ms for entry, path in paths if _has_deadtime(entry)), default=0)
    if timers_table.is_sound("initdead_ms") and timers.initdead_ms <= longest_ms:
        allowed = f"more than the longest deadtime_ms = {longest_ms}"
        timers_table.refuse("initdead_ms", str(timers.initdead_ms), allowed)
    if timers_table.is_sound("tick_ms", "stall_limit_ms"):
        stall_min_ms = TICKS_PER_STALL_MIN * timers.tick_ms
        if timers.stall_limit_ms < stall_min_ms:
            allowed = f"at least {TICKS_PER_STALL_MIN} ticks = {stall_min_ms}"
            timers_table.refuse("stall_limit_ms", str(timers.stall_limit_ms), allowed)
    _check_gap(timers_table, timers, paths)
    _check_stop(timers_table, timers)
    if board.watchdog_ms is None:
        return
    if (
        timers_table.is_sound("tick_ms")
        and TICKS_PER_WATCHDOG_MIN * timers.tick_ms >= board.watchdog_ms
    ):
        allowed = f"less than a third of the board's watchdog_ms = {board.watchdog_ms}"
        timers_table.refuse("tick_ms", str(timers.tick_ms), allowed)
    if board.board_class is BoardClass.GATED:
        for entry, path in paths:
            if _has_deadtime(entry) and path.deadtime_ms <= board.watchdog_ms:
                allowed = f"more than the board's watchdog_ms = {board.watchdog_ms}"
                entry.refuse("deadtime_ms", str(path.deadtime_ms), allowed)


def _check_gap(timers_table: Table, timers: TimerSettings, paths: Paths) -> None:
    """A node that waits for its tick must not look to itself as if it had stood still."""
    sound = [
        path for entry, path in paths if entry.is_sound("deadtime_ms", "heartbeat_interval_ms")
    ]
    if not sound or len(sound) < len(paths) or not timers_table.is_sound("tick_ms"):
        return
    gap_ms = max(path.deadtime_ms - 2 * path.heartbeat_interval_ms for path in sound)
    if TICKS_PER_GAP_MIN * timers.tick_ms > gap_ms:
        allowed = f"at most half of {gap_ms}, the slowest path's deadtime_ms less two beats"
        timers_table.refuse("tick_ms", str(timers.tick_ms), allowed)


def _check_stop(timers_table: Table, timers: TimerSettings) -> None:
    """SIGTERM is answered within two seconds: draining, handing over, and half a second to end."""
    if not timers_table.is_sound("drain_deadline_ms", "handover_deadline_ms"):
        return
    left_ms = STOP_MS_MAX - timers.drain_deadline_ms
    if timers.handover_deadline_ms > left_ms:
        allowed = f"at most {STOP_MS_MAX} together with drain_deadline_ms, so that a stop is quick"
        timers_table.refuse("handover_deadline_ms", str(timers.handover_deadline_ms), allowed)


def check_board(table: Table, board: Board, succession: Succession) -> None:
    """A board of a class has the lines that the rules of this class look at."""
    if not table.is_sound("class", "lines"):
        return
    peers_max = len(succession.slots) - 1
    for number, peer in enumerate(board.lines.peers):
        if peer.offset > peers_max:
            where = ("lines", f"peer[{number}]")
            allowed = f"1 to {peers_max}, the number of other nodes" if peers_max else "no peer"
            table.refuse("offset", str(peer.offset), allowed, where)
    if board.board_class is BoardClass.GATED:
        _check_gated(table, board, peers_max)
    else:
        _check_bare(table, board)


def _check_gated(table: Table, board: Board, peers_max: int) -> None:
    needed_for = "a line, as class gated needs it"
    if board.watchdog_ms is None and not table.has("watchdog_ms"):
        table.refuse("watchdog_ms", "missing", "milliseconds, as class gated needs it")
    for name in ("health", "active"):
        if getattr(board.lines.own, name) is None:
            table.refuse(name, "missing", needed_for, ("lines", "own"))
    wired = {peer.offset: (number, peer) for number, peer in enumerate(board.lines.peers)}
    for offset in range(1, peers_max + 1):
        if offset not in wired:
            value = f"without offset {offset}"
            table.refuse("peer", value, "an entry for each other node (class gated)", ("lines",))
            continue
        number, peer = wired[offset]
        for name in ("presence", "health", "active"):
            if getattr(peer, name) is None:
                table.refuse(name, "missing", needed_for, ("lines", f"peer[{number}]"))


def _check_bare(table: Table, board: Board) -> None:
    """PRESENCE alone says little and is allowed; a line that no rule of the class reads is not."""
    for number, peer in enumerate(board.lines.peers):
        for name in ("health", "active"):
            if getattr(peer, name) is not None:
                allowed = "not wired on class bare: class gated uses it"
                table.refuse(name, "a line", allowed, ("lines", f"peer[{number}]"))


def is_wired(peers: Sequence[PeerLines], name: str, succession: Succession) -> bool:
    """True when this line comes from every other node."""
    offsets = {peer.offset for peer in peers if getattr(peer, name) is not None}
    count = len(succession.slots) - 1
    return count > 0 and offsets >= set(range(1, count + 1))


def _has_deadtime(entry: Table) -> bool:
    return entry.is_sound("deadtime_ms")
