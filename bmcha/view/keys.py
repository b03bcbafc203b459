"""What a terminal sends for keys, taken apart: characters, and one name for every other key. Pure.

A key that nobody knows must not be taken for the letters in what it sends: F1 is Escape, O, P on
many terminals, and P pulls a module. Called by both painters.
"""

from __future__ import annotations

import re

OTHER = "other"
"""Some key; none that does anything."""
_SEQUENCE = re.compile(r"\x1b(?:\[\[.|\[[0-?]*[ -/]*[@-~]|O.)", re.DOTALL)
"""ECMA-48 control sequences, and the function keys of VT100 (O) and Linux (two brackets)."""
_PIECE = re.compile(f"{_SEQUENCE.pattern}|.", re.DOTALL)


def keys_of(sent: str) -> list[str]:
    """In the order in which they were pressed."""
    pieces = _PIECE.findall(sent)
    return [OTHER if _SEQUENCE.fullmatch(piece) else piece for piece in pieces]
