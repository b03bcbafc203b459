"""Time inside the core: ``int`` nanoseconds of the monotonic clock, never a float."""

from __future__ import annotations

from typing import Final

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000


def ns_from_ms(duration_ms: int) -> int:
    return duration_ms * NS_PER_MS


def ms_from_ns(duration_ns: int) -> int:
    """Whole milliseconds, rounded down; a negative duration becomes 0."""
    return max(0, duration_ns) // NS_PER_MS
