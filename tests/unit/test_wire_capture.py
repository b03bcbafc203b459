"""Frames out of captures: byte orders, link types, and what is passed over."""

from __future__ import annotations

import struct

import pytest

from bmcha.model.ethernet import with_length
from bmcha.wire import codec
from bmcha.wire.capture import is_capture, payloads
from bmcha.wire.decode_text import dissect
from tests.golden.samples import HEADER

PAYLOAD = codec.encode_frame(HEADER, 2, bytes(4), False)


def udp(payload: bytes) -> bytes:
    return struct.pack(">HHHH", 7000, 7001, 8 + len(payload), 0) + payload


def ipv4(payload: bytes, protocol: int = 17, options: bytes = b"") -> bytes:
    words = 5 + len(options) // 4
    head = struct.pack(">BBHIBBH", 0x40 | words, 0, 0, 0, 64, protocol, 0)
    return head + bytes(8) + options + payload


def ipv6(payload: bytes) -> bytes:
    return struct.pack(">IHBB", 0x60000000, len(payload), 17, 64) + bytes(32) + payload


ETHERNET = bytes(12) + b"\x08\x00"
PACKETS = {
    "ethernet": (1, ETHERNET + ipv4(udp(PAYLOAD))),
    "ethernet-padded": (1, ETHERNET + ipv4(udp(PAYLOAD)) + bytes(18)),
    "ethernet-vlan": (1, bytes(12) + b"\x81\x00\x00\x05\x08\x00" + ipv4(udp(PAYLOAD))),
    "ipv4-options": (101, ipv4(udp(PAYLOAD), options=bytes(8))),
    "loopback": (0, struct.pack("<I", 2) + ipv4(udp(PAYLOAD))),
    "raw-ipv6": (101, ipv6(udp(PAYLOAD))),
    "cooked": (113, bytes(16) + ipv4(udp(PAYLOAD))),
    "cooked-2": (276, bytes(20) + ipv4(udp(PAYLOAD))),
    "bare ethernet": (1, bytes(12) + b"\x88\xb5" + with_length(PAYLOAD) + bytes(12)),
    "bare ethernet in a vlan": (1, bytes(12) + b"\x81\0\0\5\x88\xb5" + with_length(PAYLOAD)),
    "bare ethernet, cooked": (113, bytes(14) + b"\x88\xb5" + with_length(PAYLOAD)),
    "bare ethernet, cooked-2": (276, b"\x88\xb5" + bytes(18) + with_length(PAYLOAD)),
}


def pcap(link_type: int, packets: list[bytes], order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)
    for packet in packets:
        data += struct.pack(order + "IIII", 1, 2, len(packet), len(packet)) + packet
    return data


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = 12 + len(body)
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def pcapng(link_type: int, packets: list[bytes], order: str = "<") -> bytes:
    section = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    data = block(order, 0x0A0D0D0A, section)
    data += block(order, 1, struct.pack(order + "HHI", link_type, 0, 0))
    for packet in packets:
        head = struct.pack(order + "IIIII", 0, 0, 0, len(packet), len(packet))
        data += block(order, 6, head + packet)
    return data


@pytest.mark.parametrize("make", [pcap, pcapng])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", PACKETS)
def test_a_datagram_is_found(make, order, kind) -> None:
    link_type, packet = PACKETS[kind]
    data = make(link_type, [packet, packet], order)
    assert is_capture(data)
    found = list(payloads(data))
    assert [payload for _, payload in found] == [PAYLOAD, PAYLOAD]
    assert all(data[at : at + len(PAYLOAD)] == PAYLOAD for at, _ in found)


def test_nanosecond_captures_are_read_too() -> None:
    data = pcap(*PACKETS["ethernet"][:1], [PACKETS["ethernet"][1]], magic=0xA1B23C4D)
    assert [payload for _, payload in payloads(data)] == [PAYLOAD]


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_what_is_no_udp_is_passed_over(make) -> None:
    others = [b"", ETHERNET, ETHERNET + ipv4(b"x" * 30, protocol=6), ETHERNET + bytes(40)]
    assert list(payloads(make(1, others))) == []
    assert list(payloads(make(147, [PACKETS["ethernet"][1]]))) == []


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_a_capture_cut_short_just_ends(make) -> None:
    data = make(1, [PACKETS["ethernet"][1]] * 3)
    for size in range(4, len(data)):
        assert len(list(payloads(data[:size]))) <= 3


def test_a_capture_is_dissected() -> None:
    noise = ETHERNET + ipv4(udp(b"something else, of nobody we know"))
    lines = list(dissect(pcap(1, [PACKETS["ethernet"][1], noise])))
    assert "PROBE  slot 1->2" in lines[0]
    assert "BAD crc" in lines[2]
