"""Taking the chassis: what the fence and the claim ask for, and what comes of it."""

from __future__ import annotations

import pytest

from bmcha.ha.fencing import LOOK_AGAIN_NS, PULSE_AGAIN_NS
from bmcha.ha.rule_record import RoleDecision
from bmcha.ha.seat import Seat
from bmcha.ha.taking import Outcome, Taking
from bmcha.model.effect import DriveLine, Effect, OwnLine, PulseReset, ReadLines, StoreEpoch
from bmcha.model.event import LineLevels
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.speech import OWN_BOOT, PEER_BOOT, beat, draft, header, lines, ms
from tests.world import settings_of, timers

BEGUN_MS, SETTLE_MS, DEAD_MS = 10_000, 5, 500
HOLDING = LineLevels(True, True, True, reset=False)
FALLEN = LineLevels(True, False, False, reset=False)
FREE = LineLevels(True, True, False)
FENCE = RoleDecision(Role.FENCING, Reason.FENCING_PEER, fenced_peer=0)
CLAIM = RoleDecision(Role.FENCING, Reason.PEER_SILENT)
DOUBTING = RoleDecision(Role.FENCING, Reason.UNVERIFIED_TAKEOVER, is_active_line_doubted=True)
PULSE = [PulseReset(2, timers().reset_pulse_ms), ReadLines()]
RAISE = [DriveLine(OwnLine.ACTIVE, True), ReadLines()]


class Taker:
    """In slot 1, beside a silent peer that was heard to hold the chassis."""

    def __init__(self, board: BoardClass = BoardClass.RESET, epoch: int = 1) -> None:
        self.seat = Seat(settings_of(board, 1), 1, epoch, 0)
        self.taking = Taking(self.seat)
        self.hear(Role.ACTIVE, BEGUN_MS - DEAD_MS)
        (peer,) = self.seat.peers
        self.peer = peer
        for monitor in peer.monitors:
            monitor.overdue(monitor.last_heard_ns, ms(BEGUN_MS), False)

    def hear(self, role: Role, at_ms: int, boot_id: int = PEER_BOOT) -> None:
        (peer,) = self.seat.peers
        assert peer.meet(header(boot_id), "udp", ms(at_ms))
        peer.monitors[0].heard(ms(at_ms), 3)
        peer.hear(beat(draft(role, revision=at_ms % 60_000)), OWN_BOOT, ms(at_ms))

    def begin(self, decision: RoleDecision) -> Taker:
        self.taking.begin()
        self.taking.start(decision, ms(BEGUN_MS))
        return self

    def effects(self) -> list[Effect]:
        return self.seat.take_effects()

    def look(self, levels: LineLevels, at_ms: int, slot: int = 2) -> Outcome:
        self.peer.lines.read(levels, ms(at_ms))
        return self.taking.looked(lines(levels, at_ms, slot=slot), ms(at_ms))

    def pulse(self) -> Taker:
        """The fence has looked and given its pulse."""
        assert self.taking.tick(ms(BEGUN_MS)) is Outcome.UNDER_WAY
        assert self.effects() == [ReadLines()]
        assert self.look(HOLDING, BEGUN_MS) is Outcome.UNDER_WAY
        assert self.effects() == [], "the rules see it first"
        assert self.taking.tick(ms(BEGUN_MS)) is Outcome.UNDER_WAY
        assert self.effects() == PULSE
        return self

    def store(self, at_ms: int = BEGUN_MS) -> Outcome:
        return self.taking.stored(self.seat.own.held_epoch, ms(at_ms))

    def reach_the_look(self) -> None:
        """The epoch is stored, the own line raised, and a look asked for."""
        self.store()
        assert self.effects() == RAISE
        self.taking.tick(ms(BEGUN_MS + SETTLE_MS))
        assert self.effects() == [ReadLines()]


# ---- the claim


