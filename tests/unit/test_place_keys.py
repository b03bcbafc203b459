"""Where sensors and fans are: files or channels of hwmon devices; every way to say it wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmcha.model.settings import HwmonChannel
from tests.unit.test_config import FAN, GATED, MODULE, SENSOR, ZONE, Folder

BY_DEVICE = SENSOR.replace(
    'file = "temp1_input"', 'device = "lm75"\nat = "3-0048"\nchannel = "temp1"'
)
FAN_BY_DEVICE = FAN.replace(
    'rpm_file = "fan1_input"\npwm_file = "pwm1"',
    'device = "max31785"\nrpm_channel = "fan1"\npwm_channel = "pwm1"',
)
WHOLE = GATED + BY_DEVICE + ZONE + FAN_BY_DEVICE


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_device_is_named_by_name_place_and_channel(folder: Folder) -> None:
    chassis = folder.load(MODULE, WHOLE).node.chassis
    (sensor,), (fan,) = chassis.sensors, chassis.fans
    assert sensor.place == HwmonChannel("lm75", "3-0048", "temp1") and sensor.file == ""
    assert fan.rpm_place == HwmonChannel("max31785", "", "fan1") and fan.rpm_file == ""
    assert fan.pwm_place == HwmonChannel("max31785", "", "pwm1") and fan.pwm_file == ""
    assert chassis.hwmon_root == "/sys/class/hwmon"


def test_a_channel_may_be_named_by_its_label(folder: Folder) -> None:
    labelled = WHOLE.replace('channel = "temp1"', 'label = "CPU Package"')
    (sensor,) = folder.load(MODULE, labelled).node.chassis.sensors
    assert sensor.place == HwmonChannel("lm75", "3-0048", "temp", "CPU Package")


def test_a_file_is_a_place_too_and_devices_may_be_looked_for_elsewhere(folder: Folder) -> None:
    board = GATED.replace('name = "test"', 'name = "test"\nhwmon_root = "hwmon"', 1)
    chassis = folder.load(MODULE, board + SENSOR + ZONE + FAN).node.chassis
    assert chassis.sensors[0].place == f"{folder.path}/hw/temp1_input"
    assert chassis.fans[0].pwm_place == f"{folder.path}/hw/pwm1"
    assert chassis.hwmon_root == f"{folder.path}/hw/hwmon"


def test_the_power_of_a_supply_or_a_blade_is_a_file_or_a_channel(folder: Folder) -> None:
    units = """
[[supplies]]
name = "psu1"
rated_milliwatt = 1
ok_file = "psu1_good"
device = "pmbus"
at = "5-0058"
power_channel = "power1"

