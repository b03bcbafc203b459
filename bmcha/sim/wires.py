"""The heartbeat paths' media between two modules: serial wires and a network, with faults.

Serial is two ptys with this process between them; the module ends are kept open here too, so
that a module that closes its end hangs nobody up, as on a real cable. The network is two sockets
on loopback with this process between them: each module talks to its own relay and never to the
other module, so that a missing process refuses nothing, as behind a real switch. Each direction
can be cut; a slot can be unplugged, which drops all that it sends and that is sent to it.

Nothing is delayed and nothing is kept: what a receiver cannot take now is lost. It knows nothing
of frames. Owned by the chassis thread; called by `bmcha.sim.chassis`.
"""

from __future__ import annotations

import os
import socket
import termios
import tty
from dataclasses import dataclass
from typing import Protocol

UDP, SERIAL = "udp", "serial"
PATH_NAMES = (UDP, SERIAL)
"""In the order of the modules' configuration."""
READ_BYTES_MAX = 65536
BURST_MAX = 64
"""Datagrams taken in one go before others get their turn."""
PORT_MIN, PORT_MAX = 20000, 32000
"""Below the range from which kernels hand out ports by themselves (32768 and up)."""


@dataclass(frozen=True, slots=True)
class WireEnd:
    """What a module's configuration says about its end. Serial: ``device``; udp: the others."""

    device: str = ""
    local: tuple[str, int] = ("", 0)
    remote: tuple[str, int] = ("", 0)


class Wire(Protocol):
    """One path between two slots."""

    name: str
    kind: str

    def end(self, slot: int) -> WireEnd: ...

    def fds(self) -> dict[int, int]:
        """Descriptors to watch for input, and from which slot their bytes come."""

    def relay(self, slot: int) -> None:
        """Pass on, or drop, what ``slot`` has sent."""

    def faults(self) -> WireFaults: ...

    def forget(self, slot: int) -> None:
        """What the last process in this slot had not read is not for the next one."""

    def close(self) -> None: ...


class WireFaults:
    """What of a wire is broken just now."""

    def __init__(self) -> None:
        self.cut_senders: set[int] = set()
        self.unplugged: set[int] = set()
        self.deaf: set[int] = set()
        """Slots without a process: nobody takes what is sent to them. What a process sent just
        before its end is still under way and arrives."""

    def drops(self, sender: int, receiver: int) -> bool:
        is_broken = sender in self.cut_senders or bool(self.unplugged & {sender, receiver})
        return is_broken or receiver in self.deaf


class SerialWire:
    """A crossed cable between two UARTs."""

    kind = "serial"

    def __init__(self, name: str, slots: tuple[int, int]) -> None:
        self.name = name
        self._other = {slots[0]: slots[1], slots[1]: slots[0]}
        self._faults = WireFaults()
        self._near: dict[int, int] = {}
        self._far: dict[int, int] = {}
        for slot in slots:
            near, far = os.openpty()
            tty.setraw(far)
            os.set_blocking(near, False)
            self._near[slot], self._far[slot] = near, far

    def end(self, slot: int) -> WireEnd:
        return WireEnd(device=os.ttyname(self._far[slot]))

    def fds(self) -> dict[int, int]:
        return {fd: slot for slot, fd in self._near.items()}

    def faults(self) -> WireFaults:
        return self._faults

    def relay(self, slot: int) -> None:
        try:
            data = os.read(self._near[slot], READ_BYTES_MAX)
        except OSError:
            return
        receiver = self._other[slot]
        if data and not self._faults.drops(slot, receiver):
            try:
                os.write(self._near[receiver], data)
            except OSError:
                return  # the receiver's queue is full: an overrun, the bytes are lost

    def forget(self, slot: int) -> None:
        termios.tcflush(self._far[slot], termios.TCIFLUSH)

    def close(self) -> None:
        for fd in (*self._near.values(), *self._far.values()):
            os.close(fd)
        self._near, self._far = {}, {}


class UdpWire:
    """A network of two ports. Each rig has a loopback address of its own, so that the modules'
    ports stay free for them while they are down, whatever else runs on the machine."""

    kind = "udp"

    def __init__(self, name: str, slots: tuple[int, int], host: str) -> None:
        self.name = name
        self._other = {slots[0]: slots[1], slots[1]: slots[0]}
        self._faults = WireFaults()
        self._relays: dict[int, socket.socket] = {}
        self._modules: dict[int, tuple[str, int]] = {}
        try:
            for slot in slots:
                self._relays[slot] = _bind_free(host, taken=self._ports())
                with _bind_free(host, taken=self._ports()) as probe:
                    self._modules[slot] = probe.getsockname()
        except BaseException:
            self.close()
            raise

    def _ports(self) -> set[int]:
        relays = {relay.getsockname()[1] for relay in self._relays.values()}
        return relays | {port for _, port in self._modules.values()}

    def end(self, slot: int) -> WireEnd:
        return WireEnd(local=self._modules[slot], remote=self._relays[slot].getsockname())

    def fds(self) -> dict[int, int]:
        return {relay.fileno(): slot for slot, relay in self._relays.items()}

    def faults(self) -> WireFaults:
        return self._faults

    def relay(self, slot: int) -> None:
        receiver = self._other[slot]
        for _ in range(BURST_MAX):
            try:
                data, sender = self._relays[slot].recvfrom(READ_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                continue  # an earlier datagram was refused: its module is down
            if sender != self._modules[slot] or self._faults.drops(slot, receiver):
                continue
            try:
                self._relays[receiver].sendto(data, self._modules[receiver])
            except OSError:
                continue

    def forget(self, slot: int) -> None:
        """Its socket went with it, and what was in it."""

    def close(self) -> None:
        for relay in self._relays.values():
            relay.close()
        self._relays = {}


def _bind_free(host: str, taken: set[int]) -> socket.socket:
    """A non-blocking datagram socket on a free port."""
    for port in _ports_in_random_order():
        if port in taken:
            continue
        relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            relay.bind((host, port))
            return relay
        except OSError:
            relay.close()
    raise OSError(f"no free UDP port from {PORT_MIN} to {PORT_MAX} on {host}")


def _ports_in_random_order() -> list[int]:
    start = int.from_bytes(os.urandom(2))
    count = PORT_MAX - PORT_MIN
    return [PORT_MIN + (start + place) % count for place in range(count)]


def choose_host() -> str:
    """A loopback address for one rig: the whole of 127.0.0.0/8 belongs to this machine."""
    one, two, three = os.urandom(3)
    host = f"127.{64 + one % 128}.{two}.{1 + three % 254}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return "127.0.0.1"  # a sandbox with a narrower loopback
    return host


def make_wires(slots: tuple[int, int]) -> list[Wire]:
    """The paths of the virtual chassis, in the order of the modules' configuration."""
    udp = UdpWire(UDP, slots, choose_host())
    try:
        return [udp, SerialWire(SERIAL, slots)]
    except BaseException:
        udp.close()
        raise


def path_faults(wire: Wire) -> dict[str, list[int]]:
    """For people: which senders are cut, which slots unplugged."""
    faults = wire.faults()
    return {"cut": sorted(faults.cut_senders), "unplugged": sorted(faults.unplugged)}
