"""A heartbeat path over UDP: one datagram is one frame, from one configured peer address only.

Knows sockets; knows nothing of frames, but attaches a program that does (`wire.socket_filter`), so
that the kernel drops noise before it costs anything. Rules: a datagram from anywhere else is never
returned; nothing blocks but `read`, and that for as long as it is told; what the network tells
about the peer (a refused port, an unreachable host) is no fault of this link, it is counted as a
sign and shown: silence is judged by those who count beats. Called by the path worker; made by
`bmcha.app`.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from typing import Any, Final

from bmcha._native import ffi, lib
from bmcha.hal.interface import interface_of, is_running
from bmcha.hal.port import PortError
from bmcha.hal.waker import Waker
from bmcha.model.event import LinkSigns

DATAGRAM_BYTES_MAX: Final = 4200
"""More than the largest frame. A longer datagram is cut to one byte more: no frame either."""
RECEIVE_BYTES: Final = 212_992
"""What any user may ask for where nothing is configured; the kernel doubles it for its own
records. 550 small datagrams, 5 ms of a flood of 100,000 a second."""
READS_MAX: Final = 1024
"""Datagrams taken by one `read`: more than the receive buffer holds (at least 768 bytes each), so
that nothing stays unread, and yet a flood cannot hold the thread."""
BATCH_BYTES: Final = 2 * RECEIVE_BYTES + 64 * (DATAGRAM_BYTES_MAX + 1)
TOLD_MAX: Final = 8
"""Refusals taken between two datagrams of one `read`."""
SO_DETACH_FILTER: Final = 27
SO_MEMINFO: Final = 55
_DROPS: Final = struct.Struct("=32xI")
"""SK_MEMINFO_DROPS, the ninth word."""
_NOTHING: Final = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""A BPF program that lets nothing in."""

# Reported by a later call, about an earlier datagram: ICMP answers from the peer or on the way.
_TOLD_BY_NETWORK: Final = frozenset(
    {
        *(errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN),
        *(errno.ENOPROTOOPT, errno.EPROTO, errno.ENONET, errno.EACCES),
    }
)
_CANNOT_NOW: Final = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})


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
        self._waker = Waker()
        self._socket: socket.socket | None = None
        self._interface: str | None = None
        self._refused_count = 0
        self._refused_ns: int | None = None
        self._former_unread_count = 0
        # Not cleared: only what was ever needed becomes resident.
        new = ffi.new_allocator(should_clear_after_alloc=False)
        self._batch = new("uint8_t[]", BATCH_BYTES)
        self._sizes = new("uint32_t[]", READS_MAX)
        self._error = ffi.new("int *")

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

    def close(self) -> None:
        if self._socket is not None:
            self._former_unread_count += _unread_count(self._socket)
            self._socket.close()
            self._socket = None

    def read(self, timeout_s: float) -> list[bytes]:
        opened = self._opened()
        poll = select.poll()
        poll.register(self._waker.fd, select.POLLIN)
        poll.register(opened.fileno(), select.POLLIN)
        ready = dict(poll.poll(max(0.0, timeout_s) * 1000))
        if self._waker.fd in ready:
            self._waker.take()
        return self._receive(opened) if opened.fileno() in ready else []

    def write(self, frame: bytes) -> bool:
        opened = self._opened()
        # Twice: the first call may only deliver what became of an earlier datagram.
        for _ in range(2):
            try:
                opened.send(frame)
                return True
            except OSError as error:
                if error.errno in _CANNOT_NOW:
                    return False
                if error.errno not in _TOLD_BY_NETWORK:
                    raise self._broken("cannot send", error) from error
                self._note_told(error.errno)
        return False

    def wake(self) -> None:
        self._waker.wake()

    def signs(self) -> LinkSigns:
        opened = self._socket
        has_carrier = None
        if opened is not None and self._interface is not None:
            has_carrier = is_running(opened, self._interface)
        return LinkSigns(
            refused_count=self._refused_count,
            refused_ns=self._refused_ns,
            has_carrier=has_carrier,
            unread_count=self._former_unread_count
            + (_unread_count(opened) if opened is not None else 0),
        )

    def _receive(self, opened: socket.socket) -> list[bytes]:
        found: list[bytes] = []
        for _ in range(TOLD_MAX):
            count = lib.bmcha_udp_drain(
                *(opened.fileno(), self._batch, BATCH_BYTES),
                *(self._sizes, READS_MAX, DATAGRAM_BYTES_MAX, self._error),
            )
            start = 0
            for size in ffi.unpack(self._sizes, count):
                found.append(ffi.unpack(ffi.cast("char *", self._batch + start), size))
                start += size
            number = -self._error[0]
            if not number:
                break
            if number not in _TOLD_BY_NETWORK:
                raise self._broken("cannot receive", OSError(number, os.strerror(number)))
            self._note_told(number)
        return found

    def _note_told(self, number: int | None) -> None:
        if number == errno.ECONNREFUSED:
            self._refused_count += 1
            self._refused_ns = time.monotonic_ns()

    def _let_in(self, opened: socket.socket, program: bytes) -> None:
        """A kernel that refuses programs lets everything in: it is judged again anyway."""
        lib.bmcha_udp_filter(opened.fileno(), program, len(program))

    def _open_to_peer(self, opened: socket.socket) -> None:
        if self._program:
            self._let_in(opened, self._program)
        else:
            opened.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise PortError(f"{self._name} is not open")
        return self._socket

    @property
    def _name(self) -> str:
        return f"udp {_shown(self._local)} to {_shown(self._remote)}"

    def _broken(self, what: str, error: OSError) -> PortError:
        reason = error.strerror or str(error)
        return PortError(f"{self._name} {what}: {reason}; see `ip address` and `ip route`")


def _unread_count(opened: socket.socket) -> int:
    """What the kernel dropped: by the program, or for want of room."""
    try:
        return int(_DROPS.unpack(opened.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _DROPS.size))[0])
    except OSError:
        return 0  # before Linux 4.12


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
