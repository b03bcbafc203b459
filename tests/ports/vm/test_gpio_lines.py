"""What a real GPIO character device does to lines, and what the adapter makes of it.

The contract that files share is in tests/ports/test_lines.py.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.hal.board_lines import WiredLines
from bmcha.hal.gpio_chips import find_line
from bmcha.hal.gpio_lines import GpioLine
from bmcha.hal.port import PortError
from bmcha.hal.reset_lines import LEDS, LedReset
from bmcha.model.board import Bias, BoardLines, LineGpio, LineLed, OwnLines, Straps
from bmcha.model.identity import Succession
from tests.ports.line_boards import GPIO_NAMES
from tests.ports.vm.bench import Bench
from tests.waiting import wait_until

pytestmark = pytest.mark.vm

SOON_S = 30.0
LED_LINE = 31
NOBODY = 65534
HEALTH = GPIO_NAMES.index("HEALTH")


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(0)
    bench.put(HEALTH, False)
    yield bench
    bench.let_go(False)


def held(line: int | str, chip: str | None = "bench-a", is_active_low: bool = False) -> GpioLine:
    return GpioLine(LineGpio(chip, line, is_active_low), is_output=True)


# ---------------------------------------------------------------- finding


@pytest.mark.parametrize("chip", ["bench-a", "device", "name", None])
def test_a_line_is_found_by_its_chips_label_file_name_or_by_its_own_name(
    bench: Bench, chip: str | None
) -> None:
    given = {"device": bench.device, "name": os.path.basename(bench.device)}
    found = find_line(LineGpio(given.get(chip or "", chip), "HEALTH"))
    assert (found.device, found.number) == (bench.device, HEALTH)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (LineGpio("bench-a", "HELTH"), r"has no line of this name; near names: .*\bHEALTH"),
        (LineGpio("bench-a", 32), r"line 32 of .*has 32 lines, 0 to 31"),
        (LineGpio("bench-c", "HEALTH"), r"no chip in /dev has this name or label.*bench-a"),
        (LineGpio("/dev/null", 1), r"GPIO chip /dev/null: is no GPIO chip"),
        (LineGpio("/dev/gpiochip99", 1), r"/dev/gpiochip99: there is no such chip; see ls"),
        (LineGpio(None, "NOWHERE_AT_ALL"), r"no GPIO chip has a line of this name"),
        (LineGpio(None, "BOTH"), r"more than once: .* line 17, .* line 17; name its chip"),
        (LineGpio("bench-a", "TWICE"), r"lines 18, 19 all have this name.*by its number"),
        (LineGpio("bench-a", "HEALTH", bias=Bias.PULL_UP), ""),
    ],
)
def test_a_line_that_cannot_be_found_is_told_with_what_there_is(line: LineGpio, said: str) -> None:
    if not said:
        # A chip without pulls ignores them; the kernel says nothing.
        GpioLine(line, is_output=False).close()
        return
    with pytest.raises(PortError, match=said):
        GpioLine(line, is_output=False)


def test_a_busy_line_names_who_has_it_and_leaks_nothing(bench: Bench) -> None:
    first = held("HEALTH")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(PortError, match=r'busy: "bmcha" has line 4; see gpioinfo'):
            held("HEALTH")
    assert len(os.listdir("/proc/self/fd")) <= before
    first.close()
    held("HEALTH").close()


# ---------------------------------------------------------------- outputs


@pytest.mark.parametrize("is_active_low", [False, True])
def test_an_output_is_opened_and_let_go_at_its_safe_level(
    bench: Bench, is_active_low: bool
) -> None:
    line = held("HEALTH", is_active_low=is_active_low)
    assert bench.is_output(HEALTH)
    assert bench.level(HEALTH) is is_active_low
    line.drive(True)
    assert bench.level(HEALTH) is not is_active_low
    line.close()
    assert bench.level(HEALTH) is is_active_low


def test_opening_an_output_gives_no_pulse(bench: Bench) -> None:
    before = bench.times_driven_high(HEALTH)
    for _ in range(5):
        held("HEALTH").close()
    assert bench.times_driven_high(HEALTH) == before


def killed_with(line: str) -> None:
    """Another process drives ``line`` up and is killed."""
    code = (
        "import sys, time\n"
        "from bmcha.hal.gpio_lines import GpioLine\n"
        "from bmcha.model.board import LineGpio\n"
        f"line = GpioLine(LineGpio('bench-a', {line!r}), is_output=True)\n"
        "line.drive(True)\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("is_released", [False, True])
def test_what_a_killed_process_leaves_is_up_to_the_driver(bench: Bench, is_released: bool) -> None:
    # This is why hardware has to gate the lines: see docs/hardware.md.
    bench.let_go(is_released)
    killed_with("HEALTH")
    assert bench.level(HEALTH) is not is_released


def test_the_next_service_lowers_what_a_killed_one_left(bench: Bench) -> None:
    killed_with("HEALTH")
    assert bench.level(HEALTH) is True
    line = held("HEALTH")
    assert bench.level(HEALTH) is False
    line.close()


def test_an_output_comes_back_with_its_chip_as_it_was_driven(bench: Bench) -> None:
    wired = BoardLines(
        straps=Straps((LineGpio("bench-a", "SLOT_ID0"),)),
        own=OwnLines(health=LineGpio("bench-a", "HEALTH")),
        peers=(),
    )
    lines = WiredLines(wired, Succession((1, 2)))
    lines.drive("HEALTH", True)
    bench.vanish()
    lines.wait(0.2)
    bench.come_back()
    assert not bench.is_output(HEALTH), "the chip has forgotten it"
    until = time.monotonic() + SOON_S
    while not (bench.is_output(HEALTH) and bench.level(HEALTH)):
        assert time.monotonic() < until
        lines.wait(0.05)
    lines.close()
    assert bench.level(HEALTH) is False


# ---------------------------------------------------------------- pulses that the kernel ends


def test_a_pulse_goes_on_and_ends_though_its_process_is_killed() -> None:
    bench = Bench(1)
    code = (
        "import time\n"
        "from bmcha.hal.reset_lines import LedReset\n"
        "from bmcha.model.board import LineLed\n"
        "LedReset(LineLed('peer_reset')).pulse(3000)\n"
        "print('begun', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGKILL)
    # The kernel's own timer raises it, a tick after it was asked.
    wait_until(lambda: bench.level(LED_LINE), "the kernel holds it")
    wait_until(lambda: not bench.level(LED_LINE), "and lets it go")


def test_two_pulses_of_the_kernels_are_not_one_long_one() -> None:
    reset = LedReset(LineLed("peer_reset"))
    reset.pulse(1000)
    with pytest.raises(PortError, match="a pulse is being given already"):
        reset.pulse(1000)
    wait_until(lambda: not Bench(1).level(LED_LINE), "the one pulse is over")


def test_another_user_gives_a_pulse_once_the_files_of_one_are_his() -> None:
    """As the udev rules hand them over; the trigger stays root's."""
    LedReset(LineLed("peer_reset")).close()
    for name in ("invert", "delay_on", "delay_off", "shot"):
        os.chown(Path(LEDS, "peer_reset", name), NOBODY, NOBODY)
    code = (
        "import os\n"
        "from bmcha.hal.reset_lines import LedReset\n"
        "from bmcha.model.board import LineLed\n"
        f"os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "LedReset(LineLed('peer_reset')).pulse(1000)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    wait_until(lambda: not Bench(1).level(LED_LINE), "the pulse is over")


def test_a_led_that_is_not_there_is_told_with_those_that_are() -> None:
    assert Path(LEDS, "peer_reset").exists()
    with pytest.raises(PortError, match=r"reset LED reset_peer: there is none; .*peer_reset"):
        LedReset(LineLed("reset_peer"))
