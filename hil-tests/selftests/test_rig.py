"""The rig's own parts: a judge that counts wrongly, or a wire that holds up, would judge nobody."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.analyser import HEARTBEAT, IPV4, UDP, gaps_ms
from rig.judge import GATE, Change, Judge
from rig.resources import Board
from rig.tap import FanCommand, Tap
from rig.wires import BYTES_PER_S, LINE_BYTES_MAX, Ethernet, Seen, SerialLine

SOON_S = 5.0


@pytest.fixture
def boards(tmp_path_factory: pytest.TempPathFactory) -> list[Board]:
    folder = tmp_path_factory.mktemp("r")
    return [Board(slot, folder, folder) for slot in (1, 2)]


# ---- the judge


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path / "lines.log")


def tell(judge: Judge, *changes: tuple[float, int, bool]) -> None:
    for at_s, slot, level in changes:
        judge.note(Change(at_s, slot, GATE, level))


def test_two_open_gates_are_counted_for_as_long_as_both_are(judge: Judge) -> None:
    tell(judge, (1, 1, True), (2.0, 2, True), (2.25, 1, False), (3.0, 1, True), (3.5, 2, False))
    assert judge.dual_ms(0) == pytest.approx(750)
    assert judge.dual_ms(2.125) == pytest.approx(625)
    assert judge.dual_ms(3.5) == 0
    assert judge.holders() == {1}


def test_the_longest_time_without_an_open_gate_counts(judge: Judge) -> None:
    tell(judge, (1, 1, True), (2, 1, False), (2.5, 2, True), (4, 2, False), (4.125, 1, True))
    assert judge.unheld_ms(1) == pytest.approx(500)
    assert judge.unheld_ms(3) == pytest.approx(125)


def test_a_takeover_is_the_first_opening_of_that_gate_since_then(judge: Judge) -> None:
    tell(judge, (1, 2, True), (2, 2, False), (3.25, 1, True), (4, 2, True))
    assert judge.opened_ms(2, 2.0) == pytest.approx(2000)
    assert judge.opened_ms(1, 2.0) == pytest.approx(1250)
    assert judge.opened_ms(1, 3.5) is None
    assert judge.moves_count(2.0) == 2


def test_other_lines_hold_nothing(judge: Judge) -> None:
    judge.note(Change(1, 1, "MM_ACTIVE", True))
    assert judge.holders() == set() and judge.level(1, "MM_ACTIVE")


# ---- the tap


def test_the_tap_makes_fan_commands_of_the_bytes_on_the_bus(tmp_path: Path) -> None:
    text = """
