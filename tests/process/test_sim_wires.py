"""The media between two modules, on a real pty pair and real loopback sockets."""

import os
import select
import socket
import time
from collections.abc import Iterator

import pytest

from bmcha.sim.wires import SerialWire, UdpWire, Wire, choose_host

WAIT_S = 5.0
SEED = 1


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
        SerialWire("serial", slots, SEED)
        if request.param == "serial"
        else UdpWire("udp", slots, SEED, choose_host())
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
    wire.relay(slot, time.monotonic_ns())


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
    wire.faults.cut_senders.add(1)
    first.send(b"lost")
    pass_on(wire, 1)
    assert second.heard(0.1) == b""
    second.send(b"kept")
    pass_on(wire, 2)
    assert first.heard() == b"kept"


def test_what_was_cut_does_not_come_later(wire: Wire, ends: tuple[End, End]) -> None:
    first, second = ends
    wire.faults.cut_senders.add(1)
    first.send(b"lost")
    pass_on(wire, 1)
    wire.faults.cut_senders.clear()
    first.send(b"kept")
    pass_on(wire, 1)
    assert second.heard() == b"kept"


@pytest.mark.parametrize("unplugged", [1, 2])
def test_an_unplugged_slot_neither_hears_nor_is_heard(
    wire: Wire, ends: tuple[End, End], unplugged: int
) -> None:
    wire.faults.unplugged.add(unplugged)
    for sender, receiver in ((0, 1), (1, 0)):
        ends[sender].send(b"lost")
        pass_on(wire, sender + 1)
        assert ends[receiver].heard(0.1) == b""


def test_a_slot_without_a_process_gets_nothing_for_later(wire: Wire, ends: tuple[End, End]) -> None:
    first, second = ends
    wire.faults.deaf.add(2)
    first.send(b"lost")
    pass_on(wire, 1)
    wire.faults.deaf.discard(2)
    assert second.heard(0.1) == b""


def test_a_serial_receiver_that_does_not_read_stops_nobody() -> None:
    wire = SerialWire("serial", (1, 2), SEED)
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
    wire = SerialWire("serial", (1, 2), SEED)
    End(wire, 1).close()
    again, second = End(wire, 1), End(wire, 2)
    again.send(b"back")
    pass_on(wire, 1)
    assert second.heard() == b"back"
    again.close()
    second.close()
    wire.close()


def test_a_datagram_from_a_stranger_is_not_passed_on() -> None:
    wire = UdpWire("udp", (1, 2), SEED, choose_host())
    first, second = End(wire, 1), End(wire, 2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"forged", wire.end(1).remote)
        first.send(b"mine")
        pass_on(wire, 1)
    assert second.heard() == b"mine"
    assert second.heard(0.1) == b""
    first.close()
    second.close()
    wire.close()


def settle(wire: Wire) -> None:
    wire.settle(time.monotonic_ns())


def test_where_the_process_is_gone_its_host_refuses_datagrams() -> None:
    wire = UdpWire("udp", (1, 2), SEED, choose_host())
    first = End(wire, 1)
    wire.faults.deaf.add(2)
    settle(wire)
    first.send(b"anybody there?")
    with pytest.raises(ConnectionRefusedError):
        first.send(b"the answer to the first one")
    wire.faults.deaf.discard(2)
    settle(wire)
    second = End(wire, 2)
    first.send(b"now")
    pass_on(wire, 1)
    assert second.heard() == b"now"
    second.send(b"yes")
    pass_on(wire, 2)
    assert first.heard() == b"yes"
    first.close()
    second.close()
    wire.close()


@pytest.mark.parametrize("fault", ["unplugged", "cut_senders"])
def test_behind_a_cut_or_a_pulled_module_nothing_answers(fault: str) -> None:
    wire = UdpWire("udp", (1, 2), SEED, choose_host())
    first = End(wire, 1)
    wire.faults.deaf.add(2)
    getattr(wire.faults, fault).add(2)
    settle(wire)
    for _ in range(3):
        first.send(b"anybody there?")
        pass_on(wire, 1)
    first.close()
    wire.close()


def test_a_dead_process_leaves_the_serial_line_quiet() -> None:
    wire = SerialWire("serial", (1, 2), SEED)
    first, second = End(wire, 1), End(wire, 2)
    second.close()
    wire.faults.deaf.add(2)
    settle(wire)
    first.send(b"anybody there?")
    pass_on(wire, 1)
    assert first.heard(0.1) == b""  # and no end of file, and no error
    first.close()
    wire.close()


def test_everything_is_lost_at_a_hundred_percent_one_way(wire: Wire, ends: tuple[End, End]) -> None:
    wire.faults.loss_percent[1] = 100
    settle(wire)
    ends[0].send(b"lost")
    pass_on(wire, 1)
    assert ends[1].heard(0.1) == b""
    ends[1].send(b"kept")
    pass_on(wire, 2)
    assert ends[0].heard() == b"kept"


def test_what_is_delayed_is_due_later(wire: Wire, ends: tuple[End, End]) -> None:
    wire.faults.delay_ms[1] = 50
    settle(wire)
    sent_ns = time.monotonic_ns()
    ends[0].send(b"late")
    pass_on(wire, 1)
    due_ns = wire.due_ns()
    assert due_ns is not None
    assert due_ns >= sent_ns + 50_000_000
    wire.act(due_ns - 1)
    assert ends[1].heard(0) == b""
    wire.act(due_ns)
    assert ends[1].heard() == b"late"
    assert wire.due_ns() is None


def test_what_is_under_way_when_the_wire_is_cut_does_not_arrive(
    wire: Wire, ends: tuple[End, End]
) -> None:
    wire.faults.delay_ms[1] = 50
    ends[0].send(b"lost")
    pass_on(wire, 1)
    wire.faults.cut_senders.add(1)
    settle(wire)
    assert wire.due_ns() is None


def test_taking_the_delay_away_brings_what_was_held_back(wire: Wire, ends: tuple[End, End]) -> None:
    wire.faults.delay_ms[1] = 50
    ends[0].send(b"one")
    pass_on(wire, 1)
    del wire.faults.delay_ms[1]
    settle(wire)
    wire.act(time.monotonic_ns() + 50_000_000)
    assert ends[1].heard() == b"one"


def test_noise_is_heard_at_both_ends_until_it_ends(wire: Wire, ends: tuple[End, End]) -> None:
    wire.faults.noise_bytes_per_s = 20_000
    settle(wire)
    for _ in range(5):
        due_ns = wire.due_ns()
        assert due_ns is not None
        wire.act(due_ns)
    assert all(end.heard() for end in ends)
    wire.faults.heal()
    settle(wire)
    assert wire.due_ns() is None


def test_noise_damages_frames_of_a_stream() -> None:
    wire = SerialWire("serial", (1, 2), SEED)
    first, second = End(wire, 1), End(wire, 2)
    wire.faults.noise_bytes_per_s = 11_520
    first.send(bytes(80))
    pass_on(wire, 1)
    assert len(second.heard()) == 160
    first.close()
    second.close()
    wire.close()
