"""What is searched: in `make test` a small bound, in `make model` a larger one."""

from __future__ import annotations

from tests.model.checker import Case

PATHS = ("cut", "lose")
FRAMES = ("delay", "double")
LIVES = ("kill", "stop")
SLOTS = ("pull",)
LINES = ("lie", "blind")
ORDERS = ("switch", "leave")

BOARDS = ("gated", "reset", "lease", "bare", "bare-hold", "presence")

SMALL = tuple(
    Case(board, 1, kinds)
    for board in ("gated", "reset", "lease", "bare", "bare-hold")
    for kinds in (("cut",), ("kill",))
)
"""One cut or one crash, mended at any time or never, in every state that two nodes reach."""

LARGE = (
    *(Case(board, 1, (*PATHS, *FRAMES, *ORDERS)) for board in BOARDS),
    *(Case(board, 1, (*LIVES, *SLOTS)) for board in BOARDS),
    *(Case(board, 1, LINES) for board in BOARDS if board not in ("bare", "bare-hold")),
    *(Case(board, 2, ("kill",)) for board in BOARDS),
    *(Case(board, 2, LIVES) for board in ("bare", "bare-hold")),
    *(Case(board, 2, ("cut", "kill")) for board in ("bare", "bare-hold")),
    *(Case(board, 2, ("cut", "lose", *FRAMES)) for board in ("bare", "presence")),
    *(Case(board, 2, ("cut", *ORDERS)) for board in ("bare", "presence")),
    *(Case("bare-hold", 2, kinds) for kinds in (("cut", "stop"), ("cut", *ORDERS))),
    *(Case("bare-hold", 2, kinds) for kinds in (("cut", "lose", *FRAMES), ("delay", *LIVES))),
)
"""Every single fault on every board, and pairs of faults as far as 6 GB of memory reach: up to some
twenty million states a search."""
