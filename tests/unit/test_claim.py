"""The claim, step by step: store, raise, settle, look, open; and every way it can be held up."""

from __future__ import annotations

import pytest

from bmcha.ha.claim import CONTEST_NS, LOOK_AGAIN_NS, SENSE_DEADLINE_NS, Claim, Step
from tests.speech import ms
from tests.world import timers

BEGUN_MS, STORED_MS, SETTLE_MS, STORE_MS = 1000, 1003, 5, 200
SETTLED_MS = STORED_MS + SETTLE_MS


def new_claim(*, is_first: bool = True, has_lines: bool = True, is_doubted: bool = False) -> Claim:
    claim = Claim(7, is_first, has_lines, is_doubted, timers(), ms(BEGUN_MS))
    assert claim.begin() is Step.STORE
    return claim


def looking(*, is_first: bool = True, is_doubted: bool = False) -> Claim:
    claim = new_claim(is_first=is_first, is_doubted=is_doubted)
    assert claim.stored(7, ms(STORED_MS)) is Step.RAISE
    assert claim.tick(True, ms(SETTLED_MS)) is Step.LOOK
    return claim


def test_a_claim_stores_raises_settles_looks_and_opens() -> None:
    claim = new_claim()
    assert claim.stored(7, ms(STORED_MS)) is Step.RAISE
    assert claim.tick(True, ms(SETTLED_MS) - 1) is Step.WAIT
    assert claim.tick(True, ms(SETTLED_MS)) is Step.LOOK
    assert claim.looked(False, ms(SETTLED_MS + 1)) is Step.OPEN


def test_where_no_line_is_wired_an_answer_opens_once_the_epoch_is_stored() -> None:
    claim = new_claim(has_lines=False)
    assert claim.answered() is Step.WAIT, "not stored yet"
    assert claim.stored(7, ms(STORED_MS)) is Step.LISTEN
    assert claim.tick(None, ms(STORED_MS + 1000)) is Step.WAIT
    assert claim.answered() is Step.OPEN
    assert claim.answered() is Step.WAIT


def test_where_lines_are_wired_no_answer_opens() -> None:
    assert looking().answered() is Step.WAIT


def test_another_epoch_that_was_stored_is_not_waited_for() -> None:
    claim = new_claim()
    assert claim.stored(6, ms(STORED_MS)) is Step.WAIT
    assert claim.stored(7, ms(STORED_MS)) is Step.RAISE
    assert claim.stored(7, ms(STORED_MS + 1)) is Step.WAIT, "once is enough"


def test_a_store_that_does_not_answer_delays_the_claim_by_its_deadline_and_no_more() -> None:
    claim = new_claim()
    assert claim.deadline_ns() == ms(BEGUN_MS + STORE_MS)
    assert claim.tick(None, ms(BEGUN_MS + STORE_MS) - 1) is Step.WAIT
    assert claim.tick(None, ms(BEGUN_MS + STORE_MS)) is Step.RAISE


def test_the_own_line_is_waited_for_until_it_is_seen_up() -> None:
    claim = new_claim()
    claim.stored(7, ms(STORED_MS))
    assert claim.deadline_ns() == ms(SETTLED_MS)
    assert claim.tick(False, ms(SETTLED_MS + 50)) is Step.WAIT
    assert claim.tick(True, ms(SETTLED_MS + 51)) is Step.LOOK


def test_a_broken_sense_does_not_keep_a_chassis_without_a_holder() -> None:
    claim = new_claim()
    claim.stored(7, ms(STORED_MS))
    deadline_ns = ms(STORED_MS) + SENSE_DEADLINE_NS
    assert claim.tick(False, deadline_ns - 1) is Step.WAIT
    assert claim.tick(False, deadline_ns) is Step.LOOK


def test_a_reading_from_before_the_look_does_not_count() -> None:
    claim = new_claim()
    claim.stored(7, ms(STORED_MS))
    assert claim.looked(False, ms(STORED_MS + 1)) is Step.WAIT
    claim.tick(True, ms(SETTLED_MS))
    assert claim.looked(False, ms(SETTLED_MS) - 1) is Step.WAIT
    assert claim.looked(False, ms(SETTLED_MS)) is Step.OPEN


def test_no_reading_opens_before_the_epoch_is_stored_and_the_own_line_is_seen_up() -> None:
    claim = new_claim()
    assert claim.looked(False, ms(STORED_MS - 1)) is Step.WAIT
    claim.stored(7, ms(STORED_MS))
    assert claim.tick(False, ms(SETTLED_MS + 50)) is Step.WAIT
    assert claim.looked(False, ms(SETTLED_MS + 51)) is Step.WAIT


def test_no_reading_opens_where_an_answer_is_awaited() -> None:
    claim = new_claim(has_lines=False)
    assert claim.stored(7, ms(STORED_MS)) is Step.LISTEN
    assert claim.looked(False, ms(STORED_MS + 1)) is Step.WAIT


def test_of_two_claims_the_later_in_the_succession_lets_go_at_once() -> None:
    assert looking(is_first=False).looked(True, ms(SETTLED_MS + 1)) is Step.LET_GO


def test_the_first_in_the_succession_waits_for_the_other_line_to_fall() -> None:
    claim = looking()
    assert claim.looked(True, ms(SETTLED_MS + 1)) is Step.WAIT
    assert claim.looked(True, ms(SETTLED_MS) + CONTEST_NS - 1) is Step.WAIT
    assert claim.looked(False, ms(SETTLED_MS) + CONTEST_NS - 1) is Step.OPEN


def test_the_lines_are_read_again_and_again_until_they_tell() -> None:
    claim = looking()
    assert claim.tick(True, ms(SETTLED_MS) + LOOK_AGAIN_NS - 1) is Step.WAIT
    assert claim.tick(True, ms(SETTLED_MS) + LOOK_AGAIN_NS) is Step.LOOK
    assert claim.tick(True, ms(SETTLED_MS) + LOOK_AGAIN_NS + 1) is Step.WAIT
    assert claim.looked(False, ms(SETTLED_MS) + LOOK_AGAIN_NS + 2) is Step.OPEN


def test_a_line_that_does_not_fall_belongs_to_a_holder() -> None:
    claim = looking()
    assert claim.looked(True, ms(SETTLED_MS) + CONTEST_NS) is Step.LET_GO


@pytest.mark.parametrize("is_first", [False, True])
def test_a_line_that_is_known_to_lie_stops_nobody(is_first: bool) -> None:
    claim = looking(is_first=is_first, is_doubted=True)
    assert claim.looked(True, ms(SETTLED_MS + 1)) is Step.OPEN


def test_an_ended_claim_does_nothing_more() -> None:
    claim = looking()
    assert claim.looked(False, ms(SETTLED_MS + 1)) is Step.OPEN
    assert claim.looked(True, ms(SETTLED_MS + 2)) is Step.WAIT
    assert claim.stored(7, ms(SETTLED_MS + 3)) is Step.WAIT
    assert claim.tick(True, ms(SETTLED_MS + 1000)) is Step.WAIT
    assert claim.deadline_ns() is None


def test_a_lost_claim_does_not_open_after_all() -> None:
    claim = looking(is_first=False)
    assert claim.looked(True, ms(SETTLED_MS + 1)) is Step.LET_GO
    assert claim.looked(False, ms(SETTLED_MS + 2)) is Step.WAIT
