"""Links under test, each with its far end in the test's own hands: real sockets, real ptys.

A rig knows how to make a link, to speak and listen at the far end, and to take the device away.
All waits are bounded; what never comes is a failed test, never a hang.
"""

import os
import select
import socket
import struct
import subprocess
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bmcha.hal.ethernet_link import EthernetLink
from bmcha.hal.interface import is_running
from bmcha.hal.port import Link
from bmcha.hal.serial_link import SerialLink
from bmcha.hal.udp_link import UdpLink
from bmcha.model.ethernet import ETHER_TYPE
from bmcha.model.settings import SerialLine
from tests.ports.traffic import read

SOON_S = 10.0


class Rig(Protocol):
    device: str
    """What an error must name."""

    def link(self) -> Link: ...
    def say(self, data: bytes) -> None: ...
    def hear(self, bytes_min: int) -> list[bytes]:
        """What the link sent, at least so many bytes of it in all."""

    def close(self) -> None: ...


class UdpRig:
    def __init__(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.host = host
        self.family = family
        self.far = self.bound_socket()
        self.local: tuple[str, int] = (host, free_port(family, host))
        self.remote: tuple[str, int] = (host, self.far.getsockname()[1])
        self.device = f"{self.local[1]}"

    def bound_socket(self) -> socket.socket:
        found = socket.socket(self.family, socket.SOCK_DGRAM)
        found.bind((self.host, 0))
        found.settimeout(SOON_S)
        return found

    def link(self) -> UdpLink:
        return UdpLink(self.local, self.remote)

    def say(self, data: bytes) -> None:
        self.far.sendto(data, self.local)

    def hear(self, bytes_min: int) -> list[bytes]:
        found: list[bytes] = []
        while sum(map(len, found)) < bytes_min:
            found.append(self.far.recv(65536))
        return found

    def close(self) -> None:
        self.far.close()


class EthernetRig:
    """Both ends of a virtual cable in this network, which has to be one of our own: `eth0` is the
    link's, `far0` the test's."""

    NEAR_MAC, FAR_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"

    def __init__(self) -> None:
        self.device = f"ethernet eth0 to {self.FAR_MAC}"
        self.lay()

    def lay(self) -> None:
        ip("link", "add", "eth0", "mtu", "9000", "type", "veth", "peer", "far0", "mtu", "9000")
        for end, mac in (("eth0", self.NEAR_MAC), ("far0", self.FAR_MAC)):
            ip("link", "set", end, "address", mac, "up")
        deadline = time.monotonic() + SOON_S
        self.far = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        while not all(is_running(self.far, end) for end in ("eth0", "far0")):
            assert time.monotonic() < deadline, "the cable has no carrier"
            time.sleep(0.002)
        self.far.settimeout(SOON_S)
        self.far.bind(("far0", ETHER_TYPE))
        self.prove()

    def prove(self) -> None:
        """Both ways work: a carrier is told before the kernel sends, and till then it drops."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as near:
            near.bind(("eth0", ETHER_TYPE))
            missing = {near, self.far}
            deadline = time.monotonic() + SOON_S
            while missing:
                assert time.monotonic() < deadline, "the cable carries nothing"
                self.put(b"proof")
                far_mac = bytes.fromhex(self.FAR_MAC.replace(":", ""))
                near.sendto(b"proof", ("eth0", ETHER_TYPE, 0, 0, far_mac))
                missing -= set(select.select(list(missing), [], [], 0.05)[0])
        while select.select([self.far], [], [], 0)[0]:
            self.far.recv(65536)

    def link(self) -> EthernetLink:
        return EthernetLink("eth0", self.FAR_MAC)

    def say(self, data: bytes) -> None:
        self.put(struct.pack("<H", len(data)) + data)

    def put(self, payload: bytes, target: str = NEAR_MAC) -> None:
        mac = bytes.fromhex(target.replace(":", ""))
        self.far.sendto(payload, ("far0", ETHER_TYPE, 0, 0, mac))

    def hear(self, bytes_min: int) -> list[bytes]:
        found: list[bytes] = []
        while sum(map(len, found)) < bytes_min:
            payload = self.far.recv(65536)
            (length,) = struct.unpack_from("<H", payload)
            assert len(payload) >= 2 + length
            found.append(payload[2 : 2 + length])
        return found

    def close(self) -> None:
        self.far.close()
        subprocess.run(("ip", "link", "delete", "eth0"), check=False, capture_output=True)


def ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, stdin=subprocess.DEVNULL)


class SerialRig:
    """A pty whose far end is the test; the name of the device stays when it is replaced."""

    def __init__(self, folder: Path) -> None:
        self.name = folder / "ttyTEST"
        self.device = str(self.name)
        self.far = -1
        self.plug_in()

    def plug_in(self) -> None:
        self.far, near = os.openpty()
        tty.setraw(near)
        os.set_blocking(self.far, False)
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(os.ttyname(near))
        os.close(near)

    def vanish(self) -> None:
        os.close(self.far)
        self.far = -1

    def link(self, line: SerialLine | None = None) -> SerialLink:
        return SerialLink(self.device, line or SerialLine())

    def say(self, data: bytes) -> None:
        deadline = time.monotonic() + SOON_S
        while data:
            assert time.monotonic() < deadline, "the line takes nothing"
            select.select([], [self.far], [], 0.1)
            try:
                data = data[os.write(self.far, data) :]
            except BlockingIOError:
                return  # The line is full: the rest is for the reader to make room for.

    def hear(self, bytes_min: int) -> list[bytes]:
        found = b""
        deadline = time.monotonic() + SOON_S
        while len(found) < bytes_min:
            assert time.monotonic() < deadline, f"only {len(found)} of {bytes_min} bytes came"
            if select.select([self.far], [], [], 0.1)[0]:
                found += os.read(self.far, 65536)
        return [found]

    def close(self) -> None:
        if self.far >= 0:
            os.close(self.far)


class UartRig(SerialRig):
    """Two real UARTs of the virtual machine, wired to each other."""

    def __init__(self, near: str, far: str) -> None:
        self.device = near
        self.name = Path(near)
        self.far = os.open(far, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.far)
        settings = termios.tcgetattr(self.far)
        settings[4] = settings[5] = termios.B115200
        termios.tcsetattr(self.far, termios.TCSANOW, settings)
        termios.tcflush(self.far, termios.TCIOFLUSH)


def free_port(family: socket.AddressFamily, host: str) -> int:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def has_ipv6() -> bool:
    try:
        free_port(socket.AF_INET6, "::1")
    except OSError:
        return False
    return True


def read_until(link: Link, is_enough: Callable[[list[bytes]], bool]) -> list[bytes]:
    found: list[bytes] = []
    deadline = time.monotonic() + SOON_S
    while not is_enough(found):
        assert time.monotonic() < deadline, f"only {found!r:.200} came"
        found += read(link, 0.1)
    return found


def read_bytes(link: Link, count: int) -> bytes:
    return b"".join(read_until(link, lambda found: sum(map(len, found)) >= count))


def in_thread(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread
