"""One path: when it is late, silent, back again, and when it works one way only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.path_monitor import (
    FOREIGN_FRESH_NS,
    FORGED_FRESH_NS,
    HearingOfUs,
    OneWay,
    PathHealth,
    PathMonitor,
)
from bmcha.model.event import PathCounts
from bmcha.model.message import AGE_NEVER_NS, PathEcho
from tests.speech import ms
from tests.world import path_settings

WARN_MS, DEAD_MS, JEOPARDY_MS = 250, 500, 1000
START_MS = 10_000


def health_of(monitor: PathMonitor) -> PathHealth:
    return monitor.health


def hears_us(monitor: PathMonitor) -> bool | None:
    return monitor.peer_hears_us()


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


@pytest.mark.parametrize(("age_ms", "is_silent"), [(None, True), (499, False), (500, True)])
def test_a_path_is_silent_there_by_the_peers_own_dead_time(age_ms, is_silent) -> None:
    monitor = PathMonitor(path_settings("udp", 2), ms(START_MS))
    assert not monitor.is_silent_there, "it has not said"
    monitor.announced(500)
    monitor.hearing_of_us = HearingOfUs(ms(START_MS), None if age_ms is None else ms(age_ms))
    assert monitor.is_silent_there is is_silent


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


def test_new_settings_change_its_own_judgement_and_not_what_was_announced() -> None:
    monitor = heard_path()
    settings = replace(
        monitor.settings, warntime_ms=100, deadtime_ms=900, jeopardy_deadtime_ms=3000
    )
    monitor.reconfigure(settings)
    assert monitor.settings is settings
    assert monitor.next_watch_ns(False) == ms(100)
    monitor.overdue(ms(START_MS), ms(START_MS + 100), False)
    assert health_of(monitor) is PathHealth.LATE
    assert monitor.next_watch_ns(True) == ms(3000)
    assert monitor.next_watch_ns(False) == monitor.deadtime_ns == ms(DEAD_MS)


def test_a_beat_that_was_heard_earlier_does_not_take_the_last_one_back() -> None:
    monitor = heard_path(START_MS + 100)
    monitor.heard(ms(START_MS + 50), 2)
    assert monitor.last_heard_ns == ms(START_MS + 100)


def test_a_summary_may_bring_the_first_word_of_a_path() -> None:
    monitor = new_path()
    monitor.summarised(ms(START_MS + 100))
    assert monitor.last_heard_ns == ms(START_MS + 100)


def test_a_path_that_has_recovered_is_alive_with_any_beat() -> None:
    monitor = silent_path()
    monitor.heard(ms(START_MS + 600), 3)
    monitor.overdue(ms(START_MS + 600), ms(START_MS + 600 + WARN_MS), False)
    assert health_of(monitor) is PathHealth.LATE
    monitor.heard(ms(START_MS + 900), 1)
    assert health_of(monitor) is PathHealth.ALIVE


def test_a_recovering_path_is_not_late_before_it_is_alive() -> None:
    monitor = silent_path()
    monitor.heard(ms(START_MS + 600), 1)
    monitor.overdue(ms(START_MS + 600), ms(START_MS + 600 + WARN_MS), False)
    assert health_of(monitor) is PathHealth.SILENT and monitor.hears_peer()


def test_a_watch_that_tells_of_a_newer_beat_moves_nothing() -> None:
    monitor = heard_path()
    monitor.overdue(ms(START_MS + 400), ms(START_MS + DEAD_MS), False)
    assert health_of(monitor) is PathHealth.ALIVE


def test_the_watch_counts_from_the_last_beat_that_the_engine_knows() -> None:
    monitor = heard_path()
    monitor.listen_anew(ms(START_MS + 3000))
    monitor.summarised(ms(START_MS + 100))
    assert monitor.next_watch_ns(False) == ms(WARN_MS + 2900)
    monitor.summarised(None)
    assert monitor.next_watch_ns(False) == ms(WARN_MS), "it began anew and knows of none"


def test_own_lateness_neither_wakes_a_silent_path_nor_invents_a_beat() -> None:
    monitor = silent_path()
    monitor.listen_anew(ms(START_MS + 3000))
    assert health_of(monitor) is PathHealth.SILENT
    unheard = new_path()
    unheard.listen_anew(ms(START_MS + 3000))
    assert unheard.last_heard_ns is None
    assert unheard.silent_for_ns(ms(START_MS + 3100)) == ms(100)


# ---- what else comes on it


COUNTS = PathCounts(0, 0, 0, 0, 0, 0, None)


def test_noise_is_told_while_it_is_more_than_the_path_may_have() -> None:
    monitor = new_path()
    noise = []
    for per_s, is_noisy in ((10, False), (11, True), (11, False)):
        monitor.counted(replace(COUNTS, noise_per_s=per_s, is_noisy=is_noisy), ms(START_MS))
        noise.append(monitor.noise_per_s)
    assert noise == [0, 11, 0]


def test_a_foreign_module_is_there_as_long_as_its_count_grows_and_a_little_longer() -> None:
    monitor = new_path()
    assert monitor.foreign_chassis_id(ms(START_MS)) is None
    heard = replace(COUNTS, foreign_count=1, foreign_chassis_id=4712)
    monitor.counted(heard, ms(START_MS))
    monitor.counted(heard, ms(START_MS + 500))
    assert monitor.foreign_chassis_id(ms(START_MS) + FOREIGN_FRESH_NS) == 4712
    assert monitor.foreign_chassis_id(ms(START_MS) + FOREIGN_FRESH_NS + 1) is None


def test_forged_frames_are_news_as_long_as_their_count_grows_and_a_minute_longer() -> None:
    monitor = new_path()
    assert not monitor.has_forged(ms(START_MS))
    heard = replace(COUNTS, forged_count=1)
    monitor.counted(heard, ms(START_MS))
    monitor.counted(heard, ms(START_MS + 500))
    assert monitor.has_forged(ms(START_MS) + FORGED_FRESH_NS)
    assert not monitor.has_forged(ms(START_MS) + FORGED_FRESH_NS + 1)


def test_a_foreign_frame_without_a_name_is_nobody() -> None:
    monitor = new_path()
    monitor.counted(replace(COUNTS, foreign_count=1), ms(START_MS))
    assert monitor.foreign_chassis_id(ms(START_MS)) is None


# ---- what the peer says of it


def test_an_echo_that_was_overtaken_says_nothing_and_never_is_an_echo() -> None:
    monitor = heard_path()
    monitor.told(PathEcho(1, ms(5)), ms(START_MS + 1000))
    monitor.told(PathEcho(1, ms(990)), ms(START_MS + 1010))
    assert hears_us(monitor) is True, "it came over a slower path"
    monitor.told(PathEcho(1, AGE_NEVER_NS), ms(START_MS + 1020))
    assert hears_us(monitor) is False
    monitor.told(PathEcho(1, ms(5)), ms(START_MS + 1030))
    assert hears_us(monitor) is True


def test_an_echo_proves_both_directions_as_of_the_older_of_the_two() -> None:
    monitor = new_path()
    proven = []
    monitor.told(PathEcho(1, ms(5)), ms(START_MS))
    proven.append(monitor.proven_ns)  # nothing was heard here
    monitor.heard(ms(START_MS + 100), 1)
    for age_ns, at_ms in ((AGE_NEVER_NS, 100), (ms(30), 100), (ms(30), 300)):
        monitor.told(PathEcho(1, age_ns), ms(START_MS + at_ms))
        proven.append(monitor.proven_ns)
    monitor.prove(ms(START_MS + 50))
    proven.append(monitor.proven_ns)  # it only moves on
    assert proven == [None, None, ms(START_MS + 70), ms(START_MS + 100), ms(START_MS + 100)]


def test_the_peer_judges_us_by_the_dead_time_that_it_announced() -> None:
    monitor = heard_path()
    monitor.announced(2000)
    assert monitor.peer_calls_us_silent_at_ns() == ms(START_MS + 2000)
    assert monitor.gap_limit_ns == ms(2000) - 2 * monitor.interval_ns


def test_a_path_works_both_ways_when_it_is_alive_and_nobody_says_otherwise() -> None:
    fresh, unheard, late = heard_path(), heard_path(), heard_path()
    unheard.told(PathEcho(1, AGE_NEVER_NS), ms(START_MS))
    late.overdue(ms(START_MS), ms(START_MS + WARN_MS), False)
    assert fresh.is_heard_both_ways
    assert not unheard.is_heard_both_ways and not late.is_heard_both_ways


def test_a_path_that_was_never_heard_may_lose_what_the_peer_sends() -> None:
    monitor = new_path()
    monitor.overdue(None, ms(START_MS + DEAD_MS), False)
    monitor.told(PathEcho(1, ms(10)), ms(START_MS + DEAD_MS))
    assert monitor.one_way(ms(START_MS + DEAD_MS)) is OneWay.RX


@pytest.mark.parametrize(
    ("echo_age_ms", "expected"), [(0, OneWay.RX), (10, OneWay.RX), (11, None), (None, None)]
)
def test_the_peer_must_have_heard_us_long_after_we_heard_it(
    echo_age_ms: int | None, expected: OneWay | None
) -> None:
    """A cut both ways looks like one way for a moment."""
    monitor = heard_path(START_MS + 1000)
    monitor.overdue(ms(START_MS + 1000), ms(START_MS + 1000 + DEAD_MS), False)
    age_ns = AGE_NEVER_NS if echo_age_ms is None else ms(echo_age_ms)
    said_ns = ms(START_MS + 1000 + WARN_MS + 10)
    monitor.told(PathEcho(1, age_ns), said_ns)
    assert monitor.one_way(ms(START_MS + 1000 + DEAD_MS)) is expected


def test_a_peer_that_does_not_hear_us_now_proves_no_direction_of_a_silent_path() -> None:
    monitor = silent_path()
    said_ms = START_MS + 1000
    monitor.told(PathEcho(1, ms(WARN_MS)), ms(said_ms))
    assert monitor.one_way(ms(said_ms)) is None


def test_a_path_that_works_or_comes_back_is_not_one_way() -> None:
    monitor = heard_path()
    monitor.heard(ms(START_MS + DEAD_MS), 2)
    monitor.told(PathEcho(1, ms(10)), ms(START_MS + DEAD_MS))
    assert monitor.one_way(ms(START_MS + DEAD_MS)) is None, "it is heard both ways"
    monitor.heard(ms(START_MS + DEAD_MS + WARN_MS), 4)
    assert monitor.one_way(ms(START_MS + DEAD_MS + WARN_MS)) is None, "as far as it has said"
    now_ms = START_MS + DEAD_MS + WARN_MS
    monitor.told(PathEcho(1, AGE_NEVER_NS), ms(now_ms))
    assert monitor.one_way(ms(now_ms)) is OneWay.TX, "never is long enough"
    monitor.overdue(ms(now_ms), ms(now_ms + WARN_MS), False)
    assert monitor.one_way(ms(now_ms + WARN_MS)) is None, "late here, too"


def test_a_path_is_not_one_way_before_it_was_alive_for_a_dead_time() -> None:
    monitor = silent_path()
    back_ms = START_MS + 5000
    monitor.heard(ms(back_ms), 1)
    monitor.told(PathEcho(1, AGE_NEVER_NS), ms(back_ms))
    assert monitor.one_way(ms(back_ms)) is None, "it recovers"
    monitor.heard(ms(back_ms + 200), 3)
    monitor.heard(ms(back_ms + 199 + DEAD_MS), 5)
    monitor.told(PathEcho(1, AGE_NEVER_NS), ms(back_ms + 199 + DEAD_MS))
    assert monitor.one_way(ms(back_ms + 199 + DEAD_MS)) is None
    monitor.told(PathEcho(1, AGE_NEVER_NS), ms(back_ms + 200 + DEAD_MS))
    assert monitor.one_way(ms(back_ms + 200 + DEAD_MS)) is OneWay.TX
