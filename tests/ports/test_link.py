"""The contract of `Link`, kept by every adapter of it."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.hal.port import Link, PortError
from bmcha.hal.serial_link import SerialLink
from bmcha.hal.udp_link import UdpLink
from bmcha.model.settings import SerialLine
from tests import needs
from tests.ports.far_ends import (
    SOON_S,
    Rig,
    SerialRig,
    UdpRig,
    has_ipv6,
    in_thread,
    read_bytes,
    read_until,
)

FRAME = b"\x01frame\x00"


@pytest.fixture(params=["udp", "udp over IPv6", "serial"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    found: Rig
    if request.param == "serial":
        found = SerialRig(tmp_path)
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


@pytest.fixture
def serial(tmp_path: Path) -> Iterator[SerialRig]:
    found = SerialRig(tmp_path)
    yield found
    found.close()


@pytest.fixture
def udp() -> Iterator[UdpRig]:
    found = UdpRig("127.0.0.1")
    yield found
    found.close()


# ---------------------------------------------------------------- every link


def test_bytes_go_both_ways(rig: Rig, link: Link) -> None:
    rig.say(FRAME)
    assert read_bytes(link, len(FRAME)) == FRAME
    assert link.write(FRAME)
    assert b"".join(rig.hear(len(FRAME))) == FRAME


def test_a_read_ends_when_its_time_is_over(link: Link) -> None:
    began = time.monotonic()
    assert link.read(0.05) == []
    assert 0.04 < time.monotonic() - began < SOON_S


def test_a_read_without_time_takes_what_is_there(rig: Rig, link: Link) -> None:
    assert link.read(0.0) == []
    rig.say(FRAME)
    assert b"".join(read_until(link, bool)) == FRAME
    assert link.read(0.0) == []


def test_a_wake_from_another_thread_ends_a_read(link: Link) -> None:
    woken = in_thread(link.wake)
    assert link.read(60.0) == []
    woken.join(SOON_S)


def test_a_wake_while_closed_is_not_lost(rig: Rig) -> None:
    link = rig.link()
    link.wake()
    link.open()
    try:
        assert link.read(60.0) == []
        began = time.monotonic()
        assert link.read(0.02) == [], "several wakes count as one"
        assert time.monotonic() - began > 0.01
    finally:
        link.close()


def test_a_frame_of_the_largest_size_arrives_whole(rig: Rig, link: Link) -> None:
    frame = bytes(range(1, 256)) * 16 + b"\0" * 76
    rig.say(frame)
    assert read_bytes(link, len(frame)) == frame
    if not link.is_stuffed:
        assert link.write(frame)
        assert rig.hear(len(frame)) == [frame]


def test_many_frames_before_one_read_all_arrive_in_order(rig: Rig, link: Link) -> None:
    frames = [bytes([number]) * 30 for number in range(100)]
    for frame in frames:
        rig.say(frame)
    found = read_until(link, lambda items: sum(map(len, items)) == 3000)
    assert b"".join(found) == b"".join(frames)
    if not link.is_stuffed:
        assert found == frames


@pytest.mark.parametrize("noise", [bytes(range(256)) * 4, b"\x00" * 500, b"\x11\x13\x03\x04\x7f"])
def test_no_byte_means_anything_to_the_link(rig: Rig, link: Link, noise: bytes) -> None:
    rig.say(noise)
    assert read_bytes(link, len(noise)) == noise
    assert link.write(noise)
    assert b"".join(rig.hear(len(noise))) == noise


def test_a_write_never_blocks_when_nobody_reads(link: Link) -> None:
    def write_much() -> None:
        for _ in range(2000):
            link.write(b"x" * 500)

    writing = in_thread(write_much)
    writing.join(SOON_S)
    assert not writing.is_alive()


def test_a_closed_link_says_so_and_opens_again(rig: Rig, link: Link) -> None:
    link.close()
    link.close()
    with pytest.raises(PortError, match=rig.device):
        link.read(0.0)
    with pytest.raises(PortError, match=rig.device):
        link.write(FRAME)
    link.wake()
    link.open()
    rig.say(FRAME)
    assert read_bytes(link, len(FRAME)) == FRAME


def test_two_services_cannot_have_the_same_link(rig: Rig, link: Link) -> None:
    with pytest.raises(PortError, match=rig.device):
        rig.link().open()
    rig.say(FRAME)
    assert read_bytes(link, len(FRAME)) == FRAME


def test_links_leave_no_descriptor_behind(rig: Rig) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        link = rig.link()
        link.open()
        link.open()
        link.close()
    del link
    assert len(os.listdir("/proc/self/fd")) == before


# ---------------------------------------------------------------- udp


def test_a_stranger_is_not_read(udp: UdpRig) -> None:
    link = udp.link()
    link.open()
    with udp.bound_socket() as stranger:
        stranger.sendto(b"from a stranger", udp.local)
        udp.say(FRAME)
        assert read_until(link, bool) == [FRAME]
        assert link.read(0.0) == []
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
        link.write(FRAME)
        assert link.read(0.01) == []
    udp.far = socket.socket(udp.family, socket.SOCK_DGRAM)
    udp.far.settimeout(SOON_S)
    udp.far.bind(udp.remote)
    assert link.write(FRAME)
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


# ---------------------------------------------------------------- serial


def test_a_serial_line_that_vanishes_is_told_and_opened_again(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    serial.vanish()
    with pytest.raises(PortError, match=serial.device):
        read_until(link, bool)
    with pytest.raises(PortError, match=serial.device):
        link.write(FRAME)
    link.close()
    with pytest.raises(PortError, match=serial.device):
        link.open()
    serial.plug_in()
    link.open()
    serial.say(FRAME)
    assert read_bytes(link, len(FRAME)) == FRAME
    link.close()


def test_a_full_serial_line_takes_whole_frames_or_none(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    taken = []
    for number in range(10_000):
        frame = b"%06d" % number + b"." * 500
        if not link.write(frame):
            break
        taken.append(frame)
    else:
        pytest.fail("the line never was full")
    assert not link.write(b"refused too")
    expected = b"".join(taken)
    # The far end makes room; the rest of the last frame goes out without another write.
    found = b""
    deadline = time.monotonic() + SOON_S
    while len(found) < len(expected) and time.monotonic() < deadline:
        found += b"".join(serial.hear(1))
        link.read(0.01)
    assert found == expected
    assert link.write(FRAME)
    assert b"".join(serial.hear(len(FRAME))) == FRAME
    link.close()


def test_the_rest_of_a_frame_goes_before_the_next(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    written = 0
    while link.write(b"a" * 700):
        written += 700
    assert set(b"".join(serial.hear(written // 2))) == {ord("a")}
    deadline = time.monotonic() + SOON_S
    heard = b""
    while not link.write(b"b"):
        assert time.monotonic() < deadline
        heard += b"".join(serial.hear(1))
    heard += b"".join(serial.hear(1)) if b"b" not in heard else b""
    assert heard.rstrip(b"b").strip(b"a") == b""
    link.close()


def test_closing_lets_the_last_frame_out(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    assert link.write(FRAME)
    link.close()
    assert b"".join(serial.hear(len(FRAME))) == FRAME


def test_closing_a_clogged_line_ends(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    while link.write(b"x" * 700):
        pass
    closing = in_thread(link.close)
    closing.join(SOON_S)
    assert not closing.is_alive()


def test_what_is_no_serial_line_is_refused(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    for device in (plain, tmp_path, tmp_path / "missing"):
        with pytest.raises(PortError, match=str(device)):
            SerialLink(str(device), SerialLine()).open()
