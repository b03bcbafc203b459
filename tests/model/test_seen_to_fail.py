"""Each invariant of the model was seen to fail: a rule is broken, and the model finds it.

seen_to_fail.txt is the record of it for people, written by `python -m tests.model.seen_to_fail`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.model.broken_rules import BROKEN, Broken
from tests.model.checker import check
from tests.model.seen_to_fail import RECORD

EVIDENCE_H = Path(__file__).with_name("evidence.h")
SEARCH_S = 540
"""Ten to fifty seconds on a machine that does nothing else."""


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
@pytest.mark.timeout(SEARCH_S + 60)
@pytest.mark.usefixtures("verifier")
def test_the_model_finds_a_rule_that_is_broken(broken: Broken, tmp_path: Path) -> None:
    found = check(broken.case, tmp_path, broken.rules, seconds_max=SEARCH_S)
    assert found.broken == broken.breaks, found
    assert found.story[-1].endswith(f"BROKEN: {broken.breaks}")


def test_every_invariant_was_seen_to_fail() -> None:
    text = EVIDENCE_H.read_text(encoding="utf-8")
    names = re.findall(r'"([a-z-]+)"', text.split("broken_names[] = {")[1].split("}")[0])
    assert {broken.breaks for broken in BROKEN} == set(names) - {"fine", "model-too-small"}


def test_the_record_names_every_broken_rule_and_what_it_breaks() -> None:
    record = RECORD.read_text(encoding="utf-8")
    headings = re.findall(r"^(.*)\n=+\nbreaks (\S+) on (\S+),", record, re.MULTILINE)
    assert headings == [(b.name, b.breaks, b.case.board) for b in BROKEN]
