"""What `bmcha check` finds on a machine: real ptys, sockets, processes, and a /sys of folders."""

import os
import socket
import tempfile
import termios
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bmcha.check.addresses import addresses, interface_of
from bmcha.check.bounded import within
from bmcha.check.finding import Finding
from bmcha.check.machine import Machine
from bmcha.check.run import Options, check_file
from bmcha.check.subject import Subject
from bmcha.check.watchdog_checks import check_watchdog
from bmcha.config.board_tables import read_board_table
from bmcha.config.table import Source, Table
from bmcha.hal.udp_link import UdpLink
from tests.ports.check_desk import (
    BOARD,
    HEAD,
    Desk,
    as_nobody,
    free_port,
    held_by_another,
    serial_path,
    terminal,
    udp_path,
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def open_desk() -> Iterator[Desk]:
    """Where other users may look."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Desk(Path(folder))


def test_a_driver_that_hangs_holds_nothing_up() -> None:
    never = threading.Event()
    assert within(never.wait, wait_s=0.01) is None
    assert within(lambda: 5) == 5
    never.set()


# ---------------------------------------------------------------- serial


def test_a_free_serial_line_is_no_problem(desk: Desk) -> None:
    with terminal() as device:
        assert desk.problems(serial_path(device)) == {}


def test_a_missing_serial_line_is_told_with_those_that_are_there(desk: Desk) -> None:
    desk.put("sys/class/tty/ttyS4/device/x", "")
    desk.put("sys/class/tty/ttyS5/device/x", "")
    desk.put("sys/class/tty/ttyS5/type", "0\n")
    found = desk.problems(serial_path("/dev/ttyS99"))["paths[0].device"]
    assert found.value == "/dev/ttyS99, which is not there"
    assert found.allowed == "a serial line; this machine has /dev/ttyS4"
    assert found.file == str(desk.config)


def test_a_file_is_no_serial_line(desk: Desk) -> None:
    found = desk.problems(serial_path(str(desk.put("notes", ""))))["paths[0].device"]
    assert found.value == f"{desk.folder}/notes, which is a file"


def test_another_character_device_is_no_serial_line(desk: Desk) -> None:
    found = desk.problems(serial_path("/dev/full"))["paths[0].device"]
    assert found.value == "/dev/full: it is no serial line"


def test_a_name_without_a_uart_behind_it_is_told(desk: Desk) -> None:
    with terminal() as device:
        desk.put(f"sys/class/tty/{os.path.basename(device)}/type", "0\n")
        found = desk.problems(serial_path(device))["paths[0].device"]
    assert found.value.endswith("a name with no UART behind it")


def test_the_consoles_line_is_told(desk: Desk) -> None:
    with terminal() as device:
        name = os.path.basename(device)
        desk.put("sys/class/tty/console/active", f"tty0 {name}\n")
        found = desk.problems(serial_path(device))["paths[0].device"]
    assert "where the kernel writes" in found.value
    assert f"console={name}" in found.remedy


def test_a_line_that_another_process_has_open_is_not_touched_and_told(desk: Desk) -> None:
    with terminal() as device, held_by_another(device) as pid:
        found = desk.problems(serial_path(device))["paths[0].device"]
    assert f"(process {pid})" in found.value


def test_a_line_without_the_right_to_open_it_is_told(open_desk: Desk) -> None:
    with terminal() as device:
        os.chmod(device, 0)
        open_desk.report(serial_path(device))
        found = checked_by_nobody(open_desk)["paths[0].device"]
    assert found.value.startswith(f"{device}, which ")
    assert found.remedy.startswith("put the service's user into the group: usermod -aG ")


def checked_by_nobody(desk: Desk) -> dict[str, Finding]:
    with as_nobody():
        report = check_file(str(desk.config), Options(), Machine(str(desk.sys)))
    return {each.key: each for each in report.problems}


def test_a_mode_that_the_driver_refuses_is_told(desk: Desk) -> None:
    """A pty takes any speed, and neither parity nor RS-485."""
    with terminal() as device:
        more = 'parity = "even"\ntype = "rs485"\nbaud = 9600\n'
        found = desk.problems(serial_path(device, more))
        assert found["paths[0].parity"].value == '"even": the driver does not take it'
        assert found["paths[0].type"].value == '"rs485": the driver has no RS-485 mode'
        assert len(found) == 2


def test_a_probed_line_is_as_it_was(desk: Desk) -> None:
    far, near = os.openpty()
    try:
        before = termios.tcgetattr(near)
        name = os.ttyname(near)
        os.close(near)
        desk.problems(serial_path(name, "baud = 9600\nstop_bits = 2\n"))
        near = os.open(name, os.O_RDWR | os.O_NOCTTY)
        assert termios.tcgetattr(near) == before
    finally:
        os.close(near)
        os.close(far)


# ---------------------------------------------------------------- network


def test_the_kernel_says_where_an_address_is() -> None:
    known = addresses()
    assert interface_of("127.0.0.1", known) == "lo"
    assert interface_of("127.3.2.1", known) == "lo"
    assert interface_of("fe80::1%eth7", known) == "eth7"
    assert interface_of("203.0.113.77", known) == ""


def test_an_address_of_nobody_is_told_with_those_that_are_there(desk: Desk) -> None:
    found = desk.problems(udp_path("203.0.113.77:4000"))["paths[0].local"]
    assert found.value == '"203.0.113.77": Cannot assign requested address'
    assert "127.0.0.1 (lo)" in found.allowed


def test_a_taken_port_is_told(desk: Desk) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        found = desk.problems(udp_path(f"127.0.0.1:{port}"))["paths[0].local"]
    assert found.value == f"port {port}, which another process has"


def test_the_ports_of_the_running_service_are_its_own(desk: Desk) -> None:
    link = UdpLink(("127.0.0.1", desk.port), ("127.9.9.9", 9))
    link.open()
    try:
        with socket.socket(socket.AF_UNIX) as service:
            service.bind(str(desk.folder / "control.sock"))
            service.listen()
            assert desk.problems() == {}
    finally:
        link.close()


def test_an_interface_that_is_down_is_an_advice(desk: Desk) -> None:
    desk.put("sys/class/net/lo/operstate", "down\n")
    assert desk.advice()["paths[0].local"].value == '"127.0.0.1" on lo, which is down'


# ---------------------------------------------------------------- paths together


def test_one_path_is_an_advice(desk: Desk) -> None:
    assert desk.problems() == {}
    assert desk.advice()["paths"].value == "only udp"


def test_two_paths_over_one_interface_are_one(desk: Desk) -> None:
    other = udp_path(f"127.0.0.2:{desk.port}", "127.9.9.9:8", "udp2")
    found = desk.problems(udp_path(f"127.0.0.1:{desk.port}") + other)["paths"]
    assert found.value == "udp and udp2 both need the network interface lo"


def test_a_path_from_any_address_needs_the_interface_that_leads_to_the_peer(desk: Desk) -> None:
    other = udp_path(f"0.0.0.0:{free_port()}", "127.9.9.9:8", "udp2")
    found = desk.problems(udp_path(f"127.0.0.1:{desk.port}") + other)["paths"]
    assert found.value == "udp and udp2 both need the network interface lo"


def usb_tree(desk: Desk, serial_port: str) -> None:
    """lo on port 1.1 of a hub; the serial line on the given port."""
    root = "sys/devices/pci0000:00/0000:00:14.0"
    for bus in ("usb", "pci"):
        desk.put(f"sys/bus/{bus}/x", "")
    desk.put(f"{root}/class", "0x0c0330\n")
    desk.link(f"{root}/subsystem", "sys/bus/pci")
    ports = ("usb1", "usb1/1-1", "usb1/1-1/1-1.1", "usb1/1-1/1-1.2", "usb1/1-2")
    for port in ports:
        desk.put(f"{root}/{port}/idVendor", "1d6b\n")
        desk.put(f"{root}/{port}/bDeviceClass", "09\n" if port.endswith("1-1") else "00\n")
        desk.link(f"{root}/{port}/subsystem", "sys/bus/usb")
    desk.put(f"{root}/usb1/1-1/product", "Four ports\n")
    desk.link("sys/class/net/lo/device", f"{root}/usb1/1-1/1-1.1")
    desk.put(f"{root}/usb1/{serial_port}/tty/port_number", "0")
    desk.link(
        f"sys/class/tty/{serial_port.rpartition('/')[2]}/device", f"{root}/usb1/{serial_port}"
    )


@pytest.mark.parametrize(
    ("port", "what"),
    [
        ("1-1/1-1.2", "the USB hub 1-1 (Four ports)"),
        ("1-1/1-1.1", "the USB device 1-1.1"),
        ("1-2", "the USB controller usb1"),
    ],
)
def test_paths_on_one_hub_device_or_controller_share_it(desk: Desk, port: str, what: str) -> None:
    usb_tree(desk, port)
    with terminal() as device:
        line = desk.folder / "dev" / port.rpartition("/")[2]
        line.parent.mkdir()
        paths = udp_path(f"127.0.0.1:{desk.port}") + serial_path(str(line))
        found = desk.problems(paths)["paths"]
        assert found.value == f"udp and serial both need {what}"
        line.symlink_to(device)
        assert "paths" not in desk.problems(paths), "a link is followed to its own device"


def test_two_of_three_that_share_something_are_an_advice(desk: Desk) -> None:
    with terminal() as device:
        first = udp_path(f"127.0.0.1:{desk.port}")
        second = udp_path(f"127.0.0.2:{desk.port}", "127.9.9.9:8", "udp2")
        paths = first + second + serial_path(device)
        assert desk.problems(paths) == {}
        assert (
            desk.advice(paths)["paths"].value == "udp and udp2 both need the network interface lo"
        )


# ---------------------------------------------------------------- watchdog

EMPTY_BOARD = read_board_table(Table({}, Source("", {}, "/"), []))
WATCHDOG = """
name = "desk"
class = "bare"
watchdog_ms = 1000
[straps]
bits = [{ file = "ID0" }]
[watchdog]
file = "NAME"
"""


def test_a_missing_watchdog_is_told_with_those_that_are_there(desk: Desk) -> None:
    desk.put("sys/class/watchdog/watchdog0/identity", "x")
    found = desk.problems(board=WATCHDOG.replace("NAME", "/dev/watchdog9"))["watchdog.file"]
    assert found.allowed == "a watchdog's device; this machine has /dev/watchdog0"
    assert found.file == str(desk.folder / "board.toml")


def test_a_watchdog_that_somebody_holds_is_told(desk: Desk) -> None:
    with terminal() as device, held_by_another(device) as pid:
        found = desk.problems(board=WATCHDOG.replace("NAME", device))["watchdog.file"]
        assert f"(process {pid})" in found.value


def watchdog_in_sysfs(desk: Desk, device: str, **values: str) -> None:
    number = os.stat(device).st_rdev
    values["dev"] = f"{os.major(number)}:{os.minor(number)}"
    for name, value in values.items():
        desk.put(f"sys/class/watchdog/watchdog0/{name}", value + "\n")


def test_a_time_that_the_watchdog_cannot_do_is_told(desk: Desk) -> None:
    with terminal() as device:
        watchdog_in_sysfs(desk, device, min_timeout="2", max_timeout="60", state="inactive")
        found = desk.problems(board=WATCHDOG.replace("NAME", device))["watchdog_ms"]
        assert (found.value, found.allowed) == ("1000", f"what {device} can do: 2000 to 60000 ms")
        watchdog_in_sysfs(desk, device, min_timeout="1", max_timeout="60")
        assert desk.problems(board=WATCHDOG.replace("NAME", device)) == {}


def test_a_pretimeout_that_the_watchdog_has_not_is_told(desk: Desk) -> None:
    link = desk.folder / "watchdog7"
    with terminal() as device:
        link.symlink_to(device)
        watchdog_in_sysfs(desk, device, timeout="60")
        # Only a name below /dev/watchdog is taken for the kernel's, and those are not the test's.
        machine = Machine(str(desk.sys))
        subject = Subject(
            replace(EMPTY_BOARD, watchdog_file=str(link), watchdog_pretimeout_ms=1000),
            Source("board.toml", {}, "/"),
            frozenset(),
        )
        (found,) = check_watchdog(subject, machine, None)
        assert found.key == "watchdog.pretimeout_ms"
        desk.put("sys/class/watchdog/watchdog0/pretimeout", "0\n")
        assert list(check_watchdog(subject, machine, None)) == []


def test_a_watchdog_that_runs_already_is_told_though_its_holder_cannot_be_seen(desk: Desk) -> None:
    with terminal() as device:
        watchdog_in_sysfs(desk, device, state="active")
        found = desk.problems(board=WATCHDOG.replace("NAME", device))["watchdog.file"]
        assert found.value == f"{device}, held by somebody, as its state is active"


def test_a_watchdog_that_cannot_be_stopped_is_an_advice(desk: Desk) -> None:
    with terminal() as device:
        watchdog_in_sysfs(desk, device, nowayout="1")
        assert (
            "cannot be stopped"
            in desk.advice(board=WATCHDOG.replace("NAME", device))["watchdog.file"].value
        )


# ---------------------------------------------------------------- places


def test_a_store_in_memory_is_an_advice(desk: Desk) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        head = HEAD.replace('"state"', f'"{folder}"')
        assert desk.problems(head=head) == {}
        assert "in memory (tmpfs on /dev/shm)" in desk.advice(head=head)["state_dir"].value


def test_a_file_in_the_place_of_a_folder_or_a_socket_is_told(desk: Desk) -> None:
    desk.put("state", "")
    desk.put("control.sock", "")
    found = desk.problems()
    assert found["state_dir"].value == f"{desk.folder}/state, which is a file"
    assert found["control_socket"].value == f"{desk.folder}/control.sock, where a file stands"


def test_a_missing_folder_is_told(desk: Desk) -> None:
    head = HEAD.replace('"control.sock"', '"run/x.sock"')
    found = desk.problems(head='log_file = "log/x"\n' + head)
    assert found["control_socket"].value.endswith(f"in {desk.folder}/run, which is not there")
    assert found["log_file"].remedy.startswith("make it: install -d -o ")


def test_missing_rights_are_told(open_desk: Desk) -> None:
    head = HEAD.replace('"control.sock"', '"/var/x.sock"').replace('"state"', '"/var/x"')
    open_desk.report(head=head)
    open_desk.folder.joinpath("hw/ID0").chmod(0)
    found = {key: each.value for key, each in checked_by_nobody(open_desk).items()}
    with as_nobody():
        user = Machine().user()
    assert found["state_dir"] == f"/var/x, which {user} may not make"
    assert found["control_socket"] == f"/var/x.sock, in /var, which {user} may not write"
    assert found["straps.bits[0].file"] == f"{open_desk.folder}/hw/ID0, which {user} may not read"


def test_a_missing_hw_root_is_one_problem(desk: Desk) -> None:
    found = desk.problems(head=HEAD.replace('"hw"', '"hardware"'))
    assert {key: each.value for key, each in found.items()} == {
        "hw_root": f"{desk.folder}/hardware, which is not there"
    }


# ---------------------------------------------------------------- lines and sensors


def test_a_file_that_holds_no_level_is_told(desk: Desk) -> None:
    desk.put("hw/ID0", "high\n")
    assert desk.problems()["straps.bits[0].file"].value.endswith('which holds "high"')


def test_a_missing_file_is_told_with_its_neighbours(desk: Desk) -> None:
    found = desk.problems(board=BOARD.replace("ID0", "ID7"))["straps.bits[0].file"]
    assert found.value.endswith("hw/ID7, which is not there; in its folder: ID0")


def test_one_line_for_two_things_is_told(desk: Desk) -> None:
    board = BOARD.replace('"ID0" }]', '"ID0" }, { file = "ID0" }]')
    found = desk.problems(board=board)["straps.bits[1]"]
    assert found.value == "the same line as straps.bits[0]"


SENSOR = """
[[sensors]]
name = "inlet"
kind = "temperature"
low_milli = 0
high_milli = 45000
hysteresis_milli = 2000
"""
FAN = """
[[zones]]
name = "front"
curve = [[25000, 80], [45000, 255]]
hysteresis_milli = 1000
pwm_step_max = 20
[[fans]]
name = "fan1"
zone = "front"
pwm_min = 60
rpm_min = 500
"""


def hwmon(desk: Desk) -> str:
    """One lm75 and two adt7475; the first lines of a board that looks there."""
    for number, (name, place) in enumerate(
        (("lm75", "3-0048"), ("adt7475", "3-002e"), ("adt7475", "4-002e"))
    ):
        folder = f"devices/i2c/{place}/hwmon/hwmon{number}"
        desk.put(f"{folder}/name", name + "\n")
        desk.put(f"{folder}/temp1_input", "21000\n")
        desk.put(f"{folder}/temp2_label", "Inlet\n")
        desk.put(f"{folder}/temp2_input", "hot\n")
        desk.put(f"{folder}/fan1_input", "3000\n")
        desk.put(f"{folder}/pwm1", "80\n")
        desk.link(f"hwmon/hwmon{number}", folder)
    return f'hwmon_root = "{desk.folder}/hwmon"\n'


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        (
            'device = "lm57"',
            "device",
            '"lm57": no hwmon device is called "lm57": there are adt7475',
        ),
        ('device = "adt7475"', "device", '"adt7475": 2 hwmon devices are called "adt7475"'),
        (
            'device = "lm75"\nat = "4-*"',
            "at",
            '"4-*": no hwmon device "lm75" sits at "4-*": there is one at 3-0048',
        ),
        ('device = "lm75"\nchannel = "temp9"', "channel", '"temp9": '),
        ('device = "lm75"\nchannel = "temp2"', "channel", '"temp2": temp2_input holds no whole'),
        ('device = "lm75"\nlabel = "Outlet"', "label", '"Outlet": no temp channel is labelled'),
    ],
)
def test_a_sensor_that_is_not_there_is_told_with_what_is(
    desk: Desk, place: str, key: str, value: str
) -> None:
    place += "" if "channel" in place or "label" in place else '\nchannel = "temp1"'
    found = desk.problems(board=hwmon(desk) + BOARD + SENSOR + place)
    assert list(found) == [f"sensors[0].{key}"]
    assert found[f"sensors[0].{key}"].value.startswith(value)
    if key == "channel":
        assert found[f"sensors[0].{key}"].allowed == "a channel of lm75, which has temp1, temp2"


def test_sensors_and_fans_that_are_there_are_no_problem(desk: Desk) -> None:
    place = 'device = "lm75"\nchannel = "temp1"\n'
    fan = 'device = "adt7475"\nat = "4-*"\nrpm_channel = "fan1"\npwm_channel = "pwm1"\n'
    board = hwmon(desk) + BOARD + SENSOR + place + 'zone = "front"\n' + FAN + fan
    assert desk.problems(board=board) == {}


def test_a_fan_without_its_channels_is_told(desk: Desk) -> None:
    place = 'device = "lm75"\nchannel = "temp1"\nzone = "front"\n'
    fan = 'device = "adt7475"\nat = "4-*"\nrpm_channel = "fan3"\npwm_channel = "pwm3"\n'
    found = desk.problems(board=hwmon(desk) + BOARD + SENSOR + place + FAN + fan)
    assert found["fans[0].rpm_channel"].allowed == "a channel of adt7475, which has fan1"
    assert found["fans[0].pwm_channel"].remedy == "name one of them: pwm1"
