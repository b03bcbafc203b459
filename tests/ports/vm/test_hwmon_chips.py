"""Sensors and fans behind the kernel's own drivers: lm75 and adt7475 over chips of i2c-stub.

A register is what a test sets and looks at, `bmcha.hal.hwmon` sees the driver's files alone. The
rules that need no driver are in tests/ports/test_hwmon.py.
"""

import contextlib
import time
from collections.abc import Iterator

import pytest

from bmcha.hal.hwmon import HwmonFans, HwmonSensors
from bmcha.hal.port import PortError, Sample
from bmcha.hal.value_file import write_whole_number
from bmcha.model.settings import HwmonChannel, device_of
from tests.ports.vm import i2c_chips
from tests.waiting import wait_until

pytestmark = pytest.mark.vm

ROOT = "/sys/class/hwmon"
SOON_S = 30.0
FAN_CHIP = 0x2E
PWM1_REGISTER = 0x30
PWM1_CONFIGURATION, BY_ITSELF = 0x5C, 0x62
"""As after a reset: the chip steers the fan by a temperature."""
MANUAL_BITS = 0b111 << 5
FAN1_PERIOD = 0x28
INLET, OUTLET = (HwmonChannel("lm75", f"0-00{number}", "temp1") for number in (48, 49))
TACHO, PWM = (HwmonChannel("adt7475", "0-002e", channel) for channel in ("fan1", "pwm1"))


@contextlib.contextmanager
def attached(driver: str, address: int) -> Iterator[None]:
    i2c_chips.attach(driver, address)
    try:
        yield
    finally:
        i2c_chips.detach(address)


@pytest.fixture
def sensors(request: pytest.FixtureRequest) -> Iterator[HwmonSensors]:
    """Of the device that the test's parameter names; else of the first thermometer."""
    port = HwmonSensors(ROOT, device_of(getattr(request, "param", INLET)))
    yield port
    port.close()


@pytest.fixture
def fans() -> Iterator[HwmonFans]:
    port = HwmonFans(ROOT, device_of(PWM))
    yield port
    port.close()


@pytest.fixture
def fan_chip() -> Iterator[None]:
    for register, value in i2c_chips.ADT7475_IDENTITY.items():
        i2c_chips.write_byte(FAN_CHIP, register, value)
    i2c_chips.write_byte(FAN_CHIP, PWM1_CONFIGURATION, BY_ITSELF)
    turn_at(6000)
    with attached("adt7475", FAN_CHIP):
        yield


def turn_at(rpm: int) -> None:
    ticks = 90_000 * 60 // rpm
    i2c_chips.write_byte(FAN_CHIP, FAN1_PERIOD, ticks & 0xFF)
    i2c_chips.write_byte(FAN_CHIP, FAN1_PERIOD + 1, ticks >> 8)


def read_until(port: HwmonSensors, place: HwmonChannel, wanted: int | None) -> Sample:
    """Drivers keep what they have read for a second or two."""
    found: list[Sample] = []

    def is_there() -> bool:
        found.append(port.read(place, True))
        return found[-1].value == wanted

    wait_until(is_there, f"{wanted}")
    return found[-1]


# ---------------------------------------------------------------- thermometers


@pytest.mark.parametrize("milli", [23_500, 0, -12_500, 127_000])
def test_a_temperature_is_what_the_chip_says(sensors: HwmonSensors, milli: int) -> None:
    i2c_chips.set_lm75_milli(0x48, milli)
    with attached("lm75", 0x48):
        assert sensors.read(INLET, False) == Sample(milli)


def test_two_chips_of_one_driver_are_told_apart_by_their_address(sensors: HwmonSensors) -> None:
    i2c_chips.set_lm75_milli(0x48, 20_000)
    i2c_chips.set_lm75_milli(0x49, 41_500)
    with attached("lm75", 0x49), attached("lm75", 0x48):
        assert sensors.read(INLET, False) == Sample(20_000)
        other = HwmonSensors(ROOT, device_of(OUTLET))
        assert other.read(OUTLET, False) == Sample(41_500)
        other.close()
        nameless = HwmonChannel("lm75", "", "temp1")
        unsure = HwmonSensors(ROOT, nameless)
        why = unsure.read(nameless, False).why
        assert why.startswith('2 hwmon devices are called "lm75": at 0-00')
        assert "0-0048" in why and "0-0049" in why
        unsure.close()


def test_a_driver_bound_anew_under_another_number_is_read_on(sensors: HwmonSensors) -> None:
    i2c_chips.set_lm75_milli(0x48, 20_000)
    i2c_chips.set_lm75_milli(0x49, 41_500)
    with attached("lm75", 0x48):
        assert sensors.read(INLET, False) == Sample(20_000)
    assert sensors.read(INLET, False).value is None
    # The other one gets the number that this one had.
    with attached("lm75", 0x49):
        assert sensors.read(INLET, False).value is None
        with attached("lm75", 0x48):
            read_until(sensors, INLET, 20_000)
    assert read_until(sensors, INLET, None).why


def test_the_limits_of_the_chip_are_the_drivers(sensors: HwmonSensors) -> None:
    i2c_chips.set_lm75_milli(0x48, 20_000)
    with attached("lm75", 0x48):
        folder = next(i2c_chips.ADAPTER.glob("0-0048/hwmon/hwmon*"))
        write_whole_number(str(folder / "temp1_max"), 66_000)
        assert sensors.read(INLET, True) == Sample(20_000, "", None, 66_000)


# ---------------------------------------------------------------- fans


@pytest.mark.parametrize("sensors", [TACHO], indirect=True)
@pytest.mark.usefixtures("fan_chip")
def test_a_fans_speed_is_what_its_tachometer_counts(sensors: HwmonSensors) -> None:
    assert sensors.read(TACHO, False) == Sample(6000)
    turn_at(3000)
    read_until(sensors, TACHO, 3000)


@pytest.mark.parametrize("pwm", [0, 77, 255])
@pytest.mark.usefixtures("fan_chip")
def test_a_pwm_reaches_the_chip_and_takes_it_out_of_its_own_control(
    fans: HwmonFans, pwm: int
) -> None:
    fans.drive(PWM, pwm)
    assert i2c_chips.read_byte(FAN_CHIP, PWM1_REGISTER) == pwm
    assert i2c_chips.read_byte(FAN_CHIP, PWM1_CONFIGURATION) & MANUAL_BITS == MANUAL_BITS


@pytest.mark.usefixtures("fan_chip")
def test_a_fan_chip_that_was_bound_anew_is_taken_again(fans: HwmonFans) -> None:
    fans.drive(PWM, 77)
    i2c_chips.detach(FAN_CHIP)
    with pytest.raises(PortError, match="pwm1 of adt7475 at 0-002e cannot be set: "):
        fans.drive(PWM, 88)
    i2c_chips.attach("adt7475", FAN_CHIP)
    until = time.monotonic() + SOON_S
    while i2c_chips.read_byte(FAN_CHIP, PWM1_REGISTER) != 99:
        assert time.monotonic() < until
        with contextlib.suppress(PortError):
            fans.drive(PWM, 99)
