"""The exchange of `bmcha key pair`: docs/adr/0026-pairing.md, on lines of every kind.

Two ends and a line between them, in no time: each says what it has to say, and the line delivers,
loses, doubles, reorders or changes it. People say yes when both have a number and it is the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmcha.cli.pairing import (
    VERSION,
    End,
    Giver,
    Refusal,
    Step,
    Taker,
    Who,
)
from bmcha.hal import sealing
from bmcha.hal.mac import check_of, open_mac
from bmcha.model.key import KEY_BYTES, KEYS_MAX, Key, KeySet, KeyState
from bmcha.wire import tables

open_mac()
sealing.open_sealing()
CHASSIS = 4711
HEAD_BYTES = 10


def key(number: int, state: KeyState = KeyState.ACCEPT) -> Key:
    secret = bytes([number]) * KEY_BYTES
    return Key(number, state, secret, check_of(secret))


ONE = KeySet((key(1, KeyState.SEND),), accepts_unsigned=False)
FULL = KeySet((key(7), key(8, KeyState.SEND), key(255), key(1)), accepts_unsigned=True)


def giver(keys: KeySet = ONE, slot: int = 1, chassis_id: int = CHASSIS) -> Giver:
    return Giver(Who(slot, chassis_id, True), keys)


def taker(slot: int = 2, chassis_id: int = CHASSIS) -> Taker:
    return Taker(Who(slot, chassis_id, False), check_of)


def exchange(one: End, other: End) -> None:
    """What each says now comes to the other."""
    said = one.said, other.said
    other.hear(one.who.slot, said[0])
    one.hear(other.who.slot, said[1])


def talk(one: End, other: End, turns: int = 8) -> None:
    for _ in range(turns):
        exchange(one, other)


def finish(one: Giver, other: Taker) -> None:
    """Both people have said yes."""
    for _ in range(8):
        exchange(one, other)
        if other.keys is not None and other.step is Step.YES:
            other.have_taken()


def numbered(keys: KeySet = ONE) -> tuple[Giver, Taker]:
    one, other = giver(keys), taker()
    talk(one, other)
    assert one.number and one.number == other.number
    return one, other


# ---------------------------------------------------------------- the way it goes


@pytest.mark.parametrize("keys", [ONE, FULL, KeySet((key(3),), True)], ids=["one", "four", "new"])
def test_the_keys_come_over_with_everything_that_is_said_of_them(keys: KeySet) -> None:
    one, other = numbered(keys)
    one.approve()
    other.approve()
    finish(one, other)
    assert one.is_done and other.is_done
    assert other.keys == keys


def test_the_number_has_eight_digits_and_is_another_one_each_time() -> None:
    numbers = [numbered()[0].number for _ in range(30)]
    assert all(len(number) == 8 and number.isdigit() for number in numbers)
    assert len(set(numbers)) == 30


def test_nothing_is_given_before_both_people_have_said_yes() -> None:
    for says_yes in itertools.product((True, False), repeat=2):
        one, other = numbered()
        if says_yes[0]:
            one.approve()
        if says_yes[1]:
            other.approve()
        talk(one, other)
        assert one.has_given is all(says_yes)
        assert (other.keys is not None) is all(says_yes)
        assert not one.is_over and not other.is_over


def test_a_yes_before_there_is_a_number_is_none() -> None:
    one, other = giver(), taker()
    one.approve()
    other.approve()
    talk(one, other)
    assert one.number and not one.has_given and other.step is Step.PUBLIC
    other.approve()
    talk(one, other)
    assert not one.has_given


def test_no_message_is_longer_than_the_wire_carries() -> None:
    assert len(FULL.keys) == KEYS_MAX
    one, other = numbered(FULL)
    sizes = []
    one.approve()
    other.approve()
    for _ in range(8):
        sizes += [len(one.said), len(other.said)]
        finish(one, other)
    assert max(sizes) <= tables.PAIRING_BYTES_MAX
    # A serial path takes frames of 256 bytes at least (docs/configuration.md).
    assert max(sizes) + tables.FRAME_HEADER.size + tables.CRC_BYTES <= 256


def test_what_is_said_shows_no_key() -> None:
    one, other = numbered(FULL)
    one.approve()
    other.approve()
    said = set()
    for _ in range(8):
        said |= {one.said, other.said}
        exchange(one, other)
        if other.keys is not None and other.step is Step.YES:
            other.have_taken()
    assert one.is_done
    for each, secret in itertools.product(said, [key.secret for key in FULL.keys]):
        assert secret not in each


# ---------------------------------------------------------------- lines


@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 60))
def test_lost_doubled_and_reordered_messages_change_nothing(
    seed: int, loss: int, doubled: int
) -> None:
    random = Random(seed)
    one, other = giver(FULL), taker()
    under_way: list[tuple[End, int, bytes]] = []
    for _ in range(3000):
        for speaker, listener in ((one, other), (other, one)):
            message = listener, speaker.who.slot, speaker.said
            copies = 2 if random.randrange(100) < doubled else 1
            under_way += [message] * (0 if random.randrange(100) < loss else copies)
        random.shuffle(under_way)
        for _ in range(random.randrange(4)):
            if under_way:
                hearer, slot, data = under_way.pop()
                hearer.hear(slot, data)
        del under_way[:-20]
        if one.number and other.number:
            assert one.number == other.number
            one.approve()
            other.approve()
        if other.keys is not None and other.step is Step.YES:
            other.have_taken()
        if one.is_done and other.is_done:
            break
    assert (one.refusal, other.refusal) == (None, None)
    assert one.is_done and other.is_done and other.keys == FULL


@given(st.data())
def test_any_bytes_are_heard_without_harm(some: st.DataObject) -> None:
    """At every step; at worst it ends with a reason. No key is given by it."""
    one, other = giver(), taker()
    talk(one, other, some.draw(st.integers(0, 5)))
    if one.number and some.draw(st.booleans()):
        other.approve()
        talk(one, other, 1)
    for end, source in ((one, other), (other, one)):
        noise = some.draw(st.binary(max_size=255))
        known = bytearray(source.said)
        known[some.draw(st.integers(0, len(known) - 1))] ^= some.draw(st.integers(1, 255))
        for data in (noise, bytes(known)):
            end.hear(some.draw(st.integers(1, 3)), data)
        assert not end.is_done
    assert not one.has_given and other.keys is None


def test_what_it_has_had_is_ignored_and_is_a_sign_of_life() -> None:
    one, other = giver(), taker()
    old: list[tuple[End, int, bytes]] = []
    for _ in range(6):
        old += [(other, 1, one.said), (one, 2, other.said)]
        exchange(one, other)
    before = one.said, other.said, one.number
    heard = [end.hear(slot, data) for end, slot, data in old]
    assert (one.said, other.said, one.number) == before
    assert all(heard[2:]), "what was said before they met is a hello to nobody"


def test_a_third_module_on_another_line_is_not_listened_to() -> None:
    one, other, third = giver(), taker(2), taker(3)
    exchange(one, other)
    assert one.other_slot == 2
    third.hear(1, one.said)
    assert not one.hear(3, third.said)
    talk(one, other)
    assert one.number == other.number != ""


# ---------------------------------------------------------------- somebody in between


def between(one: Giver, other: Taker) -> tuple[Giver, Taker]:
    """Who sits in between speaks with each as if he were the other: a taker towards the giver, and
    a giver, with keys of his own, towards the taker."""
    as_taker, as_giver = taker(), giver(FULL)
    for _ in range(8):
        exchange(one, as_taker)
        exchange(as_giver, other)
    return as_giver, as_taker


def test_somebody_in_between_with_keys_of_his_own_has_other_numbers() -> None:
    for _ in range(20):
        one, other = giver(), taker()
        between(one, other)
        assert one.number and other.number and one.number != other.number


def test_keys_of_his_own_are_of_no_use_without_a_yes() -> None:
    one, other = giver(), taker()
    as_giver, _ = between(one, other)
    as_giver.approve()
    for _ in range(8):
        exchange(as_giver, other)
        exchange(one, taker())
    assert other.keys is None and not one.has_given


def swapping(step: Step, change: Callable[[bytes], bytes]) -> tuple[Giver, Taker]:
    """A line that changes the body of one step."""
    one, other = giver(), taker()

    def carried(data: bytes) -> bytes:
        is_it = data[1] == step
        return data[:HEAD_BYTES] + change(data[HEAD_BYTES:]) if is_it else data

    for _ in range(8):
        said = one.said, other.said
        other.hear(1, carried(said[0]))
        one.hear(2, carried(said[1]))
    return one, other


def test_a_public_key_that_was_swapped_on_the_way_gives_other_numbers() -> None:
    mine = sealing.draw_pair().public
    one, other = swapping(Step.PUBLIC, lambda _body: mine)
    assert one.number and other.number and one.number != other.number
    other.approve()
    talk(one, other)
    assert one.refusal is Refusal.SEALED_OTHERWISE


@pytest.mark.parametrize("step", [Step.OPENING, Step.COMMIT])
def test_an_opening_that_is_not_what_was_committed_to_ends_it(step: Step) -> None:
    _, other = swapping(step, lambda body: bytes([body[0] ^ 1]) + body[1:])
    assert other.refusal is Refusal.BROKEN_COMMITMENT
    assert other.number == ""


def test_the_random_bytes_are_committed_to_as_well() -> None:
    _, other = swapping(Step.OPENING, lambda body: body[:-1] + bytes([body[-1] ^ 1]))
    assert other.refusal is Refusal.BROKEN_COMMITMENT


def test_a_public_key_that_nobody_has_drawn_ends_it() -> None:
    one, _ = swapping(Step.PUBLIC, lambda body: bytes(len(body)))
    assert one.refusal is Refusal.BAD_PUBLIC_KEY


def test_one_end_takes_one_public_key_and_one_commitment() -> None:
    """Else whoever sits in between could try until the numbers are the same."""
    one, other = giver(), taker()
    talk(one, other)
    number = one.number, other.number
    head = other.said[:HEAD_BYTES]
    assert one.hear(2, head + sealing.draw_pair().public)
    other_head = bytes([VERSION, Step.COMMIT]) + one.said[2:HEAD_BYTES]
    assert other.hear(1, other_head + bytes(32))
    talk(one, other)
    assert (one.number, other.number) == number
    assert not one.is_over and not other.is_over


def test_a_box_is_worth_nothing_at_another_step() -> None:
    one, other = numbered()
    other.approve()
    one.approve()
    yes = other.said
    talk(one, other)
    as_taken = bytes([yes[0], Step.TAKEN]) + yes[2:]
    assert one.step is Step.KEYS
    one.hear(2, as_taken)
    assert one.refusal is Refusal.SEALED_OTHERWISE


# ---------------------------------------------------------------- what does not fit


def test_both_have_keys() -> None:
    one, other = giver(), giver(slot=2)
    talk(one, other)
    assert one.refusal is other.refusal is Refusal.BOTH_HAVE_KEYS


def test_neither_has_keys() -> None:
    one, other = taker(1), taker(2)
    talk(one, other)
    assert one.refusal is other.refusal is Refusal.NEITHER_HAS_KEYS


def test_another_chassis() -> None:
    one, other = giver(), taker(chassis_id=9)
    talk(one, other)
    assert one.refusal is other.refusal is Refusal.OTHER_CHASSIS


def test_the_same_slot() -> None:
    one, other = giver(slot=1), taker(slot=1)
    one.hear(2, other.said)
    assert one.refusal is Refusal.SAME_SLOT


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_another_version(turns: int) -> None:
    one, other = giver(), taker()
    talk(one, other, turns)
    one.hear(2, bytes([VERSION + 1]) + other.said[1:])
    assert one.refusal is Refusal.OTHER_VERSION


def test_one_that_began_anew_before_anything_was_drawn_is_followed() -> None:
    one, former = giver(), taker()
    exchange(one, former)
    exchange(one, former)
    assert one.step is Step.COMMIT
    again = taker()
    talk(one, again)
    assert one.number == again.number != ""


def test_one_that_began_anew_later_has_to_be_followed_by_people() -> None:
    one, other = numbered()
    one.hear(2, taker().said)
    other.hear(1, giver().said)
    assert one.refusal is other.refusal is Refusal.BEGAN_ANEW


def test_what_was_meant_for_the_former_one_is_ignored() -> None:
    one, former = giver(), taker()
    for _ in range(3):
        exchange(one, former)
    public = former.said
    assert former.step is Step.PUBLIC
    again = giver()
    exchange(again, taker())
    assert not again.hear(2, public)
    assert again.number == ""


def sealed_for(other: Taker, one: Giver, step: Step, data: bytes) -> bytes:
    head = bytes([VERSION, step]) + one.said[2:HEAD_BYTES]
    session = vars(one)["_session"]
    return head + sealing.seal(head + data, session.say)


GOOD = bytes([1]) + bytes([5, 1]) + b"k" * KEY_BYTES


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes([0]),
        GOOD[:-1],
        GOOD + b"x",
        bytes([2]) + GOOD[1:],
        bytes([1, 0, 1]) + b"k" * KEY_BYTES,
        bytes([1, 5, 2]) + b"k" * KEY_BYTES,
        bytes([1, 5, 1]) + bytes(KEY_BYTES),
        bytes([2]) + GOOD[1:] * 2,
        bytes([2]) + GOOD[1:] + bytes([6, 0]) + b"k" * KEY_BYTES,
        bytes([2]) + GOOD[1:] + bytes([5, 0]) + b"l" * KEY_BYTES,
        bytes([2]) + GOOD[1:] + bytes([6, 1]) + b"l" * KEY_BYTES,
        bytes([5]) + b"".join(bytes([n, 0]) + bytes([n]) * KEY_BYTES for n in range(1, 6)),
    ],
    ids=[
        *("nothing", "none", "short", "long", "count", "id-0", "state", "zeros", "twice"),
        *("same-secret", "same-id", "two-senders", "five"),
    ],
)
def test_what_is_no_set_of_keys_is_not_taken(data: bytes) -> None:
    one, other = numbered()
    other.approve()
    other.hear(1, sealed_for(other, one, Step.KEYS, data))
    assert other.keys is None
    assert other.refusal is Refusal.BAD_KEYS


def test_a_good_set_in_the_same_way_is_taken() -> None:
    one, other = numbered()
    other.approve()
    other.hear(1, sealed_for(other, one, Step.KEYS, GOOD))
    assert other.keys is not None and other.keys.newest is not None
    assert other.keys.newest.secret == b"k" * KEY_BYTES and other.keys.sender is not None


def test_keys_that_were_taken_otherwise_are_no_success() -> None:
    one, other = numbered()
    one.approve()
    other.approve()
    talk(one, other)
    other.keys = KeySet((key(9),), False)
    other.have_taken()
    exchange(one, other)
    assert one.refusal is Refusal.OTHER_KEYS


@pytest.mark.parametrize("is_giver", [True, False])
def test_who_stops_ends_it_for_the_other(is_giver: bool) -> None:
    ends: list[End] = list(numbered())
    stopper, other = ends if is_giver else reversed(ends)
    assert stopper.stop()
    other.hear(stopper.who.slot, stopper.said)
    assert other.refusal is Refusal.STOPPED_THERE
    assert not other.stop(), "it is over, and its last word stays what it was"


def test_who_stops_after_the_keys_were_sent_has_sent_them() -> None:
    one, other = numbered()
    one.approve()
    other.approve()
    exchange(one, other)
    assert one.has_given and other.keys is None
    assert one.stop()
    assert one.has_given
    other.hear(1, one.said)
    assert other.refusal is Refusal.STOPPED_THERE and other.keys is None


def test_a_stop_is_of_this_run_and_needs_somebody_to_hear_it() -> None:
    assert not giver().stop(), "nobody answered yet"
    (one, _), (stopper, _) = numbered(), numbered()
    assert stopper.stop()
    assert not one.hear(2, stopper.said)
    assert one.refusal is None


def test_after_its_end_it_hears_nothing() -> None:
    one, other = giver(), giver(slot=2)
    talk(one, other)
    said = one.said
    assert not one.hear(2, other.said)
    assert one.said == said


def test_each_refusal_is_a_sentence_and_each_step_says_what_it_waits_for() -> None:
    for refusal in Refusal:
        assert refusal.value[0].isupper() and refusal.value.endswith(".")
    one, other = giver(), taker()
    waits = []
    for _ in range(10):
        waits += [one.waits_for, other.waits_for]
        exchange(one, other)
        if one.number and other.number:
            one.approve()
            other.approve()
        if other.keys is not None and other.step is Step.YES:
            other.have_taken()
    assert all(each.startswith("for ") for each in waits)
    assert len(set(waits)) >= 6


def test_every_refusal_was_seen_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [each for each in Refusal if f"Refusal.{each.name}" not in text] == []
