"""May this node do what would be wrong if another one held the chassis too?

An ACTIVE that hears no peer, and does not know it away, may not be the only one: it cares for the
chassis on, and refuses what changes how (docs/adr/0018-isolated-active.md). Pure; asked by
`bmcha.node` for each command that is risky in that sense.
"""

from __future__ import annotations

from collections.abc import Iterable

from bmcha.ha.peer_view import PeerView
from bmcha.model.role import Refusal, Role


def refusals_of_risk(
    role: Role, peers: Iterable[PeerView], is_lone: bool, is_forced: bool
) -> frozenset[Refusal]:
    """``is_lone``: `policy.lone`, this module may be the only one in its chassis."""
    if role is not Role.ACTIVE or is_forced:
        return frozenset()
    is_isolated = any(not (peer.is_heard() or _is_away(peer, is_lone)) for peer in peers)
    return frozenset({Refusal.ISOLATED} if is_isolated else ())


def _is_away(peer: PeerView, is_lone: bool) -> bool:
    """Its slot is empty, it left in order, or nobody ever was there as far as anybody knows."""
    if peer.has_left or peer.lines.believed.presence is False:
        return True
    return is_lone and not peer.was_heard()
