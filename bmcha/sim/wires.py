"""The heartbeat paths' media between two modules: serial wires and a network, with faults.

Serial is two ptys with this process between them; the module ends are kept open here too, so
that a module that closes its end hangs nobody up and a dead one leaves the line quiet, as on a
real cable. The network is two sockets on loopback with this process between them: each module
talks to its own relay and never to the other module. Where a process is gone its host answers
that the port is closed (ICMP); a pulled module, or one behind a cut, answers nothing.

What a receiver cannot take now is lost; what is lost, late or noise on the way is decided by
`bmcha.sim.wire_faults`. It knows nothing of frames. Owned by the chassis thread; called by
`bmcha.sim.chassis`.
"""

from __future__ import annotations

import os
import socket
import termios
import tty
from abc import ABC, abstractmethod
from random import Random

from bmcha.model.record import dataclass
from bmcha.sim.wire_faults import NOISE_PERIOD_NS, Delay, Loss, Noise, WireFaults

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


class Wire(ABC):
    """One path between two slots. ``faults`` may be changed by anybody who calls `settle` then."""

    kind = ""
    is_stream = False

    def __init__(self, name: str, slots: tuple[int, int], seed: int) -> None:
        self.name = name
        self.faults = WireFaults()
        self._other = {slots[0]: slots[1], slots[1]: slots[0]}
        self._losses = {
            slot: Loss(Random(f"{seed} {name} loss {slot}"), self.is_stream) for slot in slots
        }
        self._noises = {slot: Noise(Random(f"{seed} {name} noise {slot}")) for slot in slots}
        self._delays = {slot: Delay() for slot in slots}
        self._noise_due_ns: int | None = None

    @abstractmethod
    def end(self, slot: int) -> WireEnd:
        """What that module's configuration says of it."""

    @abstractmethod
    def fds(self) -> dict[int, int]:
        """Descriptors to watch for input, and from which slot their bytes come."""

    @abstractmethod
    def forget(self, slot: int) -> None:
        """What the last process in this slot had not read is not for the next one."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _received(self, slot: int) -> list[bytes]:
        """What this slot has sent and nobody has taken yet, for one turn."""

    @abstractmethod
    def _deliver(self, receiver: int, data: bytes) -> None:
        """Now, or never if the receiver cannot take it."""

    @abstractmethod
    def _disturb(self, receiver: int, noise: bytes) -> None: ...

    def relay(self, slot: int, now_ns: int) -> None:
        """Pass on, hold back or drop what ``slot`` has sent."""
        faults = self.faults
        for data in self._received(slot):
            if faults.drops(slot, self._other[slot]):
                continue
            left = self._losses[slot].survivors(data, faults.loss_percent.get(slot, 0.0))
            if left:
                self._delays[slot].send(left, faults.delay_ms.get(slot, 0), now_ns)
        self._pass_on(slot, now_ns)

    def settle(self, now_ns: int) -> None:
        """The faults have changed, and are in force on return."""
        for slot, delay in self._delays.items():
            if self.faults.drops(slot, self._other[slot]):
                delay.forget()
            if slot not in self.faults.delay_ms:
                self._pass_on(slot, now_ns)
        if not self.faults.noise_bytes_per_s:
            self._noise_due_ns = None
        elif self._noise_due_ns is None:
            self._noise_due_ns = now_ns

    def due_ns(self) -> int | None:
        """When `act` has something to do."""
        dues = [delay.due_ns() for delay in self._delays.values()]
        return min((due for due in (*dues, self._noise_due_ns) if due is not None), default=None)

    def act(self, now_ns: int) -> None:
        """Deliver what was late, and make the noise that is due."""
        for slot in self._delays:
            self._pass_on(slot, now_ns)
        if self._noise_due_ns is None or self._noise_due_ns > now_ns:
            return
        self._noise_due_ns = now_ns + NOISE_PERIOD_NS
        for slot, noise in self._noises.items():
            grown = noise.grown(self.faults.noise_bytes_per_s, now_ns)
            if grown and not self.faults.drops(self._other[slot], slot):
                self._disturb(slot, grown)

    def _pass_on(self, sender: int, now_ns: int) -> None:
        for data in self._delays[sender].arrived(now_ns):
            self._deliver(self._other[sender], data)


class SerialWire(Wire):
    """A crossed cable between two UARTs."""

    kind = "serial"
    is_stream = True

    def __init__(self, name: str, slots: tuple[int, int], seed: int) -> None:
        super().__init__(name, slots, seed)
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

    def forget(self, slot: int) -> None:
        termios.tcflush(self._far[slot], termios.TCIFLUSH)

    def close(self) -> None:
        for fd in (*self._near.values(), *self._far.values()):
            os.close(fd)
        self._near, self._far = {}, {}

    def _received(self, slot: int) -> list[bytes]:
        try:
            return [os.read(self._near[slot], READ_BYTES_MAX)]
        except OSError:
            return []

    def _deliver(self, receiver: int, data: bytes) -> None:
        rate = self.faults.noise_bytes_per_s
        self._write(receiver, self._noises[receiver].mixed_into(data, rate) if rate else data)

    def _disturb(self, receiver: int, noise: bytes) -> None:
        self._write(receiver, noise)

    def _write(self, receiver: int, data: bytes) -> None:
        try:
            os.write(self._near[receiver], data)
        except OSError:
            return  # the receiver's queue is full: an overrun, the bytes are lost


class UdpWire(Wire):
    """A network of two ports. Each rig has a loopback address of its own, so that the modules'
    ports stay free for them while they are down, whatever else runs on the machine."""

    kind = "udp"

    def __init__(self, name: str, slots: tuple[int, int], seed: int, host: str) -> None:
        super().__init__(name, slots, seed)
        self._relays: dict[int, socket.socket] = {}
        self._modules: dict[int, tuple[str, int]] = {}
        self._refused: set[int] = set()
        try:
            for slot in slots:
                self._relays[slot] = _bind_free(host, taken=self._ports())
                with _bind_free(host, taken=self._ports()) as probe:
                    self._modules[slot] = probe.getsockname()
                # Connected: the kernel drops what strangers send.
                self._relays[slot].connect(self._modules[slot])
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

    def settle(self, now_ns: int) -> None:
        super().settle(now_ns)
        for slot, relay in self._relays.items():
            is_refused = self.faults.answers_for(self._other[slot], slot)
            if is_refused == (slot in self._refused):
                continue
            # A socket that is connected to somebody else is no receiver for this module: the
            # kernel itself answers it that the port is closed, which nobody else may.
            relay.connect(relay.getsockname() if is_refused else self._modules[slot])
            (self._refused.add if is_refused else self._refused.discard)(slot)

    def forget(self, slot: int) -> None:
        """Its socket went with it, and what was in it."""

    def close(self) -> None:
        for relay in self._relays.values():
            relay.close()
        self._relays = {}

    def _received(self, slot: int) -> list[bytes]:
        found: list[bytes] = []
        for _ in range(BURST_MAX):
            try:
                found.append(self._relays[slot].recv(READ_BYTES_MAX))
            except BlockingIOError:
                break
            except OSError:
                continue  # an earlier datagram was refused: its module is down
        return found

    def _deliver(self, receiver: int, data: bytes) -> None:
        # Twice: the first call may only tell what became of an earlier datagram.
        for _ in range(2):
            try:
                self._relays[receiver].sendto(data, self._modules[receiver])
                return
            except OSError:
                continue

    def _disturb(self, receiver: int, noise: bytes) -> None:
        for data in self._noises[receiver].datagrams(noise):
            self._deliver(receiver, data)


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


def make_wires(slots: tuple[int, int], seed: int) -> list[Wire]:
    """The paths of the virtual chassis, in the order of the modules' configuration."""
    udp = UdpWire(UDP, slots, seed, choose_host())
    try:
        return [udp, SerialWire(SERIAL, slots, seed)]
    except BaseException:
        udp.close()
        raise
