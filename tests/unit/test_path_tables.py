"""How serial lines and bare Ethernet are set in the module's file; what bits do to the timers."""

from pathlib import Path

import pytest

from bmcha.model.settings import Flow, LineType, Parity, PathKind, Rs485, SerialLine
from tests.unit.test_config import CHASSIS, HEAD, SERIAL, Folder

RS485 = 'type = "rs485"\nrs485 = { rts_on_send = false, rts_after_send = true, delay_after_ms = 2 }'


def module(line: str = "", path: str = SERIAL) -> str:
    return HEAD + CHASSIS + path.replace("baud = 115200", f"baud = 115200\n{line}")


def read(tmp_path: Path, line: str) -> SerialLine:
    (found,) = Folder(tmp_path).load(module(line)).node.paths
    return found.line


def test_a_line_is_8n1_rs232_without_flow_control_unless_said(tmp_path: Path) -> None:
    assert read(tmp_path, "") == SerialLine(115200, 8, Parity.NONE, 1, Flow.NONE, LineType.RS232)


def test_every_key_of_a_line_is_read(tmp_path: Path) -> None:
    line = 'bits = 8\nparity = "even"\nstop_bits = 2\nflow = "rtscts"\n' + RS485
    assert read(tmp_path, line) == SerialLine(
        baud=115200,
        bits=8,
        parity=Parity.EVEN,
        stop_bits=2,
        flow=Flow.RTSCTS,
        type=LineType.RS485,
        rs485=Rs485(False, True, 0, 2),
    )


@pytest.mark.parametrize(
    ("line", "bits_per_byte", "bytes_per_s"),
    [
        ("", 10, 11520),
        ("stop_bits = 2", 11, 10472),
        ('parity = "odd"', 11, 10472),
        ('parity = "odd"\nstop_bits = 2', 12, 9600),
    ],
)
def test_parity_and_stop_bits_take_time(
    tmp_path: Path, line: str, bits_per_byte: int, bytes_per_s: int
) -> None:
    found = read(tmp_path, line)
    assert (found.bits_per_byte, found.bytes_per_s) == (bits_per_byte, bytes_per_s)


def test_a_beat_that_fits_the_line_only_without_parity_is_refused_with_it(tmp_path: Path) -> None:
    slow = SERIAL.replace("115200", "9600").replace("= 100\n", "= 84\n").replace("1500", "1512")
    folder = Folder(tmp_path)
    folder.load(HEAD + CHASSIS + slow)
    found = folder.only_problem(HEAD + CHASSIS + slow + 'parity = "even"\n')
    assert found.key == "paths[0].heartbeat_interval_ms"
    assert "at least 92, the time a beat takes at 9600 baud and 11 bits a byte" in str(found)


@pytest.mark.parametrize(
    ("line", "key", "value", "allowed"),
    [
        ("bits = 7", "paths[0].bits", "7", "all eight bits"),
        ("bits = 9", "paths[0].bits", "9", "5 to 8"),
        ('parity = "mark"', "paths[0].parity", "mark", "none, even, odd"),
        ("stop_bits = 3", "paths[0].stop_bits", "3", "1 to 2"),
        ('flow = "xonxoff"', "paths[0].flow", "xonxoff", "a frame contains every byte"),
        ('flow = "dtrdsr"', "paths[0].flow", "dtrdsr", "none, rtscts"),
        ('type = "rs422"', "paths[0].type", "rs422", "rs232, rs485"),
        ("rs485 = {}", "paths[0].rs485", "a table", 'type = "rs485"'),
        (
            *('type = "rs485"\nrs485 = { rts_after_send = true }', "paths[0].rs485.rts_after_send"),
            *("true", "never be switched"),
        ),
        (
            *('type = "rs485"\nrs485 = { delay_before_ms = 101 }',),
            *("paths[0].rs485.delay_before_ms", "101", "0 to 100"),
        ),
        ('type = "rs485"\nrs485 = { rts = 1 }', "paths[0].rs485.rts", "unknown", "rts_on_send"),
    ],
)
def test_what_a_line_cannot_be_is_refused_by_name(
    tmp_path: Path, line: str, key: str, value: str, allowed: str
) -> None:
    found = Folder(tmp_path).only_problem(module(line))
    assert found.key == key
    assert value in str(found)
    assert allowed in str(found)


