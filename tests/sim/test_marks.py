"""Every rule, every reason and every refusal is reached by a story that has a name: those in
tests/unit/test_reasons.py, in tests/sim/rare_rules.py, and a few here. What none of them reaches is
an orphan: a rule that nobody has seen at work. Which of them seeds reach, `make soak` says.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

from bmcha.model.settings import IsolationPolicy
from tests.sim.marks import Marks, all_marks, marked_rules
from tests.sim.rare_rules import STORIES
from tests.sim.soak import MarkingJudge, run_seeds
from tests.sim.storm import run_story
from tests.sim.story import parse_story
from tests.unit import test_answered_claim as answered
from tests.unit.test_reasons import REASONS, REFUSALS

TESTS = Path(__file__).parents[1]

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
        setup board=bare policy=hold is_signed=False paths=3 deadtime_ms=400
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
    "a peer with newer firmware": """
        setup board=gated
        era paths quiet 0
        +100 firmware 2 new 0 0
        +0 kill 2 - 0 0
        +100 start 2 - 0 0
        +1000 nothing 0 - 0 0
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
    *STORIES,
    lambda: answered.test_two_never_hold_whenever_every_path_is_cut("a cold start"),
    lambda: answered.test_two_that_claim_in_the_same_moment_never_hold_both(IsolationPolicy.HOLD),
)


def marks_of_named_stories() -> set[str]:
    reached = set()
    with marked_rules():
        for told in TOLD_ELSEWHERE:
            told()
        for reason_story in REASONS.values():
            reason_story().run(100)
        for refusal_story in REFUSALS.values():
            world, asked = refusal_story()
            while not asked.answers:
                world.run(50)
        for text in NAMED.values():
            judge = MarkingJudge()
            assert run_story(parse_story(text.splitlines()), judge).violations == []
            reached |= judge.marks.names
        reached |= Marks().take()
    # That each ends as its name says is a test where they stand.
    reached |= {f"reason {reason.name}" for reason in REASONS}
    return reached | {f"refusal {refusal.name}" for refusal in REFUSALS}


def test_every_rule_reason_and_refusal_is_reached_by_a_story_that_has_a_name() -> None:
    assert all_marks() - marks_of_named_stories() == set()


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
