"""The contracts of `SensorPort`, `FanPort` and `WatchdogPort`, over hwmon-shaped files."""

import os
from pathlib import Path

import pytest

from bmcha.hal.file_watchdog import FileWatchdog, NoWatchdog
from bmcha.hal.hwmon import HwmonFans, HwmonSensors
from bmcha.hal.port import FanPort, PortError, SensorPort, WatchdogPort

SENSORS: SensorPort = HwmonSensors()
FANS: FanPort = HwmonFans()


# ---------------------------------------------------------------- sensors


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25000\n", 25000),
        ("-40000\n", -40000),
        ("0", 0),
        ("+12 \n", 12),
        ("25000      \n", 25000),
        ("80\n55\n", 80),
        ("2147483647\n", 2147483647),
    ],
)
def test_a_sensor_is_read(tmp_path: Path, text: str, value: int) -> None:
    (tmp_path / "temp1_input").write_text(text)
    assert SENSORS.read_milli(str(tmp_path / "temp1_input")) == value


def test_power_is_microwatts_in_hwmon_and_milliwatts_here(tmp_path: Path) -> None:
    (tmp_path / "power1_input").write_text("1200000000\n")
    assert SENSORS.read_milli(str(tmp_path / "power1_input")) == 1_200_000


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\n", b" ", b"nan", b"1.5", b"1e3", b"0x10", b"1_000", b"--1", b"12 34", b"N/A"),
        *(b"2147483648", b"-2147483648", b"9" * 40, b"9" * 10_000, b"\xff\xfe", b"\x0025"),
        "٢٥".encode(),  # digits to Python's int(), not to us
    ],
)
def test_what_is_not_one_number_is_no_reading(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "temp1_input").write_bytes(content)
    assert SENSORS.read_milli(str(tmp_path / "temp1_input")) is None


def test_what_is_no_file_is_no_reading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("missing", "pipe", "loop", ".", "pipe/below", "nul\0byte"):
        assert SENSORS.read_milli(str(tmp_path / name)) is None


def test_a_sensor_that_comes_back_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "temp1_input"
    file.write_text("1000")
    assert SENSORS.read_milli(str(file)) == 1000
    file.rename(tmp_path / "old")
    assert SENSORS.read_milli(str(file)) is None
    file.write_text("2000")
    assert SENSORS.read_milli(str(file)) == 2000


# ---------------------------------------------------------------- fans


@pytest.mark.parametrize("before", ["", "0\n", "255\n", "255        \n"])
@pytest.mark.parametrize("pwm", [0, 8, 80, 255])
def test_a_fan_is_set_in_place(tmp_path: Path, before: str, pwm: int) -> None:
    file = tmp_path / "pwm1"
    file.write_text(before)
    inode = file.stat().st_ino
    FANS.set_pwm(str(file), pwm)
    assert file.read_text() == f"{pwm}\n"
    assert file.stat().st_ino == inode


def test_a_fan_that_cannot_be_set_is_named(tmp_path: Path) -> None:
    for file in (tmp_path / "missing", tmp_path, Path("/dev/full")):
        with pytest.raises(PortError, match=str(file)):
            FANS.set_pwm(str(file), 100)
    assert not (tmp_path / "missing").exists(), "a fan is never made up"


@pytest.mark.parametrize("pwm", [-1, 256])
def test_no_fan_is_set_out_of_range(tmp_path: Path, pwm: int) -> None:
    (tmp_path / "pwm1").write_text("100\n")
    with pytest.raises(PortError, match=f"pwm is {pwm}, allowed is 0 to 255"):
        FANS.set_pwm(str(tmp_path / "pwm1"), pwm)
    assert (tmp_path / "pwm1").read_text() == "100\n"


# ---------------------------------------------------------------- watchdog


def test_a_watchdog_is_fed_without_growing_and_disarmed_by_the_magic_close(tmp_path: Path) -> None:
    file = tmp_path / "watchdog"
    file.touch()
    watchdog: WatchdogPort = FileWatchdog(str(file))
    for _ in range(5):
        watchdog.feed()
    assert file.read_bytes() == b"1"
    watchdog.close(is_disarmed=True)
    watchdog.close(is_disarmed=True)
    assert file.read_bytes() == b"V"


def test_a_watchdog_closed_without_disarming_stays_armed(tmp_path: Path) -> None:
    file = tmp_path / "watchdog"
    file.touch()
    watchdog = FileWatchdog(str(file))
    watchdog.feed()
    watchdog.close(is_disarmed=False)
    assert file.read_bytes() == b"1"
    with pytest.raises(PortError, match="closed"):
        watchdog.feed()


def test_a_watchdog_device_that_cannot_seek_is_fed_too() -> None:
    watchdog = FileWatchdog("/dev/null")
    watchdog.feed()
    watchdog.close(is_disarmed=True)


def test_a_watchdog_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="missing"):
        FileWatchdog(str(tmp_path / "missing"))
    watchdog = FileWatchdog("/dev/full")
    with pytest.raises(PortError, match="/dev/full"):
        watchdog.feed()
    with pytest.raises(PortError, match="/dev/full"):
        watchdog.close(is_disarmed=True)
    watchdog.close(is_disarmed=True)


def test_a_board_without_a_watchdog_feeds_nothing() -> None:
    watchdog: WatchdogPort = NoWatchdog()
    watchdog.feed()
    watchdog.close(is_disarmed=True)
