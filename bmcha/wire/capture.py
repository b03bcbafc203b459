"""What may be frames out of a packet capture: pcap and pcapng, Ethernet, loopback, raw IP, cooked.

Just enough to show what two modules said to each other; for everything else there is Wireshark.
UDP over IPv4 and IPv6 without extension headers, and our own EtherType. Everything else is passed
over, and so is what is cut short.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from bmcha.model.ethernet import ETHER_TYPE, LENGTH_BYTES, without_padding

_PCAP_MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": "<",
    b"\x4d\x3c\xb2\xa1": "<",
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xa1\xb2\x3c\x4d": ">",
}
_PCAPNG_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_LINK_HEADER_BYTES: Final = {0: 4, 1: 14, 12: 0, 101: 0, 113: 16, 276: 20}
"""By link type: null, Ethernet, raw, raw, Linux cooked and its second version."""
_ETHERNET: Final = 1
_TYPE_AT: Final = {_ETHERNET: 12, 113: 14, 276: 0}
"""Where the EtherType stands, by link type."""
_VLAN: Final = b"\x81\x00"
_OURS: Final = ETHER_TYPE.to_bytes(2, "big")
_UDP: Final = 17


def is_capture(data: bytes) -> bool:
    return data[:4] in _PCAP_MAGICS or data[:4] == _PCAPNG_MAGIC


def payloads(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset in the file, what may be a frame) of each packet. A capture cut short just ends."""
    packets = _pcapng_packets(data) if data[:4] == _PCAPNG_MAGIC else _pcap_packets(data)
    for offset, link_type, packet in packets:
        found = _payload(link_type, packet)
        if found is not None:
            start, payload = found
            yield offset + start, payload


def _pcap_packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    order = _PCAP_MAGICS[data[:4]]
    if len(data) < 24:
        return
    (link_type,) = struct.unpack_from(order + "I", data, 20)
    at = 24
    while at + 16 <= len(data):
        (size,) = struct.unpack_from(order + "I", data, at + 8)
        yield at + 16, link_type & 0xFFFF, data[at + 16 : at + 16 + size]
        at += 16 + size


def _pcapng_packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    order = "<"
    link_types: list[int] = []
    at = 0
    while at + 12 <= len(data):
        if data[at : at + 4] == _PCAPNG_MAGIC:
            order = _BYTE_ORDERS.get(data[at + 8 : at + 12], order)
            link_types = []
        kind, size = struct.unpack_from(order + "II", data, at)
        block = data[at + 8 : at + size - 4]
        if size < 12:
            return
        if kind == _INTERFACE and len(block) >= 2:
            link_types.append(struct.unpack_from(order + "H", block)[0])
        elif kind == _PACKET and len(block) >= 20:
            interface, _, _, captured = struct.unpack_from(order + "IIII", block)
            if interface < len(link_types):
                yield at + 28, link_types[interface], block[20 : 20 + captured]
        at += size


def _payload(link_type: int, packet: bytes) -> tuple[int, bytes] | None:
    """(offset in the packet, what may be a frame)."""
    at = _LINK_HEADER_BYTES.get(link_type)
    if at is None:
        return None
    type_at = _TYPE_AT.get(link_type)
    if link_type == _ETHERNET and packet[12:14] == _VLAN:
        at, type_at = at + 4, 16
    if type_at is not None and packet[type_at : type_at + 2] == _OURS:
        return at + LENGTH_BYTES, without_padding(packet[at:])
    return _udp_payload(packet, at)


def _udp_payload(packet: bytes, at: int) -> tuple[int, bytes] | None:
    """``at``: where IP begins."""
    if len(packet) < at + 20:
        return None
    if packet[at] >> 4 == 4 and packet[at + 9] == _UDP:
        at += (packet[at] & 0x0F) * 4
    elif packet[at] >> 4 == 6 and packet[at + 6] == _UDP:
        at += 40
    else:
        return None
    if len(packet) < at + 8:
        return None
    (udp_size,) = struct.unpack_from(">H", packet, at + 4)
    return at + 8, packet[at + 8 : at + max(8, udp_size)]
