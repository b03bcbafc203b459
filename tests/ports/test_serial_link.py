"""What a serial path does beyond the contract of links: hang-ups, full lines, odd drivers."""

import contextlib
import fcntl
import os
import struct
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.hal.port import PortError
from bmcha.hal.serial_driver import first_difference
from bmcha.hal.serial_link import SerialLink
from bmcha.model.settings import Flow, LineType, Parity, SerialLine
from tests.ports.far_ends import (
    SOON_S,
    SerialRig,
    UartRig,
    in_thread,
    read_bytes,
    read_until,
)
from tests.ports.traffic import read, write
from tests.waiting import open_descriptors_count

FRAME = b"\x01frame\x00"
TIOCM_LOOP = 0x8000


@pytest.fixture
def serial(tmp_path: Path) -> Iterator[SerialRig]:
    found = SerialRig(tmp_path)
    yield found
    found.close()


def test_a_serial_line_that_vanishes_is_told_and_opened_again(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    serial.vanish()
    with pytest.raises(PortError, match=serial.device):
        read_until(link, bool)
    with pytest.raises(PortError, match=serial.device):
        write(link, FRAME)
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
        if not write(link, frame):
            break
        taken.append(frame)
    else:
        pytest.fail("the line never was full")
    assert not write(link, b"refused too")
    expected = b"".join(taken)
    # The far end makes room; the rest of the last frame goes out without another write.
    found = b""
    deadline = time.monotonic() + SOON_S
    while len(found) < len(expected) and time.monotonic() < deadline:
        found += b"".join(serial.hear(1))
        read(link, 0.01)
    assert found == expected
    assert write(link, FRAME)
    assert b"".join(serial.hear(len(FRAME))) == FRAME
    link.close()


def test_the_rest_of_a_frame_goes_before_the_next(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    written = 0
    while write(link, b"a" * 700):
        written += 700
    assert set(b"".join(serial.hear(written // 2))) == {ord("a")}
    deadline = time.monotonic() + SOON_S
    heard = b""
    while not write(link, b"b"):
        assert time.monotonic() < deadline
        heard += b"".join(serial.hear(1))
    heard += b"".join(serial.hear(1)) if b"b" not in heard else b""
    assert heard.rstrip(b"b").strip(b"a") == b""
    link.close()


def test_closing_lets_the_last_frame_out(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    assert write(link, FRAME)
    link.close()
    assert b"".join(serial.hear(len(FRAME))) == FRAME


def test_closing_a_clogged_line_ends(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    while write(link, b"x" * 700):
        pass
    closing = in_thread(link.close)
    closing.join(SOON_S)
    assert not closing.is_alive()


def test_a_line_that_hung_up_says_so_until_bytes_come_again(serial: SerialRig) -> None:
    link = serial.link()
    link.open()
    serial.say(FRAME)
    read_bytes(link, len(FRAME))
    serial.vanish()
    with pytest.raises(PortError):
        read_until(link, bool)
    link.close()
    assert link.signs().is_hung_up
    serial.plug_in()
    link.open()
    assert link.signs().is_hung_up, "opening proves nothing"
    serial.say(FRAME)
    read_bytes(link, len(FRAME))
    assert not link.signs().is_hung_up
    link.close()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (SerialLine(parity=Parity.EVEN), 'does not do parity = "even"'),
        (SerialLine(parity=Parity.ODD), 'does not do parity = "odd"'),
        (SerialLine(type=LineType.RS485), "has no RS-485 mode"),
    ],
)
def test_what_a_pseudo_terminal_cannot_do_is_refused_by_name(
    serial: SerialRig, line: SerialLine, says: str
) -> None:
    link = serial.link(line)
    before = open_descriptors_count()
    with pytest.raises(PortError, match=says) as caught:
        link.open()
    assert serial.device in str(caught.value)
    assert open_descriptors_count() == before


@pytest.mark.parametrize(
    "line",
    [SerialLine(baud=9600), SerialLine(stop_bits=2), SerialLine(flow=Flow.RTSCTS)],
    ids=["baud", "stop bits", "flow"],
)
def test_what_a_pseudo_terminal_takes_and_ignores_works(
    serial: SerialRig, line: SerialLine
) -> None:
    link = serial.link(line)
    link.open()
    serial.say(FRAME)
    assert read_bytes(link, len(FRAME)) == FRAME
    assert link.signs().uart is None
    assert link.signs().is_clear_to_send is None, "it has no modem lines"
    link.close()


@pytest.fixture
def uart() -> Iterator[UartRig]:
    found = UartRig("/dev/ttyS1", "/dev/ttyS2")
    yield found
    found.close()


@pytest.mark.vm
@pytest.mark.parametrize(
    "line",
    [
        SerialLine(baud=9600, parity=Parity.EVEN, stop_bits=2),
        SerialLine(baud=57600, parity=Parity.ODD),
        SerialLine(flow=Flow.RTSCTS),
    ],
)
def test_a_real_uart_is_set_as_asked_and_counts_its_errors(uart: UartRig, line: SerialLine) -> None:
    link = uart.link(line)
    link.open()
    looking = os.open(uart.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    assert first_difference(looking, line) == ""
    os.close(looking)
    signs = link.signs()
    assert signs.uart is not None and signs.uart.framing_count == 0
    assert signs.is_clear_to_send is (None if line.flow is Flow.NONE else True)
    link.close()


@pytest.mark.vm
def test_a_real_uart_without_rs485_is_refused_by_name() -> None:
    with pytest.raises(PortError, match="RS-485"):
        SerialLink("/dev/ttyS1", SerialLine(type=LineType.RS485)).open()


@contextlib.contextmanager
def not_clear_to_send(device: str) -> Iterator[None]:
    """No wire of the virtual machine carries RTS to the far end's CTS, so the UART is put into its
    loopback mode, where CTS is its own RTS, and that is taken away. The driver looks at CTS again
    when settings change."""
    fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    loop = struct.pack("i", TIOCM_LOOP)
    try:
        fcntl.ioctl(fd, termios.TIOCMBIS, loop)
        fcntl.ioctl(fd, termios.TIOCMBIC, struct.pack("i", termios.TIOCM_RTS))
        settings = termios.tcgetattr(fd)
        settings[2] |= termios.CSTOPB
        termios.tcsetattr(fd, termios.TCSANOW, settings)
        yield
    finally:
        fcntl.ioctl(fd, termios.TIOCMBIC, loop)
        os.close(fd)


@pytest.mark.vm
def test_a_line_held_back_by_flow_control_refuses_frames_and_blocks_nothing(uart: UartRig) -> None:
    link = uart.link(SerialLine(flow=Flow.RTSCTS))
    link.open()
    with not_clear_to_send(uart.device):
        assert link.signs().is_clear_to_send is False
        while write(link, b"x" * 500):
            pass
        assert not write(link, FRAME)
        closing = in_thread(link.close)
        closing.join(SOON_S)
        assert not closing.is_alive()


def test_a_line_that_another_process_has_is_told_with_how_to_find_it(serial: SerialRig) -> None:
    first, second = serial.link(), serial.link()
    first.open()
    said = f"{serial.device} cannot be opened: another process has it; see `fuser"
    with pytest.raises(PortError, match=said):
        second.open()
    first.close()
    second.open()
    second.close()


def test_what_is_no_serial_line_is_refused(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    for device in (plain, tmp_path, tmp_path / "missing"):
        with pytest.raises(PortError, match=str(device)):
            SerialLink(str(device), SerialLine()).open()
