"""Takes the paths of a module's file apart: addresses, devices, and the timers of each path.

Knows what one path may say and how its timers must stand to each other; what they must be with
regard to the board is in `relations`. Called by `bmcha.config.module_file`.
"""

from __future__ import annotations

import re
import socket
from typing import Final

from bmcha.config.table import Table, require_distinct, shown
from bmcha.model.record import dataclass
from bmcha.model.settings import (
    Flow,
    LineType,
    Parity,
    PathKind,
    PathSettings,
    Rs485,
    SerialLine,
)

PATHS_MAX: Final = 7
"""A beat has room for the echoes of seven paths (`ECHOES_MAX` of the wire)."""
NAME_CHARS_MAX: Final = 24
INTERVAL_MS_MAX: Final = 10_000
DEADTIME_MS_MAX: Final = 120_000
BEATS_MIN: Final = 2
"""One lost beat is never silence."""
BEATS_MAX: Final = 255
"""The beat tells the peer the dead time as a u8 of its own intervals."""
BAUDS: Final = (
    *(1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200),
    *(230400, 460800, 921600, 1000000, 1500000, 2000000, 3000000, 4000000),
)
DATA_BITS: Final = 8
"""A frame uses them all."""
RS485_DELAY_MS_MAX: Final = 100
"""RS485_MAX_RTS_DELAY of the kernel's serial core."""
BEAT_BYTES_MAX: Final = 80
FRAME_BYTES_MIN: Final = 256
"""The largest single cell, an event, has to fit into one frame."""
FRAME_BYTES_MAX: Final = 1200
"""Fits the IPv6 minimum MTU of 1280 bytes with its headers: never fragmented."""

_NAME: Final = re.compile(rf"(?!all$)[A-Za-z0-9][A-Za-z0-9_-]{{0,{NAME_CHARS_MAX - 1}}}")
_NAME_ALLOWED: Final = (
    f"1 to {NAME_CHARS_MAX} letters, digits, _ or -, and not the word all (it means every path)"
)
_ADDRESS: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+)):([0-9]{1,5})")
_ADDRESS_ALLOWED: Final = 'an address and a port as "192.0.2.1:4000" or "[2001:db8::1]:4000"'
_PARITIES: Final = {member.value: member for member in Parity}
_FLOWS: Final[dict[str, Flow | None]] = {
    **{member.value: member for member in Flow},
    # Known, so that its refusal can say why.
    "xonxoff": None,
}
_LINE_TYPES: Final = {member.value: member for member in LineType}
LINE_SPEED_KEYS: Final = ("baud", "bits", "parity", "stop_bits")
LINE_KEYS: Final = (*LINE_SPEED_KEYS, "flow", "type", "rs485")
_KINDS: Final = {member.value: member for member in PathKind}
_INTERFACE: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,15}")
_INTERFACE_ALLOWED: Final = "the name of a network interface: eth0"
_MAC: Final = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
_MAC_ALLOWED: Final = 'the hardware address of the peer\'s interface: "02:00:00:00:00:02"'
MEDIUM_KEYS: Final = ("local", "remote", "device", "interface", "remote_mac", *LINE_KEYS)


@dataclass(frozen=True, slots=True)
class _Medium:
    """Where a path leads; what is not of its kind stays as it is."""

    local: tuple[str, int] = ("", 0)
    remote: tuple[str, int] = ("", 0)
    device: str = ""
    line: SerialLine = SerialLine()
    interface: str = ""
    remote_mac: str = ""


def read_paths(table: Table) -> list[tuple[Table, PathSettings]]:
    """The paths with the tables they were read from, for further checks."""
    entries = table.tables("paths", PATHS_MAX)
    paths = [(entry, _path(entry)) for entry in entries]
    for entry in entries:
        entry.end()
    for key in ("name", "local", "device"):
        require_distinct(entries, key)
    _require_distinct_cables(paths)
    return paths


