"""Is there anything that a node waits for? While there is not, its ticks may be far apart.

A node at rest learns of everything by an event: a path that grows late, a line, a message, a word
of the peer. What it does by the clock alone takes seconds then, and may come a `REST_MS` later. As
soon as one thing is not as it should be, the ticks are as close as `timers.tick_ms` says
(docs/adr/0027-a-node-at-rest.md). Pure; asked by `bmcha.node` after each step.
"""

from __future__ import annotations

from typing import Final

from bmcha.ha.line_watch import Step
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_keeper import RoleKeeper
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Role
from bmcha.model.settings import NodeSettings

REST_MS: Final = 250
TICKS_PER_STALL: Final = 4
TICKS_PER_WATCHDOG: Final = 4
SETTLED_NS: Final = ns_from_ms(2000)
"""By then whoever holds, and why, has been told on every path."""


def rest_ns(settings: NodeSettings) -> int:
    """From one tick to the next at rest: nobody may take it for a stall, no watchdog may fire."""
    limits_ms = [REST_MS, settings.timers.stall_limit_ms // TICKS_PER_STALL]
    if settings.watchdog_ms is not None:
        limits_ms.append(settings.watchdog_ms // TICKS_PER_WATCHDOG)
    return ns_from_ms(max(settings.timers.tick_ms, min(limits_ms)))


def is_at_rest(keeper: RoleKeeper, now_ns: int) -> bool:
    """One holds and all others stand by, for a while; all hear each other on every path, and
    nothing that was asked for is under way."""
    machine, own = keeper.machine, keeper.own
    if now_ns - machine.since_ns < SETTLED_NS or keeper.drill.is_under_way:
        return False
    if own.must_listen(now_ns) or own.is_held_off(now_ns):
        return False
    roles = [machine.role, *(peer.draft.role for peer in keeper.peers if peer.draft is not None)]
    if roles.count(Role.ACTIVE) != 1 or roles.count(Role.STANDBY) != len(keeper.peers):
        return False
    trusted = keeper.peers.may_hear_us()
    return all(_is_calm(peer, trusted) for peer in keeper.peers)


def _is_calm(peer: PeerView, trusted: set[str]) -> bool:
    """``trusted``: the paths over which beats prove that this node has not stood still. At rest it
    has no other proof."""
    is_line_examined = peer.lines.step in (Step.QUIET, Step.FAULT)
    waits = (peer.contradiction_since_ns, peer.deaf_rival_since_ns, peer.active_line_lies_since_ns)
    is_waited_for = any(since_ns is not None for since_ns in waits)
    is_well_heard = all(m.is_heard_both_ways and m.peer_hears_us() for m in peer.monitors)
    is_proven = any(m.name in trusted for m in peer.monitors)
    return is_line_examined and is_well_heard and is_proven and not is_waited_for
