"""The next step with a module's keys, and what the peers must have shown before."""

from typing import Any

import pytest

from bmcha.cli.key_steps import (
    NO_PEER,
    NOT_READ,
    OLDER_SERVICE,
    Step,
    has_newest,
    has_read,
    next_step,
    obstacles,
)
from bmcha.model.key import NO_KEYS, Key, KeySet, KeyState

ACCEPT, SEND = KeyState.ACCEPT, KeyState.SEND
CHECKS = {1: 0x11112222, 2: 0x0ABC4444, 3: 0x55556666}


def keys_of(*pairs: tuple[int, KeyState], unsigned: bool = False) -> KeySet:
    keys = tuple(Key(each, state, bytes([each]) * 32, CHECKS[each]) for each, state in pairs)
    return KeySet(keys, unsigned)


FIRST = keys_of((1, ACCEPT), unsigned=True)
SIGNING = keys_of((1, SEND), unsigned=True)
DONE = keys_of((1, SEND))
BOTH = keys_of((1, SEND), (2, ACCEPT))
NEW = keys_of((1, ACCEPT), (2, SEND))


def told(keys: KeySet, *peers: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": "rotating",
        "sends": keys.sender.id if keys.sender is not None else None,
        "accepts": [key.id for key in keys.keys],
        "accepts_unsigned": keys.accepts_unsigned,
        "newest_check": f"{keys.newest.check:08x}" if keys.newest is not None else None,
        "peers": {str(slot): peer for slot, peer in enumerate(peers, 2)},
    }


def peer(
    sends: int | None = None, newest: tuple[int, str] | None = None, is_heard: bool = True
) -> dict[str, Any]:
    shown = {"id": newest[0], "check": newest[1]} if newest is not None else None
    return {"is_heard": is_heard, "sends": sends, "newest": shown}


def waits(keys: KeySet, *peers: dict[str, Any]) -> list[str]:
    step = next_step(keys)
    assert step is not None
    return obstacles(step, keys, told(keys, *peers))


# ---------------------------------------------------------------- which step


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        (FIRST, "send", SIGNING),
        (SIGNING, "drop", DONE),
        (BOTH, "send", NEW),
        (NEW, "drop", keys_of((2, SEND))),
        (keys_of((1, ACCEPT), (2, ACCEPT)), "send", NEW),
        (
            *(keys_of((1, ACCEPT), (2, SEND), (3, ACCEPT), unsigned=True), "send"),
            keys_of((1, ACCEPT), (2, ACCEPT), (3, SEND), unsigned=True),
        ),
        (keys_of((3, ACCEPT), (1, ACCEPT), (2, SEND), unsigned=True), "drop", keys_of((2, SEND))),
    ],
)
def test_the_newest_key_signs_first_and_the_others_go_then(
    before: KeySet, name: str, after: KeySet
) -> None:
    step = next_step(before)
    assert step is not None and before.newest is not None
    assert (step.name, step.newest.id, step.keys) == (name, before.newest.id, after)


@pytest.mark.parametrize("keys", [NO_KEYS, DONE])
def test_where_all_is_done_there_is_no_step(keys: KeySet) -> None:
    assert next_step(keys) is None


def test_a_first_key_takes_two_steps_and_no_more() -> None:
    taken, keys, step = [], FIRST, next_step(FIRST)
    while step is not None:
        taken.append(step.name)
        keys, step = step.keys, next_step(step.keys)
    assert (taken, keys) == (["send", "drop"], DONE)


# ---------------------------------------------------------------- to sign with it


@pytest.mark.parametrize(
    "shown",
    [
        peer(sends=1, newest=(2, "0abc")),
        peer(newest=(2, "0abc")),
        peer(sends=2),
        peer(sends=2, newest=(2, "0abc")),
    ],
)
def test_a_key_may_be_signed_with_that_every_peer_has_shown(shown: dict[str, Any]) -> None:
    assert waits(BOTH, shown) == []
    assert waits(BOTH, shown, shown) == []


