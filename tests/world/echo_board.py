"""What each path to one peer heard last, shared by all paths: the twin of the board in C.

Its places are replaced whole and never changed in place; each has one writer, its path.
"""

from __future__ import annotations

from bmcha.model.message import AGE_NEVER_NS, PathEcho
from bmcha.model.record import dataclass
from tests.world.boots import Boots


@dataclass(frozen=True, slots=True)
class LastHeard:
    """The last heartbeat that one path heard from the peer."""

    boot_id: int
    sequence: int
    heard_ns: int


class EchoBoard:
    """What each path to one peer heard last; every path tells the peer about all of them.

    Places are in the order of the configured paths to that peer, the same at both ends.
    """

    def __init__(self, paths_count: int) -> None:
        self.boots = Boots()
        self._places: list[LastHeard | None] = [None] * paths_count

    def note(self, index: int, heard: LastHeard) -> None:
        self._places[index] = heard

    def newest_ns(self) -> int | None:
        """When the peer was heard last, on any path."""
        return max((heard.heard_ns for heard in self._places if heard is not None), default=None)

    def echoes(self, boot_id: int, now_ns: int) -> tuple[PathEcho, ...]:
        """One echo a path, of the peer's boot ``boot_id`` only: a beat has room for one boot id,
        and an echo of another boot would be taken for one of this."""
        return tuple(
            PathEcho(heard.sequence, max(0, now_ns - heard.heard_ns))
            if heard is not None and heard.boot_id == boot_id
            else PathEcho(0, AGE_NEVER_NS)
            for heard in tuple(self._places)
        )
