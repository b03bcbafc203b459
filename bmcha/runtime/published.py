"""What the node and all paths share: the published heartbeat draft, and the echo board.

Both are replaced whole and never changed in place: a reader sees the old value or the new one,
never a mixture. That is all the locking there is. Each field has exactly one writer: the draft is
written by the node's thread, each place of the echo board by the thread of its path. The rules
for using them are in docs/adr/0003-beat-engine.md; nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from bmcha.model.message import AGE_NEVER_NS, HeartbeatDraft, PathEcho


@dataclass(frozen=True, slots=True)
class PublishedDraft:
    """``urgent_count`` grows by one with each urgent publication, so that a path that was busy
    just then still sees that it owes a beat."""

    draft: HeartbeatDraft
    published_ns: int
    urgent_count: int


class DraftBoard:
    """Written by the node's thread, read by every path."""

    def __init__(self) -> None:
        self.current: PublishedDraft | None = None

    def publish(self, draft: HeartbeatDraft, is_urgent: bool, now_ns: int) -> None:
        urgent_count = self.current.urgent_count if self.current else 0
        self.current = PublishedDraft(draft, now_ns, urgent_count + (1 if is_urgent else 0))


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
        self._places: list[LastHeard | None] = [None] * paths_count

    def note(self, index: int, heard: LastHeard) -> None:
        self._places[index] = heard

    def echoes(self, boot_id: int, now_ns: int) -> tuple[PathEcho, ...]:
        """One echo a path, of the peer's boot ``boot_id`` only: a beat has room for one boot id,
        and an echo of another boot would be taken for one of this."""
        return tuple(
            PathEcho(heard.sequence, max(0, now_ns - heard.heard_ns))
            if heard is not None and heard.boot_id == boot_id
            else PathEcho(0, AGE_NEVER_NS)
            for heard in tuple(self._places)
        )
