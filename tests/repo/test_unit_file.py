"""The unit that ships is one that systemd takes without a word, and says what the service does."""

import configparser
import subprocess
from pathlib import Path

import pytest

from bmcha.diag.service_manager import FEEDS_PER_TIME
from bmcha.model.moment import NS_PER_S
from bmcha.runtime.pace import STALL_NS
from bmcha.runtime.supervisor import CHECK_S, NODE_CHECKS_MAX, STOP_S_MAX, STUCK_TELL_S_MAX
from bmcha.sim.modules import UNIT_ENVIRONMENT
from tests import needs
from tests.repo.tree import ROOT

UNIT = ROOT / "bmcha" / "systemd" / "bmcha.service"
EXPOSURE_MAX = 30
"""In tenths; systemd 252 finds 24. An unhardened service has 96."""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The unit with a program that exists, since bmcha is not installed on this machine."""
    unit = tmp_path / "bmcha.service"
    text = UNIT.read_text()
    assert "ExecStart=/usr/bin/bmcha run" in text
    unit.write_text(text.replace("/usr/bin/bmcha run", "/bin/true run"))
    return unit


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = needs.program("systemd-analyze", package="systemd")
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=60)


def test_systemd_takes_the_unit_without_a_word(here: Path) -> None:
    found = analyze("verify", "--man=no", "--recursive-errors=no", str(here))
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_systemd_would_complain_of_a_key_that_it_does_not_know(here: Path) -> None:
    here.write_text(here.read_text().replace("WatchdogSec=", "WatchdogSeconds="))
    found = analyze("verify", "--man=no", "--recursive-errors=no", str(here))
    assert "WatchdogSeconds" in found.stderr


def test_the_unit_gives_away_little(here: Path) -> None:
    found = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(here))
    assert found.returncode == 0, found.stdout


def test_the_unit_waits_for_what_the_service_promises() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert int(service["TimeoutStopSec"]) > STOP_S_MAX
    # The service ends itself when its node hangs, lines and reason first.
    own_end_s = STALL_NS / NS_PER_S + CHECK_S * NODE_CHECKS_MAX + STUCK_TELL_S_MAX
    assert int(service["WatchdogSec"]) * (1 - 1 / FEEDS_PER_TIME) > own_end_s
    assert service["RestartPreventExitStatus"] == "2"


def test_modules_of_the_virtual_chassis_have_the_environment_of_the_unit() -> None:
    lines = [line for line in UNIT.read_text().splitlines() if line.startswith("Environment=")]
    assert lines == [f"Environment={name}={value}" for name, value in UNIT_ENVIRONMENT.items()]
