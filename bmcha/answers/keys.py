"""What frames are signed with here, and what the peers' beats tell of theirs. No secret is known
here: `bmcha.model.key.KeyView` is all that the core has."""

from __future__ import annotations

from bmcha.answers.facts import Body, Facts
from bmcha.ha.peer_view import PeerView
from bmcha.model.key import KeyMark, KeyView


def keys(facts: Facts) -> Body:
    view = facts.settings.keys
    check = view.newest_check
    return {
        "state": _state(view),
        "sends": view.sends,
        "accepts": list(view.accepts),
        "accepts_unsigned": view.accepts_unsigned,
        "newest_check": f"{check:08x}" if check is not None else None,
        "peers": {str(peer.slot): _peer(peer) for peer in facts.roles.peers},
    }


def _state(view: KeyView) -> str:
    if not view.accepts:
        return "none"
    if view.accepts_unsigned:
        return "adopting"
    return "rotating" if view.is_rotating else "signed"


def _peer(peer: PeerView) -> Body:
    is_heard = peer.is_heard()
    mark = peer.draft.key_mark if is_heard and peer.draft is not None else None
    sends = peer.key_id or None
    return {
        "is_heard": is_heard,
        "sends": sends if is_heard else None,
        "newest": _mark(mark),
    }


def _mark(mark: KeyMark | None) -> Body | None:
    return None if mark is None else {"id": mark.id, "check": f"{mark.check:04x}"}
