"""Two real services whose devices stop answering: their own readings suffer, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import stuck_folder
from tests.process import rig
from tests.process.rig import Module, two_modules
from tests.stuck_folder import PreloadedFolder, Stuck, StuckFolder
from tests.waiting import wait_until

BOARD = (
    rig.BOARD
    + """
[[sensors]]
name = "outlet"
kind = "temperature"
file = "slow/temp1_input"
low_milli = 0
high_milli = 60000
hysteresis_milli = 2000

[[fans]]
name = "fan2"
rpm_file = "slow/fan1_input"
pwm_file = "slow/pwm1"
zone = "front"
pwm_min = 60
rpm_min = 500
"""
)
FILES = {"temp1_input": "41000\n", "fan1_input": "4000\n", "pwm1": "0\n"}
FULL = 255


class Pair:
    """``slow`` is the folder of the first module; the second has plain files."""

    def __init__(self, first: Module, second: Module, slow: Stuck, monkeypatch) -> None:
        self.first = first
        self.second = second
        self.slow = slow
        self.monkeypatch = monkeypatch

    def start(self) -> None:
        with self.monkeypatch.context() as patch:
            for name, value in self.slow.environment.items():
                patch.setenv(name, value)
            self.first.start()
        self.second.start()
        wait_until(lambda: self.first.role() == "ACTIVE", "the first is ACTIVE")
        wait_until(lambda: self.second.role() == "STANDBY", "the second is STANDBY")
        full = {"state": "FULL", "reasons": []}
        wait_until(lambda: self.first.ask()["redundancy"] == full, "full redundancy")

    def sensor(self, name: str) -> Any:
        return next(s for s in self.first.ask("sensors")["sensors"] if s["name"] == name)

    def alarms(self) -> set[str]:
        return {alarm["id"] for alarm in self.first.ask()["alarms"]}

    def has_kept_its_role(self) -> bool:
        changes = [change["to"] for change in self.first.ask("why")["history"]]
        return changes[0] == "ACTIVE" and changes.count("ACTIVE") == 1

    def stuck(self, file: str) -> None:
        """From a life in which all was well."""
        wait_until(lambda: self.sensor("outlet")["quality"] == "GOOD", "it was read")
        wait_until(lambda: not self.alarms(), "no alarm")
        self.slow.hold(file)
        wait_until(lambda: self.slow.is_waited_for(file), f"{file} is waited for")


@pytest.fixture
def pair(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(rig, "BOARD", BOARD)
    with two_modules(tmp_path) as (first, second):
        for module in (first, second):
            (module.folder / "hw" / "slow").mkdir()
        for name, text in FILES.items():
            (second.folder / "hw" / "slow" / name).write_text(text)
        slow = stuck_folder.stuck_folder(first.folder / "hw" / "slow", FILES)
        yield Pair(first, second, slow, monkeypatch)
        # In this order: who waits in the kernel cannot be killed, who lives holds the folder.
        for name in FILES:
            slow.release(name)
        first.close()
        slow.close()


def test_a_sensor_that_stops_answering_grows_stale_and_delays_nothing_else(pair: Pair) -> None:
    pair.start()
    pair.stuck("temp1_input")
    wait_until(lambda: "sensor-outlet-unreadable" in pair.alarms(), "an alarm")
    outlet = pair.sensor("outlet")
    assert (outlet["quality"], outlet["value_milli"]) == ("STALE", 41_000)
    assert outlet["why"] == "not read for 1000 ms: its device does not answer"
    # The tachometer behind the same driver cannot be read either.
    wait_until(lambda: "fan-fan2-unreadable" in pair.alarms(), "an alarm of the fan")
    wait_until(lambda: pair.first.get("hwmon/pwm1") == FULL, "the zone runs at full speed")
    pair.first.set("hwmon/temp1_input", 31_000)
    wait_until(lambda: pair.sensor("inlet")["value_milli"] == 31_000, "others are read on")
    assert pair.sensor("inlet")["quality"] == "GOOD"
    assert pair.has_kept_its_role()
    pair.slow.release("temp1_input")
    wait_until(lambda: pair.sensor("outlet")["quality"] == "GOOD", "it is read again")
    assert pair.sensor("outlet")["why"] == ""
    wait_until(lambda: not pair.alarms(), "no alarm is left")


def test_a_sensor_that_never_answers_does_not_keep_the_fans_from_being_driven(pair: Pair) -> None:
    pair.slow.hold("temp1_input")
    pair.start()
    wait_until(lambda: "sensor-outlet-unreadable" in pair.alarms(), "an alarm")
    outlet = pair.sensor("outlet")
    assert (outlet["quality"], outlet["value_milli"]) == ("NONE", None)
    assert "does not answer" in outlet["why"]
    assert pair.sensor("inlet")["quality"] == "GOOD"
    assert pair.first.get("hwmon/pwm1") == FULL
    assert pair.slow.get("pwm1") == f"{FULL}\n"


def test_a_fan_chip_that_hangs_costs_no_role_and_the_other_fan_runs_at_full_speed(
    pair: Pair,
) -> None:
    pair.start()
    pair.stuck("pwm1")
    wait_until(lambda: "fan-fan2-disobeys" in pair.alarms(), "an alarm")
    wait_until(lambda: pair.first.get("hwmon/pwm1") == FULL, "the other fan makes up for it")
    assert pair.has_kept_its_role()
    assert pair.first.ask()["redundancy"]["state"] == "FULL"
    pair.slow.release("pwm1")
    wait_until(lambda: not pair.alarms(), "it obeys again")
    assert pair.has_kept_its_role()


def test_a_switchover_goes_through_while_a_fan_chip_hangs_and_nothing_is_written_after_it(
    pair: Pair,
) -> None:
    pair.start()
    pair.stuck("pwm1")
    wait_until(lambda: "fan-fan2-disobeys" in pair.alarms(), "an order waits behind the stuck one")
    pair.first.ask("switchover", force=True)
    wait_until(lambda: pair.second.role() == "ACTIVE", "the peer has taken over")
    pair.slow.release("pwm1")
    wait_until(lambda: not pair.slow.is_waited_for("pwm1"), "the stuck write has landed")
    landed = pair.slow.get("pwm1")
    # What waited behind it would have been written by the time of some more readings.
    pair.first.set("hwmon/temp1_input", 44_000)
    wait_until(lambda: pair.first.ask("status")["mirror"]["staleness_ms"] is not None, "a mirror")
    assert pair.slow.get("pwm1") == landed
    assert pair.first.role() == "STANDBY"


@pytest.mark.parametrize("file", ["temp1_input", "pwm1"])
def test_a_stop_does_not_wait_for_a_device_that_hangs(pair: Pair, file: str) -> None:
    if isinstance(pair.slow, StuckFolder):
        pair.slow.is_deaf = True
    pair.start()
    pair.stuck(file)
    pair.first.signal(signal.SIGTERM)
    wait_until(lambda: pair.second.role() == "ACTIVE", "the peer has taken over")
    wait_until(lambda: "bmcha ended with exit 0" in pair.first.log(), "it says that it has ended")
    assert pair.first.get("lines/OUTPUT_ENABLE") == 0
    assert "does not end; it is left behind" in pair.first.log()
    # A process of which a thread waits in the kernel is there until that returns.
    pair.slow.release(file)
    assert pair.first.end()[0] == 0


@pytest.mark.parametrize("make", [StuckFolder, PreloadedFolder], ids=["fuse", "preloaded"])
def test_a_held_file_is_waited_for(tmp_path: Path, make: Callable[..., Stuck]) -> None:
    """The test's own tool; a folder that is made by FUSE only where that can be."""
    if make is StuckFolder and not stuck_folder.is_fuse_there():
        make = PreloadedFolder
    folder = tmp_path / "slow"
    folder.mkdir()
    slow = make(folder, FILES)
    program = "import os, sys; fd = os.open(sys.argv[1], 0); print(os.read(fd, 9))"
    try:
        slow.hold("temp1_input")
        # By name: a working directory there would be entered between fork and exec, while this
        # process, which serves the folder, stands still.
        with subprocess.Popen(
            [sys.executable, "-c", program, folder / "temp1_input"],
            env=os.environ | slow.environment,
            stdout=subprocess.PIPE,
        ) as process:
            wait_until(lambda: slow.is_waited_for("temp1_input"), "it waits")
            assert process.poll() is None
            slow.release("temp1_input")
            assert process.communicate(timeout=10)[0] == b"b'41000\\n'\n"
    finally:
        slow.close()


def test_a_check_says_that_a_device_hangs_and_goes_on(pair: Pair) -> None:
    pair.slow.hold("temp1_input")
    config = str(pair.first.folder / "config.toml")
    done = rig.run_cli("check", "--json", config, timeout_s=60, **pair.slow.environment)
    told = {each["key"]: each for each in json.loads(done.stdout)["problems"]}
    assert done.returncode == 2
    outlet = told["sensors[1].file"]
    assert outlet["value"].endswith("slow/temp1_input: it did not answer within 2 s")
    assert outlet["remedy"].endswith("a read does not return")