7@1.5:i2c_event start(addr:0x52)
7@1.5:i2c_send send(addr:0x52) data:0x00
7@1.5:i2c_send_async send_async(addr:0x52) data:0x03
7@1.5:i2c_event finish(addr:0x52)
7@1.5:i2c_event start(addr:0x48)
7@1.5:i2c_send send(addr:0x48) data:0x3b
7@1.5:i2c_event finish(addr:0x48)
7@1.5:i2c_event start(addr:0x52)
7@1.5:i2c_send send(addr:0x52) data:0x3b
7@1.5:i2c_event start_async(addr:0x52)
7@1.5:i2c_event finish(addr:0x52)
7@1.6:i2c_event start(addr:0x52)
7@1.6:i2c_send send(addr:0x52) data:0x3b
7@1.6:i2c_send send(addr:0x52) data:0x10
7@1.6:i2c_send send(addr:0x52) data:0x27
7@1.6:i2c_event finish(addr:0x52)
7@1.7:aspeed_gpio_write offset: 0x78 value 0x7
qemu: something else
"""
    near, far = os.pipe()
    heard: list[str] = []
    tap = Tap(os.fdopen(near, "rb"), tmp_path / "log", lambda: heard.append("pins"))
    os.write(far, text.encode())
    os.close(far)
    tap.join(SOON_S)
    (command,) = tap.fan_commands
    assert command == FanCommand(command.at_s, page=3, value=0x2710)
    assert heard == ["pins"]
    assert "something else" in (tmp_path / "log").read_text()


# ---- the wires


def far_end(path: Path) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    found.bind(str(path))
    found.settimeout(SOON_S)
    return found


@pytest.fixture
def cable(boards: list[Board]) -> Iterator[tuple[Ethernet, list[socket.socket], list[str]]]:
    wire = Ethernet("a", boards)
    ends = [far_end(board.socket("eth-a")) for board in boards]
    yield wire, ends, [str(board.socket("rig-a")) for board in boards]
    wire.close()
    for end in ends:
        end.close()


def test_a_cable_carries_frames_both_ways_and_one_way_when_one_is_cut(
    cable: tuple[Ethernet, list[socket.socket], list[str]],
) -> None:
    wire, (one, two), (into_one, into_two) = cable
    one.sendto(b"from 1", into_one)
    assert two.recv(100) == b"from 1"
    wire.cut(sender=1)
    one.sendto(b"lost", into_one)
    two.sendto(b"from 2", into_two)
    assert one.recv(100) == b"from 2"
    wire.heal()
    one.sendto(b"again", into_one)
    assert two.recv(100) == b"again", "what was sent into a cut never comes"
    assert wire.lost == [1, 0]


def test_an_analyser_at_a_cable_sees_what_is_sent_into_a_cut_too(
    cable: tuple[Ethernet, list[socket.socket], list[str]],
) -> None:
    wire, (one, two), (into_one, into_two) = cable
    with wire.analysed() as seen:
        wire.cut(sender=1)
        one.sendto(b"lost", into_one)
        two.sendto(b"heard", into_two)
        assert one.recv(100) == b"heard"
    two.sendto(b"later", into_two)
    assert one.recv(100) == b"later"
    assert [(each.slot, each.frame) for each in seen] == [(1, b"lost"), (2, b"heard")]


def datagram(ethertype: bytes, protocol: int, kind: int) -> bytes:
    return bytes(12) + ethertype + bytes(9) + bytes([protocol]) + bytes(18) + bytes([3, kind, 0])


def test_only_heartbeats_of_that_slot_make_gaps() -> None:
    beat, probe = datagram(IPV4, UDP, HEARTBEAT), datagram(IPV4, UDP, 2)
    others = [probe, datagram(IPV4, 6, 1), datagram(b"\x86\xdd", UDP, 1), b"", beat[:43]]
    seen = [Seen(1.0, 1, beat), Seen(1.25, 2, beat), Seen(2.0, 1, beat), Seen(2.5, 1, beat)]
    seen += [Seen(1.5, 1, other) for other in others]
    assert gaps_ms(seen, 1) == [500, 1000]
    assert gaps_ms(seen, 2) == []


def test_a_cable_delays_and_damages(
    cable: tuple[Ethernet, list[socket.socket], list[str]],
) -> None:
    wire, (one, two), (into_one, _) = cable
    wire.harms[0].delay_ms, wire.harms[0].damage = 150, 100
    begin_s = time.monotonic()
    one.sendto(bytes(60), into_one)
    (flipped,) = {byte for byte in two.recv(100) if byte}
    assert flipped.bit_count() == 1
    assert time.monotonic() - begin_s >= 0.15


def test_a_cable_to_somebody_who_does_not_read_loses_and_does_not_wait(
    cable: tuple[Ethernet, list[socket.socket], list[str]],
) -> None:
    _, (one, two), (into_one, into_two) = cable
    for _ in range(200):
        one.sendto(b"unread", into_one)
    two.sendto(b"from 2", into_two)
    assert one.recv(100) == b"from 2"


@pytest.fixture
def line(boards: list[Board]) -> Iterator[tuple[SerialLine, list[socket.socket]]]:
    listeners = []
    for board in boards:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(board.socket("serial")))
        listener.listen()
        listener.settimeout(SOON_S)
        listeners.append(listener)
    wire = SerialLine(boards)
    ends = [listener.accept()[0] for listener in listeners]
    for end in ends:
        end.settimeout(SOON_S)
    yield wire, ends
    wire.close()
    for each in (*ends, *listeners):
        each.close()


def read_all(end: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        found += end.recv(count - len(found))
    return found


def test_a_serial_line_is_no_faster_than_its_baud_rate(
    line: tuple[SerialLine, list[socket.socket]],
) -> None:
    _, (one, two) = line
    sent = bytes(range(256)) * 12
    begin_s = time.monotonic()
    one.sendall(sent)
    assert read_all(two, len(sent)) == sent
    assert time.monotonic() - begin_s >= 0.9 * len(sent) / BYTES_PER_S


def test_a_serial_line_that_is_cut_is_silent_one_way(
    line: tuple[SerialLine, list[socket.socket]],
) -> None:
    wire, (one, two) = line
    wire.cut(sender=1)
    one.sendall(b"lost")
    two.sendall(b"from 2")
    assert read_all(one, 6) == b"from 2"
    wire.heal()
    one.sendall(b"again")
    assert read_all(two, 5) == b"again"


def test_more_than_the_line_holds_is_lost(line: tuple[SerialLine, list[socket.socket]]) -> None:
    wire, (one, two) = line
    one.sendall(bytes(10 * LINE_BYTES_MAX))
    two.sendall(b"still there")
    assert read_all(one, 11) == b"still there"
    assert len(wire._on_line[0]) <= LINE_BYTES_MAX
