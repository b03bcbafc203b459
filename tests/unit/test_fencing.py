"""The fence: stagger, look, pulse, look for its effect; and what counts as one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.fencing import LOOK_AGAIN_NS, PULSE_AGAIN_NS, STAGGER_NS, Fence, Step
from bmcha.model.event import LineLevels
from tests.speech import ms
from tests.world import timers

BEGUN_NS = ms(10_000)
HOLDING = LineLevels(True, True, True, False)
LIFE, NEXT_LIFE = 2001, 2002
UNVERIFIED_NS = ms(timers().unverified_takeover_ms)


def fence(rank: int = 0) -> Fence:
    return Fence(slot=2, rank=rank, timers=timers(), begun_ns=BEGUN_NS, life=LIFE)


def pulsed(before: LineLevels = HOLDING) -> Fence:
    found = fence()
    assert found.tick(BEGUN_NS) is Step.LOOK
    assert found.looked(before, BEGUN_NS) is Step.PULSE
    return found


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_each_later_place_in_the_succession_waits_a_stagger_longer(rank: int) -> None:
    found = fence(rank)
    due_ns = BEGUN_NS + rank * STAGGER_NS
    assert found.deadline_ns() == due_ns
    if rank:
        assert found.tick(due_ns - 1) is Step.WAIT
    assert found.tick(due_ns) is Step.LOOK


def test_no_pulse_is_given_on_a_reading_from_before_the_look() -> None:
    found = fence(rank=1)
    assert found.looked(HOLDING, BEGUN_NS) is Step.WAIT
    assert found.tick(BEGUN_NS + STAGGER_NS) is Step.LOOK
    assert found.looked(HOLDING, BEGUN_NS + STAGGER_NS - 1) is Step.WAIT
    assert found.is_pending
    assert found.looked(HOLDING, BEGUN_NS + STAGGER_NS) is Step.PULSE
    assert not found.is_pending


def test_a_look_that_brings_no_reading_is_repeated() -> None:
    found = fence()
    assert found.tick(BEGUN_NS) is Step.LOOK
    assert found.deadline_ns() == BEGUN_NS + LOOK_AGAIN_NS
    assert found.tick(BEGUN_NS + LOOK_AGAIN_NS - 1) is Step.WAIT
    assert found.tick(BEGUN_NS + LOOK_AGAIN_NS) is Step.LOOK


@pytest.mark.parametrize(
    "change", [{"reset": True}, {"active": False}, {"health": False}], ids=lambda c: next(iter(c))
)
def test_a_fence_is_verified_by_any_line_that_shows_it(change: dict[str, bool]) -> None:
    found = pulsed()
    assert found.looked(HOLDING, BEGUN_NS + 1) is Step.WAIT
    assert found.looked(replace(HOLDING, **change), BEGUN_NS + 2) is Step.VERIFIED


@pytest.mark.parametrize(
    "before",
    [
        LineLevels(True, False, False, True),
        LineLevels(True, None, None, None),
        LineLevels(False, False, False, None),
    ],
)
def test_a_line_that_showed_it_before_the_pulse_proves_nothing(before: LineLevels) -> None:
    found = pulsed(before)
    after = LineLevels(False, False, False, before.reset)
    assert found.looked(after, BEGUN_NS + 1) is Step.WAIT


def test_a_pulse_without_effect_is_repeated_until_the_fence_is_given_up() -> None:
    found, pulses = pulsed(), 1
    step, now_ns = Step.WAIT, BEGUN_NS
    while step is not Step.UNVERIFIED and now_ns < BEGUN_NS + 2 * UNVERIFIED_NS:
        now_ns += LOOK_AGAIN_NS
        step = found.tick(now_ns)
        pulses += step is Step.PULSE
    assert now_ns - BEGUN_NS == UNVERIFIED_NS
    assert pulses == UNVERIFIED_NS // PULSE_AGAIN_NS


@pytest.mark.parametrize("holds_nothing", [False, True])
def test_a_word_of_a_new_life_verifies_the_fence(holds_nothing: bool) -> None:
    assert pulsed().heard(NEXT_LIFE, holds_nothing) is Step.VERIFIED


def test_a_word_of_the_same_life_makes_the_fence_needless_only_if_it_holds_nothing() -> None:
    assert pulsed().heard(LIFE, holds_nothing=False) is Step.WAIT
    assert pulsed().heard(LIFE, holds_nothing=True) is Step.NEEDLESS


@pytest.mark.parametrize("life", [LIFE, NEXT_LIFE])
def test_no_word_ends_a_fence_before_its_pulse(life: int) -> None:
    """Then the rules are asked again, which may call it off."""
    assert fence().heard(life, holds_nothing=True) is Step.WAIT


def test_a_fence_gives_up_from_its_first_pulse_on() -> None:
    assert fence().gives_up_ns() is None
    found = pulsed()
    assert found.tick(BEGUN_NS + PULSE_AGAIN_NS) is Step.PULSE
    assert found.gives_up_ns() == BEGUN_NS + UNVERIFIED_NS
