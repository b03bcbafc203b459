"""`bmcha check` on real GPIO chips, UARTs, hwmon and watchdogs, which it leaves as they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.check.finding import Finding
from bmcha.check.run import Options, check_file
from bmcha.hal.gpio_lines import GpioLine
from bmcha.model.board import LineGpio
from tests.ports.check_desk import HEAD, Desk, serial_path, udp_path
from tests.ports.vm import i2c_chips
from tests.ports.vm.bench import Bench

pytestmark = pytest.mark.vm

BOARD = """
name = "real"
class = "gated"
watchdog_ms = 2000
[watchdog]
file = "/dev/watchdog0"
[straps]
bits = [{ line = "SLOT_ID0" }, { chip = "bench-a", line = "SLOT_ID1" }]
parity = { chip = "gpiochip0", line = 3 }
parity_is = "odd"
[lines.own]
health = { chip = "bench-a", line = "HEALTH" }
active = { chip = "bench-a", line = "ACTIVE" }
[[lines.peer]]
offset = 1
presence = { chip = "bench-a", line = "PEER_PRES_N", active_low = true }
health = { chip = "bench-a", line = "PEER_HEALTH" }
active = { chip = "bench-a", line = "PEER_ACTIVE" }
reset = { led = "peer_reset" }
[[sensors]]
name = "inlet"
kind = "temperature"
device = "lm75"
at = "0-0048"
channel = "temp1"
low_milli = 0
high_milli = 45000
hysteresis_milli = 2000
"""
# The dead time has to be longer than the watchdog's.
SLOW = ("deadtime_ms = 1500", "deadtime_ms = 2500")
UART = serial_path("/dev/ttyS1")


class RealDesk(Desk):
    def problems_of(self, board: str = BOARD, serial: str = UART) -> dict[str, Finding]:
        paths = udp_path(f"127.0.0.1:{self.port}") + serial
        self.config.write_text((HEAD + paths + "[timers]\ninitdead_ms = 5000\n").replace(*SLOW))
        (self.folder / "board.toml").write_text(board)
        report = check_file(str(self.config), Options())
        return {each.key: each for each in report.problems}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RealDesk]:
    i2c_chips.attach("lm75", 0x48)
    yield RealDesk(tmp_path)
    i2c_chips.detach(0x48)


def test_a_board_whose_parts_are_all_there_has_no_problems(desk: RealDesk) -> None:
    assert {key: each.value for key, each in desk.problems_of().items()} == {}


def test_the_check_starts_no_watchdog_and_takes_no_line(desk: RealDesk) -> None:
    states = [file.read_text() for file in Path("/sys/class/watchdog").glob("*/state")]
    desk.problems_of()
    assert {"inactive\n"} == set(states)
    assert states == [file.read_text() for file in Path("/sys/class/watchdog").glob("*/state")]
    assert not Bench(0).is_output(4), "HEALTH is driven by nobody"


@pytest.mark.parametrize(
    ("wanted", "key", "value"),
    [
        (
            '{ line = "SLOT_IDO" }',
            "line",
            'line "SLOT_IDO": no GPIO chip has a line of this name; n',
        ),
        ('{ line = "BOTH" }', "line", 'line "BOTH" is there more than once: '),
        ('{ chip = "bench-a", line = "TWICE" }', "line", 'line "TWICE" of '),
        ('{ chip = "bench-c", line = 1 }', "chip", 'GPIO chip "bench-c": no chip in /dev has this'),
        ('{ chip = "gpiochip0", line = 32 }', "line", "line 32 of /dev/gpiochip0"),
        ('{ chip = "bench-b", line = 31 }', "line", "/dev/gpiochip1 line 31 "),
    ],
)
def test_a_wrong_line_is_told(desk: RealDesk, wanted: str, key: str, value: str) -> None:
    board = BOARD.replace('{ line = "SLOT_ID0" }', wanted)
    found = desk.problems_of(board)
    assert list(found) == [f"straps.bits[0].{key}"], found
    assert found[f"straps.bits[0].{key}"].value.startswith(value)


def test_a_line_that_somebody_has_is_told(desk: RealDesk) -> None:
    line = GpioLine(LineGpio("bench-a", "PEER_HEALTH"), is_output=False)
    try:
        found = desk.problems_of()["lines.peer[0].health.line"]
    finally:
        line.close()
    assert found.value.endswith('"PEER_HEALTH", held by "bmcha"')


def test_one_line_by_name_and_by_number_is_one_line(desk: RealDesk) -> None:
    board = BOARD.replace('{ line = "SLOT_ID0" }', '{ chip = "gpiochip0", line = 1 }')
    assert desk.problems_of(board)["straps.bits[1]"].value == "the same line as straps.bits[0]"


def test_a_wrong_uart_is_told(desk: RealDesk) -> None:
    console = desk.problems_of(serial=serial_path("/dev/ttyS0"))["paths[1].device"]
    assert "where the kernel writes its messages" in console.value
    no_uart = desk.problems_of(serial=serial_path("/dev/ttyS3"))["paths[1].device"]
    assert no_uart.value == "/dev/ttyS3, a name with no UART behind it"
    assert "/dev/ttyS1, /dev/ttyS2" in no_uart.allowed


def test_what_a_uart_can_do_is_no_problem_and_what_it_cannot_is(desk: RealDesk) -> None:
    more = 'parity = "even"\nstop_bits = 2\nbaud = 57600\nflow = "rtscts"\n'
    assert desk.problems_of(serial=serial_path("/dev/ttyS1", more)) == {}
    found = desk.problems_of(serial=serial_path("/dev/ttyS1", 'type = "rs485"\n'))
    assert {key: each.value for key, each in found.items()} == {
        "paths[1].type": '"rs485": the driver has no RS-485 mode'
    }


def test_a_sensor_at_another_address_is_told(desk: RealDesk) -> None:
    found = desk.problems_of(BOARD.replace("0-0048", "0-0049"))
    assert list(found) == ["sensors[0].at"]
    assert found["sensors[0].at"].value.endswith("there is one at 0-0048")


def test_a_watchdog_on_a_pci_card_is_no_problem_as_well(desk: RealDesk) -> None:
    folders = Path("/sys/class/watchdog").glob("*")
    name = next(each.name for each in folders if "6300" in (each / "identity").read_text())
    assert desk.problems_of(BOARD.replace("/dev/watchdog0", f"/dev/{name}")) == {}


def test_a_watchdog_that_is_not_there_is_told_with_those_that_are(desk: RealDesk) -> None:
    found = desk.problems_of(BOARD.replace("/dev/watchdog0", "/dev/watchdog9"))["watchdog.file"]
    assert found.allowed.endswith("this machine has /dev/watchdog0, /dev/watchdog1")
