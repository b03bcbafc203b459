"""What the image is given: no boot is needed to find a configuration that the service refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "hil-tests" / "image" / "root" / "etc" / "bmcha" / "config.toml.in"


@pytest.mark.parametrize("slot", [1, 2])
def test_the_configuration_of_both_slots_is_accepted(slot: int, tmp_path: Path) -> None:
    text = TEMPLATE.read_text().replace("@SLOT@", str(slot)).replace("@PEER@", str(3 - slot))
    (tmp_path / "config.toml").write_text(text)
    board = ROOT / "board" / "ast2600-evb.toml"
    (tmp_path / board.name).write_text(board.read_text())
    command = [sys.executable, "-m", "bmcha", "check", "--offline", str(tmp_path / "config.toml")]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
