"""What is a path's own over bare Ethernet; the contract of every link is in test_link."""

import errno
import os
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from bmcha.hal.ethernet_link import EthernetLink
from bmcha.hal.port import PortError
from tests.ports.far_ends import SOON_S, EthernetRig, ip, read_until
from tests.ports.namespaces import in_namespace, needs_namespaces
from tests.ports.traffic import read, write

cabled = pytest.mark.own_network
FRAME = b"shorter than any Ethernet payload"
FENCE = b"what comes last"


@pytest.fixture
def rig() -> Iterator[EthernetRig]:
    found = EthernetRig()
    yield found
    found.close()


@pytest.fixture
def link(rig: EthernetRig) -> Iterator[EthernetLink]:
    found = rig.link()
    found.open()
    yield found
    found.close()


def all_until_fence(rig: EthernetRig, link: EthernetLink) -> list[bytes]:
    rig.say(FENCE)
    found = read_until(link, lambda items: FENCE in items)
    assert found.pop() == FENCE
    return found


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@cabled
def test_padding_is_no_part_of_a_frame(rig: EthernetRig, link: EthernetLink) -> None:
    rig.put(struct.pack("<H", len(FRAME)) + FRAME + bytes(200))
    assert all_until_fence(rig, link) == [FRAME]


@cabled
@pytest.mark.parametrize("payload", [b"\x01", b"\x00\x01short", struct.pack("<H", 9000) + FRAME])
def test_a_length_that_lies_is_handed_on_as_damage(
    rig: EthernetRig, link: EthernetLink, payload: bytes
) -> None:
    rig.put(payload)
    assert all_until_fence(rig, link) == [payload]


@cabled
def test_only_what_the_peer_sends_to_this_interface_is_read(
    rig: EthernetRig, link: EthernetLink
) -> None:
    payload = struct.pack("<H", len(FRAME)) + FRAME
    ip("link", "set", "eth0", "promisc", "on")
    rig.put(payload, target="ff:ff:ff:ff:ff:ff")
    rig.put(payload, target="03:00:00:00:00:ff")
    rig.put(payload, target="02:00:00:00:00:09")
    ip("link", "set", "far0", "address", "02:00:00:00:00:07")
    rig.put(payload)
    ip("link", "set", "far0", "address", rig.FAR_MAC)
    assert all_until_fence(rig, link) == []


@cabled
def test_it_needs_no_ip_address(rig: EthernetRig, link: EthernetLink) -> None:
    ip("address", "flush", "dev", "eth0")
    subprocess.run(("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1"), check=False)
    assert write(link, FRAME)
    assert rig.hear(len(FRAME)) == [FRAME]


@cabled
def test_an_interface_that_goes_down_is_silent_and_comes_back(
    rig: EthernetRig, link: EthernetLink
) -> None:
    ip("link", "set", "eth0", "down")
    assert write(link, FRAME) is False
    assert link.signs().has_carrier is False
    assert read(link, 0.05) == []
    ip("link", "set", "eth0", "up")
    eventually(lambda: link.signs().has_carrier is True)
    rig.prove()
    read(link, 0.0)
    assert write(link, FRAME)
    assert rig.hear(len(FRAME)) == [FRAME]
    assert all_until_fence(rig, link) == []


@cabled
def test_it_opens_on_an_interface_that_is_still_down(rig: EthernetRig) -> None:
    ip("link", "set", "eth0", "down")
    link = rig.link()
    link.open()
    try:
        assert read(link, 0.0) == []
        ip("link", "set", "eth0", "up")
        eventually(lambda: link.signs().has_carrier is True)
        rig.prove()
        read(link, 0.0)
        rig.say(FRAME)
        assert read_until(link, bool) == [FRAME]
    finally:
        link.close()


@cabled
def test_a_far_end_without_a_carrier_is_told(rig: EthernetRig, link: EthernetLink) -> None:
    ip("link", "set", "far0", "down")
    eventually(lambda: link.signs().has_carrier is False)


