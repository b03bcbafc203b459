"""A heartbeat path over bare Ethernet: no address, no route, only the cable (docs/adr/0022).

Knows packet sockets; knows nothing of frames but that they have a length, which stands in two
bytes before each, because network cards pad what is short. Rules: what is not from the peer's
hardware address to this interface's own is never heard, the kernel sees to it, and where that
address is to be learned keys do (docs/adr/0025); an interface that
is down is silence, and one that is gone is a fault of the port. Called by the path worker; made by
`bmcha.app`.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Final

from bmcha.hal.datagrams import RECEIVE_BYTES, attach_filter, unread_count
from bmcha.hal.interface import is_running
from bmcha.hal.native_port import ETHERNET, NativePort
from bmcha.hal.packet_socket import bind_packet_socket, open_packet_socket
from bmcha.hal.port import PortError
from bmcha.model.ethernet import ETHER_TYPE, LENGTH_BYTES
from bmcha.model.event import LinkSigns

_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD = 0x30, 0x28, 0x20
_JUMP_EQUAL, _RETURN = 0x15, 0x06
_PACKET_TYPE_AT: Final = 0xFFFF_F004
"""SKF_AD_OFF + SKF_AD_PKTTYPE (linux/filter.h): for whom the kernel took it."""
BROADCAST: Final = b"\xff" * 6
_SOURCE_AT: Final = 0xFFE0_0006
"""SKF_LL_OFF and six bytes, behind the target's address: the sender's."""


def to_us_or_all() -> bytes:
    """Classic BPF: unicast to this interface or broadcast, from whomever."""
    steps = [
        (_LOAD_BYTE, 0, 0, _PACKET_TYPE_AT),
        *((_JUMP_EQUAL, 1, 0, socket.PACKET_HOST), (_JUMP_EQUAL, 0, 1, socket.PACKET_BROADCAST)),
        *((_RETURN, 0, 0, 0xFFFF_FFFF), (_RETURN, 0, 0, 0)),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def from_peer_to_us(remote_mac: bytes) -> bytes:
    """Classic BPF: unicast to this interface, from that hardware address."""
    first, rest = struct.unpack("!HI", remote_mac)
    steps = [
        *((_LOAD_BYTE, 0, 0, _PACKET_TYPE_AT), (_JUMP_EQUAL, 0, 5, socket.PACKET_HOST)),
        *((_LOAD_HALF, 0, 0, _SOURCE_AT), (_JUMP_EQUAL, 0, 3, first)),
        *((_LOAD_WORD, 0, 0, _SOURCE_AT + 2), (_JUMP_EQUAL, 0, 1, rest)),
        *((_RETURN, 0, 0, 0xFFFF_FFFF), (_RETURN, 0, 0, 0)),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


class EthernetLink:
    """Frames between ``interface`` and a hardware address, "02:00:00:00:00:02"; "": it is learned
    from signed beats, and until then all are spoken to."""

    is_stuffed = False

    def __init__(self, interface: str, remote_mac: str) -> None:
        self._interface = interface
        self._name = f"ethernet {interface} to {remote_mac or 'whoever signs'}"
        self.port = NativePort(ETHERNET)
        known = bytes.fromhex(remote_mac.replace(":", ""))
        self._filter = from_peer_to_us(known) if known else to_us_or_all()
        self.port.struct.is_learning = not known
        self.port.struct.remote_mac = known or BROADCAST
        self._socket: socket.socket | None = None
        self._claim: socket.socket | None = None
        self._former_unread_count = 0

    def open(self) -> None:
        self.close()
        opened = self._socket = open_packet_socket(self._name)
        try:
            self._claim_it()
            refused = attach_filter(opened, self._filter)
            if refused:
                # Nothing else tells strangers apart.
                raise self._broken("cannot be opened", OSError(refused, os.strerror(refused)))
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            bind_packet_socket(self._name, opened, self._interface, ETHER_TYPE)
            # By its number: one that is made anew under the same name has another.
            self.port.struct.interface_index = socket.if_nametoindex(self._interface)
            if opened.getsockname()[0] != self._interface:
                raise self.failure(False, errno.ENODEV)
        except PortError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise self._broken("cannot be opened", error) from error
        self.port.open(opened.fileno())

    def close(self) -> None:
        self.port.close()
        if self._socket is not None:
            self._former_unread_count += unread_count(self._socket)
            self._socket.close()
            self._socket = None
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def failure(self, is_writing: bool, number: int) -> PortError:
        if number in (errno.ENODEV, errno.ENXIO):
            return PortError(f"{self._name}: the interface is gone or was made anew")
        if number == errno.EMSGSIZE:
            return PortError(
                f"{self._name}: a frame is too long for it; set the interface's MTU to the path's"
                f" frame_bytes_max + {LENGTH_BYTES} at both ends, or set frame_bytes_max lower"
            )
        what = "cannot send" if is_writing else "cannot receive"
        return self._broken(what, OSError(number, os.strerror(number)))

    def signs(self) -> LinkSigns:
        opened = self._socket
        return LinkSigns(
            has_carrier=is_running(opened, self._interface) if opened is not None else None,
            unread_count=self._former_unread_count
            + (unread_count(opened) if opened is not None else 0),
        )

    def _claim_it(self) -> None:
        """One service an interface and peer: packet sockets would share. The name goes with the
        process, and is one of this network namespace. Whoever may bind it could keep it, too."""
        claim = self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            claim.bind(f"\0bmcha {self._name}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            who = "`ss -xap | grep 'bmcha ethernet'` says which"
            raise PortError(f"{self._name}: another process has this path; {who}") from error

    def _broken(self, what: str, error: OSError) -> PortError:
        return PortError(f"{self._name} {what}: {error.strerror or error}; see `ip link`")
