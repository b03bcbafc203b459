"""The shipped scenarios hold in the small world too. That real processes take the same roles in the
same order is seen where those run (tests/process/test_scenarios.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bmcha.sim.scenario import find_scenario
from tests.process.test_scenarios import CASES, SPLITTING_MS
from tests.sim.play import Played, play, states_of


@pytest.mark.parametrize(("name", "board"), CASES)
def test_a_shipped_scenario_holds_in_virtual_time(name: str, board: str, tmp_path: Path) -> None:
    played = play(*find_scenario(name), board, tmp_path)
    assert played.why == []
    assert played.dual_ms <= SPLITTING_MS.get((name, board), 0)


def test_what_is_expected_and_does_not_come_is_named_with_its_line(tmp_path: Path) -> None:
    text = "settle 20\nat 1 cut udp\nwithin 2 role 2 ACTIVE\n"
    (why, *_) = play("odd.txt", text, "gated", tmp_path).why
    assert why.startswith("odd.txt:3: within 2 role 2 ACTIVE")


def test_two_holders_are_named_where_they_are_forbidden(tmp_path: Path) -> None:
    text = "settle 20\nat 1 cut all\nuntil 5\nnever dual\n"
    assert play("odd.txt", text, "gated", tmp_path).why == []
    (why,) = play("odd.txt", text, "bare", tmp_path).why
    assert why.startswith("odd.txt:4: two gates")


def test_a_claim_that_is_called_off_is_no_role() -> None:
    called_off = [("STANDBY", 1), ("FENCING", 1), ("STANDBY", 1), ("ACTIVE", 2)]
    assert states_of(called_off, 1) == ["STANDBY"]
    assert Played(roles=[(1, "FENCING", "R"), (1, "ACTIVE", "R")]).states(1) == ["ACTIVE"]
