"""What is wrong with a node and its redundancy, as alarms and as the redundancy's state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.conditions import Redundancy, RedundancyState, conditions_of, redundancy_of
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_keeper import RoleKeeper
from bmcha.model.event import LineLevels
from bmcha.model.identity import Succession
from bmcha.model.message import AGE_NEVER_NS, PathEcho
from bmcha.model.role import Reason, Role, Severity
from bmcha.model.settings import BoardClass
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.world import settings_of

START_MS, DEAD_MS, JEOPARDY_MS = 10_000, 500, 1000
LATER_MS = START_MS + 700


def new_keeper(own_slot: int | None = 1) -> RoleKeeper:
    return RoleKeeper(settings_of(BoardClass.GATED, 1), own_slot, OWN_BOOT, 0, ms(START_MS))


def peer_of(keeper: RoleKeeper) -> PeerView:
    (peer,) = keeper.peers
    return peer


def hearing(role: Role = Role.STANDBY) -> RoleKeeper:
    """The peer beats on both paths, up to ``LATER_MS``."""
    keeper = new_keeper()
    peer = peer_of(keeper)
    assert peer.meet(header(), "udp", ms(START_MS))
    for at_ms in (START_MS, LATER_MS):
        for monitor in peer.monitors:
            monitor.heard(ms(at_ms), 1)
        peer.hear(beat(draft(role)), OWN_BOOT, ms(at_ms))
    return keeper


def silence(keeper: RoleKeeper, *paths: int) -> None:
    """These paths carry nothing any more, both ways."""
    peer = peer_of(keeper)
    for path in paths:
        peer.monitors[path].overdue(ms(LATER_MS), ms(LATER_MS + JEOPARDY_MS), False)
        peer.monitors[path].told(PathEcho(1, ms(JEOPARDY_MS)), ms(LATER_MS + JEOPARDY_MS))


def lie(keeper: RoleKeeper) -> None:
    """A line falls, and the peer's node answers the probe."""
    watch = peer_of(keeper).lines
    watch.read(LineLevels(True, False, True), ms(LATER_MS))
    watch.read(LineLevels(True, False, True), ms(LATER_MS + 1))
    watch.answered(watch.probe_nonce)


def ids(keeper: RoleKeeper, store_fault: str = "", now_ms: int = LATER_MS) -> set[str]:
    return {alarm_id for alarm_id, _, _ in conditions_of(keeper, store_fault, ms(now_ms))}


# ---- alarms


def test_nothing_is_wrong_with_two_sound_modules() -> None:
    assert ids(hearing()) == set()


def test_a_peer_that_was_never_heard_is_no_alarm() -> None:
    assert ids(new_keeper(), now_ms=START_MS + 60_000) == set()


def test_a_store_that_fails_is_an_alarm_that_says_why() -> None:
    ((alarm_id, severity, text),) = conditions_of(hearing(), "epoch: disk full", ms(LATER_MS))
    assert (alarm_id, severity) == ("store-failed", Severity.MAJOR) and "disk full" in text


def test_a_silent_path_is_named_and_so_is_the_one_that_is_left() -> None:
    keeper = hearing()
    silence(keeper, 0)
    assert ids(keeper, now_ms=LATER_MS + JEOPARDY_MS) == {
        "path-udp-silent",
        "redundancy-degraded",
    }


def test_a_peer_that_is_silent_on_every_path_is_lost() -> None:
    keeper = hearing()
    silence(keeper, 0, 1)
    assert ids(keeper, now_ms=LATER_MS + JEOPARDY_MS) == {
        "path-udp-silent",
        "path-serial-silent",
        "peer-lost",
    }


def test_a_path_on_which_nobody_hears_us_works_one_way_only() -> None:
    keeper = hearing()
    peer_of(keeper).monitors[1].told(PathEcho(1, AGE_NEVER_NS), ms(LATER_MS))
    assert ids(keeper) == {"path-serial-one-way"}


def test_a_line_that_lies_is_an_alarm_of_that_slot() -> None:
    keeper = hearing()
    lie(keeper)
    assert ids(keeper) == {"line-fault-slot2"}


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.ISOLATED, {"isolated"}),
        (Reason.LINE_FAULT_SUSPECTED, {"isolated"}),
        (Reason.HELD_BY_POLICY, {"isolated"}),
        (Reason.PEER_IS_ACTIVE, set()),
    ],
)
def test_a_standby_that_may_not_claim_although_it_hears_nobody_says_so(
    reason: Reason, expected: set[str]
) -> None:
    keeper = hearing()
    keeper.machine.enter(Role.STANDBY, reason, 0, ms(LATER_MS))
    assert ids(keeper) == expected


def test_a_node_without_a_slot_says_only_that() -> None:
    keeper = new_keeper(None)
    keeper.machine.enter(Role.FAULT, Reason.OWN_SLOT_UNREADABLE, 0, ms(START_MS))
    (condition,) = conditions_of(keeper, "", ms(LATER_MS))
    assert condition == (
        *("own-fault", Severity.CRITICAL),
        f"{Reason.OWN_SLOT_UNREADABLE.sentence} {Reason.OWN_SLOT_UNREADABLE.remedy}",
    )


@pytest.mark.parametrize(
    ("roles", "is_alarm"),
    [
        ((Role.FENCING,), True),
        ((Role.FENCING, Role.ACTIVE), True),
        ((Role.STANDBY,), False),
    ],
)
def test_a_takeover_against_a_line_is_critical_for_as_long_as_it_lasts(
    roles: tuple[Role, ...], is_alarm: bool
) -> None:
    keeper = hearing()
    keeper.own.is_unverified = True
    for role in roles:
        keeper.machine.enter(role, Reason.UNVERIFIED_TAKEOVER, 0, ms(LATER_MS))
    assert ids(keeper) == ({"unverified-takeover"} if is_alarm else set())


# ---- redundancy


def degraded(*reasons: str) -> Redundancy:
    return Redundancy(RedundancyState.DEGRADED, reasons)


def test_redundancy_is_full_when_the_peer_could_take_over_this_instant() -> None:
    assert redundancy_of(hearing(), True) == Redundancy(RedundancyState.FULL, ())


def test_every_way_in_which_redundancy_is_degraded_is_a_reason() -> None:
    assert redundancy_of(hearing(), False) == degraded("the mirror is not synced")
    starting = redundancy_of(hearing(Role.STARTING), True)
    assert starting == degraded("slot 2 is starting")
    keeper = hearing()
    silence(keeper, 0)
    lie(keeper)
    assert redundancy_of(keeper, False) == degraded(
        "path udp is silent", "a line from slot 2 lies", "the mirror is not synced"
    )


def test_redundancy_is_lost_without_a_peer_that_is_heard_and_sound() -> None:
    silent = hearing()
    silence(silent, 0, 1)
    for keeper in (new_keeper(), silent):
        assert redundancy_of(keeper, True) == Redundancy(
            RedundancyState.LOST, ("slot 2 is not heard",)
        )
    faulty = redundancy_of(hearing(Role.FAULT), True)
    assert faulty == Redundancy(RedundancyState.LOST, ("slot 2 is in FAULT",))


def test_redundancy_is_lost_in_a_chassis_of_one_slot() -> None:
    alone = replace(settings_of(BoardClass.GATED, 1), succession=Succession((1,)))
    keeper = RoleKeeper(alone, 1, OWN_BOOT, 0, ms(START_MS))
    assert redundancy_of(keeper, True) == Redundancy(
        RedundancyState.LOST, ("no other slot is configured",)
    )
