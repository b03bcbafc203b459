"""The physics: what follows what, in which direction, and that the loop settles."""

import pytest

from bmcha.model.reading import SensorKind
from bmcha.model.settings import (
    BladeSettings,
    ChassisSettings,
    FanSettings,
    SensorSettings,
    SupplySettings,
)
from bmcha.sim.thermal import AMBIENT_MILLI, PWM_MAX, RPM_MAX, WARM_AIRFLOW, Plant

STEP_S = 0.25


def sensor(name: str, kind: SensorKind, low: int, high: int, zone: str = "") -> SensorSettings:
    return SensorSettings(name, kind, f"{name}_input", low, high, 10, zone)


def plant() -> Plant:
    return Plant(
        ChassisSettings(
            sensors=(
                sensor("inlet", SensorKind.TEMPERATURE, 0, 45_000, "front"),
                sensor("exhaust", SensorKind.TEMPERATURE, 0, 65_000, "front"),
                sensor("far", SensorKind.TEMPERATURE, 0, 65_000, "rear"),
                sensor("v12", SensorKind.VOLTAGE, 11_400, 12_600),
                sensor("amps", SensorKind.CURRENT, 0, 100_000),
                sensor("watts", SensorKind.POWER, 0, 1_200_000),
                sensor("psu1_amps", SensorKind.CURRENT, 0, 100_000),
                sensor("psu2_amps", SensorKind.CURRENT, 0, 100_000),
                sensor("psu2_watts", SensorKind.POWER, 0, 1_200_000),
                sensor("psu1_heat", SensorKind.TEMPERATURE, 0, 80_000, "rear"),
            ),
            fans=(
                FanSettings("fan1", "fan1_input", "pwm1", "front", 60, 500),
                FanSettings("fan2", "fan2_input", "pwm2", "rear", 60, 500),
            ),
            zones=(),
            supplies=(SupplySettings("psu1", 1_200_000), SupplySettings("psu2", 1_200_000)),
            blades=(BladeSettings("blade1", 250_000), BladeSettings("blade2", 250_000)),
            sensor_period_ms=250,
            sensor_stale_ms=2000,
        )
    )


def run(found: Plant, seconds: float) -> None:
    for _ in range(round(seconds / STEP_S)):
        found.step(STEP_S)


def test_fans_run_at_full_speed_until_somebody_says_otherwise() -> None:
    found = plant()
    run(found, 10)
    assert found.pwm("fan1") == PWM_MAX
    assert found.rpm("fan1") == RPM_MAX


def test_speed_follows_the_applied_pwm_with_a_lag() -> None:
    found = plant()
    found.apply_pwm("fan1", 102)
    found.step(0.1)
    assert RPM_MAX * 0.8 < found.rpm("fan1") < RPM_MAX
    run(found, 10)
    assert found.rpm("fan1") == pytest.approx(RPM_MAX * 0.4, abs=20)
    assert found.rpm("fan2") == RPM_MAX


def test_it_begins_as_warm_as_driven_fans_keep_it() -> None:
    found = plant()
    for fan in ("fan1", "fan2"):
        found.apply_pwm(fan, round(PWM_MAX * WARM_AIRFLOW))
    begun_milli = found.value("exhaust")
    run(found, 60)
    assert begun_milli > AMBIENT_MILLI + 1000
    assert found.value("exhaust") == pytest.approx(begun_milli, abs=700)


def test_less_air_makes_its_own_zone_hotter() -> None:
    found = plant()
    run(found, 60)
    cool = found.value("exhaust")
    found.apply_pwm("fan1", 60)
    run(found, 60)
    assert found.value("exhaust") > cool + 2000
    assert found.value("far") < cool + 500
    assert found.value("inlet") == pytest.approx(AMBIENT_MILLI, abs=250)


def test_load_makes_it_hotter_and_draws_more() -> None:
    found = plant()
    run(found, 60)
    before = {name: found.value(name) for name in ("exhaust", "amps", "watts", "v12")}
    found.load_blade("blade1", 250_000)
    found.load_blade("blade2", 250_000)
    run(found, 60)
    assert found.value("exhaust") > before["exhaust"]
    assert found.value("amps") > before["amps"]
    assert found.value("watts") > before["watts"]
    assert found.value("v12") < before["v12"]


def test_readings_are_within_their_limits_and_in_hwmon_units() -> None:
    found = plant()
    found.apply_pwm("fan1", 80)
    found.apply_pwm("fan2", 80)
    for _ in range(200):
        found.step(STEP_S)
        assert 0 < found.value("exhaust") < 65_000
        assert 11_400 < found.value("v12") < 12_600
        assert 0 < found.value("watts") < 1_200_000_000
    assert found.value("watts") > 1_200_000  # microwatts


def test_readings_are_never_quite_still() -> None:
    found = plant()
    run(found, 60)
    seen = set()
    for _ in range(40):
        found.step(STEP_S)
        seen.add(found.value("v12"))
    assert len(seen) > 3


def test_a_failed_fan_stands_and_runs_up_again() -> None:
    found = plant()
    found.fail_fan("fan1", True)
    run(found, 10)
    assert found.rpm("fan1") == 0
    run(found, 60)
    assert found.value("exhaust") > 35_000
    found.fail_fan("fan1", False)
    run(found, 10)
    assert found.rpm("fan1") == RPM_MAX


def test_a_sensor_set_by_hand_stays_until_it_is_let_go() -> None:
    found = plant()
    found.fix_sensor("inlet", 60_000)
    run(found, 5)
    assert found.value("inlet") == 60_000
    found.fix_sensor("inlet", None)
    assert found.value("inlet") < 30_000


def test_the_same_steps_give_the_same_values() -> None:
    first, second = plant(), plant()
    for found in (first, second):
        found.apply_pwm("fan1", 100)
        run(found, 20)
    assert [first.value(n) for n in ("exhaust", "v12")] == [
        second.value(n) for n in ("exhaust", "v12")
    ]


def test_the_supplies_share_what_is_drawn() -> None:
    found = plant()
    # 15 % of 2400 W, and two blades at half of 250 W.
    assert [found.supply_milliwatt(name) for name in found.supplies()] == [305_000, 305_000]
    assert found.value("psu1_amps") == pytest.approx(305_000 / 12, rel=0.01)
    assert found.value("psu2_watts") == pytest.approx(305_000_000, rel=0.01)


def test_a_failed_supply_leaves_its_load_to_the_other_one() -> None:
    found = plant()
    run(found, 60)
    warm = found.value("psu1_heat")
    found.fail_supply("psu2", True)
    assert not found.is_supply_ok("psu2")
    assert (found.value("psu2_amps"), found.value("psu2_watts")) == (0, 0)
    assert found.value("psu1_amps") == pytest.approx(610_000 / 12, rel=0.01)
    run(found, 60)
    assert found.value("psu1_heat") > warm + 1000
    found.fail_supply("psu2", False)
    assert found.value("psu2_amps") == pytest.approx(305_000 / 12, rel=0.01)


def test_a_blade_that_is_off_draws_nothing_until_it_is_on() -> None:
    found = plant()
    found.load_blade("blade1", 400_000)  # beyond its budget: nobody keeps it
    assert found.blade_milliwatt("blade1") == 400_000
    found.switch_blade("blade1", False)
    assert (found.is_blade_on("blade1"), found.blade_milliwatt("blade1")) == (False, 0)
    assert found.supply_milliwatt("psu1") == (360_000 + 125_000) // 2
    found.switch_blade("blade1", True)
    assert found.blade_milliwatt("blade1") == 400_000
