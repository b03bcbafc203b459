"""Which network interface has an address, which addresses one has, and whether it is connected.

Asks the kernel over rtnetlink(7) and SIOCGIFFLAGS (netdevice(7)); both answer at once. What cannot
be known is None, never an error: this is for people who look for a fault. Called by `udp_link` and
`arp_ping`.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_SIOCGIFFLAGS: Final = 0x8913
_IFF_UP: Final = 0x1
_IFF_RUNNING: Final = 0x40
_NAME_BYTES: Final = 16

_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_REQUEST_DUMP: Final = 0x301
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_MESSAGE: Final = struct.Struct("=IHHII")
_ADDRESS_MESSAGE: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_LOOPBACK_6: Final = bytes(15) + b"\1"
_REPLIES_MAX: Final = 64
_REPLY_S_MAX: Final = 0.2


def interface_of(address: str) -> str | None:
    """The name of the interface that has this numeric address, "fe80::1%eth0" included."""
    host, _, scope = address.partition("%")
    if scope:
        return scope
    try:
        wanted = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        if wanted[:1] == b"\x7f" if len(wanted) == 4 else wanted == _LOOPBACK_6:
            return "lo"
        for index, found in _addresses(socket.AF_UNSPEC):
            if found.packed == wanted:
                return socket.if_indextoname(index)
    except OSError:
        pass
    return None


def is_running(asking: socket.socket, interface: str) -> bool | None:
    """Up and with a carrier, as the driver tells it."""
    flags = _flags(asking, interface)
    return None if flags is None else bool(flags & _IFF_RUNNING)


def is_up(asking: socket.socket, interface: str) -> bool:
    """Whether it was told to work; a cable is another matter."""
    return bool((_flags(asking, interface) or 0) & _IFF_UP)


def ipv4_of(interface: str) -> list[tuple[bytes, int]]:
    """Its own addresses, each with how many bits of it are the network's; the first one first."""
    try:
        wanted = socket.if_nametoindex(interface)
        # IFA_ADDRESS is the other end's, where there is one.
        return [
            (found.packed, found.bits)
            for index, found in _addresses(socket.AF_INET)
            if index == wanted and found.kind == _IFA_LOCAL
        ]
    except OSError:
        return []


def _flags(asking: socket.socket, interface: str) -> int | None:
    name = interface.encode()[: _NAME_BYTES - 1]
    try:
        answer = fcntl.ioctl(asking, _SIOCGIFFLAGS, struct.pack("16s24x", name))
    except OSError:
        return None
    (flags,) = struct.unpack_from("H", answer, _NAME_BYTES)
    return int(flags)


class _Found(NamedTuple):
    kind: int
    packed: bytes
    bits: int


def _addresses(family: int) -> Iterator[tuple[int, _Found]]:
    """(index of the interface, address)"""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC) as asking:
        asking.settimeout(_REPLY_S_MAX)
        size = _MESSAGE.size + _ADDRESS_MESSAGE.size
        asking.send(
            _MESSAGE.pack(size, _RTM_GETADDR, _REQUEST_DUMP, 1, 0)
            + _ADDRESS_MESSAGE.pack(family, 0, 0, 0, 0)
        )
        for _ in range(_REPLIES_MAX):
            reply = asking.recv(65536)
            at, kind = 0, 0
            while at + _MESSAGE.size <= len(reply):
                size, kind = _MESSAGE.unpack_from(reply, at)[:2]
                if kind == _RTM_NEWADDR:
                    yield from _address(reply[at + _MESSAGE.size : at + size])
                at += max(_MESSAGE.size, (size + 3) & ~3)
            if kind != _RTM_NEWADDR:
                return


def _address(message: bytes) -> Iterator[tuple[int, _Found]]:
    _, bits, _, _, index = _ADDRESS_MESSAGE.unpack_from(message)
    at = _ADDRESS_MESSAGE.size
    while at + _ATTRIBUTE.size <= len(message):
        size, kind = _ATTRIBUTE.unpack_from(message, at)
        value = message[at + _ATTRIBUTE.size : at + size]
        if kind in (_IFA_ADDRESS, _IFA_LOCAL) and len(value) in (4, 16):
            yield index, _Found(kind, value, bits)
        at += max(_ATTRIBUTE.size, (size + 3) & ~3)
