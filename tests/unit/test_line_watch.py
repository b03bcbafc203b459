"""PRESENCE and HEALTH: a line has spoken only after two readings and an unanswered probe."""

from __future__ import annotations

import pytest

from bmcha.ha.line_watch import PROBE_AGAIN_NS, LineWatch, Step
from bmcha.model.event import LineLevels
from tests.speech import ms

PROBE_MS = 15
UP = LineLevels(True, True, True)
NO_HEALTH = LineLevels(True, False, True)
NO_PRESENCE = LineLevels(False, True, True)


def step_of(watch: LineWatch) -> Step:
    return watch.step


def has_spoken(watch: LineWatch) -> bool:
    return watch.has_spoken


def tick(watch: LineWatch, now_ns: int, behind_ms: int = 0) -> None:
    watch.tick(now_ns, now_ns - ms(behind_ms))


def probed() -> LineWatch:
    """HEALTH was read down twice; the probe of t = 2 ms is under way."""
    watch = LineWatch(ms(PROBE_MS))
    assert watch.read(NO_HEALTH, ms(1)) is Step.READ_AGAIN
    assert watch.read(NO_HEALTH, ms(2)) is Step.PROBE
    return watch


def spoken() -> LineWatch:
    watch = probed()
    tick(watch, ms(2 + PROBE_MS))
    assert has_spoken(watch)
    return watch


@pytest.mark.parametrize(
    ("before", "after", "has_risen"),
    [
        (LineLevels(True, False, False), LineLevels(True, True, False), True),
        (LineLevels(True, False, False), LineLevels(True, False, True), True),
        (LineLevels(False, False, False), LineLevels(True, False, False), False),
        (LineLevels(True, None, None), UP, False),
        (UP, LineLevels(True, False, False), False),
        (UP, UP, False),
    ],
)
def test_who_rises_after_a_goodbye_is_health_or_active(
    before: LineLevels, after: LineLevels, has_risen: bool
) -> None:
    watch = LineWatch(ms(PROBE_MS))
    watch.read(LineLevels(True, False, False), ms(1))
    watch.read(UP, ms(2))
    watch.read(before, ms(3))
    watch.met_goodbye()
    watch.read(after, ms(4))
    assert watch.has_risen is has_risen


def test_a_liar_is_examined_anew_when_the_peer_begins_a_new_life() -> None:
    watch = probed()
    watch.answered(watch.probe_nonce)
    watch.met_new_life()
    assert watch.read(NO_HEALTH, ms(20)) is Step.READ_AGAIN


@pytest.mark.parametrize("levels", [UP, LineLevels(), LineLevels(True, None, False)])
def test_lines_that_are_up_or_not_wired_or_only_say_that_nobody_holds_ask_for_nothing(
    levels: LineLevels,
) -> None:
    watch = LineWatch(ms(PROBE_MS))
    assert watch.read(levels, ms(1)) is None
    assert step_of(watch) is Step.QUIET and not watch.is_down


@pytest.mark.parametrize("levels", [NO_HEALTH, NO_PRESENCE])
def test_a_line_seen_down_is_read_again_then_the_peer_is_probed(levels: LineLevels) -> None:
    watch = LineWatch(ms(PROBE_MS))
    assert watch.read(levels, ms(1)) is Step.READ_AGAIN
    assert watch.read(levels, ms(1)) is None, "the same reading proves nothing more"
    assert watch.read(levels, ms(2)) is Step.PROBE
    assert watch.read(levels, ms(3)) is None, "one probe an episode"
    assert not has_spoken(watch)


def test_a_line_that_bounces_moves_nothing() -> None:
    watch = LineWatch(ms(PROBE_MS))
    watch.read(NO_HEALTH, ms(1))
    assert watch.read(UP, ms(2)) is None
    assert step_of(watch) is Step.QUIET
    assert watch.read(NO_HEALTH, ms(3)) is Step.READ_AGAIN, "it is examined from the start"


