"""The media between two modules, on a real pty pair and real loopback sockets."""

import os
import select
import socket
from collections.abc import Iterator

import pytest

from bmcha.sim.wires import SerialWire, UdpWire, Wire, choose_host

WAIT_S = 5.0


class End:
    """What a module holds of a wire."""

    def __init__(self, wire: Wire, slot: int) -> None:
        end = wire.end(slot)
        self._socket: socket.socket | None = None
        if end.device:
            self.fd = os.open(end.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        else:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind(end.local)
            self._socket.connect(end.remote)
            self.fd = self._socket.fileno()

    def send(self, data: bytes) -> None:
        os.write(self.fd, data)

    def heard(self, wait_s: float = WAIT_S) -> bytes:
        """b"" when nothing comes."""
        ready, _, _ = select.select([self.fd], [], [], wait_s)
        return os.read(self.fd, 4096) if ready else b""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        else:
            os.close(self.fd)


@pytest.fixture(params=["udp", "serial"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    slots = (1, 2)
    found: Wire = (
        SerialWire("serial", slots)
        if request.param == "serial"
        else UdpWire("udp", slots, choose_host())
    )
    yield found
    found.close()


@pytest.fixture
def ends(wire: Wire) -> Iterator[tuple[End, End]]:
    found = (End(wire, 1), End(wire, 2))
    yield found
    for end in found:
        end.close()


def pass_on(wire: Wire, slot: int) -> None:
    """One round of the chassis's loop, once something of this slot's has arrived there."""
    fd = next(fd for fd, each in wire.fds().items() if each == slot)
    ready, _, _ = select.select([fd], [], [], WAIT_S)
    assert ready
    wire.relay(slot)


def test_what_one_sends_the_other_hears(wire: Wire, ends: tuple[End, End]) -> None:
    first, second = ends
    first.send(b"\x00one\xff\r\n")
    pass_on(wire, 1)
    assert second.heard() == b"\x00one\xff\r\n"
    second.send(b"two")
    pass_on(wire, 2)
    assert first.heard() == b"two"


def test_a_cut_sender_is_not_heard_but_hears(wire: Wire, ends: tuple[End, End]) -> None:
    first, second = ends
    wire.faults().cut_senders.add(1)
    first.send(b"lost")
    pass_on(wire, 1)
    assert second.heard(0.1) == b""
    second.send(b"kept")
    pass_on(wire, 2)
    assert first.heard() == b"kept"


def test_what_was_cut_does_not_come_later(wire: Wire, ends: tuple[End, End]) -> None:
    first, second = ends
    wire.faults().cut_senders.add(1)
    first.send(b"lost")
    pass_on(wire, 1)
    wire.faults().cut_senders.clear()
    first.send(b"kept")
    pass_on(wire, 1)
    assert second.heard() == b"kept"


@pytest.mark.parametrize("unplugged", [1, 2])
def test_an_unplugged_slot_neither_hears_nor_is_heard(
    wire: Wire, ends: tuple[End, End], unplugged: int
) -> None:
    wire.faults().unplugged.add(unplugged)
    for sender, receiver in ((0, 1), (1, 0)):
        ends[sender].send(b"lost")
        pass_on(wire, sender + 1)
        assert ends[receiver].heard(0.1) == b""


def test_a_slot_without_a_process_gets_nothing_for_later(wire: Wire, ends: tuple[End, End]) -> None:
    first, second = ends
    wire.faults().deaf.add(2)
    first.send(b"lost")
    pass_on(wire, 1)
    wire.faults().deaf.discard(2)
    assert second.heard(0.1) == b""


def test_a_serial_receiver_that_does_not_read_stops_nobody() -> None:
    wire = SerialWire("serial", (1, 2))
    first, second = End(wire, 1), End(wire, 2)
    for _ in range(50):
        first.send(b"x" * 1000)
        pass_on(wire, 1)
    second.send(b"still here")
    pass_on(wire, 2)
    assert first.heard() == b"still here"
    wire.forget(2)
    first.send(b"fresh")
    pass_on(wire, 1)
    assert second.heard().endswith(b"fresh")
    first.close()
    second.close()
    wire.close()


def test_a_closed_serial_end_hangs_nobody_up() -> None:
    wire = SerialWire("serial", (1, 2))
    End(wire, 1).close()
    again, second = End(wire, 1), End(wire, 2)
    again.send(b"back")
    pass_on(wire, 1)
    assert second.heard() == b"back"
    again.close()
    second.close()
    wire.close()


def test_a_datagram_from_a_stranger_is_not_passed_on() -> None:
    wire = UdpWire("udp", (1, 2), choose_host())
    first, second = End(wire, 1), End(wire, 2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"forged", wire.end(1).remote)
        pass_on(wire, 1)
    assert second.heard(0.1) == b""
    first.close()
    second.close()
    wire.close()


def test_a_missing_module_refuses_nothing() -> None:
    wire = UdpWire("udp", (1, 2), choose_host())
    first = End(wire, 1)
    for _ in range(3):
        first.send(b"anybody there?")
        pass_on(wire, 1)
    second = End(wire, 2)
    first.send(b"now")
    pass_on(wire, 1)
    assert second.heard() == b"now"
    first.close()
    second.close()
    wire.close()
