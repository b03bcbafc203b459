"""A heartbeat path over UDP: one datagram is one frame, from one configured peer address only.

Knows sockets; knows nothing of frames, but attaches a program that does (`wire.socket_filter`), so
that the kernel drops noise before it costs anything. Rules: a datagram from anywhere else is never
heard; what the network tells about the peer (a refused port, an unreachable host) is no fault of
this link, it is counted as a sign and shown: silence is judged by those who count beats. Called by
the path worker; made by `bmcha.app`.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any, Final

from bmcha.hal.datagrams import RECEIVE_BYTES, attach_filter, unread_count
from bmcha.hal.interface import interface_of, is_running
from bmcha.hal.native_port import DATAGRAMS, NativePort
from bmcha.hal.port import PortError
from bmcha.model.event import LinkSigns

SO_DETACH_FILTER: Final = 27
_NOTHING: Final = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""A BPF program that lets nothing in."""


class UdpLink:
    """Datagrams between ``local`` and ``remote``, each (numeric address, port), IPv4 or IPv6."""

    is_stuffed = False

    def __init__(
        self, local: tuple[str, int], remote: tuple[str, int], program: bytes = b""
    ) -> None:
        """``program``: classic BPF for what may come in; empty: everything."""
        self._local = local
        self._remote = remote
        self._program = program
        self.port = NativePort(DATAGRAMS)
        self._socket: socket.socket | None = None
        self._interface: str | None = None
        self._former_unread_count = 0

    def open(self) -> None:
        self.close()
        try:
            family, local = _resolve(self._local)
            remote_family, remote = _resolve(self._remote)
            if family != remote_family:
                raise PortError(f"{self._name}: the two addresses are of different IP versions")
            opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        except OSError as error:
            raise self._broken("cannot be opened", error) from error
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            # Closed to all until the peer is fixed, so that no stranger comes in before.
            self._let_in(opened, _NOTHING)
            # No SO_REUSEADDR: with it a second service could take over the port of a living one.
            opened.bind(local)
            # Connected, so that the kernel drops what strangers send before it costs anything.
            opened.connect(remote)
            self._open_to_peer(opened)
        except OSError as error:
            opened.close()
            raise self._broken("cannot be opened", error) from error
        self._socket = opened
        self._interface = interface_of(self._local[0])
        self.port.open(opened.fileno())

    def close(self) -> None:
        self.port.close()
        if self._socket is not None:
            self._former_unread_count += unread_count(self._socket)
            self._socket.close()
            self._socket = None

    def failure(self, is_writing: bool, number: int) -> PortError:
        what = "cannot send" if is_writing else "cannot receive"
        return self._broken(what, OSError(number, os.strerror(number)))

    def signs(self) -> LinkSigns:
        opened = self._socket
        has_carrier = None
        if opened is not None and self._interface is not None:
            has_carrier = is_running(opened, self._interface)
        refused_count, refused_ns = self.port.refusals()
        return LinkSigns(
            refused_count=refused_count,
            refused_ns=refused_ns,
            has_carrier=has_carrier,
            unread_count=self._former_unread_count
            + (unread_count(opened) if opened is not None else 0),
        )

    def _let_in(self, opened: socket.socket, program: bytes) -> None:
        """A kernel that refuses programs lets everything in: it is judged again anyway."""
        attach_filter(opened, program)

    def _open_to_peer(self, opened: socket.socket) -> None:
        if self._program:
            self._let_in(opened, self._program)
        else:
            opened.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)

    @property
    def _name(self) -> str:
        return f"udp {_shown(self._local)} to {_shown(self._remote)}"

    def _broken(self, what: str, error: OSError) -> PortError:
        reason = error.strerror or str(error)
        return PortError(f"{self._name} {what}: {reason}; see `ip address` and `ip route`")


def _resolve(address: tuple[str, int]) -> tuple[int, Any]:
    """Family and socket address. Numeric only: a name server must not decide who the peer is."""
    host, port = address
    # In bytes: text would go through the tables for names in other scripts, which take memory.
    numeric = host.encode("ascii", "replace")
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    found = socket.getaddrinfo(numeric, port, type=socket.SOCK_DGRAM, flags=flags)
    return found[0][0], found[0][4]


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