def test_without_an_answer_in_the_probe_time_the_line_has_spoken() -> None:
    watch = probed()
    assert watch.deadline_ns() == ms(2 + PROBE_MS)
    tick(watch, ms(2 + PROBE_MS) - 1)
    assert not has_spoken(watch)
    tick(watch, ms(2 + PROBE_MS))
    assert has_spoken(watch) and watch.deadline_ns() is None


def test_what_may_still_wait_for_its_step_may_be_the_answer() -> None:
    watch = probed()
    tick(watch, ms(5 + PROBE_MS), behind_ms=4)
    assert not has_spoken(watch)
    tick(watch, ms(5 + PROBE_MS), behind_ms=3)
    assert has_spoken(watch)


def test_who_looks_late_waits_as_much_longer_but_only_once() -> None:
    watch = probed()
    tick(watch, ms(2 + PROBE_MS + 6))
    assert not has_spoken(watch) and watch.deadline_ns() == ms(2 + PROBE_MS + 2 * 6)
    tick(watch, ms(2 + PROBE_MS + 1000))
    assert has_spoken(watch)


def test_who_looks_late_again_waits_longer_again_at_the_next_question() -> None:
    watch = probed()
    tick(watch, ms(30))
    watch.answered(watch.probe_nonce)
    for at_ms in (40, 41, 42):
        watch.read(UP if at_ms == 40 else NO_HEALTH, ms(at_ms))
    tick(watch, ms(42 + PROBE_MS + 6))
    assert not has_spoken(watch)


def test_an_answer_makes_it_a_fault_of_the_line() -> None:
    watch = probed()
    watch.answered(watch.probe_nonce)
    tick(watch, ms(100))
    assert watch.is_faulty and not has_spoken(watch)


def test_an_answer_that_comes_late_still_takes_the_lines_word_back() -> None:
    watch = spoken()
    watch.answered(watch.probe_nonce)
    assert watch.is_faulty


def test_an_answer_to_another_episodes_probe_says_nothing() -> None:
    watch = probed()
    watch.answered(watch.probe_nonce - 1)
    assert step_of(watch) is Step.PROBE
    watch.read(UP, ms(3))
    watch.answered(watch.probe_nonce)
    assert step_of(watch) is Step.QUIET, "nothing is being examined"


def test_a_word_stands_until_the_line_rises() -> None:
    watch = spoken()
    assert watch.read(NO_HEALTH, ms(50)) is None
    assert has_spoken(watch)
    watch.read(UP, ms(60))
    assert step_of(watch) is Step.QUIET


def test_a_second_line_that_falls_beside_a_liar_is_examined() -> None:
    watch = probed()
    watch.answered(watch.probe_nonce)
    assert watch.read(NO_HEALTH, ms(20)) is None
    both = LineLevels(False, False, True)
    assert watch.read(both, ms(21)) is Step.READ_AGAIN
    assert watch.read(both, ms(22)) is Step.PROBE
    assert watch.probe_nonce == 2


def test_a_liar_is_examined_anew_when_every_path_is_silent() -> None:
    watch = probed()
    watch.answered(watch.probe_nonce)
    watch.lost_touch()
    assert watch.read(NO_HEALTH, ms(20)) is Step.READ_AGAIN


def test_of_a_new_life_of_the_peer_a_line_has_to_speak_anew() -> None:
    watch = spoken()
    watch.met_new_life()
    assert not has_spoken(watch)
    assert watch.read(NO_HEALTH, ms(60)) is Step.READ_AGAIN


def test_losing_touch_does_not_take_back_what_a_line_has_said() -> None:
    watch = spoken()
    watch.lost_touch()
    assert has_spoken(watch)


def test_it_is_noted_since_when_the_active_line_has_been_down() -> None:
    watch = LineWatch(ms(PROBE_MS))
    down = LineLevels(True, True, False)
    watch.read(down, ms(5))
    watch.read(down, ms(9))
    since_ns = [watch.active_down_since_ns]
    watch.read(LineLevels(True, True, None), ms(10))
    since_ns.append(watch.active_down_since_ns)
    watch.read(down, ms(11))
    since_ns.append(watch.active_down_since_ns)
    assert since_ns == [ms(5), None, ms(11)], "an unreadable line is not down"


