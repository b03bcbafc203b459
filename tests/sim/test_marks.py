"""Every rule, every reason and every refusal is reached by some story of the three hundred, or by a
story that has a name: those in tests/unit/test_reasons.py, and a few here. Some rules stand for two
faults at once or for a moment of some milliseconds: for those a test of the rules is named. What
none of them reaches is an orphan: a rule that nobody has seen at work.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmcha.model.settings import IsolationPolicy
from tests.sim.marks import Marks, all_marks, marked_rules
from tests.sim.soak import run_seeds
from tests.sim.storm import run_story
from tests.sim.story import parse_story
from tests.unit import test_answered_claim as answered
from tests.unit.test_reasons import REASONS, REFUSALS

TESTS = Path(__file__).parents[1]

ENUMERATED = "test_no_combination_of_evidence_leads_a_waiting_node_astray"
STUCK = "test_a_line_that_is_stuck_after_a_goodbye_is_waited_for_and_not_for_ever"
ELSEWHERE = {
    # Only ever heard, never had.
    "reason FROM_NEWER_VERSION": "test_a_reason_of_newer_firmware_is_a_reason_and_the_beat_is_life",
    # A chassis of one slot.
    "rule role_rules._claim: RoleDecision(Role.FENCING, Reason.LONE_START)": ENUMERATED,
    # Two modules of one slot.
    "rule role_rules.decide: _stay(i)": (
        "test_who_shares_its_slot_with_one_that_goes_first_neither_holds_nor_claims"
    ),
    # Somebody claims who does not hear the holder, not because of its silence.
    "rule role_rules._will_take_over_unhearing: True": (
        "test_an_active_node_releases_only_for_a_standby_that_is_about_to_claim"
    ),
    "rule role_rules._decide_relinquishing: "
    "RoleDecision(Role.STANDBY, Reason.ISOLATED if is_ours else Reason.HANDOVER_TIMED_OUT)": (
        "test_a_handover_that_is_overdue_ends_as_the_peer_and_its_line_say"
    ),
    "rule role_rules._may_claim_in_maintenance: True": "test_in_maintenance_only_these_claim",
    # A goodbye is said to a peer that cannot take over, and then its line would have to lie, too.
    "rule verdicts.judge_goodbye: Verdict(False, Reason.LINE_FAULT_SUSPECTED)": STUCK,
    "rule verdicts.judge_goodbye: "
    "Verdict(True, Reason.UNVERIFIED_TAKEOVER, is_active_line_doubted=True)": STUCK,
    # A board with a PRESENCE line alone.
    "rule role_rules._owes_answer: False #4": (
        "test_no_evidence_but_an_answer_or_a_proof_of_its_end_opens_beside_a_peer"
    ),
    # A line that is down and has not spoken: between the reading and the end of the probe.
    "rule verdicts._judge_silent_gated: Verdict(True, Reason.PEER_ABSENT)": ENUMERATED,
    "rule verdicts._judge_silent_gated: "
    "Verdict(True, Reason.PEER_ABSENT, is_active_line_doubted=True)": ENUMERATED,
    "rule verdicts._judge_silent_lease: Verdict(True, Reason.PEER_ABSENT)": ENUMERATED,
    "rule verdicts._judge_silent_lease: Verdict(True, Reason.PEER_ABSENT) #2": ENUMERATED,
}

NAMED = {
    "pulled out beside an ACTIVE line that stays up": """
        setup board=gated
        era lines quiet 0
        +100 stick 2 active 1 0
        +200 pull 1 - 0 0
        +3000 nothing 0 - 0 0
    """,
    "cut off beside an ACTIVE line that cannot be read": """
        setup board=lease
        era paths quiet 0
        +100 blind 2 active 0 0
        +100 cut-all 0 - 0 0
        +3000 nothing 0 - 0 0
    """,
    "a holder that dies beside one that starts": """
        setup board=bare policy=hold paths=3 deadtime_ms=400
        era paths quiet 0
        +900 kill 1 - 0 0
    """,
    "handed over by one whose successor dies": """
        seed 70006
        setup board=reset paths=3 tick_ms=75 is_lone=True
        era paths quiet 0
        +1 switchover 1 - 1 0
        +2 kill 2 - 0 0
    """,
    "both directions lossy on a reset board": """
        seed 70009
        setup board=reset policy=hold paths=1 tick_ms=75 deadtime_ms=700
        era paths quiet 0
        +5 loss 1 udp 95 0
        +3000 flip 2 udp 70 0
    """,
    "a bouncing PRESENCE line beside one that stands still": """
        seed 70017
        setup board=reset tick_ms=75 ahead_s=4000000 drift_ppm=1000
        era lines quiet 0
        era lines quiet 0
        era lines quiet 0
        +60 bounce 2 presence 0 0
        +400 stop 1 - 1000 0
    """,
    "both start cut off": """
        setup board=lease
        era paths quiet 0
        +100 cut-all 0 - 0 0
        +0 swizzle 1 - 0 0
        +6000 nothing 0 - 0 0
    """,
}


TOLD_ELSEWHERE: tuple[Callable[[], object], ...] = (
    lambda: answered.test_two_never_hold_whenever_every_path_is_cut("a cold start"),
    lambda: answered.test_two_that_claim_in_the_same_moment_never_hold_both(IsolationPolicy.HOLD),
)


def marks_of_named_stories() -> set[str]:
    with marked_rules():
        for told in TOLD_ELSEWHERE:
            told()
        for reason_story in REASONS.values():
            reason_story()
        for refusal_story in REFUSALS.values():
            world, asked = refusal_story()
            while not asked.answers:
                world.run(50)
        for text in NAMED.values():
            assert run_story(parse_story(text.splitlines())).violations == []
        reached = Marks().take()
    # That each ends as its name says is a test where they stand.
    reached |= {f"reason {reason.name}" for reason in REASONS}
    return reached | {f"refusal {refusal.name}" for refusal in REFUSALS}


@pytest.mark.timeout(3600)
def test_no_rule_reason_or_refusal_is_an_orphan(storms: dict[str, Any]) -> None:
    orphans = all_marks() - set(storms["marks"]) - marks_of_named_stories() - set(ELSEWHERE)
    assert orphans == set()


def test_what_is_tested_elsewhere_exists_and_so_does_its_test() -> None:
    assert set(ELSEWHERE) - all_marks() == set()
    texts = [file.read_text() for file in TESTS.rglob("test_*.py")]
    missing = [t for t in ELSEWHERE.values() if not any(f"def {t}(" in text for text in texts)]
    assert missing == []


def test_a_marked_rule_decides_as_before_and_says_that_it_was_reached() -> None:
    first, again = (run_seeds(range(7, 8), None) for _ in range(2))
    assert first == again
    assert "reason FIRST_IN_SUCCESSION" in first.marks
    assert any(mark.startswith("rule verdicts._judge_heard: ") for mark in first.marks)


def test_every_return_of_the_rules_has_a_name_of_its_own() -> None:
    rules = [mark for mark in all_marks() if mark.startswith("rule ")]
    returns = 0
    for name in ("role_rules", "verdicts"):
        tree = ast.parse((TESTS.parent / "bmcha" / "ha" / f"{name}.py").read_text())
        returns += sum(isinstance(node, ast.Return) for node in ast.walk(tree))
    assert len(rules) == returns
    assert all(re.fullmatch(r"rule \w+\.\w+: .+", rule, re.DOTALL) for rule in rules)
