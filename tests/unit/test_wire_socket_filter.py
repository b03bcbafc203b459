"""The kernel runs the filter: what it lets into a real socket, and what not."""

import socket
import struct
from collections.abc import Iterator

import pytest

from bmcha._native import lib
from bmcha.model.message import Header, Probe
from bmcha.wire import codec, schema, tables
from bmcha.wire.front import build_frame
from bmcha.wire.socket_filter import BODY_LENGTH_AT, FLAGS_AT, VERSION_AT, frame_filter
from tests import needs
from tests.ports.far_ends import has_ipv6

HEADER = Header(4711, 1, 2, 77, 3, 9)
FRAME = build_frame(HEADER, Probe(5), 0, False)


@pytest.fixture(params=["127.0.0.1", "::1"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    if family == socket.AF_INET6:
        needs.that(has_ipv6(), "IPv6 on loopback", "sysctl -w net.ipv6.conf.lo.disable_ipv6=0")
    with (
        socket.socket(family, socket.SOCK_DGRAM) as near,
        socket.socket(family, socket.SOCK_DGRAM) as far,
    ):
        near.bind((request.param, 0))
        program = frame_filter()
        assert lib.bmcha_udp_filter(near.fileno(), program, len(program)) == 0
        far.connect(near.getsockname())
        near.settimeout(10)
        yield near, far


def taken(ends: tuple[socket.socket, socket.socket], *datagrams: bytes) -> list[bytes]:
    """Those that come through; a sound frame behind them says that all were judged."""
    near, far = ends
    last = build_frame(HEADER, Probe(0xFFFF_FFFF), 0, False)
    for each in (*datagrams, last):
        far.send(each)
    found = []
    while (each := near.recv(70_000)) != last:
        found.append(each)
    return found


def test_every_kind_of_frame_comes_in(ends: tuple[socket.socket, socket.socket]) -> None:
    frames = [
        FRAME,
        codec.encode_frame(HEADER, 1, b"", False),
        codec.encode_frame(HEADER, 200, b"x" * 300, False),
        codec.encode_frame(HEADER, 7, bytes(tables.PATH_BODY_BYTES_MAX), False, bytes(16)),
        codec.encode_frame(HEADER, 7, b"signed", False, b"m" * 16),
    ]
    assert taken(ends, *frames) == frames


def test_a_module_of_another_chassis_or_version_is_still_heard_of(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    foreign = build_frame(Header(1, 9, 8, 7, 6, 5), Probe(5), 0, False)
    newer = bytes([250]) + FRAME[1:]
    damaged = FRAME[:-1] + bytes([FRAME[-1] ^ 1])
    assert taken(ends, foreign, newer, damaged) == [foreign, newer, damaged]


def test_what_cannot_be_a_frame_stays_out(ends: tuple[socket.socket, socket.socket]) -> None:
    wrong = [
        b"",
        b"x",
        b"GET / HTTP/1.1\r\nHost: bmc\r\n\r\n",
        bytes(64_000),
        FRAME[:-1],
        FRAME + b"x",
        FRAME[:27],
        bytes([0]) + FRAME[1:],
        b"\xff" * 64,
        FRAME[:FLAGS_AT] + bytes([tables.FLAG_MAC]) + FRAME[FLAGS_AT + 1 :],
        codec.encode_frame(HEADER, 7, bytes(tables.PATH_BODY_BYTES_MAX + 1), False, bytes(16)),
        FRAME[:BODY_LENGTH_AT] + struct.pack("<H", 0x1004) + FRAME[BODY_LENGTH_AT + 2 :],
    ]
    assert taken(ends, *wrong) == []


def test_the_filter_looks_where_the_fields_are() -> None:
    at, places = 0, {}
    for name, field in schema.fields_of(schema.FRAME_HEADER):
        places[name] = at
        at += field.sizeof()
    assert (places["version"], places["flags"]) == (VERSION_AT, FLAGS_AT)
    assert places["body_length"] == BODY_LENGTH_AT


def test_a_program_that_is_none_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        for program in (b"", b"1234567", bytes(8), bytes(8 * 300)):
            assert lib.bmcha_udp_filter(one.fileno(), program, len(program)) < 0
    assert lib.bmcha_udp_filter(-1, frame_filter(), len(frame_filter())) < 0
