"""Checks whether the reference of `[third_opinion]` can be asked, and is a third party at all.

Opens the socket that the service would ask by, and sends nothing. Called by `bmcha.check.run`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from bmcha.check.addresses import Address
from bmcha.check.finding import Finding
from bmcha.check.machine import Machine
from bmcha.check.subject import Subject
from bmcha.hal.arp_ping import ArpPing
from bmcha.hal.icmp_ping import IcmpPing
from bmcha.hal.port import PingPort, PortError
from bmcha.model.settings import ThirdOpinionSettings, Via

TABLE = "third_opinion"


def check_third_opinion(
    subject: Subject, machine: Machine, known: Sequence[tuple[Address, str]]
) -> Iterator[Finding]:
    """``known``: the addresses of this machine, with their interfaces."""
    asked = subject.node.third_opinion if subject.node is not None else None
    keys = ("address", "via", "interface")
    are_sound = all(subject.is_sound(subject.module_file, f"{TABLE}.{key}") for key in keys)
    if asked is None or not asked.address or not are_sound:
        return
    yield from _is_third(subject, asked, known)
    if asked.via is Via.ARP:
        yield from _is_on_the_link(subject, asked, known)
    yield from _can_be_asked(subject, machine, asked)


def _is_third(
    subject: Subject, asked: ThirdOpinionSettings, known: Sequence[tuple[Address, str]]
) -> Iterator[Finding]:
    wanted = ipaddress.ip_address(asked.address.partition("%")[0])
    own = next((name for address, name in known if address.ip == wanted), None)
    if own is not None or wanted.is_loopback:
        value = f"{asked.address}, this module's own ({own or 'loopback'})"
        allowed = "a host outside the module, as a switch or a gateway"
        remedy = "name one: this one answers whatever is cut"
        yield subject.in_module(f"{TABLE}.address", value, allowed, remedy, True)


def _is_on_the_link(
    subject: Subject, asked: ThirdOpinionSettings, known: Sequence[tuple[Address, str]]
) -> Iterator[Finding]:
    """Where the interface has no IPv4 address, nothing can be said."""
    networks = [
        address.network
        for address, name in known
        if name == asked.interface and isinstance(address, ipaddress.IPv4Interface)
    ]
    wanted = ipaddress.IPv4Address(asked.address)
    if networks and not any(wanted in network for network in networks):
        found = ", ".join(map(str, networks))
        value = f"{asked.address}, outside of {asked.interface}'s own network {found}"
        allowed = "a host on the link of the interface: routers pass no ARP on"
        remedy = 'name a host on it, as the router itself, or write via = "ping"'
        yield subject.in_module(f"{TABLE}.address", value, allowed, remedy, True)


def _can_be_asked(
    subject: Subject, machine: Machine, asked: ThirdOpinionSettings
) -> Iterator[Finding]:
    ping: PingPort
    if asked.via is Via.ARP:
        ping, key = ArpPing([asked.address], asked.interface), "interface"
        what = f"{asked.interface}, where {machine.user()} cannot ask"
        allowed, remedy = "an Ethernet interface that is up, and the right to use it", "see to it"
    else:
        ping, key = IcmpPing([asked.address]), "address"
        what = f"{asked.address}, which {machine.user()} cannot ask"
        allowed, remedy = "a system that allows pings", "let the service's group in"
    try:
        ping.open()
    except PortError as error:
        remedy = f"{remedy}; until then nothing is asked and nothing is forbidden"
        yield subject.in_module(f"{TABLE}.{key}", f"{what}: {error}", allowed, remedy, True)
    finally:
        ping.close()