@cabled
def test_an_interface_that_is_made_anew_is_a_fault_and_then_works(
    rig: EthernetRig, link: EthernetLink
) -> None:
    rig.close()
    with pytest.raises(PortError, match=r"eth0 .*gone or was made anew"):
        write(link, FRAME)
    link.close()
    with pytest.raises(PortError, match=r"there is no such interface; see `ip link`"):
        link.open()
    rig.lay()
    link.open()
    assert write(link, FRAME)
    assert rig.hear(len(FRAME)) == [FRAME]


@pytest.mark.vm
def test_a_vlan_is_an_interface_as_every_other(rig: EthernetRig) -> None:
    for end in ("eth0", "far0"):
        ip("link", "add", "link", end, "name", f"{end}.100", "type", "vlan", "id", "100")
        ip("link", "set", f"{end}.100", "up")
    near, far = EthernetLink("eth0.100", rig.FAR_MAC), EthernetLink("far0.100", rig.NEAR_MAC)
    near.open()
    far.open()
    try:
        eventually(lambda: write(near, FRAME))
        assert read_until(far, bool)[0] == FRAME
        assert write(far, FENCE)
        assert read_until(near, bool) == [FENCE]
    finally:
        near.close()
        far.close()


@cabled
def test_what_is_no_ethernet_is_told() -> None:
    with pytest.raises(PortError, match=r"ethernet lo .*it is no Ethernet; name one of"):
        EthernetLink("lo", EthernetRig.FAR_MAC).open()


@cabled
def test_a_flood_of_strangers_costs_no_read(rig: EthernetRig, link: EthernetLink) -> None:
    for _ in range(2000):
        rig.put(FRAME, target="ff:ff:ff:ff:ff:ff")
    rig.say(FENCE)
    assert read(link, SOON_S) == [FENCE], "the first that wakes it"


@cabled
def test_a_frame_that_the_cable_does_not_take_is_told(rig: EthernetRig) -> None:
    ip("link", "set", "eth0", "mtu", "1000")
    with closing(rig.link()) as link:
        link.open()
        assert write(link, bytes(998))
        with pytest.raises(
            PortError, match=r"too long for it; set .*'s MTU to .* \+ 2 at both ends"
        ):
            write(link, bytes(999))


@cabled
def test_a_port_of_a_bridge_is_deaf_and_the_bridge_hears(rig: EthernetRig) -> None:
    ip("link", "add", "br0", "address", rig.NEAR_MAC, "type", "bridge")
    ip("link", "set", "eth0", "master", "br0")
    ip("link", "set", "br0", "up")
    with closing(rig.link()) as port, closing(EthernetLink("br0", rig.FAR_MAC)) as bridge:
        port.open()
        bridge.open()
        eventually(lambda: bridge.signs().has_carrier is True)
        rig.say(FRAME)
        assert read_until(bridge, bool) == [FRAME]
        assert read(port, 0.0) == []


@cabled
@pytest.mark.parametrize("room", [0, 1])
def test_a_process_without_room_for_another_file_is_told(rig: EthernetRig, room: int) -> None:
    link = rig.link()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = os.open(os.devnull, os.O_RDONLY)
    os.close(taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken + room, limits[1]))
    try:
        with pytest.raises(PortError, match=r"ethernet eth0 .*Too many open files"):
            link.open()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    link.open()
    link.close()


OPEN = """
import sys
from bmcha.hal.ethernet_link import EthernetLink
from bmcha.hal.port import PortError
from tests.ports.traffic import read, write
try:
    EthernetLink("lo", "02:00:00:00:00:02").open()
except PortError as error:
    sys.exit(str(error))
"""


def test_a_user_without_the_right_is_told_which() -> None:
    needs_namespaces()
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", OPEN]
    assert in_namespace("true", words).stderr.strip() == (
        "ethernet lo to 02:00:00:00:00:02: raw frames are not allowed to this user; give it "
        "CAP_NET_RAW (AmbientCapabilities= and CapabilityBoundingSet= of its unit)"
    )


@cabled
def test_a_kernel_that_takes_no_program_gives_no_path(
    monkeypatch: pytest.MonkeyPatch, rig: EthernetRig
) -> None:
    monkeypatch.setattr("bmcha.hal.ethernet_link.attach_filter", lambda *_: errno.ENOMEM)
    with pytest.raises(PortError, match=r"cannot be opened: Cannot allocate memory; see `ip link`"):
        rig.link().open()
