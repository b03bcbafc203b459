"""The contract of `Link`, kept by every adapter of it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.hal.port import Link, PortError
from tests import needs
from tests.ports.far_ends import (
    SOON_S,
    EthernetRig,
    Rig,
    SerialRig,
    UartRig,
    UdpRig,
    has_ipv6,
    in_thread,
    read_bytes,
    read_until,
)
from tests.ports.traffic import read, write
from tests.waiting import open_descriptors_count

FRAME = b"\x01frame\x00"


@pytest.fixture(
    params=[
        *("udp", "udp over IPv6", "serial"),
        pytest.param("uart", marks=pytest.mark.vm),
        pytest.param("ethernet", marks=pytest.mark.own_network),
    ]
)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    found: Rig
    if request.param == "serial":
        found = SerialRig(tmp_path)
    elif request.param == "uart":
        found = UartRig("/dev/ttyS1", "/dev/ttyS2")
    elif request.param == "ethernet":
        found = EthernetRig()
    elif request.param == "udp":
        found = UdpRig("127.0.0.1")
    else:
        needs.that(has_ipv6(), "IPv6 on loopback", "sysctl -w net.ipv6.conf.lo.disable_ipv6=0")
        found = UdpRig("::1")
    yield found
    found.close()


@pytest.fixture
def link(rig: Rig) -> Iterator[Link]:
    found = rig.link()
    found.open()
    yield found
    found.close()


# ---------------------------------------------------------------- every link


def test_bytes_go_both_ways(rig: Rig, link: Link) -> None:
    rig.say(FRAME)
    assert read_bytes(link, len(FRAME)) == FRAME
    assert write(link, FRAME)
    assert b"".join(rig.hear(len(FRAME))) == FRAME


def test_a_read_ends_when_its_time_is_over(link: Link) -> None:
    began = time.monotonic()
    assert read(link, 0.05) == []
    assert 0.04 < time.monotonic() - began < SOON_S


def test_a_read_without_time_takes_what_is_there(rig: Rig, link: Link) -> None:
    assert read(link, 0.0) == []
    rig.say(FRAME)
    assert b"".join(read_until(link, bool)) == FRAME
    assert read(link, 0.0) == []


def test_a_frame_of_the_largest_size_arrives_whole(rig: Rig, link: Link) -> None:
    frame = bytes(range(1, 256)) * 16 + b"\0" * 76
    rig.say(frame)
    assert read_bytes(link, len(frame)) == frame
    if not link.port.is_stream:
        assert write(link, frame)
        assert rig.hear(len(frame)) == [frame]


def test_many_frames_before_one_read_all_arrive_in_order(rig: Rig, link: Link) -> None:
    frames = [bytes([number]) * 30 for number in range(100)]
    for frame in frames:
        rig.say(frame)
    found = read_until(link, lambda items: sum(map(len, items)) == 3000)
    assert b"".join(found) == b"".join(frames)
    if not link.port.is_stream:
        assert found == frames


@pytest.mark.parametrize("noise", [bytes(range(256)) * 4, b"\x00" * 500, b"\x11\x13\x03\x04\x7f"])
def test_no_byte_means_anything_to_the_link(rig: Rig, link: Link, noise: bytes) -> None:
    rig.say(noise)
    assert read_bytes(link, len(noise)) == noise
    assert write(link, noise)
    assert b"".join(rig.hear(len(noise))) == noise


def test_a_write_never_blocks_when_nobody_reads(link: Link) -> None:
    def write_much() -> None:
        for _ in range(2000):
            write(link, b"x" * 500)

    writing = in_thread(write_much)
    writing.join(SOON_S)
    assert not writing.is_alive()


def test_a_closed_link_has_no_descriptor_and_opens_again(rig: Rig, link: Link) -> None:
    link.close()
    link.close()
    assert link.port.struct.fd == -1
    link.open()
    rig.say(FRAME)
    assert read_bytes(link, len(FRAME)) == FRAME


def test_two_services_cannot_have_the_same_link(rig: Rig, link: Link) -> None:
    with pytest.raises(PortError, match=rig.device):
        rig.link().open()
    rig.say(FRAME)
    assert read_bytes(link, len(FRAME)) == FRAME


def test_links_leave_no_descriptor_behind(rig: Rig) -> None:
    before = open_descriptors_count()
    for _ in range(20):
        link = rig.link()
        link.open()
        link.open()
        link.close()
    del link
    assert open_descriptors_count() == before


def test_signs_are_told_whether_open_or_not(rig: Rig, link: Link) -> None:
    before = link.signs()
    assert (before.refused_count, before.is_hung_up, before.unread_count) == (0, False, 0)
    assert before.has_carrier is not False
    link.close()
    assert link.signs().has_carrier is None