@pytest.mark.parametrize(
    ("shown", "sentence"),
    [
        (
            peer(sends=1, newest=(2, "0abc"), is_heard=False),
            "slot 3 is not heard, so it cannot show what it has: see `bmcha paths`.",
        ),
        (peer(sends=1), "slot 3 does not tell of key 2 (check 0abc4444): bring it there"),
        (peer(), "slot 3 does not tell of key 2 (check 0abc4444): bring it there"),
        (
            peer(sends=1, newest=(1, "1111")),
            "the newest of slot 3 is key 1, not key 2 (check 0abc4444): bring it there",
        ),
        (
            peer(sends=1, newest=(2, "0abd")),
            "slot 3 has another key 2 (check 0abd), not key 2 (check 0abc4444): bring it there",
        ),
    ],
)
def test_it_is_waited_for_who_has_not_shown_it(shown: dict[str, Any], sentence: str) -> None:
    (found,) = waits(BOTH, peer(sends=2), shown)
    assert found.startswith(sentence)


# ---------------------------------------------------------------- to drop the old


def test_the_old_may_go_when_every_peer_signs_with_the_new_one() -> None:
    assert waits(NEW, peer(sends=2), peer(sends=2, newest=(2, "0abc"))) == []


@pytest.mark.parametrize(
    ("shown", "sentence"),
    [
        (
            peer(sends=1, newest=(2, "0abc")),
            "slot 3 signs with key 1, and shall with key 2: `bmcha key rotate` there.",
        ),
        (
            peer(newest=(2, "0abc")),
            "slot 3 does not sign yet, and shall with key 2: `bmcha key rotate` there.",
        ),
        (
            peer(sends=2, is_heard=False),
            "slot 3 is not heard, so it cannot show what it has: see `bmcha paths`.",
        ),
    ],
)
def test_it_is_waited_for_who_signs_with_another(shown: dict[str, Any], sentence: str) -> None:
    assert waits(NEW, peer(sends=2), shown) == [sentence]


def test_slots_are_told_in_the_order_of_their_numbers() -> None:
    peers = {str(slot): peer() for slot in (10, 9, 2)}
    step = next_step(NEW)
    assert step is not None
    found = obstacles(step, NEW, {**told(NEW), "peers": peers})
    assert [each.split()[1] for each in found] == ["2", "9", "10"]


# ---------------------------------------------------------------- the service


def step_of(keys: KeySet) -> Step:
    step = next_step(keys)
    assert step is not None
    return step


def test_a_service_that_knows_no_keys_is_older() -> None:
    assert obstacles(step_of(BOTH), BOTH, None) == [OLDER_SERVICE]


@pytest.mark.parametrize("keys", [NO_KEYS, FIRST, SIGNING, DONE, NEW, BOTH])
@pytest.mark.parametrize("word", [NO_KEYS, FIRST, SIGNING, NEW, BOTH])
def test_a_service_agrees_when_it_signs_with_the_same_and_knows_the_newest(
    keys: KeySet, word: KeySet
) -> None:
    same = (keys.sender, keys.newest) == (word.sender, word.newest)
    alike = {id(SIGNING), id(DONE)}
    assert has_read(keys, told(word)) is (same or {id(keys), id(word)} <= alike)


def test_a_service_that_has_not_read_the_file_is_waited_for() -> None:
    ready = peer(sends=2, newest=(2, "0abc"))
    for word in (told(NEW, ready), {**told(BOTH, ready), "newest_check": "0abc4445"}, {}):
        assert obstacles(step_of(BOTH), BOTH, word) == [NOT_READ]
    assert obstacles(step_of(BOTH), BOTH, told(BOTH, ready)) == []


def test_where_no_peer_is_known_nobody_has_shown_anything() -> None:
    assert waits(BOTH) == [NO_PEER]
    without = told(BOTH)
    del without["peers"]
    assert obstacles(step_of(BOTH), BOTH, without) == [NO_PEER]


def test_who_is_not_heard_has_shown_nothing() -> None:
    newest = BOTH.newest
    assert newest is not None
    assert has_newest(peer(sends=2), newest)
    assert not has_newest(peer(sends=2, is_heard=False), newest)
    assert not has_newest({}, newest)