def test_it_is_noted_since_when_the_health_line_has_been_down() -> None:
    watch = LineWatch(ms(PROBE_MS))
    watch.read(NO_HEALTH, ms(5))
    watch.read(NO_HEALTH, ms(9))
    assert watch.health_down_since_ns == ms(5)
    watch.read(UP, ms(10))
    assert watch.health_down_since_ns is None


def test_a_liar_is_not_believed_until_it_rises_and_the_others_are() -> None:
    watch = probed()
    assert watch.believed == NO_HEALTH
    watch.answered(watch.probe_nonce)
    assert watch.levels == NO_HEALTH and watch.believed == LineLevels(True, None, True)
    watch.read(UP, ms(20))
    assert watch.believed == UP
    watch.read(NO_HEALTH, ms(30))
    assert watch.believed == NO_HEALTH, "it may say something true now"


def test_of_a_new_life_no_line_is_known_to_lie() -> None:
    watch = probed()
    watch.answered(watch.probe_nonce)
    watch.met_new_life()
    assert watch.believed == NO_HEALTH


def test_a_line_that_has_spoken_is_asked_about_again_and_again() -> None:
    watch = spoken()
    told_ms = 2 + PROBE_MS
    assert watch.read(NO_HEALTH, ms(told_ms) + PROBE_AGAIN_NS - 1) is None
    assert watch.read(NO_HEALTH, ms(told_ms) + PROBE_AGAIN_NS) is Step.PROBE
    assert has_spoken(watch), "until an answer comes"
    assert watch.read(NO_HEALTH, ms(told_ms) + PROBE_AGAIN_NS + 1) is None
    watch.answered(watch.probe_nonce)
    assert watch.is_faulty


def test_a_liar_is_not_asked_about_again() -> None:
    watch = probed()
    watch.answered(watch.probe_nonce)
    assert watch.read(NO_HEALTH, ms(2 + PROBE_MS) + PROBE_AGAIN_NS) is None


def test_a_second_line_that_falls_does_not_take_the_word_of_the_first_back() -> None:
    """A module that is pulled out: its HEALTH falls before its PRESENCE, or after."""
    watch = spoken()
    assert watch.read(LineLevels(False, False, True), ms(50)) is None
    assert has_spoken(watch)


@pytest.mark.parametrize("first", [NO_HEALTH, NO_PRESENCE])
def test_a_liar_that_stays_down_is_no_news_beside_the_other_line(first: LineLevels) -> None:
    """Only a line that was not down before is examined."""
    watch = LineWatch(ms(PROBE_MS))
    watch.read(first, ms(1))
    watch.read(first, ms(2))
    watch.answered(watch.probe_nonce)
    assert watch.read(first, ms(20)) is None
    assert watch.read(LineLevels(False, False, True), ms(21)) is Step.READ_AGAIN


@pytest.mark.parametrize(
    ("levels", "moved_ms"),
    [
        ([True, False], 2),
        ([False, True], 2),
        ([True, True], None),
        ([None, True], None),
        ([True, None], None),
        ([True, None, False], None),
    ],
)
def test_the_active_line_has_moved_when_two_readings_in_a_row_differ(
    levels: list[bool | None], moved_ms: int | None
) -> None:
    watch = LineWatch(ms(PROBE_MS))
    for at_ms, active in enumerate(levels, start=1):
        watch.read(LineLevels(True, True, active), ms(at_ms))
    assert watch.active_moved_ns == (None if moved_ms is None else ms(moved_ms))


def test_a_slot_is_empty_when_presence_was_read_down_twice_in_a_row() -> None:
    watch = LineWatch(ms(PROBE_MS))
    absent_ns = []
    for at_ms, levels in enumerate([NO_PRESENCE, UP, NO_PRESENCE, NO_PRESENCE, UP], start=1):
        watch.read(levels, ms(at_ms))
        absent_ns.append(watch.absent_ns)
    assert absent_ns == [None, None, None, ms(4), ms(4)]
