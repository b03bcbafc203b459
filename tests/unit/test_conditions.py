"""What is wrong with a node and its redundancy, as alarms and as the redundancy's state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.conditions import Redundancy, RedundancyState, conditions_of, redundancy_of
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_keeper import RoleKeeper
from bmcha.model.event import LineLevels, MaintenanceAsked, PathCounts, StrapsRead
from bmcha.model.hearsay import Opinion, OpinionsHeard, Twin
from bmcha.model.identity import Succession
from bmcha.model.message import AGE_NEVER_NS, Maintenance, PathEcho
from bmcha.model.role import Reason, Role, Severity
from bmcha.model.settings import BoardClass, MoveSettings, PathKind, ThirdOpinionSettings
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


@pytest.mark.parametrize("role", [Role.FENCING, Role.ACTIVE])
def test_a_takeover_that_no_line_speaks_against_is_no_alarm(role: Role) -> None:
    keeper = hearing()
    enter(keeper, Role.FENCING, *([Role.ACTIVE] if role is Role.ACTIVE else []))
    assert ids(keeper) == set()


def enter(keeper: RoleKeeper, *roles: Role, reason: Reason = Reason.PEER_SILENT) -> None:
    for role in roles:
        keeper.machine.enter(role, reason, 0, ms(LATER_MS))


@pytest.mark.parametrize("sense", [False, True, None])
@pytest.mark.parametrize("is_active", [False, True])
def test_an_own_active_line_that_does_not_rise_is_told_once_it_had_the_time(
    sense: bool | None, is_active: bool
) -> None:
    keeper = hearing()
    enter(keeper, Role.FENCING, *([Role.ACTIVE] if is_active else []))
    keeper.own.active_sense = sense
    assert ids(keeper, now_ms=LATER_MS + 999) == set()
    is_fault = is_active and sense is False
    assert ids(keeper, now_ms=LATER_MS + 1000) == ({"own-active-line-fault"} if is_fault else set())


def test_straps_that_changed_are_told_in_their_own_words() -> None:
    keeper = hearing()
    for _ in range(2):
        keeper.own.straps.read(StrapsRead(3), 1)
    ((alarm_id, severity, text),) = conditions_of(keeper, "", ms(LATER_MS))
    assert (alarm_id, severity) == ("slot-straps-changed", Severity.MAJOR)
    assert text == keeper.own.straps.fault


def test_another_module_in_the_same_slot_is_told_while_it_is_there() -> None:
    keeper = hearing()
    for at_ms in (LATER_MS - 500, LATER_MS):
        keeper.own.twins.summarised("udp", Twin(7, Role.STANDBY, 0, ms(at_ms)), ms(DEAD_MS))
    assert ids(keeper) == {"duplicate-slot"}
    assert ids(keeper, now_ms=LATER_MS + 1501) == set()


def test_an_active_line_that_says_another_thing_than_its_node_for_a_second_is_told() -> None:
    keeper = hearing(Role.ACTIVE)
    peer = peer_of(keeper)
    peer.lines.read(LineLevels(True, True, False), ms(LATER_MS))
    found = []
    for after_ms in (0, 999, 1000):
        for monitor in peer.monitors:
            monitor.heard(ms(LATER_MS + after_ms), 3)
            monitor.told(PathEcho(1, 0), ms(LATER_MS + after_ms))
        peer.tick(ms(LATER_MS + after_ms))
        found.append(ids(keeper, now_ms=LATER_MS + after_ms))
    assert found == [set(), set(), {"active-line-fault-slot2"}]


def test_a_peer_is_not_lost_while_a_path_recovers() -> None:
    keeper = hearing()
    silence(keeper, 0, 1)
    back_ms = LATER_MS + JEOPARDY_MS
    peer_of(keeper).monitors[0].heard(ms(back_ms), 1)
    assert ids(keeper, now_ms=back_ms) == {"path-serial-silent"}


def test_of_a_peer_with_one_path_none_is_missing() -> None:
    given = settings_of(BoardClass.GATED, 1, path_names=("udp",))
    keeper = RoleKeeper(given, 1, OWN_BOOT, 0, ms(START_MS))
    peer = peer_of(keeper)
    assert peer.meet(header(), "udp", ms(LATER_MS))
    peer.monitors[0].heard(ms(LATER_MS), 1)
    peer.hear(beat(draft()), OWN_BOOT, ms(LATER_MS))
    assert ids(keeper) == set()


def test_a_late_path_is_left_too() -> None:
    """The alarm must not end just before the last path does."""
    keeper = hearing()
    silence(keeper, 0)
    peer_of(keeper).monitors[1].overdue(ms(LATER_MS), ms(LATER_MS + DEAD_MS - 1), True)
    assert "redundancy-degraded" in ids(keeper, now_ms=LATER_MS + JEOPARDY_MS)


@pytest.mark.parametrize(
    ("kind", "unit"), [(PathKind.UDP, "datagrams"), (PathKind.SERIAL, "bytes")]
)
def test_noise_is_told_in_the_unit_of_its_path(kind: PathKind, unit: str) -> None:
    keeper = hearing()
    monitor = peer_of(keeper).monitors[0]
    monitor.reconfigure(replace(monitor.settings, kind=kind))
    noisy = PathCounts(0, 0, 0, 0, 0, 0, None, noise_per_s=5000, is_noisy=True)
    monitor.counted(noisy, ms(LATER_MS))
    ((alarm_id, severity, text),) = conditions_of(keeper, "", ms(LATER_MS))
    assert (alarm_id, severity) == ("path-udp-noise", Severity.MINOR)
    assert f"5000 {unit} a second" in text


def test_a_module_of_another_chassis_is_told_once_whatever_paths_bring_it() -> None:
    keeper = hearing()
    foreign = PathCounts(0, 0, 0, 0, 0, 0, None, foreign_count=1, foreign_chassis_id=4712)
    for monitor in peer_of(keeper).monitors:
        monitor.counted(foreign, ms(LATER_MS))
    ((alarm_id, severity, text),) = conditions_of(keeper, "", ms(LATER_MS))
    assert (alarm_id, severity) == ("foreign-chassis", Severity.MAJOR) and "4712" in text


# ---- what a person or a limit inhibits


@pytest.mark.parametrize(
    ("word", "is_alone"), [(None, True), (Maintenance(1, 0), True), (Maintenance(1, 60), False)]
)
def test_maintenance_is_told_and_whether_the_other_knows_of_it(
    word: Maintenance | None, is_alone: bool
) -> None:
    keeper = hearing()
    keeper.maintenance.asked(MaintenanceAsked(1, "night shift", 60), [], ms(LATER_MS))
    said = replace(draft(revision=2), maintenance=word)
    peer_of(keeper).hear(beat(said), OWN_BOOT, ms(LATER_MS))
    ((alarm_id, severity, text),) = conditions_of(keeper, "", ms(LATER_MS))
    assert (alarm_id, severity) == ("maintenance", Severity.MINOR)
    assert "asked by night shift" in text
    assert ("does not know of it" in text) is is_alone


def test_maintenance_is_not_said_to_be_unknown_to_one_that_is_not_heard() -> None:
    keeper = hearing()
    silence(keeper, 0, 1)
    keeper.maintenance.asked(MaintenanceAsked(1, "night shift", 60), [], ms(LATER_MS))
    told = {alarm_id: text for alarm_id, _, text in conditions_of(keeper, "", ms(LATER_MS))}
    assert "does not know" not in told["maintenance"]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.IN_MAINTENANCE, {"maintenance", "unheld-in-maintenance"}),
        (Reason.PEER_IS_ACTIVE, {"maintenance"}),
    ],
)
def test_that_nobody_holds_in_maintenance_is_critical(reason: Reason, expected: set[str]) -> None:
    keeper = hearing()
    enter(keeper, Role.STANDBY, reason=reason)
    keeper.maintenance.asked(MaintenanceAsked(1, "night shift", 60), [], ms(LATER_MS))
    assert ids(keeper) == expected
    assert ids(keeper, now_ms=LATER_MS + 60_000) == set(), "it is over"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.LOCKED_OUT, {"locked-out", "unheld-locked-out"}),
        (Reason.PEER_IS_ACTIVE, {"locked-out"}),
    ],
)
def test_that_nobody_holds_because_of_a_lock_out_is_critical(
    reason: Reason, expected: set[str]
) -> None:
    given = replace(settings_of(BoardClass.GATED, 1), moves=MoveSettings(failovers_max=1))
    keeper = hearing()
    keeper.reconfigure(given)
    enter(keeper, Role.STANDBY, reason=reason)
    assert ids(keeper) == set()
    keeper.flaps.judge((ms(LATER_MS),), ms(LATER_MS))
    assert ids(keeper) == expected


# ---- third opinions

ASKED = ThirdOpinionSettings("192.0.2.1", 100, 300, 60)


def asking(answered_ms: int | None, fault: str = "") -> RoleKeeper:
    """It has asked since ``START_MS``; the reference answered at ``answered_ms`` last."""
    keeper = hearing()
    keeper.reconfigure(replace(keeper.settings, third_opinion=ASKED))
    answered_ns = None if answered_ms is None else ms(answered_ms)
    for at_ms in (START_MS, LATER_MS):
        opinion = Opinion(ASKED.address, answered_ns)
        keeper.own.opinions.heard(OpinionsHeard((opinion,), ms(at_ms), fault))
    return keeper


@pytest.mark.parametrize(
    ("answered_ms", "expected"),
    [
        (LATER_MS, set()),
        (LATER_MS - 299, set()),
        (LATER_MS - 300, {"reference-silent"}),
        (None, {"reference-silent"}),
    ],
)
def test_a_reference_that_does_not_answer_is_told(
    answered_ms: int | None, expected: set[str]
) -> None:
    assert ids(asking(answered_ms)) == expected


def test_a_reference_that_cannot_be_asked_says_why() -> None:
    keeper = asking(LATER_MS, "no permission")
    ((alarm_id, severity, text),) = conditions_of(keeper, "", ms(LATER_MS))
    assert (alarm_id, severity) == ("reference-silent", Severity.MINOR)
    assert text.endswith("cannot be asked: no permission")


@pytest.mark.parametrize("is_asked", [False, True])
def test_a_node_that_is_cut_off_says_so_where_a_reference_is_asked(is_asked: bool) -> None:
    keeper = asking(LATER_MS)
    if not is_asked:
        keeper.reconfigure(replace(keeper.settings, third_opinion=None))
    enter(keeper, Role.STANDBY, reason=Reason.CUT_OFF)
    assert ids(keeper) == ({"cut-off"} if is_asked else set())


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
