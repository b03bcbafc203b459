"""docs/failure-modes.md says what the program says: its words, its alarms, its scenarios."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from bmcha.ha.path_fault import PathFault
from tests.repo.tree import ROOT, files_in

PAGE = (ROOT / "docs/failure-modes.md").read_text(encoding="utf-8")
SCENARIOS = {file.stem for file in (ROOT / "bmcha/sim/scenarios").glob("*.txt")}


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def alarm_ids(source: str) -> Iterator[str]:
    """First parts of `(id, Severity.X, text)`: names in an f-string become NAME."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Tuple) or len(node.elts) != 3:
            continue
        identity, severity, _ = node.elts
        is_severity = (
            isinstance(severity, ast.Attribute) and ast.unparse(severity.value) == "Severity"
        )
        if not is_severity:
            continue
        parts = identity.values if isinstance(identity, ast.JoinedStr) else [identity]
        text = "".join(str(p.value) if isinstance(p, ast.Constant) else "NAME" for p in parts)
        yield re.sub(r"slotNAME$", "slotN", text)


def test_every_fault_of_a_path_is_on_the_page_in_its_own_words() -> None:
    told = {row[0].strip("`"): row[1] for row in rows_of("Which part of a silent path")}
    assert told == {fault.value: fault.sentence for fault in PathFault}


def test_every_scenario_that_is_named_is_there_and_every_fault_of_one_is_named() -> None:
    named = {name for row in rows_of("What breaks") for name in re.findall(r"`([a-z-]+)`", row[3])}
    assert named <= SCENARIOS
    assert SCENARIOS - named <= {"cold-start", "single-module"}, "not about a fault"


def test_every_alarm_is_on_the_page_and_no_other() -> None:
    told = {row[0].strip("`") for row in rows_of("Every alarm")}
    raised = {
        found
        for file in files_in("bmcha")
        if file.suffix == ".py"
        for found in alarm_ids(file.read_text(encoding="utf-8"))
    }
    assert told == raised