def _path(entry: Table) -> PathSettings:
    kind = entry.choice("kind", _KINDS)
    interval_ms = entry.integer("heartbeat_interval_ms", 1, INTERVAL_MS_MAX)
    warntime_ms = entry.integer("warntime_ms", 1, DEADTIME_MS_MAX)
    deadtime_ms = entry.integer("deadtime_ms", 1, DEADTIME_MS_MAX)
    longest_ms = 10 * DEADTIME_MS_MAX
    jeopardy_ms = entry.integer("jeopardy_deadtime_ms", 1, longest_ms, 2 * deadtime_ms)
    _check_timers(entry, interval_ms, warntime_ms, deadtime_ms, jeopardy_ms)
    medium = _medium(entry, kind)
    is_serial = kind is PathKind.SERIAL and entry.is_sound("kind")
    if is_serial and entry.is_sound(*LINE_SPEED_KEYS, "heartbeat_interval_ms"):
        _check_beat(entry, medium.line, interval_ms)
    default_bytes = _serial_frame_bytes(medium.line, interval_ms) if is_serial else FRAME_BYTES_MAX
    return PathSettings(
        name=entry.text("name", _NAME, _NAME_ALLOWED),
        kind=kind,
        peer_slot=entry.integer("peer", 1, 255),
        heartbeat_interval_ms=interval_ms,
        warntime_ms=warntime_ms,
        deadtime_ms=deadtime_ms,
        jeopardy_deadtime_ms=jeopardy_ms,
        recovery_beats_min=entry.integer("recovery_beats_min", 1, 100, 3),
        local=medium.local,
        remote=medium.remote,
        device=medium.device,
        line=medium.line,
        interface=medium.interface,
        remote_mac=medium.remote_mac,
        frame_bytes_max=entry.integer(
            "frame_bytes_max", FRAME_BYTES_MIN, FRAME_BYTES_MAX, default_bytes
        ),
    )


