"""One path: when it is late, silent, back again, and when it works one way only."""

from __future__ import annotations

import pytest

from bmcha.ha.path_monitor import OneWay, PathHealth, PathMonitor
from bmcha.model.message import AGE_NEVER_NS, PathEcho
from tests.speech import ms
from tests.world import path_settings

WARN_MS, DEAD_MS, JEOPARDY_MS = 250, 500, 1000
START_MS = 10_000


def health_of(monitor: PathMonitor) -> PathHealth:
    return monitor.health


def new_path() -> PathMonitor:
    return PathMonitor(path_settings("udp", 2), ms(START_MS))


def heard_path(at_ms: int = START_MS) -> PathMonitor:
    monitor = new_path()
    monitor.heard(ms(at_ms), 1)
    return monitor


def silent_path() -> PathMonitor:
    monitor = heard_path()
    monitor.overdue(ms(START_MS), ms(START_MS + DEAD_MS), False)
    assert health_of(monitor) is PathHealth.SILENT
    return monitor


def test_a_path_is_silent_until_the_first_beat_and_alive_from_it_on() -> None:
    monitor = new_path()
    assert health_of(monitor) is PathHealth.SILENT and not monitor.hears_peer()
    monitor.heard(ms(START_MS), 1)
    assert health_of(monitor) is PathHealth.ALIVE and monitor.hears_peer()


@pytest.mark.parametrize(
    ("after_ms", "health"),
    [
        (WARN_MS - 1, PathHealth.ALIVE),
        (WARN_MS, PathHealth.LATE),
        (DEAD_MS - 1, PathHealth.LATE),
        (DEAD_MS, PathHealth.SILENT),
    ],
)
def test_silence_is_late_at_the_warn_time_and_silent_at_the_dead_time(
    after_ms: int, health: PathHealth
) -> None:
    monitor = heard_path()
    monitor.overdue(ms(START_MS), ms(START_MS + after_ms), False)
    assert health_of(monitor) is health


def test_the_last_path_is_late_until_the_jeopardy_time() -> None:
    monitor = heard_path()
    monitor.overdue(ms(START_MS), ms(START_MS + JEOPARDY_MS - 1), True)
    assert health_of(monitor) is PathHealth.LATE
    monitor.overdue(ms(START_MS), ms(START_MS + JEOPARDY_MS), True)
    assert health_of(monitor) is PathHealth.SILENT


def test_a_watch_that_ran_out_before_a_newer_beat_moves_nothing() -> None:
    monitor = heard_path(START_MS + 400)
    monitor.overdue(ms(START_MS), ms(START_MS + DEAD_MS), False)
    assert health_of(monitor) is PathHealth.ALIVE


def test_a_late_path_is_alive_with_the_next_beat() -> None:
    monitor = heard_path()
    monitor.overdue(ms(START_MS), ms(START_MS + WARN_MS), False)
    monitor.heard(ms(START_MS + 300), 1)
    assert health_of(monitor) is PathHealth.ALIVE


def test_a_path_once_silent_counts_again_after_three_beats_but_the_peer_is_heard_at_once() -> None:
    monitor = silent_path()
    for beats_in_row in (1, 2):
        monitor.heard(ms(START_MS + 600 + beats_in_row), beats_in_row)
        assert health_of(monitor) is PathHealth.SILENT
        assert monitor.hears_peer()
    monitor.heard(ms(START_MS + 700), 3)
    assert health_of(monitor) is PathHealth.ALIVE


def test_a_recovery_that_breaks_off_is_silence_again() -> None:
    monitor = silent_path()
    monitor.heard(ms(START_MS + 600), 1)
    monitor.overdue(ms(START_MS + 600), ms(START_MS + 600 + DEAD_MS), False)
    assert not monitor.hears_peer()
    monitor.heard(ms(START_MS + 2000), 1)
    assert health_of(monitor) is PathHealth.SILENT


def test_the_watch_is_for_the_warn_time_first_then_for_the_dead_time_then_for_nothing() -> None:
    monitor = heard_path()
    assert monitor.next_watch_ns(False) == ms(WARN_MS)
    monitor.overdue(ms(START_MS), ms(START_MS + WARN_MS), False)
    assert monitor.next_watch_ns(False) == ms(DEAD_MS)
    assert monitor.next_watch_ns(True) == ms(JEOPARDY_MS)
    monitor.overdue(ms(START_MS), ms(START_MS + DEAD_MS), False)
    assert monitor.next_watch_ns(False) is None


def test_a_path_never_heard_is_down_from_its_first_dead_time_on() -> None:
    monitor = new_path()
    assert monitor.next_watch_ns(False) == ms(DEAD_MS)
    monitor.overdue(None, ms(START_MS + DEAD_MS), False)
    assert monitor.is_down and monitor.next_watch_ns(False) is None