[[blades]]
name = "blade1"
budget_milliwatt = 1
power_file = "power3_input"
"""
    chassis = folder.load(MODULE, WHOLE + units).node.chassis
    assert chassis.supplies[0].power_place == HwmonChannel("pmbus", "5-0058", "power1")
    assert chassis.supplies[0].ok_file == f"{folder.path}/hw/psu1_good"
    assert chassis.blades[0].power_place == f"{folder.path}/hw/power3_input"


@pytest.mark.parametrize(
    ("unit", "key", "said"),
    [
        ('device = "pmbus"', "power_channel", "missing"),
        ('device = "pmbus"\npower_channel = "in1"', "power_channel", "power and a number"),
        ('device = "pmbus"\npower_channel = "power1"\npower_file = "x"', "power_file", "beside"),
        ('at = "5-0058"', "at", "without device"),
        ('power_channel = "power1"', "power_channel", "without device"),
    ],
)
def test_a_wrong_place_of_a_power_is_named(folder: Folder, unit: str, key: str, said: str) -> None:
    board = f'{WHOLE}[[supplies]]\nname = "psu1"\nrated_milliwatt = 1\n{unit}\n'
    found = [each for each in folder.problems(MODULE, board) if each.key == f"supplies[0].{key}"]
    assert len(found) == 1 and said in f"{found[0].value}, {found[0].allowed}"


def test_limits_may_come_from_the_device_with_the_configured_to_fall_back_on(
    folder: Folder,
) -> None:
    limits = "low_milli = 0\nhigh_milli = 45000"
    own = folder.load(MODULE, WHOLE.replace(limits, 'limits = "device"')).node.chassis.sensors[0]
    assert own.has_device_limits and (own.low_milli, own.high_milli) == (-(2**31 - 1), 2**31 - 1)
    both = folder.load(MODULE, WHOLE.replace(limits, 'limits = "device"\nhigh_milli = 45000'))
    assert both.node.chassis.sensors[0].high_milli == 45_000
    assert not folder.load(MODULE, WHOLE).node.chassis.sensors[0].has_device_limits


def test_only_a_temperature_may_not_jump_unless_the_board_says_otherwise(folder: Folder) -> None:
    def jump(board: str) -> int:
        return folder.load(MODULE, board).node.chassis.sensors[0].jump_milli_max

    assert jump(WHOLE) == 30_000
    assert jump(WHOLE.replace("low_milli", "jump_milli_max = 0\nlow_milli", 1)) == 0
    power = WHOLE.replace('"temperature"', '"power"').replace('"temp1"', '"power1"')
    other = BY_DEVICE.replace('"inlet"', '"other"')
    assert jump(power.replace('zone = "front"\n\n[[z', "\n[[z") + other) == 0


@pytest.mark.parametrize(
    ("old", "new", "key", "value", "allowed"),
    [
        ('"lm75"', '"lm 75"', "sensors[0].device", '"lm 75"', "name file says"),
        ('"lm75"', '"hwmon/3"', "sensors[0].device", '"hwmon/3"', "no slash"),
        ('"3-0048"', '"i2c-3/3-0048"', "sensors[0].at", "i2c-3/", "one component"),
        ('"temp1"', '"in1"', "sensors[0].channel", '"in1"', "temp and a number"),
        ('"temp1"', '"temp1_input"', "sensors[0].channel", "temp1_input", "as in temp1"),
        ('channel = "temp1"', "", "sensors[0].channel", "missing", "temp and a number"),
        ('at = "3', 'label = "x"\nat = "3', "sensors[0].label", "beside a channel", "either"),
        ('at = "3', 'file = "f"\nat = "3', "sensors[0].file", "beside device", "either file"),
        ('device = "lm75"\n', 'file = "f"\n', "sensors[0].at", "without device", "or device"),
        ('device = "lm75"\n', "", "sensors[0].file", "missing", "name of a file"),
        ("low_milli", 'limits = "own"\nlow_milli', "sensors[0].limits", '"own"', "fixed, device"),
        ('rpm_channel = "fan1"', "", "fans[0].rpm_channel", "missing", "fan and a number"),
        ('"pwm1"', '"fan1"', "fans[0].pwm_channel", '"fan1"', "as in pwm1"),
        ('device = "max', 'pwm_file = "p"\ndevice = "max', "fans[0].pwm_file", "beside", "either"),
        ('device = "max31785"', "", "fans[0].rpm_channel", "without device", "or device"),
    ],
)
def test_a_wrong_place_is_named(
    folder: Folder, old: str, new: str, key: str, value: str, allowed: str
) -> None:
    assert old in WHOLE
    found = [
        each
        for each in folder.problems(MODULE, WHOLE.replace(old, new, 1))
        if each.key == key and value in each.value and allowed in each.allowed
    ]
    assert len(found) == 1


def two_fans(fan: str, old: str, new: str) -> str:
    """A board whose second fan is as ``fan``, but for what is replaced."""
    other = fan.replace('"fan1"', '"fan2"').replace(old, new)
    assert other != fan.replace('"fan1"', '"fan2"')
    rear = (BY_DEVICE + ZONE).replace('"front"', '"rear"').replace('"inlet"', '"outlet"')
    return GATED + BY_DEVICE + ZONE + rear + fan + other


@pytest.mark.parametrize("fan", [FAN, FAN_BY_DEVICE])
@pytest.mark.parametrize(
    ("old", "new"), [("pwm_min = 60", "pwm_min = 70"), ('zone = "front"', 'zone = "rear"')]
)
def test_fans_on_one_pwm_cannot_be_driven_two_ways(
    folder: Folder, fan: str, old: str, new: str
) -> None:
    problem = folder.only_problem(MODULE, two_fans(fan, old, new))
    assert problem.key == "fans"
    assert problem.value == '"fan1" and "fan2", which are driven by the same pwm'


@pytest.mark.parametrize("fan", [FAN, FAN_BY_DEVICE])
def test_fans_on_one_pwm_may_differ_in_the_rest(folder: Folder, fan: str) -> None:
    board = two_fans(fan, "rpm_min = 500", "rpm_min = 700")
    first, second = folder.load(MODULE, board).node.chassis.fans
    assert first.pwm_place == second.pwm_place
    folder.load(MODULE, two_fans(fan, "pwm1", "pwm2").replace("pwm_min = 60", "pwm_min = 61", 1))
