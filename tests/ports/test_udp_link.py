"""What a path over UDP does beyond the contract of links: strangers, refusals, floods."""

import socket
import time
from collections.abc import Iterator

import pytest

from bmcha.hal.interface import interface_of, is_running
from bmcha.hal.port import PortError
from bmcha.hal.udp_link import UdpLink
from bmcha.model.message import Header, Probe
from bmcha.wire.front import build_frame
from bmcha.wire.socket_filter import frame_filter
from tests.ports.far_ends import (
    SOON_S,
    UdpRig,
    read_until,
)
from tests.ports.traffic import read, write

FRAME = b"\x01frame\x00"


@pytest.fixture
def udp() -> Iterator[UdpRig]:
    found = UdpRig("127.0.0.1")
    yield found
    found.close()


def test_a_refused_port_is_a_sign_with_its_time(udp: UdpRig) -> None:
    link = udp.link()
    link.open()
    assert link.signs().has_carrier is True
    assert link.signs().refused_ns is None
    udp.far.close()
    before_ns = time.monotonic_ns()
    deadline = time.monotonic() + SOON_S
    while not link.signs().refused_count:
        assert time.monotonic() < deadline
        write(link, FRAME)
        read(link, 0.01)
    refused_ns = link.signs().refused_ns
    assert refused_ns is not None
    assert before_ns < refused_ns <= time.monotonic_ns()
    link.close()
    assert link.signs().refused_count


def test_what_the_kernel_drops_is_counted_and_not_read(udp: UdpRig) -> None:
    link = UdpLink(udp.local, udp.remote, frame_filter())
    link.open()
    for noise in (b"", b"noise", bytes(60_000)):
        udp.say(noise)
    frame = build_frame(Header(1, 2, 3, 4, 5, 6), Probe(7), 0, False)
    udp.say(frame)
    assert read_until(link, bool) == [frame]
    assert link.signs().unread_count == 3
    link.close()
    link.open()
    udp.say(b"noise")
    udp.say(frame)
    assert read_until(link, bool) == [frame]
    assert link.signs().unread_count == 4, "counted on after it was opened again"
    link.close()


def test_more_than_the_buffer_holds_is_lost_and_counted_and_one_read_takes_the_rest(
    udp: UdpRig,
) -> None:
    link = udp.link()
    link.open()
    for _ in range(3000):
        udp.say(FRAME)
    taken = read(link, 1.0)
    assert len(taken) > 100
    assert read(link, 0.0) == []
    assert len(taken) + link.signs().unread_count == 3000
    link.close()


def test_an_address_belongs_to_an_interface() -> None:
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("127.93.4.5") == "lo"
    assert interface_of("::1") == "lo"
    assert interface_of("fe80::1%lo") == "lo"
    assert interface_of("192.0.2.77") is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        assert is_running(asking, "lo") is True
        assert is_running(asking, "no-such-interface") is None


def test_a_stranger_is_not_read(udp: UdpRig) -> None:
    link = udp.link()
    link.open()
    with udp.bound_socket() as stranger:
        stranger.sendto(b"from a stranger", udp.local)
        udp.say(FRAME)
        assert read_until(link, bool) == [FRAME]
        assert read(link, 0.0) == []
    link.close()


def test_a_stranger_that_came_before_the_peer_was_fixed_is_not_read(
    udp: UdpRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.socket.connect

    class Late(socket.socket):
        def connect(self, address: object) -> None:
            with udp.bound_socket() as stranger:
                stranger.sendto(b"from a stranger", udp.local)
            connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "socket", Late)
    link = udp.link()
    link.open()
    monkeypatch.undo()
    udp.say(FRAME)
    assert read_until(link, bool) == [FRAME]
    link.close()


def test_a_refused_port_is_no_fault_of_the_link(udp: UdpRig) -> None:
    link = udp.link()
    link.open()
    udp.far.close()
    for _ in range(5):
        write(link, FRAME)
        assert read(link, 0.01) == []
    udp.far = socket.socket(udp.family, socket.SOCK_DGRAM)
    udp.far.settimeout(SOON_S)
    udp.far.bind(udp.remote)
    assert write(link, FRAME)
    assert udp.hear(1) == [FRAME]
    udp.say(FRAME)
    assert read_until(link, bool) == [FRAME]
    link.close()


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        (("192.0.2.1", 4000), ("192.0.2.2", 4000)),
        (("127.0.0.1", 4000), ("::1", 4000)),
        (("no-such-host.invalid", 4000), ("127.0.0.1", 4000)),
    ],
    ids=["not our address", "two IP versions", "a name"],
)
def test_an_address_that_cannot_be_used_is_named(
    local: tuple[str, int], remote: tuple[str, int]
) -> None:
    with pytest.raises(PortError, match=local[0]):
        UdpLink(local, remote).open()