def _check_beat(entry: Table, line: SerialLine, interval_ms: int) -> None:
    beat_ms = -(-BEAT_BYTES_MAX * line.bits_per_byte * 1000 // line.baud)
    if interval_ms < beat_ms:
        allowed = (
            f"at least {beat_ms}, the time a beat takes at {line.baud} baud"
            f" and {line.bits_per_byte} bits a byte"
        )
        remedy = f"set it to {beat_ms} or more, or raise baud on both modules"
        entry.refuse("heartbeat_interval_ms", str(interval_ms), allowed, remedy=remedy)


def _serial_frame_bytes(line: SerialLine, interval_ms: int) -> int:
    """Half an interval's worth of line time: no frame delays a beat by more than that."""
    bytes_in_half = line.baud * interval_ms // (2 * 1000 * line.bits_per_byte)
    return min(FRAME_BYTES_MAX, max(FRAME_BYTES_MIN, bytes_in_half))


def _check_timers(
    entry: Table, interval_ms: int, warntime_ms: int, deadtime_ms: int, jeopardy_ms: int
) -> None:
    is_sound = entry.is_sound
    if is_sound("heartbeat_interval_ms", "warntime_ms") and warntime_ms <= interval_ms:
        allowed = f"more than heartbeat_interval_ms = {interval_ms}"
        entry.refuse("warntime_ms", str(warntime_ms), allowed)
    if is_sound("warntime_ms", "deadtime_ms") and deadtime_ms <= warntime_ms:
        entry.refuse("deadtime_ms", str(deadtime_ms), f"more than warntime_ms = {warntime_ms}")
    if is_sound("heartbeat_interval_ms", "deadtime_ms"):
        beats, rest_ms = divmod(deadtime_ms, interval_ms)
        if rest_ms or not BEATS_MIN <= beats <= BEATS_MAX:
            allowed = (
                f"a whole multiple, {BEATS_MIN} to {BEATS_MAX} times,"
                f" of heartbeat_interval_ms = {interval_ms}"
            )
            entry.refuse("deadtime_ms", str(deadtime_ms), allowed)
    if is_sound("jeopardy_deadtime_ms", "deadtime_ms") and jeopardy_ms < deadtime_ms:
        allowed = f"at least deadtime_ms = {deadtime_ms}"
        entry.refuse("jeopardy_deadtime_ms", str(jeopardy_ms), allowed)


# ---------------------------------------------------------------- where to


def _medium(entry: Table, kind: PathKind) -> _Medium:
    """Each kind's keys are asked for only where they belong, so that a stray one is unknown. With
    an unknown kind nothing can be said about them."""
    if not entry.is_sound("kind"):
        entry.ignore(*MEDIUM_KEYS)
        return _Medium()
    match kind:
        case PathKind.UDP:
            local, remote = _addresses(entry)
            return _Medium(local=local, remote=remote)
        case PathKind.SERIAL:
            return _Medium(device=entry.file("device"), line=_line(entry))
        case PathKind.ETHERNET:
            interface = entry.text("interface", _INTERFACE, _INTERFACE_ALLOWED)
            return _Medium(interface=interface, remote_mac=_mac(entry))


def _mac(entry: Table) -> str:
    """ "": it is learned from who has the key."""
    text = entry.text("remote_mac", _MAC, _MAC_ALLOWED, "").lower()
    if not _MAC.fullmatch(text):
        return ""
    found = bytes.fromhex(text.replace(":", ""))
    if found[0] & 1 or not any(found):
        allowed = f"{_MAC_ALLOWED}; no broadcast, no multicast, not all zero"
        remedy = "read it at the peer: `ip -br link`"
        entry.refuse("remote_mac", shown(entry.raw("remote_mac")), allowed, remedy=remedy)
    return text


def _require_distinct_cables(paths: list[tuple[Table, PathSettings]]) -> None:
    """Over one interface to one peer leads one path; over two VLANs of a port lead two, and to the
    same hardware address."""
    seen: dict[tuple[str, str], str] = {}
    for entry, path in paths:
        if path.kind is not PathKind.ETHERNET or not entry.is_sound("interface", "remote_mac"):
            continue
        first = seen.setdefault((path.interface, path.remote_mac), path.name)
        if first != path.name:
            allowed = f"another interface or hardware address than path {first}"
            entry.refuse("remote_mac", shown(entry.raw("remote_mac")), allowed)


def _line(entry: Table) -> SerialLine:
    allowed = "one of " + ", ".join(map(str, BAUDS))
    baud = entry.integer("baud", BAUDS[0], BAUDS[-1], 115200)
    if entry.is_sound("baud") and baud not in BAUDS:
        nearest = min(BAUDS, key=lambda each: abs(each - baud))
        entry.refuse("baud", str(baud), allowed, remedy=f"write {nearest}, the nearest")
    bits = entry.integer("bits", 5, 8, DATA_BITS)
    if entry.is_sound("bits") and bits != DATA_BITS:
        entry.refuse("bits", str(bits), "8: a frame uses all eight bits of a byte")
    flow = entry.choice("flow", _FLOWS, "none")
    if entry.is_sound("flow") and flow is None:
        allowed = '"none" or "rtscts": a frame contains every byte, XON and XOFF too'
        entry.refuse("flow", '"xonxoff"', allowed)
    line_type = entry.choice("type", _LINE_TYPES, "rs232")
    return SerialLine(
        baud=baud,
        bits=bits,
        parity=entry.choice("parity", _PARITIES, "none"),
        stop_bits=entry.integer("stop_bits", 1, 2, 1),
        flow=flow or Flow.NONE,
        type=line_type,
        rs485=_rs485(entry, line_type),
    )


def _rs485(entry: Table, line_type: LineType) -> Rs485:
    table = entry.optional_table("rs485")
    if table is None:
        return Rs485()
    if entry.is_sound("type") and line_type is not LineType.RS485:
        entry.refuse("rs485", "a table", 'missing, or type = "rs485" beside it')
    found = Rs485(
        rts_on_send=table.flag("rts_on_send", True),
        rts_after_send=table.flag("rts_after_send", False),
        delay_before_ms=table.integer("delay_before_ms", 0, RS485_DELAY_MS_MAX, 0),
        delay_after_ms=table.integer("delay_after_ms", 0, RS485_DELAY_MS_MAX, 0),
    )
    if table.is_sound("rts_on_send", "rts_after_send") and (
        found.rts_on_send == found.rts_after_send
    ):
        table.refuse(
            "rts_after_send",
            str(found.rts_after_send).lower(),
            "the other level than rts_on_send, or the sender would never be switched",
        )
    table.end()
    return found


def _addresses(entry: Table) -> tuple[tuple[str, int], tuple[str, int]]:
    local, local_family = _address(entry, "local")
    remote, remote_family = _address(entry, "remote")
    if not entry.is_sound("local", "remote"):
        return local, remote
    if local_family != remote_family:
        allowed = "an address of the same IP version as local"
        entry.refuse("remote", shown(entry.raw("remote")), allowed)
    elif local == remote:
        entry.refuse("remote", shown(entry.raw("remote")), "another address or port than local")
    elif not any(socket.inet_pton(remote_family, remote[0].partition("%")[0])):
        entry.refuse("remote", shown(entry.raw("remote")), "the peer's own address")
    return local, remote


def _address(entry: Table, key: str) -> tuple[tuple[str, int], socket.AddressFamily]:
    text = entry.text(key, _ADDRESS, _ADDRESS_ALLOWED)
    nowhere = (("", 0), socket.AF_INET)
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return nowhere
    in_brackets, plain, port = match.groups()
    family = socket.AF_INET6 if in_brackets else socket.AF_INET
    host = in_brackets or plain
    try:
        # A scope, as in fe80::1%eth0, is the link's business: the interface may come later.
        socket.inet_pton(family, host.partition("%")[0] if in_brackets else host)
    except (OSError, ValueError):
        entry.refuse(key, shown(text), _ADDRESS_ALLOWED)
        return nowhere
    first_byte = socket.inet_pton(family, host.partition("%")[0])[0]
    if first_byte >= (224 if family is socket.AF_INET else 255):
        allowed = "the address of one host: no broadcast, no multicast"
        entry.refuse(key, shown(text), allowed)
        return nowhere
    if not 1 <= int(port) <= 65535:
        entry.refuse(key, shown(text), "a port from 1 to 65535 behind the address")
        return nowhere
    return (host, int(port)), family
