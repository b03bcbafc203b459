"""The keys in use, and those that a reload has read and the node has not taken yet.

Reads no file by itself and keeps no secret longer than it must. Offered to in the clerk's thread,
which alone publishes.
"""

from __future__ import annotations

from collections.abc import Callable

from bmcha.model.key import KeySet
from bmcha.runtime.engine import EngineKeys


class KeyDesk:
    """``read`` raises ConfigError: the file is wrong, and what is in use stays."""

    def __init__(self, read: Callable[[], KeySet], first: KeySet) -> None:
        self.in_use = first
        self.board = EngineKeys(first)
        self._read = read
        self._offered = first

    def offer(self) -> KeySet:
        """What stands in the file now."""
        self._offered = self._read()
        return self._offered

    def adopt(self) -> None:
        """The node goes by what was offered last."""
        if self._offered != self.in_use:
            self.in_use = self._offered
            self.board.publish(self.in_use)
