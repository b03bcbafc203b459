"""The role keeper and its parts: each is asked at its time, and what it says is carried through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.split_watch import TOLD_NS
from bmcha.model.effect import EndService, EnterRole, PulseReset, ReadLines, StoreEpoch
from bmcha.model.event import DrillAsked, LineLevels, LockoutClearAsked, MaintenanceAsked
from bmcha.model.hearsay import Opinion, OpinionsHeard
from bmcha.model.message import Handover, Probe
from bmcha.model.moment import NS_PER_MS
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy, MoveSettings, ThirdOpinionSettings
from tests.speech import draft, lines, ms
from tests.unit.test_role_keeper import (
    FREE,
    HELD,
    LOWER_ALL,
    OPEN,
    Story,
    answers,
    driven,
    entered,
    last_draft,
    sent,
)

BARE, GATED, RESET, LEASE = BoardClass.BARE, BoardClass.GATED, BoardClass.RESET, BoardClass.LEASE
SLOT_2_EPOCH = 3
RANKS_MS = 2 * 400
"""After this every other node has had its turn."""


def must_listen(story: Story, after_ms: int = 0) -> bool:
    return story.keeper.inputs(ms(story.now_ms + after_ms)).must_listen


# ---- what arrives goes to whom it is for


def test_who_stood_still_has_heard_nobody() -> None:
    story = Story()
    story.hear_standby()
    (peer,) = story.keeper.peers
    assert peer.is_heard()
    story.keeper.stood_still(ms(story.now_ms))
    assert not peer.is_heard()


def test_new_settings_are_those_of_every_part() -> None:
    story = Story()
    settings = replace(story.keeper.settings, is_lone_start_allowed=True)
    story.keeper.reconfigure(settings)
    assert story.keeper.settings is settings


def test_a_reading_of_a_slot_that_nobody_knows_is_no_matter() -> None:
    story = Story()
    story.keeper.read_lines(lines(HELD, story.now_ms, slot=9), ms(story.now_ms))
    story.settle()
    (peer,) = story.keeper.peers
    assert peer.lines.levels == LineLevels()


def test_a_line_that_is_up_asks_for_nothing() -> None:
    story = Story()
    story.read(FREE)
    effects = story.settle()
    assert sent(effects, Probe) == [] and ReadLines() not in effects


def test_each_reading_may_prove_a_line() -> None:
    story = Story()
    story.read(own_active=False)
    story.claim().store()
    story.settle(5)
    for _ in range(2):
        story.read(own_active=True)
        story.settle()
    assert story.role is Role.ACTIVE
    assert story.keeper.proofs.of_line("own ACTIVE") is None
    story.read(own_active=True)
    assert story.keeper.proofs.of_line("own ACTIVE") is not None


def test_a_drill_hears_of_the_readings_and_of_the_time() -> None:
    story = Story()
    story.keeper.drill.asked(DrillAsked(7, "test", "udp"), ms(story.now_ms))
    (probe,) = sent(story.settle(), Probe)
    assert isinstance(probe.message, Probe)
    story.keeper.drill.replied("udp", probe.message.nonce, ms(story.now_ms))
    assert answers(story.settle()) == [], "no line was read since"
    story.read()
    assert [answer.request_id for answer in answers(story.settle())] == [7]


def test_who_asks_for_maintenance_or_the_end_of_a_lock_out_is_answered() -> None:
    story = Story()
    story.keeper.maintenance_asked(MaintenanceAsked(5, "test", 60), ms(story.now_ms))
    story.keeper.lockout_clear_asked(LockoutClearAsked(6, "test"))
    assert [answer.request_id for answer in answers(story.settle())] == [5, 6]


# ---- what is judged with every step


def test_the_limit_on_failovers_is_judged_with_every_step() -> None:
    story = Story()
    moves = MoveSettings(failovers_max=1)
    story.keeper.reconfigure(replace(story.keeper.settings, moves=moves))
    story.word = replace(story.word, failovers_ns=(ms(story.now_ms),))
    story.settle()
    assert story.keeper.flaps.is_locked and last_draft(story.effects).is_locked_out


def test_since_when_a_holder_is_alone_is_judged_with_every_step() -> None:
    story = Story().become_active()
    story.silence()
    assert story.keeper.split.alone_since_ns is not None


def test_a_claim_notes_from_whom_the_chassis_is_taken() -> None:
    assert Story(epoch=SLOT_2_EPOCH).claim().keeper.flaps.taken_over_from == 2
    assert Story(epoch=SLOT_2_EPOCH - 1).claim().keeper.flaps.taken_over_from is None


def test_a_holder_that_is_less_well_than_the_standby_hands_over_unasked() -> None:
    story = Story()
    moves = MoveSettings(health_switchover_margin=20, health_switchover_hold_s=1)
    story.keeper.reconfigure(replace(story.keeper.settings, moves=moves))
    story.become_active()
    story.settle(600)
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch))
    story.word = replace(story.word, health=50)
    assert entered(story.settle()) == []
    story.settle(999)
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch))
    effects = story.settle()
    assert entered(effects) == [Role.RELINQUISHING]
    assert story.reason is Reason.HEALTH_SWITCHOVER
    handovers = sent([*effects, *story.settle()], Handover)
    assert {each.target_slot for each in handovers} == {2}


# ---- epochs and what is yielded


@pytest.mark.parametrize(
    ("echo_age_ms", "has_yielded"), [(10, False), (None, True)], ids=["heard", "unheard"]
)
def test_who_is_heard_again_may_yield_again(echo_age_ms: int | None, has_yielded: bool) -> None:
    story = Story(BARE)
    story.keeper.own.has_yielded = True
    story.hear(draft(Role.STANDBY), echo_age_ms, echo_age_ms)
    story.settle()
    assert story.keeper.own.has_yielded is has_yielded


def test_the_last_word_of_one_that_is_silent_is_no_sign_that_it_hears() -> None:
    story = Story(LEASE)
    story.hear_standby()
    story.settle()
    story.silence()
    story.keeper.own.has_yielded = True
    story.settle()
    assert story.keeper.own.has_yielded


def test_a_claim_that_waits_for_an_answer_is_renewed_above_a_newer_epoch() -> None:
    story = Story(BARE).claim()
    story.store()
    story.settle()
    story.hear(draft(Role.STANDBY, epoch=9))
    effects = story.settle()
    assert StoreEpoch(10) in effects and last_draft(effects).epoch == 10
    story.store()
    story.hear(draft(Role.STANDBY, epoch=10))
    assert driven(story.settle()) == [OPEN]


@pytest.mark.parametrize("board", [BARE, GATED])
def test_a_claim_whose_epoch_is_not_stored_yet_goes_on_with_it(board: BoardClass) -> None:
    story = Story(board).claim()
    story.hear(draft(Role.STANDBY, epoch=9))
    assert not any(isinstance(effect, StoreEpoch) for effect in story.settle())
    assert story.keeper.held_epoch == 2


def test_on_a_bare_board_the_outputs_wait_for_the_answer() -> None:
    story = Story(BARE).claim()
    story.store()
    assert driven(story.settle()) == []
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch))
    assert driven(story.settle()) == [OPEN]


@pytest.mark.parametrize("board", list(BoardClass))
def test_a_lease_begins_with_the_first_beat_that_is_echoed(board: BoardClass) -> None:
    story = Story(board).claim()
    (peer,) = story.keeper.peers
    peer.was_heard_active = True
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch), None, None)
    story.store()
    story.settle(5)
    story.read(own_active=True)
    story.settle()
    assert story.role is Role.ACTIVE, story.reason
    assert story.keeper.own.has_yielded is (board is LEASE)
    assert not peer.was_heard_active, "whom it saw hold before is no reason to reset it"


# ---- who must wait


@pytest.mark.parametrize(
    ("reason", "is_released", "waits"),
    [
        (Reason.SWITCHOVER_ASKED, True, False),
        (Reason.SWITCHOVER_ASKED, False, True),
        (Reason.RELEASED_UNHEARD, True, True),
    ],
)
def test_a_hold_off_ends_for_what_is_handed_over_and_nothing_less(
    reason: Reason, is_released: bool, waits: bool
) -> None:
    story = Story()
    story.keeper.own.held_off_until_ns = ms(story.now_ms + 60_000)
    story.hear(draft(Role.RELINQUISHING, reason, is_released=is_released))
    assert must_listen(story) is waits


def test_a_hold_off_ends_when_a_peer_is_lost_that_was_there() -> None:
    story = Story()
    story.keeper.own.held_off_until_ns = ms(story.now_ms + 60_000)
    waits = [must_listen(story)]
    story.hear_standby()
    story.settle()
    waits.append(must_listen(story))
    story.silence()
    waits.append(must_listen(story))
    assert waits == [True, True, False]
    assert not must_listen(Story(), after_ms=1), "nothing is held off"


@pytest.mark.parametrize(
    ("is_allowed", "is_known", "is_due"),
    [(True, False, True), (False, False, False), (True, True, False)],
)
def test_a_lone_start_is_due_where_it_is_allowed_and_nobody_was_heard(
    is_allowed: bool, is_known: bool, is_due: bool
) -> None:
    story = Story(BARE)
    settings = replace(story.keeper.settings, is_lone_start_allowed=is_allowed)
    story.keeper.reconfigure(settings)
    due_ns = ms(story.now_ms + settings.timers.lone_start_ms)
    if is_known:
        story.hear_standby()
    assert not story.keeper.inputs(due_ns - NS_PER_MS).is_lone_start_due
    assert story.keeper.inputs(due_ns).is_lone_start_due is is_due


def test_who_lost_a_contest_lets_every_other_node_go_first() -> None:
    story = Story(own_slot=2)
    story.keeper.machine.enter(Role.STANDBY, Reason.PEER_IS_ACTIVE, 0, ms(story.now_ms))
    (peer,) = story.keeper.peers
    peer.lines.read(FREE, ms(story.now_ms))
    for after_ms in (2500, 600):
        story.settle(after_ms)
    story.store()
    story.settle()
    story.settle(5)
    story.read(HELD, own_active=True)
    assert story.keeper.machine.history[-1].reason is Reason.CONTEST_LOST
    assert must_listen(story, RANKS_MS - 1) and not must_listen(story, RANKS_MS)


def test_who_lets_go_for_another_reason_need_not_wait() -> None:
    story = Story().become_active()
    story.keeper.own.is_unverified = True
    story.hear(draft(Role.ACTIVE, epoch=9))
    story.settle()
    assert story.role is Role.STANDBY and not must_listen(story)
    assert not story.keeper.own.is_unverified


# ---- reasons


def test_another_reason_in_the_same_role_is_announced_once() -> None:
    story = Story()
    story.hear(draft(Role.ACTIVE, epoch=SLOT_2_EPOCH))
    assert entered(story.settle()) == [Role.STANDBY]
    story.read(HELD)
    told = [e for e in story.silence() if isinstance(e, EnterRole)]
    assert told == [EnterRole(Role.STANDBY, Reason.ISOLATED, SLOT_2_EPOCH, Role.STANDBY)]
    assert story.reason is Reason.ISOLATED and len(story.keeper.machine.history) == 1
    assert entered(story.settle()) == []


def test_that_it_lost_against_a_newer_epoch_is_told_for_a_while() -> None:
    story = Story().become_active()
    story.hear(draft(Role.ACTIVE, epoch=9))
    story.settle()
    told_ms = TOLD_NS // NS_PER_MS
    story.settle(told_ms - 1)
    kept = story.reason
    story.settle(1)
    assert [kept, story.reason] == [Reason.PEER_HOLDS_NEWER_EPOCH, Reason.PEER_IS_ACTIVE]


def test_a_holder_that_is_not_heard_lets_go_for_the_peer_that_says_so() -> None:
    story = Story(BARE).become_active()
    unhearing = draft(Role.STANDBY, will_claim_on_silence=True, epoch=story.keeper.held_epoch)
    story.hear(unhearing, None, None)
    effects = story.settle()
    assert entered(effects) == [Role.RELINQUISHING] and driven(effects) == LOWER_ALL
    assert story.reason is Reason.RELEASED_UNHEARD and story.keeper.own.has_yielded
    assert story.keeper.relinquishing is not None
    assert story.keeper.relinquishing.target_slot == 2


def test_a_switchover_that_ends_with_another_holder_on_the_line_has_failed() -> None:
    story = Story().become_active()
    story.ask()
    story.hear_standby()
    story.read(HELD)
    effects = story.settle(1100)
    assert story.role is Role.STANDBY and story.reason is Reason.HANDOVER_TIMED_OUT
    assert [answer.is_done for answer in answers(effects)] == [False]


def test_a_stopping_active_that_nobody_could_follow_ends_at_once() -> None:
    story = Story().become_active()
    story.silence()
    effects = story.stop()
    assert EndService() in effects and entered(effects) == []


# ---- what a STANDBY announces


@pytest.mark.parametrize(
    ("policy", "is_cut_off", "claims"),
    [
        (IsolationPolicy.TRUST_SILENCE, False, True),
        (IsolationPolicy.TRUST_SILENCE, True, False),
        (IsolationPolicy.HOLD, False, False),
    ],
)
def test_a_standby_says_whether_silence_alone_makes_it_claim(
    policy: IsolationPolicy, is_cut_off: bool, claims: bool
) -> None:
    story = Story(BARE)
    asked = ThirdOpinionSettings("192.0.2.1", 100, 300, 60)
    settings = replace(story.keeper.settings, isolation_policy=policy, third_opinion=asked)
    story.keeper.reconfigure(settings)
    story.hear(draft(Role.ACTIVE, epoch=SLOT_2_EPOCH))
    story.settle()
    answered_ns = ms(story.now_ms)
    if is_cut_off:
        story.keeper.own.opinions.heard(OpinionsHeard((), answered_ns))
        told = OpinionsHeard((Opinion(asked.address, answered_ns),), ms(story.now_ms + 600))
        story.keeper.own.opinions.heard(told)
        story.silence()
        assert story.reason is Reason.CUT_OFF
    assert last_draft(story.effects).will_claim_on_silence is claims


# ---- the fence


def fencing(own_slot: int = 1) -> Story:
    """On a reset board: the peer was heard to hold, and every path is silent."""
    story = Story(RESET, own_slot)
    story.hear(draft(Role.ACTIVE, epoch=SLOT_2_EPOCH))
    story.settle()
    story.read(HELD)
    story.settle()
    story.silence()
    assert story.role is Role.FENCING and story.reason is Reason.FENCING_PEER
    return story


def pulsed() -> Story:
    story = fencing()
    story.read(HELD)
    assert PulseReset(2, 50) in story.settle()
    return story


def test_the_last_look_may_make_the_pulse_needless() -> None:
    """The ACTIVE line fell: the rules claim without a reset."""
    story = fencing()
    story.read(FREE)
    effects = story.settle()
    assert not any(isinstance(effect, PulseReset) for effect in effects)
    story.settle(300)
    assert not any(isinstance(effect, PulseReset) for effect in story.effects)


def test_a_fence_that_worked_is_the_reason_from_then_on() -> None:
    story = pulsed()
    story.read(LineLevels(True, False, False))
    effects = story.settle()
    assert story.reason is Reason.PEER_FENCED
    assert any(isinstance(effect, StoreEpoch) for effect in effects)


def test_a_peer_that_is_heard_to_hold_nothing_has_released() -> None:
    story = pulsed()
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch))
    story.settle()
    assert story.reason is Reason.PEER_RELEASED and story.keeper.claim is not None


def test_a_fence_of_which_nothing_is_seen_is_unverified() -> None:
    story = pulsed()
    story.settle(3000)
    assert story.reason is Reason.UNVERIFIED_TAKEOVER and story.keeper.own.is_unverified


def test_a_fence_that_became_needless_before_its_pulse_is_a_claim() -> None:
    story = fencing(own_slot=2)
    under_way = [story.keeper.fence is not None, story.keeper.claim is not None]
    story.hear(draft(Role.FAULT))
    story.settle()
    under_way += [story.keeper.fence is not None, story.keeper.claim is not None]
    assert under_way == [True, False, False, True]
    assert story.reason is Reason.PEER_IN_FAULT
    assert not any(isinstance(effect, PulseReset) for effect in story.effects)
