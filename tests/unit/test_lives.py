"""Which life of a peer is the present one, when paths of unlike speed tell of several."""

from __future__ import annotations

from bmcha.ha.lives import AGREEMENT_NS, LEFT_BEHIND_MAX, Lives

BEAT_NS = 100_000_000
OLD, NEW, NEWER = 11, 7, 9


def known(*paths: str) -> Lives:
    """OLD is heard on these paths."""
    lives = Lives()
    for path in paths:
        lives.heard(path, OLD, 0, ())
    return lives


def test_the_first_life_heard_is_believed_at_once() -> None:
    lives = Lives()
    assert lives.heard("udp", OLD, 0, ())
    assert lives.present == OLD
    assert not lives.heard("udp", OLD, BEAT_NS, ()), "no other life than before"


def test_on_a_single_path_the_last_life_is_the_present_one() -> None:
    lives = known("udp")
    assert lives.heard("udp", NEW, BEAT_NS, ())
    assert lives.present == NEW


def test_a_new_life_is_believed_when_every_path_has_it() -> None:
    lives = known("udp", "serial")
    assert not lives.heard("udp", NEW, BEAT_NS, ())
    assert lives.heard("serial", NEW, BEAT_NS + 1, ())


def test_a_path_that_is_down_has_no_word() -> None:
    lives = known("udp", "serial")
    assert lives.heard("udp", NEW, BEAT_NS, {"serial"})


def test_a_path_that_brings_nothing_more_of_the_old_life_is_waited_for_once() -> None:
    lives = known("udp", "serial")
    assert not lives.heard("udp", NEW, BEAT_NS, ())
    assert not lives.heard("udp", NEW, BEAT_NS + AGREEMENT_NS - 1, ())
    assert lives.heard("udp", NEW, BEAT_NS + AGREEMENT_NS, ())


def test_a_late_word_of_an_older_life_never_replaces_the_living_one() -> None:
    lives = known("udp", "serial")
    lives.heard("udp", NEWER, BEAT_NS, ())
    assert not lives.heard("serial", NEW, BEAT_NS + 1, ())
    for beat in range(2, 40):
        lives.heard("udp", NEWER, beat * BEAT_NS, ())
        assert not lives.heard("serial", NEW, beat * BEAT_NS, ())
    assert lives.heard("serial", NEWER, 40 * BEAT_NS, ()) and lives.present == NEWER


def test_the_last_word_of_the_dead_makes_the_living_one_unheard_for_a_moment_only() -> None:
    """Two frames were swapped on the path, and this node had never heard the older life."""
    lives = Lives()
    lives.heard("udp", NEW, 0, ())
    assert lives.heard("udp", OLD, 1, ())
    begun_ns = BEAT_NS
    for beat_ns in range(begun_ns, begun_ns + AGREEMENT_NS, BEAT_NS):
        assert not lives.heard("udp", NEW, beat_ns, ())
    assert lives.heard("udp", NEW, begun_ns + AGREEMENT_NS, ()) and lives.present == NEW
    assert not lives.heard("udp", OLD, begun_ns + AGREEMENT_NS + 1, ()), "left behind in turn"


def test_a_life_that_is_left_behind_does_not_come_back_beside_the_one_that_followed_it() -> None:
    lives = known("udp")
    lives.heard("udp", NEW, BEAT_NS, ())
    for beat in range(2, 40):
        lives.heard("udp", NEW, beat * BEAT_NS, ())
        assert not lives.heard("udp", OLD, beat * BEAT_NS + 1, ())
    assert lives.present == NEW


def test_a_node_that_began_with_a_late_word_finds_the_living_one() -> None:
    lives = Lives()
    assert lives.heard("serial", OLD, 0, ())
    assert not lives.heard("udp", NEW, 1, ())
    assert lives.heard("serial", NEW, 2, ())


def test_of_very_many_lives_the_oldest_are_forgotten() -> None:
    lives = known("udp")
    for number in range(LEFT_BEHIND_MAX):
        assert lives.heard("udp", 100 + number, number, ())
    assert not lives.heard("udp", OLD, LEFT_BEHIND_MAX, ())
    assert lives.heard("udp", 100 + LEFT_BEHIND_MAX, LEFT_BEHIND_MAX + 1, ())
    assert lives.heard("udp", OLD, LEFT_BEHIND_MAX + 2, ()), "as one that was never heard"
