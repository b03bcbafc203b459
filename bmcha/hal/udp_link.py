"""A heartbeat path over UDP: one datagram is one frame, from one configured peer address only.

Knows sockets; knows nothing of frames. Rules: a datagram from anywhere else is never returned;
nothing blocks but `read`, and that for as long as it is told; what the network tells about the
peer (a refused port, an unreachable host) is no fault of this link and is dropped: silence is
judged by those who count beats. Called by the path worker; made by `bmcha.app`.
"""

from __future__ import annotations

import errno
import select
import socket
from typing import Any, Final

from bmcha.hal.port import PortError
from bmcha.hal.waker import Waker

DATAGRAM_BYTES_MAX: Final = 65536
READS_MAX: Final = 512
"""Datagrams taken by one `read`: more than the default receive buffer holds (212,992 bytes, at
least 768 a datagram), so that nothing stays unread, and yet a flood cannot hold the thread."""

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

    def __init__(self, local: tuple[str, int], remote: tuple[str, int]) -> None:
        self._local = local
        self._remote = remote
        self._waker = Waker()
        self._socket: socket.socket | None = None
        self._peer: tuple[Any, ...] = ()
        self._buffer = bytearray(DATAGRAM_BYTES_MAX)

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
            # No SO_REUSEADDR: with it a second service could take over the port of a living one.
            opened.bind(local)
            # Connected, so that the kernel drops what strangers send before it costs anything.
            opened.connect(remote)
            self._peer = opened.getpeername()
        except OSError as error:
            opened.close()
            raise self._broken("cannot be opened", error) from error
        self._socket = opened

    def close(self) -> None:
        if self._socket is not None:
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
        return False

    def wake(self) -> None:
        self._waker.wake()

    def _receive(self, opened: socket.socket) -> list[bytes]:
        frames: list[bytes] = []
        for _ in range(READS_MAX):
            try:
                size, source = opened.recvfrom_into(self._buffer)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in _TOLD_BY_NETWORK:
                    raise self._broken("cannot receive", error) from error
                continue
            # A stranger's datagram may have come in between bind and connect.
            if source == self._peer:
                frames.append(bytes(memoryview(self._buffer)[:size]))
        return frames

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


def _resolve(address: tuple[str, int]) -> tuple[int, Any]:
    """Family and socket address. Numeric only: a name server must not decide who the peer is."""
    host, port = address
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )
    return found[0][0], found[0][4]


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
