"""What counts as one rule, that its deletion is what it says, and that it is noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.__main__ import all_mutants, known_survivors, modules, name_of
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
    assert set(known_survivors()) <= {name_of(mutant) for mutant in found}
    assert all(known_survivors().values()), "each says why"


def test_without_the_rule_for_an_unreadable_slot_a_test_fails() -> None:
    (mutant, *_) = (each for each in all_mutants(["role_rules"]) if "is_slot_known" in each.text)
    command = (sys.executable, "-m", "pytest", "-x", "-q", "-p", "tests.mutation.plugin")
    words = ("-o", "cache_dir=build/mutation_cache", "tests/unit/test_role_rules.py", "-k", "slot")
    for name, expected in (("", 0), (f"{mutant.module}:{mutant.number}", 1)):
        environment = os.environ | {"BMCHA_MUTANT": name}
        done = subprocess.run([*command, *words], cwd=ROOT, env=environment, capture_output=True)
        assert done.returncode == expected, done.stdout.decode()
