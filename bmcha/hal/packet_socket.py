"""Packet sockets (packet(7)) of one EtherType, without their Ethernet header.

Opens and binds, and says what is missing where the system refuses. Knows no bytes. Called by
`arp_ping` and `ethernet_link`.
"""

from __future__ import annotations

import errno
import socket

from bmcha.hal.port import PortError

ARPHRD_ETHER = 1


def open_packet_socket(name: str) -> socket.socket:
    """Never blocks. It hears nothing yet: it has no protocol before it is bound. ``name`` stands
    before what is wrong; PortError."""
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    try:
        return socket.socket(socket.AF_PACKET, kind, 0)
    except PermissionError as error:
        raise PortError(
            f"{name}: raw frames are not allowed to this user; give it CAP_NET_RAW "
            "(AmbientCapabilities= and CapabilityBoundingSet= of its unit)"
        ) from error
    except OSError as error:
        what = error.strerror or str(error)
        if error.errno == errno.EAFNOSUPPORT:
            what = "packet sockets are forbidden; add AF_PACKET to RestrictAddressFamilies="
            what += " of its unit"
        raise PortError(f"{name}: {what}") from error


def bind_packet_socket(name: str, opened: socket.socket, interface: str, ether_type: int) -> None:
    """From now on it hears that interface. PortError: there is none, or it is no Ethernet."""
    try:
        opened.bind((interface, ether_type))
        kind = opened.getsockname()[3]
    except OSError as error:
        raise PortError(f"{name}: {_why(error)}; see `ip link` for those there are") from error
    if kind != ARPHRD_ETHER:
        raise PortError(f"{name}: it is no Ethernet; name one of `ip link`")


def _why(error: OSError) -> str:
    if error.errno == errno.ENODEV:
        return "there is no such interface"
    return error.strerror or str(error)
