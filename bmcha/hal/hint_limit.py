"""How often a line's changes may wake the lines thread: a line that rattles loses that right.

An edge is only a hint, and levels are read at least every 100 ms without one, so nothing is lost
but haste. Without it a broken contact (thousands of edges a second) would hold one core and flood
the node's mailbox with readings. Other lines keep their right. Used by `board_lines`.
"""

from __future__ import annotations

from typing import Final

from bmcha.model.moment import NS_PER_MS

WINDOW_NS: Final = 100 * NS_PER_MS
CHANGES_MAX: Final = 24
"""In one window. A card that is pushed in bounces some ten times."""
MUTE_NS: Final = 1000 * NS_PER_MS


class HintLimit:
    """Of one source of hints."""

    def __init__(self) -> None:
        self._window_ends_ns = 0
        self._count = 0
        self._muted_until_ns = 0

    def is_muted(self, now_ns: int) -> bool:
        return now_ns < self._muted_until_ns

    def count(self, changes: int, now_ns: int) -> None:
        if now_ns >= self._window_ends_ns:
            self._window_ends_ns = now_ns + WINDOW_NS
            self._count = 0
        self._count += changes
        if self._count > CHANGES_MAX:
            self._muted_until_ns = now_ns + MUTE_NS
