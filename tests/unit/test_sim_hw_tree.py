"""The tree of files that the virtual chassis shows a module: hwmon as the kernel lays it out."""

import os
from pathlib import Path

import pytest

from bmcha.hal.hwmon import HwmonFans, HwmonSensors
from bmcha.hal.port import Sample
from bmcha.model.reading import SensorKind
from bmcha.model.settings import (
    BoardClass,
    ChassisSettings,
    FanSettings,
    HwmonChannel,
    Place,
    SensorSettings,
    SupplySettings,
    device_of,
)
from bmcha.sim.board_plan import BoardPlan
from bmcha.sim.hw_tree import HwTree
from bmcha.sim.thermal import Plant

INLET = HwmonChannel("virtual_temp", "1-0048", "temp1")
RPM, PWM = (HwmonChannel("virtual_fan", "2-002e", channel) for channel in ("fan1", "pwm1"))
POWER = HwmonChannel("virtual_psu", "3-0059", "power1")


def chassis(hw: Path, first_psu: str = "3-0058") -> ChassisSettings:
    other = HwmonChannel("virtual_psu", first_psu, "power1")
    return ChassisSettings(
        sensors=(
            SensorSettings("inlet", SensorKind.TEMPERATURE, "", 0, 60_000, 0, "", INLET),
            SensorSettings("psu1_power", SensorKind.POWER, "", 0, 9, 0, "", other),
        ),
        fans=(FanSettings("fan1", "", "", "front", 60, 500, RPM, PWM),),
        zones=(),
        supplies=(SupplySettings("psu2", 1_000_000, str(hw / "power/psu2_good"), POWER),),
        blades=(),
        sensor_period_ms=250,
        sensor_stale_ms=2000,
        hwmon_root=str(hw / "hwmon"),
    )


def tree(settings: ChassisSettings) -> HwTree:
    made = HwTree(1, BoardPlan("b", BoardClass.BARE, 0, "", (1, 2), (), {}, {}, {}, {}, settings))
    made.show_values(Plant(settings))
    return made


def read(settings: ChassisSettings, place: Place) -> Sample:
    port = HwmonSensors(settings.hwmon_root, device_of(place))
    try:
        return port.read(place, False)
    finally:
        port.close()


def test_devices_are_found_by_name_and_place_as_the_service_does(tmp_path: Path) -> None:
    settings = chassis(tmp_path)
    made = tree(settings)
    plant = Plant(settings)
    assert read(settings, INLET) == Sample(plant.value("inlet"))
    assert read(settings, RPM) == Sample(plant.rpm("fan1"))
    assert read(settings, POWER) == Sample(plant.supply_milliwatt("psu2"))
    assert read(settings, str(tmp_path / "power/psu2_good")) == Sample(1)
    assert "2 hwmon devices" in read(settings, HwmonChannel("virtual_psu", "", "power1")).why
    fans = HwmonFans(settings.hwmon_root, device_of(PWM))
    fans.drive(PWM, 99)
    fans.close()
    assert made.pwm("fan1") == (99, "99")
    made.close()


def test_numbers_follow_places_and_may_be_others_on_another_board(tmp_path: Path) -> None:
    for first_psu, number in (("3-0058", 3), ("9-0058", 2)):
        settings = chassis(tmp_path / first_psu, first_psu)
        tree(settings).close()
        name = Path(settings.hwmon_root) / f"hwmon{number}"
        assert name.resolve().parts[-3:] == ("3-0059", "hwmon", f"hwmon{number}")
        assert read(settings, POWER).value is not None


@pytest.mark.parametrize("left", ["a pipe", "a folder"])
def test_what_an_earlier_chassis_has_left_is_replaced(tmp_path: Path, left: str) -> None:
    settings = chassis(tmp_path)
    first = tree(settings)
    if left == "a pipe":
        # It was killed while this sensor answered nobody.
        first.block_sensor("inlet", True)
    else:
        link = tmp_path / "hwmon/hwmon0"
        link.unlink()
        link.mkdir()
        (link / "name").write_text("somebody\n")
    tree(settings).close()
    assert not os.listdir(tmp_path / "hwmon/hwmon0").count("temp1_input.aside")
    assert read(settings, INLET).value is not None
