"""docs/operator.md has every reason, refusal and alarm, and what to do about each."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest

from bmcha.cli.operator_page import main, marks, with_tables
from bmcha.model.role import Reason, Refusal, Severity
from tests.repo.tables import rows_of
from tests.repo.tree import ROOT, files_in

PAGE = ROOT / "docs/operator.md"
TEXT = PAGE.read_text(encoding="utf-8")

NORMAL = {
    *(Reason.BOOT_LISTENING, Reason.PEER_IS_ACTIVE, Reason.PEER_IS_CLAIMING),
    *(Reason.PEER_CLAIMS_FIRST, Reason.HANDED_OVER, Reason.FIRST_IN_SUCCESSION),
    *(Reason.RANK_DELAY_OVER, Reason.STANDBY_BEFORE_STARTING, Reason.PEER_SAID_GOODBYE),
    *(Reason.PEER_RELEASED, Reason.HANDOVER_ASKED, Reason.SWITCHOVER_ASKED, Reason.FAILBACK),
}
"""Reasons with which all is well, or which somebody asked for."""


# ---- reasons and refusals


def test_the_page_has_the_reasons_and_refusals_of_the_program() -> None:
    assert with_tables(TEXT) == TEXT, "write them anew with `make docs`"
    assert {row[0] for row in rows_of(TEXT, "Every reason")} == {f"`{r.name}`" for r in Reason}
    assert {row[0] for row in rows_of(TEXT, "Every refusal")} == {f"`{r.name}`" for r in Refusal}


def test_what_is_written_by_hand_around_the_tables_stays(tmp_path) -> None:
    page = tmp_path / "page.md"
    first, last = marks("reasons")
    asked = "\n".join(marks("refusals"))
    page.write_text(f"before\n{first}\nstale row\n{last}\nbetween\n{asked}\nafter\n")
    main(page)
    written = page.read_text()
    assert "stale row" not in written and "| `PEER_SILENT` |" in written
    assert written.startswith(f"before\n{first}\n") and written.endswith("\nafter\n")
    assert f"{last}\nbetween\n" in written


def test_a_page_without_the_marks_is_not_written() -> None:
    with pytest.raises(ValueError, match="reasons"):
        with_tables("# A page\n")


def test_every_reason_that_is_not_normal_says_what_to_do() -> None:
    assert {reason for reason in Reason if not reason.remedy} <= NORMAL


def test_every_refusal_says_what_to_do() -> None:
    assert [refusal for refusal in Refusal if not refusal.remedy] == []


@pytest.mark.parametrize("word", [*Reason, *Refusal])
def test_a_word_and_its_remedy_are_whole_sentences(word: Reason | Refusal) -> None:
    assert word.sentence.endswith(".")
    assert not word.remedy or word.remedy.endswith(".")
    assert word.advice == f"{word.sentence} {word.remedy}".strip()


def test_the_remedy_of_a_refusal_names_force_where_force_helps() -> None:
    assert {each for each in Refusal if "--force" in each.remedy} == {
        each for each in Refusal if each.yields_to_force
    }


# ---- alarms


def alarms_in(source: str) -> Iterator[tuple[str, str]]:
    """Of each `(id, Severity.X, text)`; a name in an f-string becomes NAME."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Tuple) or len(node.elts) != 3:
            continue
        identity, severity, _ = node.elts
        if not isinstance(severity, ast.Attribute) or ast.unparse(severity.value) != "Severity":
            continue
        parts = identity.values if isinstance(identity, ast.JoinedStr) else [identity]
        text = "".join(str(p.value) if isinstance(p, ast.Constant) else "NAME" for p in parts)
        yield re.sub(r"slotNAME$", "slotN", text), severity.attr


def test_every_alarm_is_on_the_page_with_its_severities_and_no_other() -> None:
    raised = defaultdict(set)
    for file in files_in("bmcha"):
        if file.suffix == ".py":
            for identity, severity in alarms_in(file.read_text(encoding="utf-8")):
                raised[identity].add(severity)
    told = {row[0].strip("`"): set(row[1].split(", ")) for row in rows_of(TEXT, "Every alarm")}
    assert told == raised
    assert set().union(*told.values()) <= {severity.name for severity in Severity}


def test_an_alarm_of_several_severities_is_found_with_each() -> None:
    source = 'a = ("x", Severity.MAJOR, t)\nb = (f"x", Severity.MINOR, t), ("y", "z", t)\n'
    assert set(alarms_in(source)) == {("x", "MAJOR"), ("x", "MINOR")}


def test_every_alarm_says_what_it_means_and_what_to_do() -> None:
    assert [row for row in rows_of(TEXT, "Every alarm") if len(row) != 4 or not all(row)] == []