def test_keys_of_a_line_are_unknown_on_a_network_path(tmp_path: Path) -> None:
    udp = SERIAL.replace('"serial"', '"udp"').replace('device = "tty"\nbaud = 115200\n', "")
    udp += 'local = "127.0.0.1:1"\nremote = "127.0.0.1:2"\nparity = "even"\n'
    assert Folder(tmp_path).only_problem(HEAD + CHASSIS + udp).key == "paths[0].parity"


# ---------------------------------------------------------------- over bare Ethernet

ETHERNET = """
[[paths]]
name = "wire"
kind = "ethernet"
peer = 2
interface = "eth0.100"
remote_mac = "02:00:00:00:00:0A"
heartbeat_interval_ms = 100
warntime_ms = 500
deadtime_ms = 1500
"""


def test_an_ethernet_path_is_an_interface_and_a_hardware_address(tmp_path: Path) -> None:
    (found,) = Folder(tmp_path).load(HEAD + CHASSIS + ETHERNET).node.paths
    assert (found.kind, found.interface) == (PathKind.ETHERNET, "eth0.100")
    assert found.remote_mac == "02:00:00:00:00:0a"
    assert found.frame_bytes_max == 1200


@pytest.mark.parametrize(
    ("old", "new", "key", "value", "allowed"),
    [
        ("eth0.100", "..", "interface", '".."', "the name of a network interface"),
        ("eth0.100", "a-name-of-16-chrs", "interface", "a-name", "the name of a network interface"),
        ("02:00:00:00:00:0A", "02:00:00:00:00", "remote_mac", "02:00", '"02:00:00:00:00:02"'),
        ("02:00:00:00:00:0A", "02-00-00-00-00-0a", "remote_mac", "02-00", '"02:00:00:00:00:02"'),
        ("02:00:00:00:00:0A", "ff:ff:ff:ff:ff:ff", "remote_mac", "ff:ff", "no broadcast"),
        ("02:00:00:00:00:0A", "01:80:c2:00:00:00", "remote_mac", "01:80", "no multicast"),
        ("02:00:00:00:00:0A", "00:00:00:00:00:00", "remote_mac", "00:00", "not all zero"),
        ('interface = "eth0.100"\n', "", "interface", "missing", "the name of a network interface"),
        ("peer = 2", 'peer = 2\nlocal = "127.0.0.1:1"', "local", "unknown", ""),
        ("peer = 2", 'peer = 2\ndevice = "tty"', "device", "unknown", ""),
    ],
)
def test_what_an_ethernet_path_may_say_is_told(
    tmp_path: Path, old: str, new: str, key: str, value: str, allowed: str
) -> None:
    found = Folder(tmp_path).only_problem(HEAD + CHASSIS + ETHERNET.replace(old, new))
    assert found.key == f"paths[0].{key}"
    assert value in str(found)
    assert allowed in str(found)


def test_two_ethernet_paths_are_two_cables_or_two_vlans(tmp_path: Path) -> None:
    second = ETHERNET.replace('"wire"', '"wire2"')
    folder = Folder(tmp_path)
    found = folder.only_problem(HEAD + CHASSIS + ETHERNET + second)
    assert found.key == "paths[1].remote_mac"
    assert "another interface or hardware address than path wire" in str(found)
    folder.load(HEAD + CHASSIS + ETHERNET + second.replace("eth0.100", "eth0.200"))
    folder.load(HEAD + CHASSIS + ETHERNET + second.replace("00:0A", "00:0B"))
