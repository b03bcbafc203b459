"""Keys as values: which one signs, which is the newest, what beats tell of it, and free numbers."""

from dataclasses import FrozenInstanceError, replace

import pytest

from bmcha.model.key import (
    KEY_ID_MAX,
    NO_KEYS,
    Key,
    KeyMark,
    KeySet,
    KeyState,
    KeyView,
    free_id,
    mark_of,
)

SECRET = bytes(range(1, 33))


def key(key_id: int, state: KeyState = KeyState.ACCEPT, check: int = 0x12345678) -> Key:
    return Key(key_id, state, SECRET, check)


def test_no_text_of_a_key_has_its_secret() -> None:
    texts = [repr(key(1)), str(key(1)), f"{key(1)}", repr(KeySet((key(1),)))]
    for text in texts:
        assert SECRET.hex() not in text
        assert repr(SECRET) not in text
        assert "secret" not in text
        assert "id=1" in text


def test_two_keys_with_different_secrets_differ() -> None:
    assert key(1) == key(1)
    assert replace(key(1), secret=bytes(32)) != key(1)


def test_a_key_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        key(1).id = 2  # type: ignore[misc]


def test_no_keys_sign_nothing_and_believe_everything() -> None:
    assert (NO_KEYS.sender, NO_KEYS.newest) == (None, None)
    assert NO_KEYS.view == KeyView(sends=None, accepts=(), accepts_unsigned=True, newest_check=None)
    assert NO_KEYS.view.mark is None
    assert not NO_KEYS.view.is_rotating


def test_the_core_is_told_numbers_and_the_check_of_the_newest_alone() -> None:
    keys = KeySet((key(7, KeyState.SEND, 1), key(3, check=0xABCD0123)), accepts_unsigned=False)
    assert keys.view == KeyView(7, (7, 3), False, 0xABCD0123)
    assert KeySet((key(7),), accepts_unsigned=True).view.sends is None


def test_without_a_key_unsigned_frames_are_accepted_whatever_is_said() -> None:
    assert KeySet((), accepts_unsigned=False).view.accepts_unsigned


def test_the_sender_is_found_and_the_newest_is_the_last() -> None:
    keys = KeySet((key(7, KeyState.SEND), key(3)), accepts_unsigned=False)
    assert keys.sender is not None and keys.sender.id == 7
    assert keys.newest is not None and keys.newest.id == 3
    assert keys.of(3) is keys.keys[1]
    assert keys.of(4) is None
    assert KeySet((key(1),)).sender is None


@pytest.mark.parametrize(
    ("ids", "accepts_unsigned", "is_rotating"),
    [
        ((), True, False),
        ((), False, False),
        ((1,), False, False),
        ((1,), True, True),
        ((1, 2), False, True),
        ((1, 2), True, True),
    ],
)
def test_beats_tell_of_the_newest_while_there_is_more_than_one_way_to_believe(
    ids: tuple[int, ...], accepts_unsigned: bool, is_rotating: bool
) -> None:
    view = KeySet(tuple(map(key, ids)), accepts_unsigned).view
    assert view.is_rotating is is_rotating
    assert view.mark == (KeyMark(ids[-1], 0x1234) if is_rotating else None)


def test_a_mark_has_the_upper_half_of_the_check() -> None:
    assert mark_of(key(9, check=0xABCD0123)) == KeyMark(9, 0xABCD)


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ((), 1),
        ((1,), 2),
        ((5,), 6),
        ((2, 1), 3),
        ((3, 1, 2), 4),
        ((KEY_ID_MAX,), 1),
        ((1, KEY_ID_MAX), 2),
        ((1, 2, KEY_ID_MAX - 1, KEY_ID_MAX), 3),
    ],
)
def test_a_number_is_used_again_as_late_as_can_be(taken: tuple[int, ...], free: int) -> None:
    assert free_id([key(each) for each in taken]) == free
