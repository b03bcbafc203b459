"""Asks by ARP whether hosts are there: requests over raw Ethernet, and their answers. IPv4.

The same contract as `icmp_ping`, one layer below: it works where pings are dropped, and on an
interface without any address of its own. Knows packet sockets (packet(7)); judges nothing. Rules:
 - an interface that is down, gone or made anew is a host that does not answer; it is looked for
   at each question, and works again as soon as it is there;
 - ARP has no room for a token: an answer is to the newest question that was put to its address,
   and there is one to each at most. What came before the question was put is no answer to it;
 - what nobody asked for (a gratuitous announcement, a request, an answer to somebody else) and what
   comes from this interface's own hardware address counts for nothing;
 - which hardware address answers makes no difference: a standby router has another one.
Called by the opinion worker and `bmcha check`; made by `bmcha.app`.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Final

from bmcha.hal.datagrams import attach_filter
from bmcha.hal.interface import ipv4_of, is_up
from bmcha.hal.packet_socket import ARPHRD_ETHER, bind_packet_socket, open_packet_socket
from bmcha.hal.port import PortError
from bmcha.hal.waker import Waker

ETH_P_ARP: Final = 0x0806
_ETH_P_IP: Final = 0x0800
_TO_US, _TO_ALL = socket.PACKET_HOST, socket.PACKET_BROADCAST
_EVERYBODY: Final = b"\xff" * 6
_NOBODY: Final = bytes(6)
_NO_ADDRESS: Final = bytes(4)

_HEAD: Final = struct.Struct("!HHBBH")
"""Hardware type, protocol, lengths of their addresses, operation (RFC 826)."""
_BODY: Final = struct.Struct("!6s4s6s4s")
"""Sender's hardware and protocol address, then the target's."""
_REQUEST: Final = _HEAD.pack(ARPHRD_ETHER, _ETH_P_IP, 6, 4, 1)
_ANSWER: Final = _HEAD.pack(ARPHRD_ETHER, _ETH_P_IP, 6, 4, 2)
_PACKET_BYTES: Final = _HEAD.size + _BODY.size
"""Whatever follows is padding: the shortest Ethernet frame has more room."""
_READS_MAX: Final = 64


def _answers_only() -> bytes:
    """Classic BPF: of all ARP on the segment, the answers for Ethernet and IPv4 come in. It spares
    time, for requests go to everybody; what it lets through is judged anew."""
    load_word, jump_equal, done = 0x20, 0x15, 0x06
    first, second = struct.unpack("!II", _ANSWER)
    steps = [
        *((load_word, 0, 0, 0), (jump_equal, 0, 3, first)),
        *((load_word, 0, 0, 4), (jump_equal, 0, 1, second)),
        *((done, 0, 0, 0xFFFF_FFFF), (done, 0, 0, 0)),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


class ArpPing:
    """Of ``addresses``, numeric IPv4, each named by its place; over ``interface``."""

    def __init__(self, addresses: Sequence[str], interface: str) -> None:
        self._addresses = [socket.inet_pton(socket.AF_INET, each) for each in addresses]
        self._interface = interface
        self._waker = Waker()
        self._socket: socket.socket | None = None
        self._hardware = _NOBODY
        self._own: list[tuple[bytes, int]] = []
        self._sequence: int | None = None
        self._asked: dict[int, int] = {}
        self._found: list[tuple[int, int]] = []

    def open(self) -> None:
        """Raises PortError when packet sockets are not allowed, or the interface cannot be used."""
        self.close()
        opened = self._socket = open_packet_socket(self._name)
        # Before it is bound, or other interfaces' and other packets would come in first.
        attach_filter(opened, _answers_only())
        try:
            bind_packet_socket(self._name, opened, self._interface, ETH_P_ARP)
            self._hardware = opened.getsockname()[4]
            if not is_up(opened, self._interface):
                up = f"ip link set {self._interface} up"
                raise PortError(f"{self._name}: the interface is down; `{up}` starts it")
        except PortError:
            self.close()
            raise

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._asked, self._found, self._sequence = {}, [], None

    def ask(self, place: int, sequence: int) -> None:
        """``sequence``: 0 to 65535. A host that cannot be reached now will not answer."""
        opened = self._opened()
        # What waits came before this question: it answers an older one.
        self._found += self._drain(opened)
        if not self._is_bound(opened):
            self._asked.pop(place, None)
            return
        if sequence != self._sequence:
            self._sequence, self._own = sequence, ipv4_of(self._interface)
        target = self._addresses[place]
        body = _BODY.pack(self._hardware, _sender_for(target, self._own), _NOBODY, target)
        self._asked[place] = sequence
        try:
            to = (self._interface, ETH_P_ARP, 0, ARPHRD_ETHER, _EVERYBODY)
            opened.sendto(_REQUEST + body, to)
        except OSError:
            del self._asked[place]

    def read(self, timeout_s: float) -> list[tuple[int, int]]:
        """(place, sequence) of every answer that came, at most ``timeout_s`` later; [] when none
        did or `wake` was called."""
        opened = self._opened()
        is_ready = self._waker.wait(opened.fileno(), 0.0 if self._found else timeout_s)
        found, self._found = self._found, []
        return found + self._drain(opened) if is_ready else found

    def wake(self) -> None:
        """From any thread: a waiting `read` returns at once."""
        self._waker.wake()

    # ---- the interface

    def _is_bound(self, opened: socket.socket) -> bool:
        """To the interface that has the name now, and what its hardware address is now. Once it was
        deleted the socket hears nothing until it is bound anew, even to one with the same number.
        """
        try:
            if opened.getsockname()[0] != self._interface:
                self._bind(opened)
            self._hardware = opened.getsockname()[4]
        except OSError:
            return False
        return len(self._hardware) == 6

    def _bind(self, opened: socket.socket) -> None:
        opened.bind((self._interface, ETH_P_ARP))
        self._hardware = opened.getsockname()[4]

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise PortError(f"{self._name}: not open")
        return self._socket

    @property
    def _name(self) -> str:
        return f"ARP on {self._interface}"

    # ---- what comes in

    def _drain(self, opened: socket.socket) -> list[tuple[int, int]]:
        found = []
        for _ in range(_READS_MAX):
            try:
                packet, sender = opened.recvfrom(_PACKET_BYTES)
            except BlockingIOError:
                break
            except OSError:
                continue  # the interface went down; said once
            place = self._place_of(packet, sender)
            if place is not None and place in self._asked:
                found.append((place, self._asked.pop(place)))
        return found

    def _place_of(self, packet: bytes, sender: tuple[str, int, int, int, bytes]) -> int | None:
        """Whose answer to this interface it is."""
        _, _, delivery, _, source = sender
        if len(packet) != _PACKET_BYTES or packet[: _HEAD.size] != _ANSWER:
            return None
        if delivery not in (_TO_US, _TO_ALL):
            return None
        hardware, address, target_hardware, target = _BODY.unpack_from(packet, _HEAD.size)
        is_host = not hardware[0] & 1 and hardware != _NOBODY
        is_own = self._hardware in (hardware, source)
        is_announcement = address == target
        if target_hardware != self._hardware or is_own or is_announcement or not is_host:
            return None
        return self._addresses.index(address) if address in self._addresses else None


def _sender_for(target: bytes, own: Sequence[tuple[bytes, int]]) -> bytes:
    """The interface's address in the network of the target, since hosts may ignore strangers; else
    its first. It has none: RFC 5227's probe, which is answered and teaches nobody an address."""
    for address, prefix_bits in own:
        shift = 32 - prefix_bits
        if int.from_bytes(address) >> shift == int.from_bytes(target) >> shift:
            return address
    return own[0][0] if own else _NO_ADDRESS
