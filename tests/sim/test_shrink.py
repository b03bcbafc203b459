"""A story that breaks a rule is cut down to what is needed, and told in the scenario language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bmcha.sim.board_plan import BOARD_FILES, board_vocabulary
from bmcha.sim.scenario import parse_scenario
from tests.sim import soak
from tests.sim.judge import Judge
from tests.sim.shrink import scenario_text, shrink
from tests.sim.storm import run_story
from tests.sim.story import Deed, Era, Story, make_story, parse_story, story_text

ODD = """
seed 3
setup board=bare tick_ms=75 drift_ppm=200 is_wire_real=True
era paths quiet 1000
+10 delay 1 udp 5 0
era paths quiet 1000
+10 maintenance 2 - 0 0
+200 cut-all 0 - 0 0
+400 jitter 1 udp 5 0
+900 stop 2 - 150 0
+600 nothing 0 - 0 0
""".splitlines()


@pytest.fixture
def two_holders_are_wrong_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a bare board, where every path that is cut ends in two holders."""

    def lines_changed(self: Judge) -> None:
        if self._world.open_count() > 1:
            self.blame("two-hands", "for this test")

    monkeypatch.setattr(Judge, "lines_changed", lines_changed)


def names_of(deeds: Sequence[Deed]) -> list[str]:
    return [deed.name for deed in deeds]


def test_only_what_breaks_the_rule_is_left(two_holders_are_wrong_everywhere: None) -> None:
    story = parse_story(ODD)
    small = shrink(story, "two-hands")
    (era,) = small.eras
    assert names_of(era.deeds) in (["cut-all"], ["cut-all", "nothing"])
    assert small.setup == replace(story.setup, tick_ms=50, drift_ppm=0, is_wire_real=False)
    assert run_story(small).violations[0].rule == "two-hands"


def test_what_is_cut_down_is_kept_as_story_and_as_scenario(
    two_holders_are_wrong_everywhere: None, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setattr(soak, "KEPT", tmp_path)
    lines = soak.keep_shrunk(parse_story(ODD), "two-hands")
    assert "make soak STORY=" in lines[0]
    kept = parse_story((tmp_path / "seed-3-bare.story.txt").read_text().splitlines())
    assert run_story(kept).violations[0].rule == "two-hands"
    assert "cut all" in (tmp_path / "seed-3-bare.txt").read_text()


def test_every_deed_is_said_in_the_scenario_language_or_stands_as_a_comment() -> None:
    known = {board: board_vocabulary(board) for board in BOARD_FILES}
    for seed in range(30):
        story = make_story(seed)
        board = story.setup.board.value
        text = scenario_text(story, "two-hands")
        assert parse_scenario("seed.txt", text, board, known).steps
        told = [line for line in text.splitlines() if line.startswith(("at ", "# at "))]
        assert len(told) >= story.deeds_count + len(story.eras)


def test_a_story_that_breaks_nothing_stays_as_it_is() -> None:
    story = Story(1, make_story(1).setup, (Era(False, (Deed(10, "nothing"),)),))
    assert shrink(story, "two-hands") == story
    assert parse_story(story_text(story).splitlines()) == story
