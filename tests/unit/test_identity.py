"""Slots, succession and epochs: two nodes never claim the same number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmcha.model.identity import EPOCH_MAX, Succession, claimant, next_epoch

successions = st.lists(st.integers(1, 255), min_size=1, max_size=5, unique=True).map(
    lambda slots: Succession(tuple(slots))
)
epochs = st.integers(0, EPOCH_MAX - 10)


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        ((), "at least one"),
        ((1, 2, 1), "twice"),
        ((0, 1), "1 to 255"),
        ((1, 256), "1 to 255"),
    ],
)
def test_a_succession_that_cannot_be_is_refused(slots: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Succession(slots)


def test_the_first_in_the_list_has_rank_zero_and_everybody_else_is_a_peer() -> None:
    succession = Succession((2, 1, 5))
    assert [succession.rank(slot) for slot in (2, 1, 5)] == [0, 1, 2]
    assert succession.peers_of(1) == (2, 5)


@pytest.mark.parametrize(
    ("above", "slot", "epoch"), [(0, 1, 2), (0, 2, 1), (1, 1, 2), (1, 2, 3), (2, 1, 4), (2, 2, 3)]
)
def test_epochs_are_dealt_out_by_residue(above: int, slot: int, epoch: int) -> None:
    assert next_epoch(above, Succession((1, 2)), slot) == epoch


@given(successions, epochs, epochs, st.data())
def test_epochs_of_two_nodes_never_collide(
    succession: Succession, one_knows: int, other_knows: int, data: st.DataObject
) -> None:
    one = data.draw(st.sampled_from(succession.slots))
    claimed = {slot: next_epoch(other_knows, succession, slot) for slot in succession.peers_of(one)}
    assert next_epoch(one_knows, succession, one) not in claimed.values()


@given(successions, epochs, st.data())
def test_an_epoch_is_the_smallest_of_its_node_above_all_that_it_knows(
    succession: Succession, above: int, data: st.DataObject
) -> None:
    slot = data.draw(st.sampled_from(succession.slots))
    epoch = next_epoch(above, succession, slot)
    assert above < epoch <= above + len(succession.slots)
    assert epoch % len(succession.slots) == succession.rank(slot)
    assert claimant(epoch, succession) == slot


def test_nobody_claimed_the_epoch_before_the_first() -> None:
    assert claimant(0, Succession((1, 2))) is None
