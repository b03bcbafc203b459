"""What must hold between the module's file and its board file, and within all of the timers.

Knows no file and no TOML; it is handed values with the tables they were read from, and notes
problems there, only where the values compared were sound by themselves. Called by
`bmcha.config.module_file` once everything is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bmcha.config.board_tables import Board
from bmcha.config.path_tables import BEAT_BYTES_MAX, FRAME_BYTES_MIN, LINE_SPEED_KEYS
from bmcha.config.table import Table
from bmcha.model.board import PeerLines
from bmcha.model.identity import Succession
from bmcha.model.settings import (
    BoardClass,
    Failback,
    MoveSettings,
    PathKind,
    PathSettings,
    TimerSettings,
)

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
        _check_frame(entry, path)
    peers_max = len(succession.slots) - 1
    remedy = "take the entry with this module's own slot out"
    if len({path.peer_slot for _, path in paths if path.peer_slot in succession.slots}) > peers_max:
        allowed = f"paths to at most {peers_max} other slots: one of {slots} is this module"
        table.refuse("paths", "a list that names every slot as a peer", allowed, remedy=remedy)
    if peers_max and not paths and not table.has("paths"):
        remedy = "add a [[paths]] table, better two over different media"
        table.refuse("paths", "missing", "at least one path to another slot", remedy=remedy)


def check_learned(paths: Paths, key_file: str | None) -> None:
    """Whoever forges one beat would else turn all further ones to himself."""
    for entry, path in paths:
        is_learned = path.kind is PathKind.ETHERNET and not entry.has("remote_mac")
        if is_learned and entry.is_sound("kind", "remote_mac") and key_file is None:
            allowed = "the hardware address of the peer's interface, or a key_file to learn it by"
            remedy = "read it at the peer: `ip -br link`; or see `bmcha key --help`"
            entry.refuse("remote_mac", "missing", allowed, remedy=remedy)


def _check_frame(entry: Table, path: PathSettings) -> None:
    """A beat that has to wait for one whole frame before it is late, never silent."""
    keys = ("kind", *LINE_SPEED_KEYS, "heartbeat_interval_ms", "deadtime_ms", "frame_bytes_max")
    if path.kind is not PathKind.SERIAL or not entry.is_sound(*keys):
        return
    bytes_per_s = path.line.bytes_per_s
    wait_ms = -(-(path.frame_bytes_max + BEAT_BYTES_MAX) * 1000 // bytes_per_s)
    slack_ms = path.deadtime_ms - path.heartbeat_interval_ms
    if wait_ms <= slack_ms:
        return
    bytes_max = slack_ms * bytes_per_s // 1000 - BEAT_BYTES_MAX
    if bytes_max >= FRAME_BYTES_MIN and entry.has("frame_bytes_max"):
        allowed = f"at most {bytes_max} at {path.baud} baud: a beat waits for one frame"
        remedy = f"lower it to {bytes_max}, or take the line out: the default fits the line"
        entry.refuse("frame_bytes_max", str(path.frame_bytes_max), allowed, remedy=remedy)
        return
    least_ms = wait_ms + path.heartbeat_interval_ms
    allowed = f"at least {least_ms} at {path.baud} baud: a beat waits for one frame"
    remedy = "raise deadtime_ms (a multiple of the interval), or raise baud on both modules"
    entry.refuse("deadtime_ms", str(path.deadtime_ms), allowed, remedy=remedy)


def yielding_ms(timers: TimerSettings) -> int:
    """Lease: how long after the peer calls it silent an ACTIVE has let go, seen whether anybody
    claims, and claimed again or not: its line has moved by then if it lives."""
    waits_ms = timers.lease_margin_ms + timers.claim_window_ms + timers.store_deadline_ms
    return waits_ms + 2 * timers.line_settle_ms + timers.tick_ms


def check_moves(policy: Table, moves: MoveSettings, succession: Succession) -> None:
    """A failback leads to a slot of this chassis."""
    if not policy.is_sound("failback", "preferred_slot"):
        return
    slots = ", ".join(map(str, succession.slots))
    if moves.preferred_slot is None:
        if moves.failback is Failback.PREFERRED_SLOT:
            policy.refuse("preferred_slot", "missing", f"a slot of chassis.succession: {slots}")
    elif moves.preferred_slot not in succession.slots:
        allowed = f"a slot of chassis.succession: {slots}"
        policy.refuse("preferred_slot", str(moves.preferred_slot), allowed)


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
    _check_patience(timers_table, timers, board.board_class)
    if board.watchdog_ms is None:
        return
    if (
        timers_table.is_sound("tick_ms")
        and TICKS_PER_WATCHDOG_MIN * timers.tick_ms >= board.watchdog_ms
    ):
        allowed = f"less than a third of the board's watchdog_ms = {board.watchdog_ms}"
        timers_table.refuse("tick_ms", str(timers.tick_ms), allowed)
    if board.board_class.is_gated:
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


_OWN_NEEDED: Final = {
    BoardClass.GATED: ("health", "active"),
    BoardClass.RESET: ("health", "active"),
    BoardClass.LEASE: ("active",),
    BoardClass.BARE: (),
}
_PEER_NEEDED: Final = {
    BoardClass.GATED: ("presence", "health", "active"),
    BoardClass.RESET: ("presence", "health", "active", "reset"),
    BoardClass.LEASE: ("presence", "active"),
    BoardClass.BARE: (),
}
_UNREAD: Final = {
    (BoardClass.LEASE, "health"): (
        "not wired on class lease: no watchdog lets HEALTH fall there, so that it proves nothing",
        'take health out, or write class = "gated" if a hardware watchdog drives it',
    ),
    (BoardClass.BARE, "health"): (
        "not wired on class bare: class gated uses it",
        'take health out, or write class = "gated" if a watchdog drives it',
    ),
    (BoardClass.BARE, "active"): (
        "not wired on class bare: class gated and class lease use it",
        'take active out, or write class = "gated" if a watchdog drives it, "lease" if none does',
    ),
}
"""Lines that no rule of the class reads: what is allowed instead, and the remedy."""


def _check_patience(timers_table: Table, timers: TimerSettings, board_class: BoardClass) -> None:
    """No takeover against a line while a peer that lives, or a pulse, may still move it."""
    least_ms, what = 0, ""
    keys = ["unverified_takeover_ms", "line_settle_ms", "tick_ms"]
    if board_class is BoardClass.LEASE:
        keys += ["lease_margin_ms", "claim_window_ms", "store_deadline_ms"]
        least_ms = yielding_ms(timers)
        what = "lease_margin_ms, claim_window_ms, store_deadline_ms, twice line_settle_ms, a tick"
    elif board_class is BoardClass.RESET:
        keys += ["reset_pulse_ms"]
        least_ms = timers.reset_pulse_ms + timers.line_settle_ms + timers.tick_ms
        what = "reset_pulse_ms, line_settle_ms and a tick"
    if timers_table.is_sound(*keys) and timers.unverified_takeover_ms <= least_ms:
        allowed = f"more than {least_ms} on class {board_class.value}: {what}"
        remedy = "raise it, or shorten the others"
        value = str(timers.unverified_takeover_ms)
        timers_table.refuse("unverified_takeover_ms", value, allowed, remedy=remedy)


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
    if board.board_class.is_gated and board.watchdog_ms is None and table.is_sound("watchdog_ms"):
        allowed = f"milliseconds, as class {board.board_class.value} needs it"
        remedy = 'add it, and [watchdog] with its file, or write class = "bare"'
        table.refuse("watchdog_ms", "missing", allowed, (), remedy)
    _check_needed(table, board, peers_max)
    _check_unread(table, board)


def _check_needed(table: Table, board: Board, peers_max: int) -> None:
    board_class = board.board_class
    for name in _OWN_NEEDED[board_class]:
        if getattr(board.lines.own, name) is None:
            _refuse_missing(table, board_class, name, "own")
    needed = _PEER_NEEDED[board_class]
    wired = {peer.offset: (number, peer) for number, peer in enumerate(board.lines.peers)}
    for offset in range(1, peers_max + 1 if needed else 1):
        if offset not in wired:
            value = f"without offset {offset}"
            allowed = f"an entry for each other node (class {board_class.value})"
            more = f"add a [[lines.peer]] with offset = {offset}"
            table.refuse("peer", value, allowed, ("lines",), more)
            continue
        number, peer = wired[offset]
        for name in needed:
            if getattr(peer, name) is None:
                _refuse_missing(table, board_class, name, f"peer[{number}]")


def _refuse_missing(table: Table, board_class: BoardClass, name: str, whose: str) -> None:
    allowed = f"a line, as class {board_class.value} needs it"
    other = "gated" if name == "reset" else "bare"
    remedy = f'name the line; where none is wired, write class = "{other}"'
    table.refuse(name, "missing", allowed, ("lines", whose), remedy)


def _check_unread(table: Table, board: Board) -> None:
    """PRESENCE alone says little and is allowed; a line that no rule of the class reads is not."""
    for number, peer in enumerate(board.lines.peers):
        for name in ("health", "active"):
            unread = _UNREAD.get((board.board_class, name))
            if unread is not None and getattr(peer, name) is not None:
                allowed, remedy = unread
                table.refuse(name, "a line", allowed, ("lines", f"peer[{number}]"), remedy)


def is_wired(peers: Sequence[PeerLines], name: str, succession: Succession) -> bool:
    """True when this line comes from every other node."""
    offsets = {peer.offset for peer in peers if getattr(peer, name) is not None}
    count = len(succession.slots) - 1
    return count > 0 and offsets >= set(range(1, count + 1))


def _has_deadtime(entry: Table) -> bool:
    return entry.is_sound("deadtime_ms")
