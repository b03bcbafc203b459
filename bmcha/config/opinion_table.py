"""Takes the ``[third_opinion]`` table of a module's file apart. Called by `config.module_file`."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from typing import Final

from bmcha.config.table import Table, shown
from bmcha.model.settings import PathSettings, ThirdOpinionSettings, Via

_ADDRESS: Final = re.compile(r"[0-9A-Fa-f.:]{2,45}(?:%[A-Za-z0-9._-]{1,15})?")
_ADDRESS_ALLOWED: Final = "the numeric address of one host: 192.168.1.1, or fe80::1%eth0"
_INTERFACE: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,15}")
_INTERFACE_ALLOWED: Final = "the name of a network interface: eth0"
_VIAS: Final = {via.value: via for via in Via}
_DAY_S: Final = 24 * 3600

Read = tuple[Table, ThirdOpinionSettings]


def read_third_opinion(table: Table) -> Read | None:
    """None: there is no such table."""
    entry = table.optional_table("third_opinion")
    if entry is None:
        return None
    via = entry.choice("via", _VIAS, "ping")
    found = ThirdOpinionSettings(
        address=_address(entry),
        period_ms=entry.integer("period_ms", 50, 60_000, 300),
        silent_after_ms=entry.integer("silent_after_ms", 100, 600_000, 1000),
        forbid_max_s=entry.integer("forbid_max_s", 0, _DAY_S, 60),
        via=via,
        interface=_interface(entry, via),
    )
    if via is Via.ARP and ":" in found.address:
        allowed = "an IPv4 address: ARP knows no other, and asking by NDP is not offered"
        remedy = 'name an IPv4 address, or write via = "ping"'
        entry.refuse("address", shown(found.address), allowed, remedy=remedy)
    is_sound = entry.is_sound("period_ms", "silent_after_ms")
    if is_sound and found.silent_after_ms < 2 * found.period_ms:
        allowed = f"at least two periods = {2 * found.period_ms}: one answer may be lost"
        entry.refuse("silent_after_ms", str(found.silent_after_ms), allowed)
    entry.end()
    return entry, found


def check_third_opinion(read: Read | None, paths: Sequence[tuple[Table, PathSettings]]) -> None:
    """It has to be known before silence on the slowest path means anything."""
    if read is None:
        return
    entry, found = read
    _check_is_third(entry, found, paths)
    keys = ("deadtime_ms", "heartbeat_interval_ms")
    if not entry.is_sound("silent_after_ms") or not all(each.is_sound(*keys) for each, _ in paths):
        return
    room_ms = max((p.deadtime_ms - p.heartbeat_interval_ms for _, p in paths), default=0)
    if paths and found.silent_after_ms >= room_ms:
        allowed = f"less than {room_ms}, the slowest path's deadtime_ms less a beat"
        entry.refuse("silent_after_ms", str(found.silent_after_ms), allowed)


def _check_is_third(
    entry: Table, found: ThirdOpinionSettings, paths: Sequence[tuple[Table, PathSettings]]
) -> None:
    of_paths = {host for _, path in paths for host in (path.local[0], path.remote[0]) if host}
    if entry.is_sound("address") and found.address in of_paths:
        allowed = "a third party: not this module's address, nor its peer's"
        entry.refuse("address", shown(found.address), allowed)


def _interface(entry: Table, via: Via) -> str:
    if via is Via.ARP:
        return entry.text("interface", _INTERFACE, _INTERFACE_ALLOWED)
    if entry.has("interface"):
        entry.ignore("interface")
        if entry.is_sound("via"):
            remedy = 'write via = "arp", or take the line out: the system\'s routes lead pings'
            allowed = 'no interface with via = "ping"'
            entry.refuse("interface", shown(entry.raw("interface")), allowed, remedy=remedy)
    return ""


def _address(entry: Table) -> str:
    text = entry.text("address", _ADDRESS, _ADDRESS_ALLOWED)
    if not entry.is_sound("address") or not text:
        return ""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    host, _, scope = text.partition("%")
    try:
        packed = socket.inet_pton(family, host)
    except OSError:
        entry.refuse("address", shown(text), _ADDRESS_ALLOWED)
        return ""
    is_many = packed[0] >= (224 if family is socket.AF_INET else 255)
    if is_many or not any(packed) or (scope and family is socket.AF_INET):
        entry.refuse("address", shown(text), _ADDRESS_ALLOWED)
        return ""
    return text
