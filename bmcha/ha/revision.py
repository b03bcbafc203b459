"""The order of wrapping u16 counters, as beats carry them."""

from __future__ import annotations

REVISION_SPAN = 1 << 16


def is_older(revision: int, than: int) -> bool:
    """True when ``than`` is ahead by less than half of the span."""
    return 0 < (than - revision) % REVISION_SPAN < REVISION_SPAN // 2
