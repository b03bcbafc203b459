"""Checks whether the reference of `[third_opinion]` can be asked, and is a third party at all.

Opens a socket for pings and sends nothing. Called by `bmcha.check.run`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from bmcha.check.addresses import Address
from bmcha.check.finding import Finding
from bmcha.check.machine import Machine
from bmcha.check.subject import Subject
from bmcha.hal.icmp_ping import IcmpPing
from bmcha.hal.port import PortError

KEY = "third_opinion.address"


def check_third_opinion(
    subject: Subject, machine: Machine, known: Sequence[tuple[Address, str]]
) -> Iterator[Finding]:
    """``known``: the addresses of this machine, with their interfaces."""
    asked = subject.node.third_opinion if subject.node is not None else None
    if asked is None or not asked.address or not subject.is_sound(subject.module_file, KEY):
        return
    wanted = ipaddress.ip_address(asked.address.partition("%")[0])
    own = next((name for address, name in known if address.ip == wanted), None)
    if own is not None or wanted.is_loopback:
        value = f"{asked.address}, this module's own ({own or 'loopback'})"
        allowed = "a host outside the module, as a switch or a gateway"
        remedy = "name one: this one answers whatever is cut"
        yield subject.in_module(KEY, value, allowed, remedy, True)
    ping = IcmpPing([asked.address])
    try:
        ping.open()
    except PortError as error:
        value = f"{asked.address}, which {machine.user()} cannot ask: {error}"
        remedy = "let the service's group in; until then nothing is asked and nothing is forbidden"
        yield subject.in_module(KEY, value, "a system that allows pings", remedy, True)
    finally:
        ping.close()