def test_a_claim_takes_the_next_epoch_and_stores_it() -> None:
    taker = Taker(BoardClass.GATED).begin(CLAIM)
    own = taker.seat.own
    assert own.held_epoch == own.seen_epoch == 2
    assert taker.effects() == [StoreEpoch(2)]
    assert not taker.taking.is_fence_pending


def test_a_claim_raises_looks_and_takes() -> None:
    taker = Taker(BoardClass.GATED).begin(CLAIM)
    taker.effects()
    taker.reach_the_look()
    assert taker.look(FREE, BEGUN_MS + SETTLE_MS) is Outcome.TAKEN
    assert taker.taking.claim is None


@pytest.mark.parametrize(
    ("decision", "outcome"), [(CLAIM, Outcome.UNDER_WAY), (DOUBTING, Outcome.TAKEN)]
)
def test_a_line_that_is_up_is_waited_for_unless_it_is_doubted(
    decision: RoleDecision, outcome: Outcome
) -> None:
    taker = Taker(BoardClass.GATED).begin(decision)
    assert taker.seat.own.is_unverified == decision.is_active_line_doubted
    taker.effects()
    taker.reach_the_look()
    assert taker.look(HOLDING, BEGUN_MS + SETTLE_MS) is outcome


def test_a_claim_against_a_line_that_stays_up_is_lost() -> None:
    taker = Taker(BoardClass.GATED).begin(CLAIM)
    taker.effects()
    taker.reach_the_look()
    assert taker.look(HOLDING, BEGUN_MS + SETTLE_MS + 250) is Outcome.LOST


@pytest.mark.parametrize("is_awaited", [False, True])
def test_a_newer_epoch_renews_a_claim_that_awaits_an_answer_and_nothing_else(
    is_awaited: bool,
) -> None:
    taker = Taker().begin(CLAIM)
    taker.effects()
    epoch, claim = taker.seat.own.held_epoch, taker.taking.claim
    taker.taking.is_answer_awaited = is_awaited
    taker.taking.renew(ms(BEGUN_MS + 1))
    assert (taker.seat.own.held_epoch > epoch, taker.taking.claim is not claim) == (is_awaited,) * 2


def test_a_claim_that_has_ended_is_not_renewed() -> None:
    taker = Taker().begin(CLAIM)
    taker.taking.is_answer_awaited = True
    taker.taking.end()
    taker.effects()
    taker.taking.renew(ms(BEGUN_MS + 1))
    assert taker.taking.claim is None and taker.effects() == []


def test_a_store_that_failed_is_not_waited_for() -> None:
    taker = Taker(BoardClass.GATED).begin(CLAIM)
    taker.effects()
    assert taker.taking.store_failed(ms(BEGUN_MS)) is Outcome.UNDER_WAY
    assert taker.effects() == RAISE


def test_where_no_line_can_tell_the_claim_waits_as_long_as_an_answer_is_awaited() -> None:
    taker = Taker(BoardClass.BARE).begin(CLAIM)
    taker.taking.is_answer_awaited = True
    taker.store()
    assert taker.taking.tick(ms(BEGUN_MS + 1)) is Outcome.UNDER_WAY
    taker.taking.is_answer_awaited = False
    assert taker.taking.tick(ms(BEGUN_MS + 2)) is Outcome.TAKEN


def test_an_answer_is_overdue_a_dead_time_after_the_claim_began() -> None:
    taker = Taker(BoardClass.BARE)
    assert not taker.taking.is_answer_overdue(ms(BEGUN_MS + DEAD_MS))
    taker.begin(CLAIM)
    assert not taker.taking.is_answer_overdue(ms(BEGUN_MS + DEAD_MS) - 1)
    assert taker.taking.is_answer_overdue(ms(BEGUN_MS + DEAD_MS))


