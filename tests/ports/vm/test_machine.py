"""The virtual machine is what its README says: otherwise a test there proves nothing."""

import os
from pathlib import Path

import pytest

from tests.ports.vm import i2c_chips
from tests.ports.vm.bench import Bench

pytestmark = pytest.mark.vm


def test_the_chips_are_real_character_devices() -> None:
    for chip in (0, 1):
        assert Path(Bench(chip).device).is_char_device()


def test_a_wire_carries_a_level_from_chip_to_chip() -> None:
    near, far = Bench(0), Bench(1)
    near.wire(24, far, 24)
    for is_high in (True, False):
        near.put(24, is_high)
        assert far.level(24) is is_high


def test_a_chip_that_vanishes_takes_its_device_with_it() -> None:
    bench = Bench(0)
    device = Path(bench.device)
    bench.vanish()
    try:
        assert not device.exists()
    finally:
        bench.come_back()
    assert Path(bench.device).exists()


def test_a_temperature_goes_through_the_real_driver() -> None:
    i2c_chips.set_lm75_milli(0x49, 23500)
    hwmon = i2c_chips.attach("lm75", 0x49)
    try:
        assert (hwmon / "temp1_input").read_text() == "23500\n"
    finally:
        i2c_chips.detach(0x49)


def test_the_fans_and_their_pwm_go_through_the_real_driver() -> None:
    for register, value in i2c_chips.ADT7475_IDENTITY.items():
        i2c_chips.write_byte(0x2E, register, value)
    i2c_chips.write_byte(0x2E, 0x28, 0x84)
    i2c_chips.write_byte(0x2E, 0x29, 0x03)
    hwmon = i2c_chips.attach("adt7475", 0x2E)
    try:
        assert (hwmon / "fan1_input").read_text() == "6000\n"
        (hwmon / "pwm1_enable").write_text("1")
        (hwmon / "pwm1").write_text("77")
        assert i2c_chips.read_byte(0x2E, 0x30) == 77
    finally:
        i2c_chips.detach(0x2E)


def test_the_uarts_are_wired_to_each_other() -> None:
    near = os.open("/dev/ttyS1", os.O_RDWR | os.O_NOCTTY)
    far = os.open("/dev/ttyS2", os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(near, b"beat\n")
        assert os.read(far, 5) == b"beat\n"
    finally:
        os.close(near)
        os.close(far)


def test_there_are_two_watchdogs() -> None:
    names = {file.read_text().strip() for file in Path("/sys/class/watchdog").glob("*/identity")}
    assert names == {"Software Watchdog", "i6300ESB timer"}
