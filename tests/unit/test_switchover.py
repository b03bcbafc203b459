"""The planned switchover: every refusal alone and all together, force, and the handover's steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha import switchover
from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.path_monitor import PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_machine import RoleMachine
from bmcha.ha.switchover import REPEAT_NS, Act, Relinquishing, SwitchoverInputs, refusals
from bmcha.model.event import LineLevels
from bmcha.model.message import Progress
from bmcha.model.role import Reason, Refusal, Role
from bmcha.model.settings import BoardClass
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.world import settings_of, timers

BEGUN_MS, DRAIN_MS, HANDOVER_MS, DEAD_MS = 1000, 500, 1000, 500

READY = SwitchoverInputs(
    role=Role.ACTIVE,
    own_slot=1,
    slots=(1, 2),
    target_slot=None,
    is_stopping=False,
    is_held_off=False,
    is_peer_heard=True,
    peer_hears_us=True,
    peer_role=Role.STANDBY,
    peer_health=100,
    own_health=100,
    peer_health_line=True,
    is_mirror_synced=True,
)

ALONE: dict[Refusal, SwitchoverInputs] = {
    Refusal.NOT_ACTIVE: replace(READY, role=Role.STANDBY, peer_role=Role.ACTIVE),
    Refusal.ALREADY_THERE: replace(READY, target_slot=1),
    Refusal.NO_SUCH_SLOT: replace(READY, target_slot=3),
    Refusal.PEER_NOT_HEARD: replace(READY, is_peer_heard=False, peer_role=None, peer_health=0),
    Refusal.PEER_DOES_NOT_HEAR: replace(READY, peer_hears_us=False),
    Refusal.PEER_NOT_STANDBY: replace(READY, peer_role=Role.STARTING),
    Refusal.PEER_UNHEALTHY: replace(READY, peer_health=99),
    Refusal.PEER_HEALTH_LINE_DOWN: replace(READY, peer_health_line=False),
    Refusal.MIRROR_NOT_SYNCED: replace(READY, is_mirror_synced=False),
    Refusal.ROLE_TOO_FRESH: replace(READY, is_held_off=True),
    Refusal.CHANGE_UNDER_WAY: replace(READY, role=Role.RELINQUISHING),
    Refusal.STOPPING: replace(READY, is_stopping=True),
    Refusal.LOCKED_OUT: replace(READY, is_locked_out=True),
}
"""For each refusal the inputs in which it is the only reason."""


def test_nothing_speaks_against_a_switchover_between_two_sound_modules() -> None:
    assert refusals(READY, is_forced=False) == frozenset()
    assert refusals(replace(READY, target_slot=2), is_forced=False) == frozenset()


@pytest.mark.parametrize("refusal", ALONE)
def test_each_refusal_alone(refusal: Refusal) -> None:
    assert refusals(ALONE[refusal], is_forced=False) == {refusal}


def test_only_what_is_not_asked_of_a_switchover_and_its_failure_are_not_known_beforehand() -> None:
    assert set(Refusal) - set(ALONE) == {
        *(Refusal.HANDOVER_FAILED, Refusal.DRILL_UNDER_WAY, Refusal.NO_SUCH_PATH),
        Refusal.ISOLATED,
    }


@pytest.mark.parametrize("refusal", ALONE)
def test_force_drops_those_that_yield_to_it_and_no_other(refusal: Refusal) -> None:
    expected = frozenset() if refusal.yields_to_force else frozenset({refusal})
    assert refusals(ALONE[refusal], is_forced=True) == expected


def test_every_reason_against_it_is_given_at_once() -> None:
    everything = replace(
        READY,
        is_stopping=True,
        is_held_off=True,
        peer_hears_us=False,
        peer_role=Role.STARTING,
        peer_health=1,
        peer_health_line=False,
        is_mirror_synced=False,
        is_locked_out=True,
    )
    of_the_peer = {
        Refusal.STOPPING,
        Refusal.ROLE_TOO_FRESH,
        Refusal.PEER_DOES_NOT_HEAR,
        Refusal.PEER_NOT_STANDBY,
        Refusal.PEER_UNHEALTHY,
        Refusal.PEER_HEALTH_LINE_DOWN,
        Refusal.MIRROR_NOT_SYNCED,
        Refusal.LOCKED_OUT,
    }
    assert refusals(everything, is_forced=False) == of_the_peer
    assert refusals(everything, is_forced=True) == {
        refusal for refusal in of_the_peer if not refusal.yields_to_force
    }


def test_what_a_peer_that_is_not_heard_says_is_no_reason() -> None:
    unheard = replace(
        READY, is_peer_heard=False, peer_role=None, peer_health=0, is_mirror_synced=False
    )
    assert refusals(unheard, is_forced=False) == {Refusal.PEER_NOT_HEARD}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ACTIVE])
def test_who_is_not_active_says_only_that(role: Role) -> None:
    under_way = role in (Role.FENCING, Role.RELINQUISHING)
    expected = Refusal.CHANGE_UNDER_WAY if under_way else Refusal.NOT_ACTIVE
    inputs = replace(READY, role=role, is_mirror_synced=False, is_held_off=True)
    assert refusals(inputs, is_forced=False) == {expected}


def test_the_change_of_a_service_that_stops_will_not_end_in_another() -> None:
    stopping = replace(READY, role=Role.RELINQUISHING, is_stopping=True)
    assert refusals(stopping, is_forced=True) == {Refusal.STOPPING}


def test_a_standby_asked_to_move_the_role_to_the_active_slot_says_that_it_is_there() -> None:
    at_standby = replace(READY, role=Role.STANDBY, own_slot=2, peer_role=Role.ACTIVE)
    assert refusals(replace(at_standby, target_slot=1), False) == {Refusal.ALREADY_THERE}
    assert refusals(replace(at_standby, target_slot=2), False) == {Refusal.NOT_ACTIVE}


@pytest.mark.parametrize("line", [True, None])
def test_a_health_line_that_is_up_or_not_wired_speaks_against_nothing(line: bool | None) -> None:
    assert refusals(replace(READY, peer_health_line=line), False) == frozenset()


def test_a_peer_that_has_not_said_whether_it_hears_us_is_trusted() -> None:
    assert refusals(replace(READY, peer_hears_us=None), False) == frozenset()


# ---- what is asked of a peer


def seen(role: Role, *, is_heard: bool = True, health_line: bool | None = True) -> PeerView:
    peer = PeerView(2, [PathMonitor(settings_of(BoardClass.GATED, 1).paths[0], 0)], ms(15), 0)
    assert peer.meet(header(), "udp", ms(BEGUN_MS))
    peer.monitors[0].heard(ms(BEGUN_MS), 1)
    peer.hear(beat(draft(role, health=70)), OWN_BOOT, ms(BEGUN_MS))
    peer.lines.read(LineLevels(True, health_line, False), ms(BEGUN_MS))
    if not is_heard:
        peer.monitors[0].overdue(ms(BEGUN_MS), ms(BEGUN_MS + DEAD_MS), False)
    return peer


def inputs(peer: PeerView | None) -> SwitchoverInputs:
    machine = RoleMachine(0, 0, ms(500))
    for role in (Role.FENCING, Role.ACTIVE):
        machine.enter(role, Reason.PEER_SILENT, 3, ms(BEGUN_MS))
    word = ChassisWord(True, True, 40, Progress(0, 0, 0), 90)
    return switchover.inputs_of(machine, 1, (1, 2), None, peer, word, ms(BEGUN_MS + 499))


def test_what_a_peer_says_and_shows_is_asked_only_while_it_is_heard() -> None:
    heard = inputs(seen(Role.STANDBY))
    assert heard.is_peer_heard and heard.peer_role is Role.STANDBY and heard.peer_hears_us
    assert (heard.peer_health, heard.own_health) == (70, 90)
    assert heard.peer_health_line is True and heard.is_held_off and heard.is_mirror_synced
    silent = inputs(seen(Role.STANDBY, is_heard=False, health_line=False))
    assert not silent.is_peer_heard and silent.peer_role is None and silent.peer_health == 0
    assert silent.peer_health_line is False


def test_without_a_peer_nobody_is_heard_and_no_line_is_down() -> None:
    alone = inputs(None)
    assert not alone.is_peer_heard and alone.peer_role is None
    assert alone.peer_hears_us is None and alone.peer_health_line is None


def test_who_is_not_active_knows_the_role_to_be_there_only_if_the_peer_says_so() -> None:
    asked = replace(READY, role=Role.STANDBY, own_slot=2, target_slot=1, peer_role=Role.STANDBY)
    assert refusals(asked, False) == {Refusal.NOT_ACTIVE}


# ---- letting go


def letting_go(reason: Reason = Reason.SWITCHOVER_ASKED, *, goodbye: bool = False) -> Relinquishing:
    return Relinquishing(
        reason,
        target_slot=2,
        nonce=1,
        begun_ns=ms(BEGUN_MS),
        timers=timers(),
        take_back_after_ns=ms(HANDOVER_MS),
        request_id=5,
        is_goodbye_due=goodbye,
    )


def test_a_drained_mirror_releases_with_the_next_step_and_one_that_is_not_after_its_deadline() -> (
    None
):
    going = letting_go()
    assert going.due(True, ms(BEGUN_MS)) is Act.WAIT, "its own record has to go first"
    assert going.due(True, ms(BEGUN_MS) + 1) is Act.RELEASE
    assert going.due(False, ms(BEGUN_MS + DRAIN_MS) - 1) is Act.WAIT
    assert going.due(False, ms(BEGUN_MS + DRAIN_MS)) is Act.RELEASE


def test_who_lets_go_because_it_is_not_heard_drains_nothing_and_sends_nothing() -> None:
    going = letting_go(Reason.RELEASED_UNHEARD)
    assert going.due(False, ms(BEGUN_MS)) is Act.RELEASE
    going.released_ns = ms(BEGUN_MS)
    assert going.due(False, ms(BEGUN_MS + 5000)) is Act.WAIT


def test_the_handover_is_repeated_until_it_is_confirmed() -> None:
    going = letting_go()
    going.released_ns = ms(BEGUN_MS)
    assert going.due(True, ms(BEGUN_MS)) is Act.SEND
    assert going.due(True, ms(BEGUN_MS) + REPEAT_NS - 1) is Act.WAIT
    assert going.due(True, ms(BEGUN_MS) + REPEAT_NS) is Act.SEND


def test_taking_back_counts_from_the_release() -> None:
    going = letting_go()
    assert not going.is_take_back_due(ms(BEGUN_MS + 60_000)), "nothing was let go yet"
    going.released_ns = ms(BEGUN_MS + 100)
    assert not going.is_take_back_due(ms(BEGUN_MS + 100 + HANDOVER_MS) - 1)
    assert going.is_take_back_due(ms(BEGUN_MS + 100 + HANDOVER_MS))


def test_a_stopping_node_takes_nothing_back_but_ends() -> None:
    going = letting_go(Reason.STOP_ASKED, goodbye=True)
    going.released_ns = ms(BEGUN_MS)
    assert not going.is_take_back_due(ms(BEGUN_MS + 60_000))
    assert not letting_go(Reason.STOP_ASKED, goodbye=True).is_goodbye_time(ms(60_000))
    assert not going.is_goodbye_time(ms(BEGUN_MS + HANDOVER_MS) - 1)
    assert going.is_goodbye_time(ms(BEGUN_MS + HANDOVER_MS))
    staying = letting_go()
    staying.released_ns = ms(BEGUN_MS)
    assert not staying.is_goodbye_time(ms(BEGUN_MS + 60_000)), "nobody stops it"


@pytest.mark.parametrize(
    ("board", "has_peer", "expected_ms"),
    [
        (BoardClass.GATED, True, HANDOVER_MS),
        (BoardClass.BARE, False, HANDOVER_MS),
        (BoardClass.BARE, True, 2 * 700),
    ],
)
def test_where_no_line_tells_who_holds_taking_back_waits_twice_the_dead_time(
    board: BoardClass, has_peer: bool, expected_ms: int
) -> None:
    settings = settings_of(board, 1)
    slow = replace(settings.paths[0], deadtime_ms=700)
    monitors = [PathMonitor(path, 0) for path in (slow, settings.paths[1])]
    peer = PeerView(2, monitors, ms(15), 0) if has_peer else None
    asked = Reason.SWITCHOVER_ASKED
    assert switchover.take_back_after_ns(asked, settings, peer) == ms(expected_ms)


def test_the_lease_window_is_the_time_of_one_claim() -> None:
    settings = settings_of(BoardClass.BARE, 1)
    window_ms = 100 + 200 + 2 * 5
    assert switchover.take_back_after_ns(Reason.LEASE_OVER, settings, None) == ms(window_ms)


def test_a_refusal_lists_every_reason_in_one_order() -> None:
    found = frozenset({Refusal.STOPPING, Refusal.PEER_NOT_HEARD})
    answer = switchover.refused(9, found, None)
    assert (answer.request_id, answer.is_done) == (9, False)
    assert answer.body["result"] == "refused"
    assert answer.body["refusals"] == [
        {"id": each.name, "text": each.advice}
        for each in (Refusal.PEER_NOT_HEARD, Refusal.STOPPING)
    ]


@pytest.mark.parametrize("is_done", [True, False])
def test_the_end_of_a_switchover_is_told_to_whoever_asked(is_done: bool) -> None:
    answer = switchover.ended(letting_go(), is_done, 8, ms(BEGUN_MS + 70))
    assert (answer.request_id, answer.is_done) == (5, is_done)
    assert answer.body["result"] == ("done" if is_done else "failed")
    assert (answer.body["epoch"], answer.body["took_ms"]) == (8, 70)
    listed = [each["id"] for each in answer.body["refusals"]]
    assert listed == ([] if is_done else ["HANDOVER_FAILED"])


@pytest.mark.parametrize(
    ("refusal", "active_slot", "named"),
    [
        (Refusal.NOT_ACTIVE, 2, True),
        (Refusal.NOT_ACTIVE, None, False),
        (Refusal.ALREADY_THERE, 2, False),
    ],
)
def test_who_is_not_active_names_the_slot_that_is_if_it_knows(
    refusal: Refusal, active_slot: int | None, named: bool
) -> None:
    ((told),) = switchover.refused(9, frozenset({refusal}), active_slot).body["refusals"]
    assert told["id"] == refusal.name
    assert told["text"].endswith(": slot 2.") is named
    assert named or told["text"] == refusal.advice
