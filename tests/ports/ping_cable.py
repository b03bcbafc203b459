"""A cable between this network and a far one, and what may be sent and heard over it by hand.

In a user and network namespace, where it is root (`tests.ports.ping_world` has the stories). The
far kernel answers for `FAR`, nobody for `SILENT` and `FENCE`; what is sent from there by hand for
`FENCE` is seen after all that was sent before.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable

from bmcha.hal.arp_ping import ETH_P_ARP, ArpPing
from bmcha.hal.icmp_ping import IcmpPing
from bmcha.hal.port import PingPort, PortError

NEAR, FAR, SILENT, FENCE = "10.9.1.1", "10.9.1.2", "10.9.1.3", "10.9.1.4"
ASKED = (FAR, SILENT, FENCE)
AT_FAR, AT_SILENT, AT_FENCE = range(3)
SOON_S = 10.0
QUIET_S = 0.15
"""For what must not come: far longer than a frame takes through a virtual cable."""
CLONE_NEWNET = 0x4000_0000
ALL = b"\xff" * 6
FAR_MAC, OTHER_MAC = b"\x02\0\0\0\0\x02", b"\x02\0\0\0\0\x03"


def ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, stdin=subprocess.DEVNULL)


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET, address)


class Cable:
    """``eth0`` here, ``far0`` in a network that a process of ours holds."""

    def __init__(self) -> None:
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.holder.stdout is not None
        self.holder.stdout.readline()
        self.far: socket.socket | None = None
        ip("link", "set", "lo", "up")
        # Only for pings of the own machine, and none are sent here.
        with open("/proc/sys/net/ipv4/ping_group_range", "w") as allowed:
            allowed.write("0 0")

    def lay(self, *near: str, index: int | None = None) -> None:
        """``near``: addresses with their networks. ``index``: the near end's number."""
        pid = str(self.holder.pid)
        number = ("index", str(index)) if index is not None else ()
        ip(
            *("link", "add", "eth0", *number, "type", "veth"),
            *("peer", "name", "far0", "address", FAR_MAC.hex(":"), "netns", pid),
        )
        for address in near:
            ip("address", "add", address, "dev", "eth0")
        ip("link", "set", "eth0", "up")
        far = ("nsenter", "--target", pid, "--net", "ip")
        for words in (
            ("address", "add", f"{FAR}/24", "dev", "far0"),
            ("link", "set", "far0", "up"),
        ):
            subprocess.run((*far, *words), check=True, stdin=subprocess.DEVNULL)
        self.far = self._far_socket()

    def tear_out(self) -> None:
        ip("link", "delete", "eth0")

    def _far_socket(self) -> socket.socket:
        """It stays in the network where it was made."""
        libc = ctypes.CDLL(None, use_errno=True)
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY)
        assert libc.setns(there, CLONE_NEWNET) == 0
        try:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
            made.bind(("far0", ETH_P_ARP))
        finally:
            assert libc.setns(here, CLONE_NEWNET) == 0
            os.close(here)
            os.close(there)
        made.settimeout(SOON_S)
        return made

    def send(self, *frames: bytes) -> None:
        assert self.far is not None
        for frame in frames:
            self.far.send(frame)

    def request_for(self, address: str) -> bytes:
        """The next request of the near end for it, as it came."""
        assert self.far is not None
        while True:
            frame, sender = self.far.recvfrom(100)
            if sender[2] != socket.PACKET_OUTGOING and frame[38:42] == packed(address):
                return frame[:42]


def mac() -> bytes:
    """Of the near end. /sys is that of the network outside."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as asking:
        asking.bind(("eth0", 0))
        found: bytes = asking.getsockname()[4]
    return found


def frame(
    *,
    said_by: str = SILENT,
    to: bytes | None = None,
    source: bytes = FAR_MAC,
    sender: bytes = FAR_MAC,
    target: bytes | None = None,
    told: str = NEAR,
    operation: int = 2,
    head: tuple[int, int, int, int] = (1, 0x0800, 6, 4),
) -> bytes:
    """An answer to the near end, or what differs from one."""
    own = mac()
    return (
        (own if to is None else to)
        + source
        + struct.pack("!HHHBBH", ETH_P_ARP, *head, operation)
        + sender
        + packed(said_by)
        + (own if target is None else target)
        + packed(told)
    )


def port(via: str, addresses: tuple[str, ...] = ASKED) -> PingPort:
    return ArpPing(addresses, "eth0") if via == "arp" else IcmpPing(addresses)


def ask(asked: PingPort, sequence: int, *places: int) -> None:
    for place in places:
        asked.ask(place, sequence)


def hear(asked: PingPort, wanted: int) -> list[tuple[int, int]]:
    """So many answers, and what else comes at once."""
    found: list[tuple[int, int]] = []
    ends_s = time.monotonic() + SOON_S
    while len(found) < wanted and time.monotonic() < ends_s:
        found += asked.read(0.1)
    return sorted(found + asked.read(QUIET_S))


def hear_fence(asked: PingPort) -> list[tuple[int, int]]:
    """All that came before it too."""
    found: list[tuple[int, int]] = []
    ends_s = time.monotonic() + SOON_S
    while not any(place == AT_FENCE for place, _ in found):
        assert time.monotonic() < ends_s, found
        found += asked.read(0.1)
    return found


def refusal(do: Callable[[], object]) -> str:
    try:
        do()
    except PortError as error:
        return str(error)
    return ""
