"""What a terminal sends for a key is one key, never the letters in it."""

import pytest

from bmcha.view.keys import OTHER, keys_of


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("", []),
        ("kK", ["k", "K"]),
        ("\x1bOP", [OTHER]),  # F1 of a VT100: P pulls the ACTIVE
        ("\x1b[[A", [OTHER]),  # F1 of the Linux console
        ("\x1b[15~q", [OTHER, "q"]),  # F5
        ("\x1b[1;5Sx\x1b[A", [OTHER, "x", OTHER]),
        ("\x1b", ["\x1b"]),
        ("\x1bs", ["\x1b", "s"]),
        ("\x1b[", ["\x1b", "["]),
        ("\n\x0c", ["\n", "\x0c"]),
    ],
)
def test_a_key_that_is_no_character_is_one_key(sent: str, keys: list[str]) -> None:
    assert keys_of(sent) == keys
