"""docs/failure-modes.md says what the program says: its words and its scenarios."""

from __future__ import annotations

import re

from bmcha.ha.path_fault import PathFault
from tests.repo.tables import rows_of
from tests.repo.tree import ROOT

PAGE = (ROOT / "docs/failure-modes.md").read_text(encoding="utf-8")
SCENARIOS = {file.stem for file in (ROOT / "bmcha/sim/scenarios").glob("*.txt")}


def test_every_fault_of_a_path_is_on_the_page_in_its_own_words() -> None:
    told = {row[0].strip("`"): row[1] for row in rows_of(PAGE, "Which part of a silent path")}
    assert told == {fault.value: fault.sentence for fault in PathFault}


def test_every_scenario_that_is_named_is_there_and_every_fault_of_one_is_named() -> None:
    named = {
        name for row in rows_of(PAGE, "What breaks") for name in re.findall(r"`([a-z-]+)`", row[3])
    }
    assert named <= SCENARIOS
    assert SCENARIOS - named <= {"cold-start", "single-module"}, "not about a fault"
