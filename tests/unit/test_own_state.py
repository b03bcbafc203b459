"""What this node knows of itself, and the waits that belong to it."""

from __future__ import annotations

import pytest

from bmcha.ha.line_watch import Step
from bmcha.ha.own_state import OUTPUTS_SENSE_NS, OwnState
from bmcha.ha.peer_list import PeerList
from bmcha.model.event import LineLevels
from bmcha.model.moment import NS_PER_MS
from bmcha.model.settings import BoardClass
from tests.speech import lines, ms
from tests.world import settings_of

START_NS = ms(10_000)


def own_state(seen_epoch: int = 4) -> OwnState:
    return OwnState(START_NS, seen_epoch, must_listen_until_ns=START_NS)


def test_it_says_the_epoch_that_it_holds_or_the_highest_that_it_saw() -> None:
    own = own_state(seen_epoch=4)
    said = [own.epoch]
    own.held_epoch, own.seen_epoch = 6, 7
    said.append(own.epoch)
    assert said == [4, 6]


def test_its_senses_are_as_read_last() -> None:
    own = own_state()
    own.read_lines(lines(LineLevels(), 1, outputs_open=False, own_active=True))
    assert (own.outputs_open, own.active_sense) == (False, True)
    own.read_lines(lines(LineLevels(), 2))
    assert (own.outputs_open, own.active_sense) == (None, None)


def test_the_longer_of_two_waits_to_listen_counts() -> None:
    own = own_state()
    own.listen_until(START_NS + 9)
    own.listen_until(START_NS + 5)
    assert own.must_listen(START_NS + 8) and not own.must_listen(START_NS + 9)


def test_a_hold_off_ends() -> None:
    own = own_state()
    own.held_off_until_ns = START_NS + 9
    assert own.is_held_off(START_NS + 8) and not own.is_held_off(START_NS + 9)


@pytest.mark.parametrize("is_open", [False, True, None])
def test_the_outputs_are_shut_when_their_sense_says_so_a_while_after_opening(
    is_open: bool | None,
) -> None:
    own = own_state()
    counts_ms = (START_NS + OUTPUTS_SENSE_NS) // NS_PER_MS
    own.read_lines(lines(LineLevels(), counts_ms - 1, outputs_open=is_open))
    assert not own.are_outputs_shut(START_NS)
    own.read_lines(lines(LineLevels(), counts_ms, outputs_open=is_open))
    assert own.are_outputs_shut(START_NS) is (is_open is False)


def test_an_unproven_boot_is_waited_for_until_a_line_speaks() -> None:
    own, peers = own_state(), PeerList(settings_of(BoardClass.GATED, 1), 1, START_NS)
    own.unproven_until_ns = START_NS + 9
    assert own.hears_unproven_only(peers, START_NS + 8)
    assert not own.hears_unproven_only(peers, START_NS + 9)
    (peer,) = peers
    peer.lines.step = Step.SPOKEN
    assert not own.hears_unproven_only(peers, START_NS + 8)
