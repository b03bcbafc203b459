"""No order of faults breaks an invariant: three hundred stories of ten minutes each.

`make soak` runs more of them, and others; a seed that fails here says how to replay it.
"""

from __future__ import annotations

from typing import Any

import pytest

from bmcha.model.settings import BoardClass
from tests.sim.conftest import RUN_S_MAX
from tests.sim.soak import Tally, replay_command, report_broken
from tests.sim.storm import run_story
from tests.sim.story import (
    ERAS,
    LYING,
    WEIGHTS,
    Deed,
    Era,
    Setup,
    Story,
    make_story,
    parse_story,
    story_text,
)


@pytest.mark.timeout(RUN_S_MAX)
def test_no_order_of_faults_breaks_an_invariant(storms: dict[str, Any]) -> None:
    broken = [tuple(each) for each in storms["broken"]]
    report_broken(Tally(broken=broken), None, shrunk_max=1)
    assert broken == []


@pytest.mark.timeout(RUN_S_MAX)
def test_the_storms_are_dense_and_on_every_board(storms: dict[str, Any]) -> None:
    """Ten minutes are told of each seed, and a deed is done every few seconds of what is lived."""
    seeds = storms["seeds"]
    assert storms["lived_s"] + storms["told_s"] > 500 * seeds
    assert storms["deeds"] > 3 * ERAS * seeds
    assert storms["lived_s"] < 5 * storms["deeds"]


def test_a_story_is_the_same_every_time() -> None:
    story = make_story(7)
    assert story == make_story(7)
    ends = [run_story(story) for _ in range(2)]
    assert ends[0] == ends[1]


def test_seeds_give_every_board_a_turn() -> None:
    assert {make_story(seed).setup.board for seed in range(40)} == set(BoardClass)


def test_a_story_reads_as_it_was_written() -> None:
    for seed in range(20):
        story = make_story(seed)
        assert parse_story(story_text(story).splitlines()) == story


def test_a_line_that_is_no_deed_is_named() -> None:
    with pytest.raises(ValueError, match="line 2: 'nonsense'"):
        parse_story(["seed 1", "nonsense"])


def test_a_seed_says_how_it_is_replayed() -> None:
    assert replay_command(12, None) == "make soak FROM=12 SEEDS=1"
    assert replay_command(12, BoardClass.BARE) == "make soak FROM=12 SEEDS=1 BOARD=bare"


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_deed_can_be_done(name: str) -> None:
    what = {"stick": "health", "bounce": "active", "blind": "presence", "twin": "active"}.get(
        name, "udp"
    )
    deeds = (Deed(10, name, 1, what, 1, 1), Deed(300, "nothing"), Deed(10, "heal"))
    story = Story(1, Setup(), (Era(name in LYING, deeds),))
    outcome = run_story(story)
    assert outcome.violations == [] and outcome.deeds_count >= 2
