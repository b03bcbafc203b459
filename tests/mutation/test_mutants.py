"""What counts as one rule, that its deletion is what it says, and that it is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.mutation.__main__ import (
    STORIES,
    TESTS_ELSEWHERE,
    all_mutants,
    known_survivors,
    modules,
    name_of,
    own_tests,
    verdict,
)
from tests.mutation.mutants import Kind, mutants_of, mutated

SOURCE = """
def decide(a, b, log):
    if a and not b:
        return "first"
    log.append(a)
    return "second"
"""
ROOT = Path(__file__).parents[2]


def said(number: int, a: bool, b: bool) -> tuple[str, list[bool]]:
    names: dict[str, object] = {}
    exec(compile(mutated("m", SOURCE, number), "m", "exec"), names)
    log: list[bool] = []
    return names["decide"](a, b, log), log  # type: ignore[operator]


def test_each_rule_term_and_deed_is_one_mutant() -> None:
    assert [(each.kind, each.text) for each in mutants_of("m", SOURCE)] == [
        (Kind.RULE, "if a and (not b):"),
        (Kind.ELSE, "if a and (not b):"),
        (Kind.TERM, "a"),
        (Kind.TERM, "not b"),
        (Kind.DEED, "log.append(a)"),
    ]


@pytest.mark.parametrize(
    ("number", "a", "b", "expected"),
    [
        (0, True, False, ("second", [True])),
        (1, False, True, ("first", [])),
        (2, False, False, ("first", [])),
        (3, True, True, ("first", [])),
        (4, False, False, ("second", [])),
    ],
)
def test_a_mutant_lacks_what_it_names_and_nothing_else(
    number: int, a: bool, b: bool, expected: tuple[str, list[bool]]
) -> None:
    assert said(number, a, b) == expected


@pytest.mark.parametrize("number", [-1, 5])
def test_a_mutant_that_is_not_there_is_an_error(number: int) -> None:
    with pytest.raises(ValueError, match=f"m has 5 mutants, there is no {number}"):
        mutated("m", SOURCE, number)


def test_every_deciding_module_has_mutants_and_every_explanation_its_mutant() -> None:
    found = list(all_mutants(modules()))
    assert {"role_rules", "verdicts", "fencing", "claim", "peer_view"} <= set(modules())
    explained = Counter(name for name, _ in known_survivors())
    assert explained <= Counter(name_of(mutant) for mutant in found)
    assert all(why for _, why in known_survivors()), "each says why"


def test_every_module_has_tests_that_are_asked_first() -> None:
    assert all(own_tests(name) for name in modules() if list(all_mutants([name])))
    elsewhere = [
        f"tests/unit/test_{stem}.py" for stems in TESTS_ELSEWHERE.values() for stem in stems
    ]
    assert all((ROOT / file).is_file() for file in (*elsewhere, *STORIES))
    assert set(TESTS_ELSEWHERE) <= set(modules())


def run_mutants_of(module: str, tests: str, record: Path) -> subprocess.CompletedProcess[str]:
    words = ("--tests", f"tests/unit/{tests}.py", "--record", str(record), "--at-once", "1")
    command = [sys.executable, "-m", "tests.mutation", module, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_what_its_tests_see_is_noticed_and_kept(tmp_path: Path) -> None:
    record = tmp_path / "mutants.json"
    done = run_mutants_of("strap_watch", "test_strap_watch", record)
    count = len(list(all_mutants(["strap_watch"])))
    assert count > 5 and f"{count} mutants, 0 survived" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    assert len(json.loads(record.read_text())) == count


def test_what_no_test_sees_survives_and_is_told(tmp_path: Path) -> None:
    done = run_mutants_of("strap_watch", "test_identity", tmp_path / "mutants.json")
    assert done.returncode == 1
    for mutant in all_mutants(["strap_watch"]):
        assert f"unexplained  {mutant}" in done.stdout, done.stdout + done.stderr


def test_one_explanation_is_for_one_survivor_and_for_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = found = list(all_mutants(["strap_watch"]))
    known = tmp_path / "survivors.txt"
    known.write_text(f"# why\n{name_of(first)} -- it makes no difference\n")
    monkeypatch.setattr("tests.mutation.__main__.KNOWN", known)
    assert verdict(found, [first]) == 0
    assert verdict(found, [first, second]) == 1
    assert f"unexplained  {second}" in capsys.readouterr().out
    assert verdict(found, [first, first]) == 1, "another one with the same text"
    assert f"unexplained  {first}" in capsys.readouterr().out
    assert verdict(found, []) == 1
    assert f"explained, but noticed  {name_of(first)}" in capsys.readouterr().out


def test_tests_that_fail_anyway_prove_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "test_broken.py"
    broken.write_text("def test_broken():\n    raise AssertionError\n")
    command = [sys.executable, "-m", "tests.mutation", "strap_watch", "--tests", str(broken)]
    record = ("--record", str(tmp_path / "mutants.json"))
    done = subprocess.run([*command, *record], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode not in (0, 1)
    assert "the tests fail without a mutant, too" in done.stdout + done.stderr
