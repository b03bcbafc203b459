"""Which address is on which network interface, asked of the kernel by netlink.

Knows rtnetlink(7); /proc has only the IPv6 half. An answer that makes no sense ends the list and
is no error. Called by the checks of paths.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterator
from typing import Final

_RTM_GETADDR: Final = 22
_RTM_NEWADDR: Final = 20
_REQUEST_DUMP: Final = 0x301
_ERROR_OR_DONE: Final = (2, 3)
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
ANSWERS_MAX: Final = 1000
WAIT_S: Final = 1.0

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def addresses() -> list[tuple[Address, str]]:
    """(address with its network, name of the interface); [] where the kernel does not say."""
    with contextlib.suppress(OSError, ValueError, struct.error):
        return list(_ask())
    return []


def interface_of(host: str, known: list[tuple[Address, str]]) -> str:
    """The interface that an own address is on; "" if it is on none."""
    plain, _, scope = host.partition("%")
    if scope:
        return scope
    wanted = ipaddress.ip_address(plain)
    for address, name in known:
        if address.ip == wanted:
            return name
    # All of 127.0.0.0/8 is this machine's, on lo.
    near = [name for address, name in known if wanted.is_loopback and wanted in address.network]
    return near[0] if near else ""


def source_towards(host: str, port: int) -> str:
    """The own address that datagrams to ``host`` leave from; "" without a route. Sends nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.connect((host, port))
        return str(asked.getsockname()[0])
    return ""


def _ask() -> Iterator[tuple[Address, str]]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(WAIT_S)
        request = struct.pack("=IHHIIBBBBI", 24, _RTM_GETADDR, _REQUEST_DUMP, 1, 0, 0, 0, 0, 0, 0)
        asked.send(request)
        for _ in range(ANSWERS_MAX):
            data = asked.recv(1 << 16)
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind in _ERROR_OR_DONE or length < 16:
                    return
                if kind == _RTM_NEWADDR:
                    yield from _address(data[16:length])
                data = data[(length + 3) & ~3 :]


def _address(data: bytes) -> Iterator[tuple[Address, str]]:
    family, prefix, _, _, index = struct.unpack_from("=BBBBI", data)
    found: dict[int, bytes] = {}
    rest = data[8:]
    while len(rest) >= 4:
        length, kind = struct.unpack_from("=HH", rest)
        if length < 4:
            break
        found[kind] = rest[4:length]
        rest = rest[(length + 3) & ~3 :]
    # On a point-to-point link IFA_ADDRESS is the other end.
    raw = found.get(_IFA_LOCAL, found.get(_IFA_ADDRESS))
    if raw is None or family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = socket.inet_ntop(family, raw)
    with contextlib.suppress(OSError, ValueError):
        yield ipaddress.ip_interface(f"{host}/{prefix}"), socket.if_indextoname(index)
