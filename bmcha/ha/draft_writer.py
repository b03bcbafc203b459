"""Writes what every beat says of this node, and tells when the peer must hear it at once.

The revision grows with every change of the part that decides roles, so that a listener can put
the words of one life in order although they come over paths of unlike speed.
"""

from __future__ import annotations

from dataclasses import replace

from bmcha.ha.peer_view import REVISION_SPAN
from bmcha.model.effect import PublishHeartbeat
from bmcha.model.message import HeartbeatDraft


class DraftWriter:
    def __init__(self) -> None:
        self.revision = 0
        self._last: HeartbeatDraft | None = None

    def publish(self, draft: HeartbeatDraft) -> PublishHeartbeat:
        """``draft.revision`` is filled in here."""
        is_urgent = self._last is None or _role_word(draft) != _role_word(self._last)
        if is_urgent:
            self.revision = (self.revision + 1) % REVISION_SPAN
        self._last = replace(draft, revision=self.revision)
        return PublishHeartbeat(self._last, is_urgent)


def _role_word(draft: HeartbeatDraft) -> tuple[object, ...]:
    """The part of a draft whose change the peer must hear at once."""
    return (
        draft.epoch,
        draft.role,
        draft.reason,
        draft.is_holding,
        draft.is_released,
        draft.will_claim_on_silence,
    )
