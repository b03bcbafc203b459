"""What a scenario's result is made of: the public keys, and lost or doubled events."""

from bmcha.sim.follow import EventTold, RoleTold
from bmcha.sim.report import EventsResult, Report, judge_events, role_rows


def told(slot: int, number: int, epoch: int = 2) -> EventTold:
    return EventTold(slot, 0, (epoch, number, 1), "role", "a text")


LOG = [(2, number, 1) for number in range(1, 6)]


def test_a_whole_log_has_lost_and_doubled_nothing() -> None:
    events = [told(1, number) for number in range(1, 6)]
    assert judge_events(events, events, LOG) == EventsResult(0, 0)


def test_the_same_record_told_by_both_modules_is_one_record() -> None:
    events = [told(1, 1), told(2, 1)]
    assert judge_events(events, events, LOG) == EventsResult(0, 0)


def test_a_record_that_the_active_told_and_nobody_has_is_lost() -> None:
    events = [told(1, 1), told(1, 9)]
    assert judge_events(events, events, LOG) == EventsResult(1, 0)
    assert judge_events(events, [told(1, 1)], LOG) == EventsResult(0, 0)


def test_records_older_than_the_kept_tail_are_not_lost() -> None:
    events = [told(1, 7, epoch=1)]
    assert judge_events(events, events, LOG) == EventsResult(0, 0)


def test_a_record_told_twice_or_kept_twice_is_doubled() -> None:
    assert judge_events([told(1, 1), told(1, 1)], [], LOG) == EventsResult(0, 1)
    assert judge_events([], [], [*LOG, LOG[0]]) == EventsResult(0, 1)


def test_with_nobody_to_ask_nothing_is_claimed() -> None:
    assert judge_events([told(1, 1)], [told(1, 1)], None) == EventsResult(None, None)


def test_roles_are_rows_in_the_order_of_time_since_the_start() -> None:
    history = [
        RoleTold(2, 3_500_000, "STANDBY", "PEER_IS_ACTIVE", "", 2),
        RoleTold(1, 2_000_000, "ACTIVE", "FIRST_IN_SUCCESSION", "", 2),
    ]
    assert role_rows(history, 1_000_000) == (
        (1.0, 1, "ACTIVE", "FIRST_IN_SUCCESSION"),
        (2.5, 2, "STANDBY", "PEER_IS_ACTIVE"),
    )


def test_the_object_has_the_public_keys() -> None:
    body = Report("kill-active", "gated", why=("missed",)).as_json()
    assert body["result"] == "fail"
    assert list(body) == [
        "scenario",
        "board",
        "result",
        "why",
        "failover_ms",
        "outage_ms",
        "dual_active_ms",
        "roles",
        "mirror",
        "events",
        "seed",
    ]
    assert set(body["mirror"]) == {"staleness_ms", "cells_differing", "cells_compared"}
    assert set(body["events"]) == {"lost", "doubled"}


def test_people_read_the_same() -> None:
    lines = Report("kill-active", "gated", failover_ms=41.5).lines()
    assert lines[0] == "kill-active on gated: pass"
    assert "41.5 ms" in lines[1]
