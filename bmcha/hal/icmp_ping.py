"""Pings: ICMP echo requests to a few hosts, and their answers. IPv4 and IPv6.

Knows sockets; judges nothing. Rules: the unprivileged socket for pings first (the system lists the
groups that may have one), else a raw one, which needs CAP_NET_RAW; nothing blocks but `read`; a
host that cannot be reached is one that does not answer; an answer counts only with the token that
this object was born with. Called by the opinion worker; made by `bmcha.app`.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Sequence
from typing import Final

from bmcha.hal.port import PortError
from bmcha.hal.waker import Waker

_HEAD: Final = struct.Struct("!BBHHH")
_TOKEN_BYTES: Final = 8
_PLACE: Final = struct.Struct("!B")
_READS_MAX: Final = 64
_PACKET_BYTES_MAX: Final = 256
_SOL_RAW: Final = 255
_ICMP_FILTER: Final = 1
_ICMP6_FILTER: Final = 1


class _Kind:
    """What differs between the two versions. (type of request, of answer)"""

    def __init__(self, family: socket.AddressFamily) -> None:
        self.family = family
        self.is_6 = family is socket.AF_INET6
        self.protocol = socket.IPPROTO_ICMPV6 if self.is_6 else socket.IPPROTO_ICMP
        self.request, self.answer = (128, 129) if self.is_6 else (8, 0)

    def filter_out_all_but_answers(self, opened: socket.socket) -> None:
        """A set bit is a type that does not come in."""
        if self.is_6:
            words = [0xFFFF_FFFF] * 8
            words[self.answer // 32] &= ~(1 << self.answer % 32) & 0xFFFF_FFFF
            opened.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))
        else:
            blocked = 0xFFFF_FFFF & ~(1 << self.answer)
            opened.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", blocked))


class IcmpPing:
    """Of ``addresses``, numeric; each is named by its place among them."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._waker = Waker()
        self._token = os.urandom(_TOKEN_BYTES)
        self._sockets: dict[bool, tuple[_Kind, socket.socket]] = {}

    def open(self) -> None:
        """Raises PortError when the system allows no such socket."""
        self.close()
        try:
            for is_6 in sorted({":" in address for address in self._addresses}):
                kind = _Kind(socket.AF_INET6 if is_6 else socket.AF_INET)
                self._sockets[is_6] = kind, _open(kind)
        except PortError:
            self.close()
            raise

    def close(self) -> None:
        for _, opened in self._sockets.values():
            opened.close()
        self._sockets = {}

    def ask(self, place: int, sequence: int) -> None:
        """``sequence``: 0 to 65535. A host that cannot be reached now will not answer."""
        address = self._addresses[place]
        found = self._sockets.get(":" in address)
        if found is None:
            raise PortError(f"ping of {address}: not open")
        kind, opened = found
        body = self._token + _PLACE.pack(place)
        identifier = os.getpid() & 0xFFFF
        packet = _HEAD.pack(kind.request, 0, 0, identifier, sequence) + body
        packet = _HEAD.pack(kind.request, 0, _checksum(packet), identifier, sequence) + body
        try:
            # Each time: the interface that a scope names (fe80::1%eth0) may come later.
            found_at = socket.getaddrinfo(
                address, None, kind.family, socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
            )
            opened.sendto(packet, found_at[0][4])
        except OSError:
            return

    def read(self, timeout_s: float) -> list[tuple[int, int]]:
        """(place, sequence) of every answer that came, at most ``timeout_s`` later; [] when none
        did or `wake` was called."""
        poll = select.poll()
        poll.register(self._waker.fd, select.POLLIN)
        for _, opened in self._sockets.values():
            poll.register(opened.fileno(), select.POLLIN)
        ready = {fd for fd, _ in poll.poll(max(0.0, timeout_s) * 1000)}
        if self._waker.fd in ready:
            self._waker.take()
        found = []
        for kind, opened in self._sockets.values():
            if opened.fileno() in ready:
                found += self._answers(kind, opened)
        return found

    def wake(self) -> None:
        """From any thread: a waiting `read` returns at once."""
        self._waker.wake()

    def _answers(self, kind: _Kind, opened: socket.socket) -> list[tuple[int, int]]:
        found = []
        for _ in range(_READS_MAX):
            try:
                packet = opened.recv(_PACKET_BYTES_MAX)
            except BlockingIOError:
                break
            except OSError:
                continue  # what the network tells of an earlier request
            if not kind.is_6 and opened.type == socket.SOCK_RAW and packet:
                packet = packet[(packet[0] & 15) * 4 :]
            answer = self._parse(kind, packet)
            if answer is not None:
                found.append(answer)
        return found

    def _parse(self, kind: _Kind, packet: bytes) -> tuple[int, int] | None:
        if len(packet) != _HEAD.size + _TOKEN_BYTES + _PLACE.size:
            return None
        number, _, _, _, sequence = _HEAD.unpack_from(packet)
        place = packet[-1]
        is_ours = packet[_HEAD.size : -1] == self._token and place < len(self._addresses)
        return (place, sequence) if number == kind.answer and is_ours else None


def _open(kind: _Kind) -> socket.socket:
    flags = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    try:
        return socket.socket(kind.family, socket.SOCK_DGRAM | flags, kind.protocol)
    except OSError:
        pass  # this user's groups are not in the range, or the kernel has none of these
    try:
        opened = socket.socket(kind.family, socket.SOCK_RAW | flags, kind.protocol)
    except PermissionError as error:
        group = os.getegid()
        raise PortError(
            "pings are not allowed to this user: group "
            f"{group} is not in net.ipv4.ping_group_range; sysctl -w "
            f'net.ipv4.ping_group_range="{group} {group}" lets it in'
        ) from error
    except OSError as error:
        version = 6 if kind.is_6 else 4
        raise PortError(f"pings over IPv{version} cannot be sent: {error.strerror}") from error
    kind.filter_out_all_but_answers(opened)
    return opened


def _checksum(packet: bytes) -> int:
    """RFC 1071; over IPv6 the kernel makes its own."""
    if len(packet) % 2:
        packet += b"\0"
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
