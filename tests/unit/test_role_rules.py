"""The role rules: every combination of the evidence against what must never be decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from bmcha.ha.open_evidence import Unasked, inputs_with
from bmcha.ha.role_machine import TRANSITIONS
from bmcha.ha.role_rules import decide
from bmcha.ha.role_rules_doc import values_of
from bmcha.ha.rule_record import PeerEvidence, RoleDecision, RoleInputs
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy

BOOLS = (False, True)
LINE = (False, True, None)
HOLDING = (Role.ACTIVE, Role.FENCING)


def combinations(ask: Callable[[RoleInputs], object], given: Mapping[str, Any]) -> Iterator[object]:
    """What ``ask`` says of every combination of the evidence beside what is ``given``: it is run
    again for each value of what it looks at, and what it never looks at makes no difference."""
    try:
        yield ask(inputs_with(given))
        return
    except Unasked as question:
        name = question.name
    for value in values_of(name, given):
        yield from combinations(ask, {**given, name: value})


def is_possible(peer: PeerEvidence) -> bool:
    """A line that has spoken is down; none is stuck up that is not up."""
    if peer.has_line_spoken and peer.presence is not False and peer.health is not False:
        return False
    return not peer.is_active_line_stuck or (peer.active is True and peer.was_heard)


def lies_of_a_holder(peer: PeerEvidence) -> int:
    """How many lines must lie if this peer holds the chassis. An unreadable line says nothing."""
    return [peer.presence, peer.health, peer.active].count(False)


def check_waiting(i: RoleInputs, peer: PeerEvidence, made: RoleDecision) -> None:
    if made.role is Role.FAULT:
        assert not i.is_slot_known or i.is_slot_taken
        return
    assert made.role in (i.role, Role.STANDBY, Role.FENCING)
    if made.role is not Role.FENCING:
        return
    assert not i.must_listen, "a claim from old evidence"
    if made.fenced_peer is not None:
        check_fence(i, peer)
        return
    says_held = peer.role in HOLDING or (peer.role is Role.RELINQUISHING and not peer.is_released)
    if peer.is_heard and says_held:
        assert peer.has_line_spoken and lies_of_a_holder(peer) >= 1
    if made.is_active_line_doubted:
        assert peer.active is not False
    if peer.is_heard and peer.role not in HOLDING:
        return
    if peer.has_said_goodbye:
        assert not peer.active or peer.is_contradiction_over
        return
    if not peer.has_line_spoken:
        assert peer.is_silent, "a claim without listening"
        assert i.is_boot_window_over or peer.was_heard, "a claim before the peer had time to start"
    if i.board.is_gated:
        check_gated_claim(peer)
    elif i.board is BoardClass.LEASE:
        check_lease_claim(i, peer)
    elif not peer.has_line_spoken and i.policy is IsolationPolicy.HOLD:
        assert i.is_lone_start_due
    elif not peer.has_line_spoken:
        assert i.is_last_claimant or not i.is_locked_out, "one failover too many"


def check_fence(i: RoleInputs, peer: PeerEvidence) -> None:
    """Only who heard the peer hold the chassis resets it, and only when nothing else can tell."""
    assert i.board is BoardClass.RESET
    assert i.role is Role.STANDBY and peer.was_heard_active
    assert peer.is_silent and not peer.is_heard and not peer.has_said_goodbye
    assert peer.active is not False, "nobody is reset whose line says that it holds nothing"


def check_lease_claim(i: RoleInputs, peer: PeerEvidence) -> None:
    if peer.has_line_spoken and (peer.active is not True or peer.health is False):
        return  # no HEALTH line is wired on a lease board; `bmcha check` refuses one
    assert peer.active is not True or peer.is_active_line_stuck
    if peer.active is None:
        assert peer.presence is False
    if peer.active is False and peer.presence is not False:
        assert peer.is_claim_window_over or (i.role is Role.STANDBY and peer.was_heard)


def check_gated_claim(peer: PeerEvidence) -> None:
    """A holder with at most one lying line is never taken over while a path may still work;
    with every path silent the fallen ACTIVE line alone is believed, after its window."""
    if peer.is_contradiction_over and made_by_contradiction(peer):
        return
    if peer.has_line_spoken and lies_of_a_holder(peer) >= 2:
        return
    if peer.has_line_spoken and peer.active is None:
        return  # an unreadable line is a fault of its own: one more lie makes two
    assert peer.is_silent
    assert peer.active is False or lies_of_a_holder(peer) >= 2
    if peer.presence is not False and peer.active is False:
        assert peer.is_claim_window_over


def made_by_contradiction(peer: PeerEvidence) -> bool:
    return peer.health is False and peer.active is not False


@pytest.mark.parametrize("role", [Role.STARTING, Role.STANDBY])
@pytest.mark.parametrize("board", list(BoardClass))
def test_no_combination_of_evidence_leads_a_waiting_node_astray(
    role: Role, board: BoardClass
) -> None:
    def ask(i: RoleInputs) -> Reason | None:
        (peer,) = i.peers
        made = decide(i)
        if not is_possible(peer):
            return None
        check_waiting(i, peer, made)
        return made.reason

    given = {"role": role, "reason": Reason.BOOT_LISTENING, "board": board}
    reasons = set(combinations(ask, given))
    assert Reason.PEER_IS_ACTIVE in reasons
    assert Reason.PEER_ABSENT in reasons
    assert (Reason.FENCING_PEER in reasons) == (board is BoardClass.RESET and role is Role.STANDBY)


CUT_OFF_FROM_A_HOLDER = PeerEvidence(
    is_earlier=True,
    is_silent=True,
    presence=True,
    health=True,
    active=True,
    was_heard=True,
    was_heard_active=True,
)


def fencing(peer: PeerEvidence, **more: bool) -> RoleDecision:
    inputs = RoleInputs(
        Role.FENCING,
        Reason.FENCING_PEER,
        (peer,),
        BoardClass.RESET,
        is_fence_pending=True,
    )
    return decide(replace(inputs, **more))  # type: ignore[arg-type]


def test_a_pending_fence_goes_on_while_nothing_speaks_against_it() -> None:
    assert fencing(CUT_OFF_FROM_A_HOLDER) == RoleDecision(
        Role.FENCING, Reason.FENCING_PEER, fenced_peer=0
    )


@pytest.mark.parametrize("role", list(Role))
def test_any_beat_before_the_pulse_calls_the_fence_off_or_makes_it_needless(role: Role) -> None:
    heard = replace(CUT_OFF_FROM_A_HOLDER, is_heard=True, is_silent=False, role=role)
    made = fencing(heard)
    assert made.fenced_peer is None
    if made.role is Role.STANDBY:
        assert made.reason is Reason.FENCE_CALLED_OFF
    else:
        assert role not in HOLDING, "somebody holds"


def test_a_line_that_falls_before_the_pulse_makes_the_fence_needless() -> None:
    free = replace(CUT_OFF_FROM_A_HOLDER, active=False, is_claim_window_over=True)
    assert fencing(free) == RoleDecision(Role.FENCING, Reason.PEER_ACTIVE_LINE_DOWN)
    assert fencing(replace(free, is_claim_window_over=False)).role is Role.STANDBY


def test_maintenance_calls_a_pending_fence_off() -> None:
    assert fencing(CUT_OFF_FROM_A_HOLDER, is_in_maintenance=True).role is Role.STANDBY


def test_who_must_listen_calls_a_pending_fence_off() -> None:
    assert fencing(CUT_OFF_FROM_A_HOLDER, must_listen=True).role is Role.STANDBY


def test_of_two_silent_peers_the_one_that_held_is_fenced() -> None:
    absent = PeerEvidence(is_earlier=True, is_silent=True, presence=False, active=False)
    standby = RoleInputs(
        Role.STANDBY, Reason.PEER_IS_ACTIVE, (absent, CUT_OFF_FROM_A_HOLDER), BoardClass.RESET
    )
    assert decide(standby) == RoleDecision(Role.FENCING, Reason.FENCING_PEER, fenced_peer=1)


def test_what_blocks_a_claim_is_the_reason_in_maintenance_too() -> None:
    standby = RoleInputs(
        Role.STANDBY, Reason.PEER_IS_ACTIVE, (CUT_OFF_FROM_A_HOLDER,), BoardClass.GATED
    )
    made = decide(replace(standby, is_in_maintenance=True))
    assert made == RoleDecision(Role.STANDBY, Reason.ISOLATED)


@pytest.mark.parametrize(
    ("change", "is_last_claimant", "claims"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"has_handed_over": True}, False, True),
        ({"has_said_goodbye": True}, False, True),
    ],
)
def test_in_maintenance_the_role_goes_only_where_it_was_or_where_a_person_sent_it(
    change: dict[str, bool], is_last_claimant: bool, claims: bool
) -> None:
    free = replace(CUT_OFF_FROM_A_HOLDER, active=False, is_claim_window_over=True)
    gone = replace(free, **change)  # type: ignore[arg-type]
    standby = RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (gone,), BoardClass.GATED)
    made = decide(replace(standby, is_in_maintenance=True, is_last_claimant=is_last_claimant))
    assert (made.role is Role.FENCING) is claims
    assert claims or made.reason is Reason.IN_MAINTENANCE


def test_a_silent_peer_is_not_waited_for_where_silence_is_trusted() -> None:
    silent = replace(CUT_OFF_FROM_A_HOLDER, presence=None, health=None, active=None)
    claiming = RoleInputs(Role.FENCING, Reason.PEER_SILENT, (silent,))
    assert not decide(claiming).is_answer_awaited
    late = replace(silent, is_silent=False)
    assert decide(replace(claiming, peers=(late,))).is_answer_awaited


def test_a_beat_after_the_pulse_ends_the_attempt_too() -> None:
    heard = replace(CUT_OFF_FROM_A_HOLDER, is_heard=True, is_silent=False, role=Role.ACTIVE)
    made = fencing(heard, is_fence_pending=False)
    assert made == RoleDecision(Role.STANDBY, Reason.PEER_IS_ACTIVE)


@pytest.mark.parametrize("board", list(BoardClass))
@pytest.mark.parametrize(("over", "yielded"), list(product(BOOLS, BOOLS)))
def test_an_active_of_a_lease_board_yields_once_when_its_lease_is_over(
    board: BoardClass, over: bool, yielded: bool
) -> None:
    peer = replace(CUT_OFF_FROM_A_HOLDER, active=False, is_lease_over=over)
    inputs = RoleInputs(Role.ACTIVE, Reason.PEER_SILENT, (peer,), board, has_yielded=yielded)
    is_due = board is BoardClass.LEASE and over and not yielded
    expected = Reason.LEASE_OVER if is_due else Reason.PEER_SILENT
    assert decide(inputs).reason is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (True, RoleDecision(Role.STANDBY, Reason.ISOLATED)),
        (False, RoleDecision(Role.FENCING, Reason.TAKEN_BACK)),
    ],
)
def test_who_yielded_takes_back_unless_the_line_shows_another_holder(
    line: bool, expected: RoleDecision
) -> None:
    peer = replace(CUT_OFF_FROM_A_HOLDER, active=line)
    inputs = RoleInputs(
        Role.RELINQUISHING, Reason.LEASE_OVER, (peer,), BoardClass.LEASE, is_take_back_due=True
    )
    assert decide(inputs) == expected


def test_the_boot_window_is_over_for_a_peer_that_was_heard() -> None:
    peer = PeerEvidence(is_earlier=False, is_silent=True, was_heard=True)
    standby = RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (peer,), is_boot_window_over=False)
    assert decide(standby) == RoleDecision(Role.FENCING, Reason.PEER_SILENT)
    stranger = replace(peer, was_heard=False)
    assert decide(replace(standby, peers=(stranger,))).role is Role.STANDBY


def test_nothing_but_fault_comes_from_an_unreadable_slot() -> None:
    for role, heard, peer_role in product(Role, BOOLS, Role):
        peer = PeerEvidence(is_earlier=False, is_heard=heard, is_silent=not heard, role=peer_role)
        made = decide(RoleInputs(role, Reason.BOOT_LISTENING, (peer,), is_slot_known=False))
        assert made == RoleDecision(Role.FAULT, Reason.OWN_SLOT_UNREADABLE)


def test_every_role_that_may_hold_lets_go_after_standing_still() -> None:
    for role in set(Role) - {Role.STARTING, Role.FAULT}:
        inputs = RoleInputs(role, Reason.PEER_SILENT, (), is_own_gap_too_long=True)
        assert decide(inputs) == RoleDecision(Role.STANDBY, Reason.OWN_GAP_TOO_LONG)


def test_a_starter_that_stood_still_holds_nothing_to_let_go_and_goes_on_listening() -> None:
    peer = PeerEvidence(is_earlier=False)
    inputs = RoleInputs(
        *(Role.STARTING, Reason.BOOT_LISTENING, (peer,)),
        is_boot_window_over=False,
        must_listen=True,
        is_own_gap_too_long=True,
    )
    assert decide(inputs) == RoleDecision(Role.STARTING, Reason.BOOT_LISTENING)


@pytest.mark.parametrize("peer_role", list(Role))
@pytest.mark.parametrize("newer", BOOLS)
def test_an_active_node_yields_to_a_newer_epoch_and_to_nothing_else_that_is_said(
    peer_role: Role, newer: bool
) -> None:
    peer = PeerEvidence(
        is_earlier=True, is_heard=True, role=peer_role, is_epoch_newer=newer, hears_us=True
    )
    made = decide(RoleInputs(Role.ACTIVE, Reason.PEER_SILENT, (peer,)))
    if peer_role is Role.ACTIVE and newer:
        assert made == RoleDecision(Role.STANDBY, Reason.PEER_HOLDS_NEWER_EPOCH)
    else:
        assert made == RoleDecision(Role.ACTIVE, Reason.PEER_SILENT)


UNHEARING = PeerEvidence(
    is_earlier=False,
    is_heard=True,
    role=Role.STANDBY,
    hears_us=False,
    will_claim_on_silence=True,
    calls_us_silent_soon=True,
)


@pytest.mark.parametrize(
    "change",
    [
        {"is_heard": False},
        {"hears_us": None},
        {"hears_us": True},
        {"will_claim_on_silence": False},
        {"calls_us_silent_soon": False},
        {"role": Role.STARTING},
    ],
)
def test_an_active_node_releases_only_for_a_standby_that_is_about_to_claim(
    change: dict[str, object],
) -> None:
    made = decide(RoleInputs(Role.ACTIVE, Reason.PEER_SILENT, (UNHEARING,)))
    assert made == RoleDecision(Role.RELINQUISHING, Reason.RELEASED_UNHEARD)
    other = replace(UNHEARING, **change)  # type: ignore[arg-type]
    assert decide(RoleInputs(Role.ACTIVE, Reason.PEER_SILENT, (other,))).role is Role.ACTIVE


def test_an_active_node_releases_once_and_not_again_until_it_is_heard() -> None:
    inputs = RoleInputs(Role.ACTIVE, Reason.TAKEN_BACK, (UNHEARING,), has_yielded=True)
    assert decide(inputs).role is Role.ACTIVE


@pytest.mark.parametrize(("earlier", "hears_us"), list(product(BOOLS, LINE)))
def test_of_two_claims_exactly_the_right_one_goes_on(earlier: bool, hears_us: bool | None) -> None:
    peer = PeerEvidence(is_earlier=earlier, is_heard=True, role=Role.FENCING, hears_us=hears_us)
    made = decide(RoleInputs(Role.FENCING, Reason.PEER_SILENT, (peer,)))
    if earlier or hears_us is False:
        assert made == RoleDecision(Role.STANDBY, Reason.CONTEST_LOST)
    else:
        assert made.role is Role.FENCING


@pytest.mark.parametrize(
    ("peer_role", "heard", "line", "reason", "expected"),
    [
        (Role.ACTIVE, True, None, Reason.SWITCHOVER_ASKED, (Role.STANDBY, Reason.HANDED_OVER)),
        (Role.FENCING, True, False, Reason.SWITCHOVER_ASKED, None),
        (Role.STANDBY, True, True, Reason.SWITCHOVER_ASKED, (Role.STANDBY, None)),
        (Role.STANDBY, True, False, Reason.SWITCHOVER_ASKED, (Role.FENCING, None)),
        (None, False, None, Reason.SWITCHOVER_ASKED, (Role.FENCING, None)),
        (None, False, None, Reason.RELEASED_UNHEARD, (Role.FENCING, Reason.TAKEN_BACK)),
        (Role.FENCING, False, None, Reason.RELEASED_UNHEARD, (Role.FENCING, Reason.TAKEN_BACK)),
    ],
)
def test_a_handover_that_is_overdue_ends_as_the_peer_and_its_line_say(
    peer_role: Role | None,
    heard: bool,
    line: bool | None,
    reason: Reason,
    expected: tuple[Role, Reason | None] | None,
) -> None:
    peer = PeerEvidence(is_earlier=False, is_heard=heard, role=peer_role, active=line)
    made = decide(RoleInputs(Role.RELINQUISHING, reason, (peer,), is_take_back_due=True))
    if expected is None:
        assert made.role is Role.RELINQUISHING
        return
    assert made == RoleDecision(expected[0], expected[1] or Reason.HANDOVER_TIMED_OUT)


def test_the_last_word_of_one_whose_lines_have_fallen_since_stops_no_claim() -> None:
    dead = PeerEvidence(
        is_earlier=True, is_heard=True, role=Role.ACTIVE, health=False, has_line_spoken=True
    )
    claiming = RoleInputs(Role.FENCING, Reason.PEER_HEALTH_DOWN, (dead,), BoardClass.GATED)
    assert decide(claiming) == RoleDecision(Role.FENCING, Reason.PEER_HEALTH_DOWN)
    assert decide(replace(claiming, peers=(replace(dead, has_line_spoken=False),))) == RoleDecision(
        Role.STANDBY, Reason.PEER_IS_ACTIVE
    )


def test_who_is_alone_in_its_succession_claims() -> None:
    made = decide(RoleInputs(Role.STARTING, Reason.BOOT_LISTENING, ()))
    assert made == RoleDecision(Role.FENCING, Reason.LONE_START)


def test_a_third_node_waits_until_every_earlier_one_is_out_of_the_way() -> None:
    gone = PeerEvidence(is_earlier=True, is_silent=True)
    alive = PeerEvidence(is_earlier=True, is_heard=True, role=Role.STANDBY)
    standby = RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (gone, alive))
    assert decide(standby).role is Role.STANDBY
    both_gone = RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (gone, gone))
    assert decide(both_gone) == RoleDecision(Role.FENCING, Reason.PEER_SILENT)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("late", "listens", "shut"), list(product(BOOLS, BOOLS, BOOLS)))
def test_who_shares_its_slot_with_one_that_goes_first_neither_holds_nor_claims(
    role: Role, late: bool, listens: bool, shut: bool
) -> None:
    """Whatever else is so; by way of STANDBY, and FAULT ends by nothing."""
    peer = PeerEvidence(is_earlier=False, is_heard=True, role=Role.FAULT)
    i = RoleInputs(role, Reason.BOOT_LISTENING, (peer,), is_slot_taken=True)
    i = replace(i, is_own_gap_too_long=late, must_listen=listens, are_outputs_shut=shut)
    made = decide(i)
    assert made.role in (Role.STANDBY, Role.FAULT)
    assert made.role is role or (role, made.role) in TRANSITIONS
    again = decide(replace(i, role=made.role, reason=made.reason, is_own_gap_too_long=False))
    assert again.role is Role.FAULT


@pytest.mark.parametrize(
    ("line", "is_long", "expected"),
    [
        (False, False, RoleDecision(Role.FENCING, Reason.PEER_SAID_GOODBYE)),
        (None, False, RoleDecision(Role.FENCING, Reason.PEER_SAID_GOODBYE)),
        (True, False, RoleDecision(Role.STANDBY, Reason.LINE_FAULT_SUSPECTED)),
        (True, True, RoleDecision(Role.FENCING, Reason.UNVERIFIED_TAKEOVER, True)),
    ],
)
def test_a_line_that_is_stuck_after_a_goodbye_is_waited_for_and_not_for_ever(
    line: bool | None, is_long: bool, expected: RoleDecision
) -> None:
    peer = PeerEvidence(
        is_earlier=True, has_said_goodbye=True, active=line, is_contradiction_over=is_long
    )
    assert decide(RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (peer,))) == expected


@pytest.mark.parametrize("earlier", BOOLS)
def test_a_restarted_holder_waits_for_a_standby_but_not_in_maintenance(earlier: bool) -> None:
    standby = PeerEvidence(
        is_earlier=earlier, is_heard=True, role=Role.STANDBY, is_rank_delay_over=True
    )
    starting = RoleInputs(Role.STARTING, Reason.BOOT_LISTENING, (standby,))
    assert decide(starting) == RoleDecision(Role.STANDBY, Reason.PEER_CLAIMS_FIRST)
    assert decide(replace(starting, is_in_maintenance=True)).role is Role.FENCING