def test_a_recovering_path_is_watched_too() -> None:
    monitor = silent_path()
    monitor.heard(ms(START_MS + 600), 1)
    assert monitor.next_watch_ns(False) == ms(DEAD_MS)


def test_time_granted_to_the_peer_is_added_to_the_watch() -> None:
    monitor = heard_path()
    monitor.listen_anew(ms(START_MS + 3000))
    assert monitor.next_watch_ns(False) == ms(WARN_MS + 3000)
    assert monitor.silent_for_ns(ms(START_MS + 3100)) == ms(100)


def test_own_lateness_does_not_make_the_peer_late() -> None:
    monitor = heard_path()
    monitor.overdue(ms(START_MS), ms(START_MS + WARN_MS), False)
    monitor.told(PathEcho(1, ms(10)), ms(START_MS))
    monitor.listen_anew(ms(START_MS + 3000))
    assert health_of(monitor) is PathHealth.ALIVE
    assert monitor.peer_hears_us() is None, "what it said before is old"


def test_the_periodic_summary_only_moves_the_time_of_the_last_beat_forward() -> None:
    monitor = heard_path()
    monitor.summarised(ms(START_MS + 100))
    monitor.summarised(ms(START_MS + 50))
    monitor.summarised(None)
    assert monitor.last_heard_ns == ms(START_MS + 100)
    assert monitor.silent_for_ns(ms(START_MS + 90)) == 0


@pytest.mark.parametrize(
    ("age_ns", "hears"),
    [(0, True), (ms(WARN_MS) - 1, True), (ms(WARN_MS), False), (AGE_NEVER_NS, False)],
)
def test_the_peer_hears_us_when_its_echo_is_younger_than_the_warn_time(
    age_ns: int, hears: bool
) -> None:
    monitor = heard_path()
    assert monitor.peer_hears_us() is None
    monitor.told(PathEcho(1, age_ns), ms(START_MS))
    assert monitor.peer_hears_us() is hears


def test_the_peer_will_call_us_silent_a_dead_time_after_it_last_heard_us() -> None:
    monitor = heard_path()
    assert monitor.peer_calls_us_silent_at_ns() == ms(START_MS + DEAD_MS)
    monitor.told(PathEcho(1, ms(200)), ms(START_MS + 1000))
    assert monitor.peer_calls_us_silent_at_ns() == ms(START_MS + 1000 + DEAD_MS - 200)
    monitor.told(PathEcho(1, AGE_NEVER_NS), ms(START_MS + 1000))
    assert monitor.peer_calls_us_silent_at_ns() == ms(START_MS + 1000)


def test_a_path_on_which_only_the_peer_is_heard_loses_what_we_send() -> None:
    monitor = heard_path()
    now_ms = START_MS + DEAD_MS
    monitor.heard(ms(now_ms), 2)
    monitor.told(PathEcho(1, ms(WARN_MS + 100)), ms(now_ms))
    assert monitor.one_way(ms(now_ms)) is OneWay.TX


def test_a_silent_path_on_which_the_peer_hears_us_loses_what_it_sends() -> None:
    monitor = silent_path()
    said_ms = START_MS + DEAD_MS + 100
    monitor.told(PathEcho(1, ms(10)), ms(said_ms))
    assert monitor.one_way(ms(said_ms)) is OneWay.RX


def test_a_path_cut_both_ways_is_not_one_way() -> None:
    monitor = silent_path()
    monitor.told(PathEcho(1, ms(600)), ms(START_MS + DEAD_MS + 100))
    assert monitor.one_way(ms(START_MS + DEAD_MS + 100)) is None


def test_an_end_that_missed_the_last_beats_sooner_does_not_make_a_cut_one_way() -> None:
    monitor = heard_path()
    now_ms = START_MS + DEAD_MS
    monitor.heard(ms(now_ms), 2)
    said_ms = now_ms + WARN_MS - 50
    monitor.told(PathEcho(1, ms(WARN_MS + 50)), ms(said_ms))
    assert monitor.one_way(ms(said_ms)) is None
    monitor.heard(ms(said_ms), 3)
    assert monitor.one_way(ms(said_ms)) is OneWay.TX


def test_without_a_fresh_word_of_the_peer_nothing_is_said_about_one_way() -> None:
    monitor = silent_path()
    assert monitor.one_way(ms(START_MS + DEAD_MS)) is None
    said_ms = START_MS + DEAD_MS + 100
    monitor.told(PathEcho(1, ms(10)), ms(said_ms))
    assert monitor.one_way(ms(said_ms + DEAD_MS + 1)) is None
