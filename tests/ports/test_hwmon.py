"""The contracts of `SensorPort` and `FanPort`, over hwmon-shaped trees of files.

The same adapters on drivers of the kernel's: tests/ports/vm/test_hwmon_chips.py.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bmcha.hal import hwmon
from bmcha.hal.hwmon import HwmonFans, HwmonSensors
from bmcha.hal.hwmon_device import find_device
from bmcha.hal.port import FanPort, PortError, Sample, SensorPort
from bmcha.hal.value_file import NoValue
from bmcha.model.settings import HwmonChannel, device_of
from tests.waiting import open_descriptors_count

CPU = HwmonChannel("cpu", "3-0048", "temp1")


def sensors_at(file: Path) -> SensorPort:
    return HwmonSensors("/nowhere", device_of(str(file)))


def read(file: Path, has_device_limits: bool = False) -> Sample:
    port = sensors_at(file)
    try:
        return port.read(str(file), has_device_limits)
    finally:
        port.close()


def drive(file: Path, pwm: int) -> None:
    port: FanPort = HwmonFans("/nowhere", device_of(str(file)))
    try:
        port.drive(str(file), pwm)
    finally:
        port.close()


class Sysfs:
    """Devices and their numbers, laid out as in /sys: class/hwmon/hwmonN leads to where it sits."""

    def __init__(self, folder: Path) -> None:
        self.devices = folder / "devices"
        self.root = folder / "class" / "hwmon"
        self.root.mkdir(parents=True)

    def add(self, number: int, name: str, at: str, **files: str | int) -> Path:
        bus = self.devices / f"i2c-{at.partition('-')[0]}" / at / "hwmon" / f"hwmon{number}"
        bus.mkdir(parents=True)
        (bus / "name").write_text(name + "\n")
        for file, content in files.items():
            (bus / file).write_text(f"{content}\n")
        (self.root / f"hwmon{number}").symlink_to(bus)
        return bus

    def remove(self, number: int) -> None:
        link = self.root / f"hwmon{number}"
        shutil.rmtree(link.resolve())
        link.unlink()

    def sensors(self, channel: HwmonChannel) -> SensorPort:
        return HwmonSensors(str(self.root), device_of(channel))

    def fans(self, channel: HwmonChannel) -> FanPort:
        return HwmonFans(str(self.root), device_of(channel))


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


@pytest.fixture
def later(monkeypatch) -> Callable[[float], None]:
    """Time passes for what looks devices up."""
    clock = {"ns": 10**12}
    monkeypatch.setattr("bmcha.hal.hwmon_device.time.monotonic_ns", lambda: clock["ns"])

    def pass_by(seconds: float) -> None:
        clock["ns"] += round(seconds * 1e9)

    return pass_by


# ---------------------------------------------------------------- one value


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
    assert read(tmp_path / "temp1_input") == Sample(value)


def test_power_is_microwatts_in_hwmon_and_milliwatts_here(tmp_path: Path) -> None:
    (tmp_path / "power1_input").write_text("1200000000\n")
    assert read(tmp_path / "power1_input") == Sample(1_200_000)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\n", b" ", b"nan", b"1.5", b"1e3", b"0x10", b"1_000", b"--1", b"12 34", b"N/A"),
        *(b"2147483648", b"-2147483648", b"9" * 40, b"9" * 10_000, b"\xff\xfe", b"\x0025"),
        "٢٥".encode(),  # digits to Python's int(), not to us
    ],
)
def test_what_is_not_one_number_is_no_reading_and_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "temp1_input").write_bytes(content)
    sample = read(tmp_path / "temp1_input")
    assert sample.value is None
    assert sample.why.startswith("temp1_input ")
    assert sample.why.isprintable() and len(sample.why) < 100


def test_what_is_no_file_is_no_reading_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    for name in ("missing", "pipe", "loop", "folder", "pipe/below", "nul\0byte", "nul\0/byte"):
        sample = read(tmp_path / name)
        assert sample.value is None and sample.why, name


def test_a_pipe_that_somebody_holds_open_is_no_reading_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "temp1_input")
    writer = os.open(tmp_path / "temp1_input", os.O_RDWR | os.O_NONBLOCK)
    try:
        assert read(tmp_path / "temp1_input").value is None
    finally:
        os.close(writer)


def test_a_file_that_comes_back_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "temp1_input"
    port = sensors_at(file)
    file.write_text("1000")
    assert port.read(str(file), False) == Sample(1000)
    file.rename(tmp_path / "old")
    assert port.read(str(file), False) == Sample(
        None, "temp1_input cannot be read: No such file or directory"
    )
    file.write_text("2000")
    assert port.read(str(file), False) == Sample(2000)
    port.close()


def test_a_folder_that_is_replaced_is_read_anew(tmp_path: Path, later) -> None:
    file = tmp_path / "hwmon0" / "temp1_input"
    file.parent.mkdir()
    file.write_text("1000")
    port = sensors_at(file)
    assert port.read(str(file), False) == Sample(1000)
    file.parent.rename(tmp_path / "old")
    file.parent.mkdir()
    file.write_text("2000")
    later(2.1)
    assert port.read(str(file), False) == Sample(2000)
    port.close()


# ---------------------------------------------------------------- what the device says of it


def test_a_fault_that_the_device_reports_makes_the_value_no_reading(tmp_path: Path) -> None:
    (tmp_path / "temp1_input").write_text("127000\n")
    (tmp_path / "temp1_fault").write_text("1\n")
    sample = read(tmp_path / "temp1_input")
    assert sample == Sample(None, "the device reports a fault: temp1_fault is set")
    (tmp_path / "temp1_fault").write_text("0\n")
    assert read(tmp_path / "temp1_input") == Sample(127_000)


def test_the_fault_of_another_channel_is_none_of_this_one(tmp_path: Path) -> None:
    (tmp_path / "temp1_input").write_text("27000\n")
    (tmp_path / "temp11_fault").write_text("1\n")
    assert read(tmp_path / "temp1_input") == Sample(27_000)


@pytest.mark.parametrize(
    ("files", "low", "high"),
    [
        ({}, None, None),
        ({"temp1_max": 80_000}, None, 80_000),
        ({"temp1_min": -5000, "temp1_max": 80_000, "temp1_crit": 95_000}, -5000, 80_000),
        ({"temp1_lcrit": -10_000, "temp1_crit": 95_000}, -10_000, 95_000),
        ({"temp1_max": "N/A", "temp1_emergency": 99_000}, None, 99_000),
        ({"temp1_min": 0, "temp1_max": 0}, None, None),
        ({"temp1_max": 10**12}, None, 2**31 - 1),
    ],
)
def test_limits_of_the_device_are_read_when_asked_for(
    tmp_path: Path, files: dict[str, object], low: int | None, high: int | None
) -> None:
    for name, content in {"temp1_input": 20_000, **files}.items():
        (tmp_path / name).write_text(f"{content}\n")
    assert read(tmp_path / "temp1_input") == Sample(20_000)
    assert read(tmp_path / "temp1_input", has_device_limits=True) == Sample(20_000, "", low, high)


def test_limits_of_power_are_in_microwatts_too(tmp_path: Path) -> None:
    (tmp_path / "power1_input").write_text("5000000\n")
    (tmp_path / "power1_max").write_text("9000000\n")
    assert read(tmp_path / "power1_input", True) == Sample(5000, "", None, 9000)


def test_alarms_of_the_device_are_told_with_its_limits(tmp_path: Path) -> None:
    for name, content in {"temp1_input": 20_000, "temp1_crit_alarm": 1, "temp1_alarm": 0}.items():
        (tmp_path / name).write_text(f"{content}\n")
    assert read(tmp_path / "temp1_input", True) == Sample(
        20_000, "the device says temp1_crit_alarm"
    )
    assert read(tmp_path / "temp1_input") == Sample(20_000)


def test_limits_are_read_again_when_the_driver_was_bound_anew(sysfs: Sysfs, later) -> None:
    port = sysfs.sensors(CPU)
    sysfs.add(0, "cpu", "3-0048", temp1_input=20_000, temp1_max=70_000)
    assert port.read(CPU, True).high == 70_000
    sysfs.remove(0)
    sysfs.add(4, "cpu", "3-0048", temp1_input=20_000, temp1_max=80_000)
    later(0.25)
    assert port.read(CPU, True).high == 80_000
    port.close()


# ---------------------------------------------------------------- finding a device


def test_a_device_is_found_by_its_name(sysfs: Sysfs) -> None:
    sysfs.add(0, "psu", "1-0058", temp1_input=1)
    sysfs.add(1, "cpu", "3-0048", temp1_input=2)
    port = sysfs.sensors(HwmonChannel("cpu"))
    assert port.read(HwmonChannel("cpu", "", "temp1"), False) == Sample(2)
    port.close()


@pytest.mark.parametrize("at", ["3-0048", "*-0048", "i2c-3"])
def test_devices_of_one_name_are_told_apart_by_where_they_sit(sysfs: Sysfs, at: str) -> None:
    sysfs.add(0, "cpu", "4-0049", temp1_input=1)
    sysfs.add(1, "cpu", "3-0048", temp1_input=2)
    channel = HwmonChannel("cpu", at, "temp1")
    port = sysfs.sensors(channel)
    assert port.read(channel, False) == Sample(2)
    port.close()


def test_a_channel_is_found_by_its_label(sysfs: Sysfs) -> None:
    files = {"in1_label": "vin", "in2_label": "vout1", "curr1_label": "vin"}
    sysfs.add(0, "psu", "1-0058", in1_input=48_000, in2_input=12_000, curr1_input=9, **files)
    for label, value in {"vin": 48_000, "vout1": 12_000}.items():
        channel = HwmonChannel("psu", "", "in", label)
        port = sysfs.sensors(channel)
        assert port.read(channel, False) == Sample(value)
        port.close()


def test_a_label_that_no_channel_or_two_have_is_no_reading(sysfs: Sysfs) -> None:
    sysfs.add(0, "psu", "1-0058", in1_label="v", in2_label="v", in1_input=1, in2_input=2)
    port = sysfs.sensors(HwmonChannel("psu"))
    two, none = (port.read(HwmonChannel("psu", "", "in", label), False).why for label in "vw")
    assert two == 'in1 and in2 are labelled "v"'
    assert none == 'no in channel is labelled "w"'
    port.close()


def test_power_without_an_instant_value_is_read_as_the_average(sysfs: Sysfs) -> None:
    channel = HwmonChannel("psu", "", "power1")
    sysfs.add(0, "psu", "1-0058", power1_average=7_000_000)
    port = sysfs.sensors(channel)
    assert port.read(channel, False) == Sample(7000)
    port.close()


def test_what_is_wrong_with_a_name_is_said_with_what_is_there(sysfs: Sysfs) -> None:
    root = str(sysfs.root)
    with pytest.raises(NoValue, match=r'no hwmon device is called "cpu": there are none at all'):
        find_device(root, "cpu", "")
    sysfs.add(0, "psu", "1-0058")
    sysfs.add(1, "cpu", "4-0049")
    (sysfs.root / "hwmon9").symlink_to("nowhere")
    with pytest.raises(NoValue, match=r'no hwmon device is called "gpu": there are cpu, psu'):
        find_device(root, "gpu", "")
    with pytest.raises(NoValue, match=r'"cpu" sits at "3-0048": there is one at 4-0049'):
        find_device(root, "cpu", "3-0048")
    sysfs.add(2, "cpu", "4-004a")
    with pytest.raises(NoValue, match=r'2 .* called "cpu": at 4-0049, 4-004a; the board file'):
        find_device(root, "cpu", "")
    with pytest.raises(NoValue, match="cannot be read: No such file"):
        find_device(root + "/missing", "cpu", "")


# ---------------------------------------------------------------- a device that does not stay


def test_a_device_that_moves_to_another_number_is_read_on(sysfs: Sysfs, later) -> None:
    sysfs.add(0, "cpu", "3-0048", temp1_input=1)
    port = sysfs.sensors(CPU)
    assert port.read(CPU, False) == Sample(1)
    sysfs.remove(0)
    sysfs.add(7, "cpu", "3-0048", temp1_input=2)
    later(0.25)
    assert port.read(CPU, False) == Sample(2)
    port.close()


def test_another_device_that_gets_the_number_is_never_read(sysfs: Sysfs, later) -> None:
    sysfs.add(0, "cpu", "3-0048", temp1_input=1)
    port = sysfs.sensors(CPU)
    assert port.read(CPU, False) == Sample(1)
    sysfs.remove(0)
    sysfs.add(0, "psu", "1-0058", temp1_input=66_000)
    assert port.read(CPU, False).value is None
    later(0.25)
    sample = port.read(CPU, False)
    assert sample == Sample(None, 'no hwmon device is called "cpu": there are psu')
    port.close()


def test_a_device_that_comes_back_is_read_again(sysfs: Sysfs, later) -> None:
    port = sysfs.sensors(CPU)
    assert port.read(CPU, False).value is None
    for number in (3, 5):
        sysfs.add(number, "cpu", "3-0048", temp1_input=number)
        later(0.25)
        assert port.read(CPU, False) == Sample(number)
        sysfs.remove(number)
        later(0.25)
        assert port.read(CPU, False).value is None
    port.close()


def test_a_name_that_is_doubled_is_noticed_and_over_when_it_is(sysfs: Sysfs, later) -> None:
    channel = HwmonChannel("cpu", "", "temp1")
    sysfs.add(0, "cpu", "3-0048", temp1_input=1)
    port = sysfs.sensors(channel)
    assert port.read(channel, False) == Sample(1)
    sysfs.add(1, "cpu", "3-0049", temp1_input=2)
    later(2.1)
    assert "2 hwmon devices are called" in port.read(channel, False).why
    sysfs.remove(1)
    later(0.25)
    assert port.read(channel, False) == Sample(1)
    port.close()


def test_a_missing_device_is_looked_for_once_a_round_and_leaves_nothing_open(
    sysfs: Sysfs, later
) -> None:
    port = sysfs.sensors(CPU)
    before = open_descriptors_count()
    first = port.read(CPU, False)
    sysfs.add(0, "cpu", "3-0048", temp1_input=1)
    assert port.read(CPU, False) == first, "the same round"
    later(0.25)
    assert port.read(CPU, False) == Sample(1)
    sysfs.remove(0)
    later(0.25)
    assert port.read(CPU, False).value is None
    port.close()
    assert open_descriptors_count() == before


# ---------------------------------------------------------------- fans


@pytest.mark.parametrize("before", ["", "0\n", "255\n", "255        \n"])
@pytest.mark.parametrize("pwm", [0, 8, 80, 255])
def test_a_fan_is_set_in_place(tmp_path: Path, before: str, pwm: int) -> None:
    file = tmp_path / "pwm1"
    file.write_text(before)
    inode = file.stat().st_ino
    drive(file, pwm)
    assert file.read_text() == f"{pwm}\n"
    assert file.stat().st_ino == inode


def test_a_fan_that_cannot_be_set_is_named(tmp_path: Path) -> None:
    for file in (tmp_path / "missing", tmp_path, Path("/dev/full"), tmp_path / "no" / "pwm1"):
        with pytest.raises(PortError, match=str(file)):
            drive(file, 100)
    assert not (tmp_path / "missing").exists(), "a fan is never made up"


@pytest.mark.parametrize("pwm", [-1, 256])
def test_no_fan_is_set_out_of_range(tmp_path: Path, pwm: int) -> None:
    (tmp_path / "pwm1").write_text("100\n")
    with pytest.raises(PortError, match=f"pwm is {pwm}, allowed is 0 to 255"):
        drive(tmp_path / "pwm1", pwm)
    assert (tmp_path / "pwm1").read_text() == "100\n"


@pytest.mark.parametrize("mode", [0, 1, 2, 5])
def test_a_fan_is_put_into_manual_mode_every_time(sysfs: Sysfs, mode: int) -> None:
    channel = HwmonChannel("fanchip", "", "pwm2")
    bus = sysfs.add(0, "fanchip", "5-002e", pwm2=255, pwm2_enable=mode, pwm1_enable=2)
    port = sysfs.fans(channel)
    for _ in range(2):
        port.drive(channel, 90)
        assert ((bus / "pwm2").read_text(), (bus / "pwm2_enable").read_text()) == ("90\n", "1\n")
        (bus / "pwm2_enable").write_text(f"{mode}\n")
    assert (bus / "pwm1_enable").read_text() == "2\n", "another fan is another's"
    port.close()


def test_a_fan_whose_mode_cannot_be_told_is_set_all_the_same_and_is_a_fault(sysfs: Sysfs) -> None:
    channel = HwmonChannel("fanchip", "", "pwm1")
    bus = sysfs.add(0, "fanchip", "5-002e", pwm1=255, pwm1_enable="?")
    port = sysfs.fans(channel)
    with pytest.raises(PortError, match="pwm1 of fanchip cannot be set: pwm1_enable holds no"):
        port.drive(channel, 90)
    assert (bus / "pwm1").read_text() == "90\n"
    port.close()


@pytest.mark.parametrize(("taken", "is_fault"), [("90", False), ("73", False), ("255", True)])
def test_a_pwm_that_reads_back_as_another_is_a_fault_but_for_rounding(
    tmp_path: Path, monkeypatch, taken: str, is_fault: bool
) -> None:
    """A device that takes the write and keeps what it likes: here the file is put right after."""
    file = tmp_path / "pwm1"
    file.write_text("0\n")

    def stubborn(name: str, value: int, folder_fd: int | None = None) -> None:
        file.write_text(f"{taken}\n")

    monkeypatch.setattr(hwmon, "write_whole_number", stubborn)
    if not is_fault:
        drive(file, 90)
        return
    with pytest.raises(PortError, match="90 was written and 255 is read back"):
        drive(file, 90)


@pytest.mark.parametrize(("reads", "is_fault"), [(100, False), (60, True)])
def test_a_driver_that_reads_back_percent_is_understood(
    sysfs: Sysfs, reads: int, is_fault: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel's max31785: 255 is written, 100 is read."""
    channel = HwmonChannel("max31785", "", "pwm1", read_max=100)
    folder = sysfs.add(0, "max31785", "2-0052", pwm1=0)
    port = sysfs.fans(channel)

    def write(name: str, value: int, folder_fd: int | None = None) -> None:
        (folder / name).write_text(f"{reads}\n")

    monkeypatch.setattr(hwmon, "write_whole_number", write)
    if is_fault:
        with pytest.raises(PortError, match="255 was written and 60 is read back"):
            port.drive(channel, 255)
    else:
        port.drive(channel, 255)
    port.close()


def test_a_fan_whose_device_moved_is_set_where_it_is_now(sysfs: Sysfs, later) -> None:
    channel = HwmonChannel("fanchip", "", "pwm1")
    sysfs.add(0, "fanchip", "5-002e", pwm1=0)
    port = sysfs.fans(channel)
    port.drive(channel, 80)
    sysfs.remove(0)
    bus = sysfs.add(3, "fanchip", "5-002e", pwm1=0)
    later(0.25)
    port.drive(channel, 90)
    assert (bus / "pwm1").read_text() == "90\n"
    port.close()
