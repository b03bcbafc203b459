"""What is searched: in `make test` a small bound, in `make model` a larger one."""

from __future__ import annotations

from tests.model.checker import Case

PATHS = ("cut", "lose")
FRAMES = ("delay", "double")
LIVES = ("kill", "stop")
SLOTS = ("pull",)
LINES = ("lie",)
ORDERS = ("switch", "leave")
EVERYTHING = (*PATHS, *FRAMES, *LIVES, *SLOTS, *LINES, *ORDERS)

BOARDS = ("gated", "reset", "lease", "bare", "bare-hold", "presence")

SMALL = tuple(
    Case(board, 1, kinds)
    for board in ("gated", "reset", "lease", "bare", "bare-hold")
    for kinds in (("cut",), ("kill",))
)
"""One cut or one crash, mended at any time or never, in every state that two nodes reach."""

LARGE = (
    *(Case(board, 1, EVERYTHING) for board in BOARDS),
    *(Case(board, 2, LIVES) for board in BOARDS),
    *(Case(board, 2, (*FRAMES, *ORDERS)) for board in BOARDS),
    *(Case(board, 2, ("cut", "kill")) for board in BOARDS),
)
"""Every single fault, and pairs of faults."""
