"""Checks whether the ethernet paths can be opened here, and lead away from here.

Opens the socket that the service would, and sends nothing. Called by `bmcha.check.run`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bmcha.check.finding import Finding
from bmcha.check.machine import MISSING, Machine
from bmcha.check.subject import Subject
from bmcha.hal.ethernet_link import EthernetLink
from bmcha.hal.port import PortError
from bmcha.model.ethernet import LENGTH_BYTES
from bmcha.model.settings import PathKind, PathSettings


def check_ethernet(
    subject: Subject, machine: Machine, service_pid: int | None
) -> Iterator[Finding]:
    """``service_pid``: the process that has the paths already; None: none of ours has."""
    for number, path in enumerate(subject.node.paths if subject.node is not None else ()):
        keys = [f"paths[{number}].{key}" for key in ("kind", "interface", "remote_mac")]
        are_sound = all(subject.is_sound(subject.module_file, key) for key in keys)
        if path.kind is not PathKind.ETHERNET or not are_sound:
            continue
        if service_pid is None:
            yield from _can_be_opened(subject, machine, keys[1], path)
        yield from _leads_elsewhere(subject, machine, keys[2], path)
        yield from _has_carrier(subject, machine, keys[1], path)
        yield from _takes_frames(subject, machine, number, path)


def _can_be_opened(
    subject: Subject, machine: Machine, key: str, path: PathSettings
) -> Iterator[Finding]:
    link = EthernetLink(path.interface, path.remote_mac)
    try:
        link.open()
    except PortError as error:
        what = f"{path.interface}, which {machine.user()} cannot use: {error}"
        allowed = "an Ethernet interface, and the right to send raw frames on it"
        remedy = "see to it; until then the path is silent"
        yield subject.in_module(key, what, allowed, remedy)
    finally:
        link.close()


def _leads_elsewhere(
    subject: Subject, machine: Machine, key: str, path: PathSettings
) -> Iterator[Finding]:
    own = machine.text(f"{machine.sys_root}/class/net/{path.interface}/address")
    if own == path.remote_mac:
        what = f'"{own}", the address of {path.interface} itself'
        remedy = "read it at the peer: `ip -br link`"
        yield subject.in_module(key, what, "the hardware address of the peer's interface", remedy)


def _has_carrier(
    subject: Subject, machine: Machine, key: str, path: PathSettings
) -> Iterator[Finding]:
    state = machine.text(f"{machine.sys_root}/class/net/{path.interface}/operstate")
    if state in ("down", "lowerlayerdown"):
        up = f"`ip link set {path.interface} up`"
        remedy = f"plug the cable in, or {up}; until then the path is silent"
        value = f"{path.interface}, which is down"
        yield subject.in_module(key, value, "an interface with a carrier", remedy, True)


def _takes_frames(
    subject: Subject, machine: Machine, number: int, path: PathSettings
) -> Iterator[Finding]:
    folder = f"{machine.sys_root}/class/net/{path.interface}"
    if machine.kind_of(f"{folder}/brport") != MISSING:
        value = f"{path.interface}, a port of a bridge, which takes what arrives there"
        allowed = "an interface that hears for itself"
        remedy = "name the bridge, or take the port out of it"
        yield subject.in_module(f"paths[{number}].interface", value, allowed, remedy)
    mtu, needed = machine.text(f"{folder}/mtu"), path.frame_bytes_max + LENGTH_BYTES
    if mtu.isdigit() and int(mtu) < needed:
        value = f"{path.frame_bytes_max}, on {path.interface} with an MTU of {mtu}"
        allowed = f"at most {int(mtu) - LENGTH_BYTES}"
        remedy = f"set it lower, or `ip link set {path.interface} mtu {needed}` at both ends"
        yield subject.in_module(f"paths[{number}].frame_bytes_max", value, allowed, remedy)
