"""Two nodes with the real rules keep every invariant, in the small bound; and what the model asks
of the rules is what they answer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bmcha.ha.open_evidence import inputs_with
from bmcha.ha.role_rules import decide
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.model.cases import LARGE, SMALL
from tests.model.checker import KINDS, Case, check
from tests.model.decision_diagram import all_fields, diagram_of
from tests.model.rule_file import (
    BOARDS,
    FIXED,
    IMPLIED,
    UNCHANGED,
    WHYS,
    Ticks,
    field_domains,
    fixed_values,
    modelled,
)
from tests.world import settings_of

SEARCH_S = 540
"""Ten to fifty seconds on a machine that does nothing else."""


@pytest.mark.parametrize("case", SMALL, ids=str)
@pytest.mark.timeout(SEARCH_S + 60)
@pytest.mark.usefixtures("verifier")
def test_no_fault_of_the_small_bound_breaks_an_invariant(case: Case, tmp_path: Path) -> None:
    found = check(case, tmp_path, seconds_max=SEARCH_S)
    assert found.is_whole and not found.broken, "\n".join([str(found), *found.story])
    assert found.states_count > 1000, "the world did nothing"


def test_every_board_class_is_searched_in_both_bounds() -> None:
    for bound in (SMALL, LARGE):
        assert {BOARDS[case.board].board_class for case in bound} == set(BoardClass)


def test_the_large_bound_has_every_kind_of_fault_and_pairs_of_them() -> None:
    assert {kind for case in LARGE for kind in case.kinds} == set(KINDS)
    assert max(case.faults for case in LARGE) >= 2


@pytest.mark.parametrize("name", BOARDS)
def test_the_diagram_answers_as_the_rules_do(name: str) -> None:
    """For evidence drawn at random: 2,000 records a board, the same ones every time."""
    board, domain = BOARDS[name], field_domains()
    fixed = fixed_values(board)
    diagram = diagram_of(decide, fixed, domain, IMPLIED)
    rng = random.Random(7)
    for _ in range(2000):
        values = {field: rng.choice(domain[field]) for field in domain} | fixed
        for (if_field, if_value), (then_field, then_value) in IMPLIED:
            if values[if_field] == if_value:
                values[then_field] = then_value
        assert diagram.answer(values, domain) == decide(inputs_with(values))


@pytest.mark.parametrize("name", BOARDS)
def test_a_reason_that_the_model_does_not_keep_changes_no_decision(name: str) -> None:
    """A role is left for the same role, whatever of those reasons it was entered for."""
    board, domain = BOARDS[name], field_domains()
    fixed = fixed_values(board)
    others = [reason for reason in Reason if reason not in WHYS]
    rng = random.Random(11)
    for _ in range(400):
        values = {field: rng.choice(domain[field]) for field in domain} | fixed
        values["reason"] = UNCHANGED
        expected = decide(inputs_with(values))
        for reason in others:
            made = decide(inputs_with({**values, "reason": reason}))
            assert (made.role, made.fenced_peer) == (expected.role, expected.fenced_peer), reason


def test_every_field_of_the_evidence_is_modelled_or_left_out_for_a_reason() -> None:
    """A new field: give it to rules.h and evidence.h, or to FIXED with the reason."""
    of_the_board = {"board", "policy", "reason"}
    assert set(all_fields()) == modelled() | FIXED.keys() | of_the_board | {"reason"}


def test_the_waits_of_the_model_have_the_order_of_the_real_ones() -> None:
    """Two real waits that differ never swap. A probe is asked again sooner in the model."""
    ticks, real = Ticks(), settings_of(BoardClass.GATED, 1)
    path, timers = real.paths[0], real.timers
    pairs = [
        (ticks.warn, path.warntime_ms),
        (ticks.gap, path.deadtime_ms - 2 * path.heartbeat_interval_ms),
        (ticks.dead, path.deadtime_ms),
        (ticks.deaf, 2 * path.heartbeat_interval_ms),
        (ticks.listen, 2 * path.heartbeat_interval_ms),
        (ticks.initdead, timers.initdead_ms),
        (ticks.window, timers.claim_window_ms),
        (ticks.rank, timers.rank_delay_ms),
        (ticks.window + ticks.rank, timers.claim_window_ms + timers.rank_delay_ms),
        (2 * ticks.rank, 2 * timers.rank_delay_ms),
        (ticks.unverified, timers.unverified_takeover_ms),
    ]
    for (one, one_ms), (other, other_ms) in [(a, b) for a in pairs for b in pairs]:
        if one_ms < other_ms:
            assert one <= other, f"{one_ms} ms and {other_ms} ms are {one} and {other} ticks"


def test_roles_have_the_numbers_that_the_model_has() -> None:
    text = Path(__file__).with_name("numbers.h").read_text(encoding="utf-8")
    for role in Role:
        assert f"#define {role.name} {role.value}" in text
