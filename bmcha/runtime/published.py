"""The heartbeat draft that the node publishes and all paths send.

Replaced whole by the node's thread and never changed in place: a reader sees the old one or the new
one, never a mixture. The rules for using it are in docs/adr/0003-beat-engine.md.
"""

from __future__ import annotations

from bmcha.model.message import HeartbeatDraft
from bmcha.model.record import dataclass


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