def test_a_claim_that_is_renewed_begins_again_with_a_newer_epoch() -> None:
    taker = Taker(BoardClass.BARE).begin(CLAIM)
    taker.store()
    taker.effects()
    taker.seat.own.seen_epoch = 9
    taker.taking.is_answer_awaited = True
    taker.taking.renew(ms(BEGUN_MS + 10))
    assert taker.effects() == [StoreEpoch(taker.seat.own.held_epoch)]
    assert taker.seat.own.held_epoch == 10
    assert taker.taking.tick(ms(BEGUN_MS + 11)) is Outcome.UNDER_WAY, "not stored yet"
    assert taker.store() is Outcome.UNDER_WAY
    assert taker.taking.tick(ms(BEGUN_MS + 12)) is Outcome.TAKEN


def test_with_nothing_under_way_nothing_comes_of_anything() -> None:
    taker = Taker(BoardClass.GATED)
    assert taker.taking.deadline_ns() is None
    told = [taker.taking.tick(ms(BEGUN_MS)), taker.look(FREE, BEGUN_MS)]
    told += [taker.taking.stored(1, ms(BEGUN_MS)), taker.taking.store_failed(ms(BEGUN_MS))]
    assert set(told) == {Outcome.UNDER_WAY} and taker.effects() == []


# ---- the fence before it


def test_a_fence_looks_and_pulses_before_any_epoch_is_stored() -> None:
    taker = Taker().begin(FENCE)
    assert taker.effects() == []
    assert taker.taking.deadline_ns() == ms(BEGUN_MS)
    pending = [taker.taking.is_fence_pending]
    taker.pulse()
    pending.append(taker.taking.is_fence_pending)
    assert pending == [True, False] and taker.taking.claim is None
    assert taker.taking.deadline_ns() == ms(BEGUN_MS) + LOOK_AGAIN_NS


def test_the_same_fence_goes_on_when_the_rules_ask_for_it_again() -> None:
    taker = Taker().begin(FENCE).pulse()
    fence = taker.taking.fence
    taker.taking.start(FENCE, ms(BEGUN_MS + 5))
    assert taker.taking.fence is fence


def test_a_reading_of_another_slot_gives_no_pulse() -> None:
    taker = Taker().begin(FENCE)
    taker.taking.tick(ms(BEGUN_MS))
    taker.effects()
    assert taker.look(HOLDING, BEGUN_MS, slot=3) is Outcome.UNDER_WAY
    assert taker.taking.tick(ms(BEGUN_MS)) is Outcome.UNDER_WAY
    assert taker.effects() == []


def test_a_fence_that_is_seen_to_work_ends_the_life_of_the_peer_and_begins_the_claim() -> None:
    taker = Taker().begin(FENCE).pulse()
    assert taker.look(FALLEN, BEGUN_MS + 1) is Outcome.FENCED
    assert taker.taking.fence is None and taker.taking.claim is not None
    assert taker.effects() == [StoreEpoch(2)]
    assert taker.peer.is_fenced and not taker.seat.own.is_unverified


@pytest.mark.parametrize("line", [False, True])
def test_the_line_of_a_fenced_peer_is_doubted_only_if_it_is_up(line: bool) -> None:
    taker = Taker().begin(FENCE).pulse()
    after = LineLevels(True, False, line, reset=True)
    assert taker.look(after, BEGUN_MS + 1) is Outcome.FENCED
    assert taker.taking.claim is not None
    assert taker.taking.claim.is_active_line_doubted is line
    assert not taker.seat.own.is_unverified, "it was seen to be reset"


def test_a_pulse_that_nobody_saw_is_repeated_and_in_the_end_the_claim_goes_on_unverified() -> None:
    taker = Taker().begin(FENCE).pulse()
    again_ns = ms(BEGUN_MS) + PULSE_AGAIN_NS
    assert taker.taking.tick(again_ns) is Outcome.UNDER_WAY
    assert taker.effects() == PULSE
    given_up_ns = ms(BEGUN_MS + timers().unverified_takeover_ms)
    assert taker.taking.tick(given_up_ns) is Outcome.UNFENCED
    assert taker.seat.own.is_unverified and taker.effects() == [StoreEpoch(2)]


