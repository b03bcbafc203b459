"""What a sound configuration amounts to, in a few lines: slot, lines, paths, times of a failover.

Called by `bmcha.check.run`, only where nothing was wrong with the files themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from bmcha.check.finding import listed
from bmcha.check.key_checks import key_row
from bmcha.check.subject import Subject
from bmcha.check.timing import line_load
from bmcha.config.realtime_table import RealtimeSettings
from bmcha.config.relations import yielding_ms
from bmcha.model.board import LineFile, LineGpio, PulseLine, StrapCheck
from bmcha.model.key import KeySet
from bmcha.model.settings import (
    BoardClass,
    IsolationPolicy,
    NodeSettings,
    PathKind,
    PathSettings,
    Via,
)

Row = tuple[str, str]


def summary(subject: Subject, slot: int | str | None, keys: KeySet | None) -> list[Row]:
    """(what, how) by line. ``slot``: what the straps say just now, as far as they were read;
    ``keys``: the keys, if they could be read."""
    rows = [*_board(subject)]
    if isinstance(slot, int):
        what, how = rows[0]
        rows[0] = (what, f"{slot} now: {how}")
    node = subject.node
    if node is not None:
        rows += [(f"path {path.name}", _path(subject, path)) for path in node.paths]
        rows += _third_opinion(node)
        rows += key_row(subject, keys)
        rows += _times(node)
    if subject.service is not None:
        rows += _realtime(subject.service.realtime)
    return rows


def line_name(line: PulseLine) -> str:
    """Short, for a list: the name on the schematic."""
    if isinstance(line, LineFile):
        return os.path.basename(line.file)
    if isinstance(line, LineGpio):
        return str(line.line) if line.chip is None else f"{line.chip}:{line.line}"
    return f"LED {line.name}"


def _board(subject: Subject) -> Iterator[Row]:
    lines = subject.board.lines
    straps = lines.straps
    proof = {
        StrapCheck.NONE: "no proof of a broken one",
        StrapCheck.COMPLEMENT: "each with its inverse",
    }.get(straps.check, f"{straps.check.value} parity")
    bits = listed(map(line_name, reversed(straps.bits)))
    slots = ""
    if subject.node is not None:
        slots = f"; slots {listed(map(str, subject.node.succession.slots))}, in this order"
    yield "slot", f"straps {bits}, highest bit first, {proof}{slots}"
    own = {
        "HEALTH": lines.own.health,
        "ACTIVE": lines.own.active,
        "OUTPUT_ENABLE": lines.own.output_enable,
    }
    driven = [f"{name} = {line_name(line)}" for name, line in own.items() if line is not None]
    yield "drives", listed(driven, "no line")
    for peer in lines.peers:
        known = {"PRESENCE": peer.presence, "HEALTH": peer.health, "ACTIVE": peer.active}
        seen = [f"{name} = {line_name(line)}" for name, line in known.items() if line is not None]
        reset = f"; resets it by {line_name(peer.reset)}" if peer.reset is not None else ""
        yield f"peer +{peer.offset}", listed(seen, "no line") + reset
    watchdog_ms, file = subject.board.watchdog_ms, subject.board.watchdog_file
    yield "watchdog", f"{file}, {watchdog_ms} ms" if watchdog_ms and file else "none"
    chassis = subject.board.chassis
    counts = {
        "sensor": len(chassis.sensors),
        "fan": len(chassis.fans),
        "zone": len(chassis.zones),
        "supply": len(chassis.supplies),
        "blade": len(chassis.blades),
    }
    shown = [f"{count} {_plural(name, count)}" for name, count in counts.items()]
    yield "chassis", f"{', '.join(shown)}; read every {chassis.sensor_period_ms} ms"


def _path(subject: Subject, path: PathSettings) -> str:
    beats = (
        f"a beat every {path.heartbeat_interval_ms} ms, LATE after {path.warntime_ms},"
        f" SILENT after {path.deadtime_ms} ({path.jeopardy_deadtime_ms} when it is the last)"
    )
    if path.kind is PathKind.UDP:
        host, port = path.remote
        return f"udp to {f'[{host}]' if ':' in host else host}:{port}; {beats}"
    if path.kind is PathKind.ETHERNET:
        return f"ethernet, {path.interface} to {path.remote_mac}; {beats}"
    load = line_load(path, subject.board.chassis)
    assert load is not None
    share = f"beats take {load.beats_percent:.1f} % of the line, {load.beat_ms:.1f} ms each"
    frame = f"a frame of {path.frame_bytes_max} bytes {load.frame_ms:.0f} ms"
    line = path.line
    mode = f"{line.baud} {line.bits}{line.parity.value[0].upper()}{line.stop_bits}"
    return f"{path.device} at {mode}; {beats}; {share}, {frame}"


def _realtime(asked: RealtimeSettings) -> Iterator[Row]:
    told = ["memory stays in memory"] if asked.is_memory_locked else []
    if asked.cpus:
        told.append(f"runs on processors {listed(map(str, asked.cpus))} only")
    if asked.priority is not None:
        told.append(f"beats with real-time priority {asked.priority}")
    if told:
        yield "realtime", "; ".join(told)


def _third_opinion(node: NodeSettings) -> Iterator[Row]:
    asked = node.third_opinion
    if asked is None:
        return
    who = f"{asked.address} and the peer" if len(asked.asked(node.paths)) > 1 else asked.address
    how = f"asked by ARP on {asked.interface}" if asked.via is Via.ARP else "pinged"
    told = f"{who}, {how} every {asked.period_ms} ms, silent after {asked.silent_after_ms}"
    is_heeded = (
        node.board_class is BoardClass.BARE
        and node.isolation_policy is IsolationPolicy.TRUST_SILENCE
        and asked.forbid_max_s
    )
    what = "shown"
    if is_heeded:
        what = f"forbids a claim on silence for {asked.forbid_max_s} s if it falls silent too"
    yield "third opinion", f"{told}; {what}"


def _times(node: NodeSettings) -> Iterator[Row]:
    if not node.paths:
        return
    timers = node.timers
    settle_ms = timers.line_settle_ms
    slowest_ms = max(path.deadtime_ms for path in node.paths)
    last_ms = max(path.jeopardy_deadtime_ms for path in node.paths)
    yield "peer stops", f"in order: it says so, takeover in about {settle_ms} ms"
    if node.board_class.is_gated:
        lines_ms = timers.probe_ms + settle_ms
        yield "peer dies", f"its lines fall: takeover in about {lines_ms} ms, no dead time waited"
        yield (
            "peer hangs",
            f"its watchdog lets the lines fall after {node.watchdog_ms} ms: takeover in about"
            f" {(node.watchdog_ms or 0) + lines_ms} ms",
        )
        silence_ms = slowest_ms + timers.claim_window_ms + settle_ms
        yield (
            "silence",
            f"and ACTIVE down: takeover in about {silence_ms} ms, dead time {slowest_ms} and claim"
            f" window {timers.claim_window_ms}; {last_ms} in place of {slowest_ms} when one path"
            " was left",
        )
        if node.board_class is BoardClass.RESET:
            yield _reset_time(node, slowest_ms)
    elif node.board_class is BoardClass.LEASE:
        yield from _lease_times(node, slowest_ms)
    elif node.isolation_policy is IsolationPolicy.TRUST_SILENCE:
        yield (
            "peer dies",
            f"every path falls silent: takeover in about {slowest_ms + settle_ms} ms, the dead time"
            f" of the slowest path; {last_ms + settle_ms} ms when one path was left",
        )
        yield (
            "peer hangs",
            f"its beats stop after {timers.stall_limit_ms} ms: takeover in about"
            f" {timers.stall_limit_ms + slowest_ms + settle_ms} ms",
        )
    else:
        yield "peer dies", f"noticed after {slowest_ms} ms; no takeover (isolation_policy hold)"


def _reset_time(node: NodeSettings, slowest_ms: int) -> Row:
    timers = node.timers
    least_ms = slowest_ms + timers.line_settle_ms
    most_ms = slowest_ms + timers.unverified_takeover_ms + timers.line_settle_ms
    return (
        "isolation",
        f"and ACTIVE up: reset for {timers.reset_pulse_ms} ms, takeover in about {least_ms} ms;"
        f" {most_ms} when the reset is not seen to happen",
    )


def _lease_times(node: NodeSettings, slowest_ms: int) -> Iterator[Row]:
    timers = node.timers
    settle_ms = timers.line_settle_ms
    unmoved_ms = slowest_ms + timers.unverified_takeover_ms
    yield (
        "peer dies",
        f"its lines fall, every path falls silent: takeover in about {slowest_ms + settle_ms} ms",
    )
    yield (
        "peer hangs",
        f"its ACTIVE stays up and still: takeover in about {unmoved_ms} ms after its last beat,"
        " with a critical alarm",
    )
    yield (
        "cut off",
        f"a holder lets go once, about {slowest_ms + timers.lease_margin_ms} ms after the last beat"
        f" that came back; nobody holds for up to about {yielding_ms(timers)} ms",
    )


def _plural(name: str, count: int) -> str:
    if count == 1:
        return name
    return name[:-1] + "ies" if name.endswith("y") else name + "s"
