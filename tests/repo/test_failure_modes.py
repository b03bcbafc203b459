"""docs/failure-modes.md says what the program says: its words, its times, and who proves them."""

from __future__ import annotations

import ast
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bmcha.config.module_file import load_config
from bmcha.ha.path_fault import PathFault
from bmcha.model.role import Reason
from bmcha.model.settings import BoardClass
from bmcha.sim.layout import RigLayout
from bmcha.sim.module_config import write_config
from bmcha.sim.wires import WireEnd
from tests.repo.tables import rows_in, rows_of
from tests.repo.tree import ROOT, files_in

PAGE = (ROOT / "docs/failure-modes.md").read_text(encoding="utf-8")
SCENARIOS = {file.stem for file in (ROOT / "bmcha/sim/scenarios").glob("*.txt")}
PATHS_TOLD = "Which part of a silent path"

BARE, HOLD = "bare", "bare with hold"
BOARDS = {"gated", "reset", "lease", BARE, HOLD}
"""What a row may speak of. A failure tells of each board; where it has no row for ``HOLD``, bare
is both policies."""


@dataclass(frozen=True)
class Failure:
    """What stands under one heading of the third level."""

    title: str
    text: str

    @property
    def rows(self) -> list[list[str]]:
        return rows_in(self.text)

    @property
    def noticed_by(self) -> str:
        return self.text.partition("Noticed by: ")[2].partition("\n\n")[0]

    @property
    def proofs(self) -> list[str]:
        told = self.text.partition("Proved by: ")[2].partition("\n\n")[0]
        return re.findall(r"`([^`]+)`", told)

    @property
    def boards(self) -> set[str]:
        found = {each for row in self.rows for each in row[0].split(", ")}
        return BOARDS if "all" in found else found


def failures() -> list[Failure]:
    section = PAGE.partition(f"\n## {PATHS_TOLD}\n")[0]
    parts = re.split(r"\n#{2,3} ", section)
    titled = re.findall(r"\n(#{2,3}) ", section)
    found = []
    for level, part in zip(titled, parts[1:], strict=True):
        title, _, text = part.partition("\n")
        if level == "###":
            found.append(Failure(title, text))
    return found


FAILURES = failures()
of_each = pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)


def test_the_page_is_read_as_it_is_written() -> None:
    assert len(FAILURES) >= 30
    assert len({failure.title for failure in FAILURES}) == len(FAILURES)


def test_every_fault_of_a_path_is_on_the_page_in_its_own_words() -> None:
    told = {row[0].strip("`"): row[1] for row in rows_of(PAGE, PATHS_TOLD)}
    assert told == {fault.value: fault.sentence for fault in PathFault}


# ---- every failure is told whole


@of_each
def test_a_failure_says_how_it_is_noticed_what_happens_and_within_what_time(
    failure: Failure,
) -> None:
    assert failure.noticed_by
    assert failure.rows
    for row in failure.rows:
        assert len(row) == 3 and all(row), row


@of_each
def test_a_failure_tells_of_every_board(failure: Failure) -> None:
    assert failure.boards - {HOLD} == BOARDS - {HOLD}


def test_every_reason_that_is_named_is_one() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", PAGE))
    assert named <= {reason.name for reason in Reason}


# ---- and proved


def names_of_tests() -> set[str]:
    return {
        node.name
        for file in files_in("tests")
        if file.name.startswith("test_") and file.suffix == ".py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


TESTS = names_of_tests()


@of_each
def test_a_failure_is_proved_by_scenarios_and_tests_that_there_are(failure: Failure) -> None:
    assert failure.proofs
    assert set(failure.proofs) <= SCENARIOS | TESTS


def test_every_test_that_is_named_anywhere_on_the_page_is_there() -> None:
    assert set(re.findall(r"`(test_\w+)`", PAGE)) <= TESTS


def test_every_scenario_is_named_by_a_failure() -> None:
    assert SCENARIOS - {name for failure in FAILURES for name in failure.proofs} == set()


# ---- the times: sums of settings, with their values in the virtual chassis

KEY = re.compile(r"`([a-z_]+)`")
TERM = r"(?:\d+ × )?(?:`[a-z_]+`|\*claim\*|\d+)"
SUM = re.compile(rf"({TERM}(?: \+ {TERM})*) = (\d+) ms")


def settings_of_the_virtual_chassis(folder: Path) -> dict[str, int]:
    """By their keys. A third opinion, which it does not ask, with its defaults."""
    layout = RigLayout(folder)
    layout.module(1).mkdir(parents=True)
    end = WireEnd(local=("127.0.0.1", 4001), remote=("127.0.0.1", 4002))
    wire: Any = SimpleNamespace(name="udp", kind="udp", end=lambda _slot: end)
    write_config(layout, 1, BoardClass.GATED.value, [wire])
    file = layout.config(1)
    text = file.read_text() + '\n[third_opinion]\naddress = "127.0.0.3"\n'
    file.write_text(text)
    node = load_config(str(file), version="test", firmware_level=1, layout_id=1).node
    assert node.third_opinion is not None
    parts = (node.timers, node.paths[0], node.moves, node.third_opinion, node.chassis)
    found = {key: value for part in parts for key, value in asdict(part).items()}
    found["watchdog_ms"] = node.watchdog_ms
    return {key: value for key, value in found.items() if type(value) is int}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    return settings_of_the_virtual_chassis(tmp_path_factory.mktemp("rig"))


def value_of(told: str, settings: dict[str, int]) -> int:
    """Of a sum; a key that is none fails."""
    sums = 0
    for term in told.split(" + "):
        count, _, unit = term.rpartition(" × ")
        name = unit.strip("`*")
        claim_ms = settings["store_deadline_ms"] + 2 * settings["line_settle_ms"]
        value = int(name) if name.isdigit() else {**settings, "claim": claim_ms}[name]
        sums += int(count or 1) * value
    return sums


NO_CLAIM = {"store_deadline_ms": 0, "line_settle_ms": 0}


def test_a_sum_is_reckoned() -> None:
    assert value_of("2 × `a_ms` + 1000 × `b_s` + 20", {"a_ms": 3, "b_s": 2, **NO_CLAIM}) == 2026
    assert value_of("*claim*", {"store_deadline_ms": 5, "line_settle_ms": 1}) == 7
    with pytest.raises(KeyError):
        value_of("`no_such_ms`", NO_CLAIM)


def test_every_time_on_the_page_follows_from_the_settings(settings: dict[str, int]) -> None:
    found = SUM.findall(PAGE)
    assert len(found) > 50
    wrong = [(told, ms) for told, ms in found if value_of(told, settings) != int(ms)]
    assert wrong == []


@of_each
def test_no_milliseconds_stand_without_what_they_are_made_of(failure: Failure) -> None:
    for _, _, within in failure.rows:
        assert len(re.findall(r"\d ms", within)) == len(SUM.findall(within)), within


def test_every_key_that_a_time_is_made_of_is_a_setting(settings: dict[str, int]) -> None:
    named = {key for failure in FAILURES for row in failure.rows for key in KEY.findall(row[2])}
    assert named <= set(settings)
