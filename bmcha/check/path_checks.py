"""Checks what paths need of the machine, and whether two of them fall to one fault.

Follows sysfs from an interface or a serial line up to the USB device, hub or card that it hangs
on. Two paths that share such a thing are one path, whatever their number. Called by
`bmcha.check.run`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from bmcha.check.addresses import Address, interface_of, source_towards
from bmcha.check.finding import Finding, listed
from bmcha.check.machine import MISSING, Machine
from bmcha.check.subject import Subject
from bmcha.model.settings import PathKind, PathSettings

LAYERS_MAX: Final = 8
"""VLAN on bond on port: more than a few layers are a loop."""
PARENTS_MAX: Final = 40
_HUB_CLASS: Final = "09"
_PCI_BRIDGE: Final = "0x06"

Parts = dict[str, str]
"""What a path needs: a name that is the same for the same thing → how people call it."""


def check_paths(
    subject: Subject,
    machine: Machine,
    known: Sequence[tuple[Address, str]],
    service_pid: int | None,
) -> Iterator[Finding]:
    if subject.node is None:
        return
    paths = subject.node.paths
    for number, path in enumerate(paths):
        is_sound = subject.is_sound(subject.module_file, f"paths[{number}].local")
        if path.kind is PathKind.UDP and path.local[0] and is_sound:
            yield from _address(subject, machine, number, path, known, service_pid)
    for peer in dict.fromkeys(path.peer_slot for path in paths):
        to_peer = [path for path in paths if path.peer_slot == peer]
        yield from _shared(subject, to_peer, [parts_of(machine, path, known) for path in to_peer])


def _address(
    subject: Subject,
    machine: Machine,
    number: int,
    path: PathSettings,
    known: Sequence[tuple[Address, str]],
    service_pid: int | None,
) -> Iterator[Finding]:
    host, port = path.local
    key = f"paths[{number}].local"
    shown = f'"{host}"'
    error = machine.bind_error(host, 0)
    if error:
        have = listed(f"{address.ip} ({name})" for address, name in known)
        value = f"{shown}: {os.strerror(error)}"
        remedy = "write this module's own address, or give it to an interface: ip address add"
        yield subject.in_module(key, value, f"an address of this machine: {have}", remedy)
        return
    if machine.bind_error(host, port) == errno.EADDRINUSE and service_pid is None:
        remedy = f"take another port on both modules; `ss -lunp sport = :{port}` says who has it"
        value = f"port {port}, which another process has"
        yield subject.in_module(key, value, "a free port", remedy)
    name = interface_of(host, list(known))
    state = machine.text(f"{machine.sys_root}/class/net/{name}/operstate") if name else ""
    if state in ("down", "lowerlayerdown"):
        remedy = f"plug the cable in, or `ip link set {name} up`; until then the path is silent"
        value = f"{shown} on {name}, which is down"
        yield subject.in_module(key, value, "an interface with a carrier", remedy, True)


def _shared(
    subject: Subject, paths: Sequence[PathSettings], parts: Sequence[Parts]
) -> Iterator[Finding]:
    names = [path.name for path in paths]
    if len(paths) == 1:
        remedy = "add a second [[paths]] over another medium: a lost cable is then no takeover"
        allowed = "two or more, so that one fault is not a takeover"
        yield subject.in_module("paths", f"only {names[0]}", allowed, remedy, True)
    shared = [key for key in parts[0] if all(key in other for other in parts[1:])]
    if len(paths) > 1 and shared:
        yield _finding(subject, names, parts[0][shared[0]], False)
        return
    for one, other in combinations(range(len(paths)), 2):
        common = [key for key in parts[one] if key in parts[other]]
        if common and len(paths) > 2:
            yield _finding(subject, [names[one], names[other]], parts[one][common[0]], True)


def _finding(subject: Subject, names: Sequence[str], what: str, is_advice: bool) -> Finding:
    both = "both need" if len(names) == 2 else "all need"
    value = f"{' and '.join(names)} {both} {what}"
    remedy = "lead one of them over something else: now a single fault silences them together"
    return subject.in_module("paths", value, "paths that share nothing", remedy, is_advice)


# ---------------------------------------------------------------- what a path hangs on


def parts_of(machine: Machine, path: PathSettings, known: Sequence[tuple[Address, str]]) -> Parts:
    """From the nearest thing to the farthest."""
    if path.kind is PathKind.SERIAL:
        real = machine.real(path.device)
        name = os.path.basename(real)
        parts = {f"tty {real}": f"the serial line {path.device}"}
        return {**parts, **_above(machine, f"{machine.sys_root}/class/tty/{name}/device")}
    if path.kind is PathKind.ETHERNET:
        return _interface(machine, path.interface, LAYERS_MAX) if path.interface else {}
    host = path.local[0]
    if host in ("0.0.0.0", "::"):
        host = source_towards(*path.remote)
    if not host:
        return {}
    name = interface_of(host, list(known))
    if not name:
        return {f"address {host}": f"the address {host}"}
    return _interface(machine, name, LAYERS_MAX)


def _interface(machine: Machine, name: str, layers: int) -> Parts:
    folder = f"{machine.sys_root}/class/net/{name}"
    parts = {f"interface {name}": f"the network interface {name}"}
    parts.update(_above(machine, f"{folder}/device"))
    lower = [each.removeprefix("lower_") for each in machine.names(folder) if "lower_" in each]
    # With several below it (a bond) no single one is needed.
    if len(lower) == 1 and layers:
        parts.update(_interface(machine, lower[0], layers - 1))
    return parts


def _above(machine: Machine, device: str) -> Parts:
    """The USB devices, hubs and PCI cards from the device upwards."""
    if machine.kind_of(device) == MISSING:
        return {}
    parts: Parts = {}
    place, root = machine.real(device), machine.real(machine.sys_root)
    for _ in range(PARENTS_MAX):
        if place in (root, "/"):
            break
        name = _name_of(machine, place)
        if name:
            parts[place] = name
        place = os.path.dirname(place)
    return parts


def _name_of(machine: Machine, place: str) -> str:
    name = os.path.basename(place)
    bus = os.path.basename(machine.real(f"{place}/subsystem"))
    if bus == "usb" and machine.text(f"{place}/idVendor"):
        if name.startswith("usb"):
            return f"the USB controller {name}"
        is_hub = machine.text(f"{place}/bDeviceClass") == _HUB_CLASS
        product = machine.text(f"{place}/product")
        what = "USB hub" if is_hub else "USB device"
        return f"the {what} {name}" + (f" ({product})" if product else "")
    if bus == "pci" and not machine.text(f"{place}/class").startswith(_PCI_BRIDGE):
        return f"the PCI device {name}"
    return ""
