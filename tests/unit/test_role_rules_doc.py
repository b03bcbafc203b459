"""docs/role-rules.md is what the rules say, and what it says in prose holds for all evidence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bmcha.ha import role_rules_doc
from bmcha.ha.role_rules import decide
from bmcha.ha.role_rules_doc import KEPT, WORDS, Node, document, flags, tree, values_of
from bmcha.ha.rule_record import PeerEvidence, RoleDecision, RoleInputs, Verdict
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy

PAGE = Path(__file__).parents[2] / "docs" / "role-rules.md"
WAITING = (Role.STARTING, Role.STANDBY)
CALM = {"is_slot_known": True, "is_own_gap_too_long": False, "is_slot_taken": False}


def leaves(of: Any, chosen: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each decision with one choice of evidence that leads to it."""
    if not isinstance(of, Node):
        yield chosen, of
        return
    for values, below in of.branches:
        yield from leaves(below, {**chosen, of.name: values[0]})


def record(chosen: dict[str, Any]) -> RoleInputs:
    """What was not asked for has its default, and cannot matter."""
    own = {name: value for name, value in chosen.items() if "." not in name}
    of_peer = {name[5:]: value for name, value in chosen.items() if name.startswith("peer.")}
    peer = PeerEvidence(**{"is_earlier": False, **of_peer})
    own.setdefault("reason", Reason.BOOT_LISTENING)
    return RoleInputs(peers=(peer,), **own)


def test_the_page_is_what_the_rules_say() -> None:
    assert PAGE.read_text() == document() + "\n", "run `make docs`"


def test_every_flag_has_words() -> None:
    assert flags() == set(WORDS)


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.name)
def test_each_way_through_the_rules_is_what_the_rules_decide(role: Role) -> None:
    """The tree was made by asking for single values; here whole records are asked about."""
    reason = {Role.RELINQUISHING: {}}.get(role, {"reason": KEPT})
    found = list(leaves(tree(decide, {"role": role}), {"role": role, **reason}))
    assert len(found) > (role is not Role.FAULT)
    for chosen, made in found:
        assert decide(record(chosen)) == made, chosen


@pytest.mark.parametrize("role", WAITING, ids=lambda role: role.name)
def test_who_must_listen_claims_nothing(role: Role) -> None:
    for chosen, made in leaves(tree(decide, {"role": role, **CALM, "must_listen": True}), {}):
        assert made.role is not Role.FENCING, chosen


@pytest.mark.parametrize(("role", "board"), list(product(WAITING, BoardClass)))
def test_in_maintenance_only_these_claim(role: Role, board: BoardClass) -> None:
    given = {"role": role, "board": board, **CALM, "is_in_maintenance": True}
    for chosen, made in leaves(tree(decide, given), {}):
        if made.role is not Role.FENCING:
            continue
        asked = ("is_last_claimant", "peer.has_handed_over", "peer.has_said_goodbye")
        assert role is Role.STARTING or any(chosen.get(name) for name in asked), chosen


@pytest.mark.parametrize(("role", "board"), list(product(WAITING, BoardClass)))
def test_silence_counts_when_the_page_says_so(role: Role, board: BoardClass) -> None:
    given = {"role": role, "board": board, **CALM, "peer.is_heard": False}
    given |= {"peer.has_said_goodbye": False, "peer.has_line_spoken": False}
    for chosen, made in leaves(tree(decide, given), {}):
        if made.role is not Role.FENCING:
            continue
        assert chosen["peer.is_silent"]
        assert chosen["is_boot_window_over"] or chosen["peer.was_heard"], chosen


def test_a_pending_fence_is_judged_as_of_a_standby() -> None:
    given = {**CALM, "must_listen": False, "board": BoardClass.RESET, "peer.is_heard": False}
    standby = tree(decide, {"role": Role.STANDBY, **given})
    pending = tree(decide, {"role": Role.FENCING, "is_fence_pending": True, **given})
    assert standby == pending


def test_the_tree_of_a_rule_that_looks_at_nothing_is_its_word() -> None:
    said = RoleDecision(Role.STANDBY, Reason.ISOLATED)
    assert tree(lambda _: said, {"role": Role.STANDBY}) == said


def test_values_that_lead_to_the_same_are_one_branch() -> None:
    def rule(i: RoleInputs) -> Verdict:
        return Verdict(i.peers[0].active is True, Reason.ISOLATED)

    found = tree(rule, {"role": Role.STANDBY})
    assert isinstance(found, Node)
    assert [values for values, _ in found.branches] == [(True,), (False, None)]


@pytest.mark.parametrize("policy", list(IsolationPolicy))
def test_impossible_evidence_is_left_out(policy: IsolationPolicy) -> None:
    heard = {"role": Role.STANDBY, "policy": policy, "peer.is_heard": True}
    assert values_of("peer.is_silent", heard) == (False,)
    assert values_of("peer.role", {**heard, "peer.is_heard": False}) == (None,)


def test_a_table_names_what_a_row_is_under() -> None:
    titles = [section.title for section in role_rules_doc.sections()]
    assert len(set(titles)) == len(titles)