def test_a_peer_that_is_heard_in_a_new_life_was_reset() -> None:
    taker = Taker().begin(FENCE).pulse()
    taker.hear(Role.STARTING, BEGUN_MS + 300, PEER_BOOT + 1)
    assert taker.taking.tick(ms(BEGUN_MS + 300)) is Outcome.FENCED


@pytest.mark.parametrize(
    ("role", "outcome"), [(Role.STANDBY, Outcome.RELEASED), (Role.ACTIVE, Outcome.UNDER_WAY)]
)
def test_a_peer_that_is_heard_to_hold_nothing_needs_no_fence(role: Role, outcome: Outcome) -> None:
    taker = Taker().begin(FENCE).pulse()
    taker.hear(role, BEGUN_MS + 10)
    assert taker.taking.tick(ms(BEGUN_MS + 10)) is outcome
    assert (taker.taking.claim is not None) is (outcome is Outcome.RELEASED)
    assert not taker.seat.own.is_unverified


def test_what_a_silent_peer_said_last_makes_no_fence_needless() -> None:
    taker = Taker()
    taker.hear(Role.STANDBY, BEGUN_MS + 1)
    for monitor in taker.peer.monitors:
        monitor.overdue(monitor.last_heard_ns, ms(BEGUN_MS + 1 + DEAD_MS), False)
    taker.begin(FENCE).pulse()
    assert taker.taking.tick(ms(BEGUN_MS + 1)) is Outcome.UNDER_WAY


def test_a_fence_that_became_needless_before_the_pulse_is_a_claim() -> None:
    taker = Taker().begin(FENCE)
    taker.taking.start(CLAIM, ms(BEGUN_MS + 1))
    assert taker.taking.fence is None and taker.effects() == [StoreEpoch(2)]


def test_who_ends_has_neither_a_fence_nor_a_claim_under_way() -> None:
    fencing, claiming = Taker().begin(FENCE), Taker().begin(CLAIM)
    for taker in (fencing, claiming):
        taker.taking.end()
        assert taker.taking.fence is None and taker.taking.claim is None


@pytest.mark.parametrize(
    ("decision", "is_doubted"), [(None, False), (CLAIM, False), (DOUBTING, True), (FENCE, True)]
)
def test_lines_are_doubted_by_a_claim_that_says_so_and_while_a_reset_is_given(
    decision: RoleDecision | None, is_doubted: bool
) -> None:
    taker = Taker()
    if decision is not None:
        taker.begin(decision)
    assert taker.taking.is_active_line_doubted is is_doubted


def test_a_line_that_cannot_be_read_is_looked_at_again_before_the_outputs_open() -> None:
    """In between the rules say whether its peer owes an answer."""
    taker = Taker().begin(CLAIM)
    taker.effects()
    taker.reach_the_look()
    assert taker.taking.tick(ms(BEGUN_MS + 10)) is Outcome.UNDER_WAY
    unclear = LineLevels(True, True, None)
    assert taker.look(unclear, BEGUN_MS + 11) is Outcome.UNDER_WAY
    taker.taking.is_answer_awaited = True
    assert taker.look(unclear, BEGUN_MS + 12) is Outcome.UNDER_WAY
    taker.taking.is_answer_awaited = False
    assert taker.look(unclear, BEGUN_MS + 13) is Outcome.TAKEN


def test_a_line_that_is_read_down_after_all_needs_no_answer() -> None:
    taker = Taker().begin(CLAIM)
    taker.effects()
    taker.reach_the_look()
    assert taker.taking.tick(ms(BEGUN_MS + 10)) is Outcome.UNDER_WAY
    taker.taking.is_answer_awaited = True
    assert taker.look(LineLevels(True, True, False), BEGUN_MS + 11) is Outcome.TAKEN


def test_a_claim_that_begins_awaits_nothing_of_the_one_before() -> None:
    taker = Taker().begin(CLAIM)
    taker.taking.is_answer_awaited = True
    taker.begin(CLAIM)
    assert not taker.taking.is_answer_awaited
