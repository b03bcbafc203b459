"""Everything a node waits for before it does something by itself."""

from __future__ import annotations

from collections.abc import Iterator

from bmcha.answers.facts import Body, Facts
from bmcha.ha.evidence import (
    is_active_line_stuck,
    rank_wait_ns,
    unheld_by_line_since_ns,
)
from bmcha.ha.peer_view import PeerView
from bmcha.model.moment import NS_PER_S, ms_from_ns, ns_from_ms
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass

_MOVES = {
    Reason.HEALTH_SWITCHOVER: "switchover to the healthier module",
    Reason.FAILBACK: "failback to the preferred slot",
}
Wait = tuple[str, int]
"""What is waited for, and for how much longer in ns."""


def waits(facts: Facts, now_ns: int) -> list[Body]:
    """Everything this node is waiting for before it does something by itself."""
    left = [*_role_waits(facts, now_ns)]
    for peer in facts.roles.peers:
        left += _peer_waits(facts, peer, now_ns)
    return [
        {"what": what, "remaining_ms": ms_from_ns(remaining_ns)}
        for what, remaining_ns in left
        if remaining_ns > 0
    ]


def _role_waits(facts: Facts, now_ns: int) -> Iterator[Wait]:
    roles = facts.roles
    if roles.machine.role is Role.STARTING:
        yield "boot window", roles.machine.boot_window_left_ns(now_ns)
    hold_off_ns = facts.service.hold_off_left_ns(now_ns)
    is_needed = roles.machine.role is Role.ACTIVE or roles.peers.has_lost_one()
    if hold_off_ns and not is_needed:
        yield f"hold-off after a crash ({facts.service.restart.why})", hold_off_ns
    elif roles.own.must_listen(now_ns):
        yield "listening to the others first", roles.own.must_listen_until_ns - now_ns
    if roles.maintenance.is_on(now_ns):
        yield "maintenance", roles.maintenance.remaining_s(now_ns) * NS_PER_S
    if roles.moves.wanted is not None:
        yield _MOVES[roles.moves.wanted[0]], roles.moves.remaining_ns(now_ns)
    if roles.claim is not None:
        claim_ends_ns = roles.claim.deadline_ns()
        if claim_ends_ns is not None:
            yield "claim: store and line", claim_ends_ns - now_ns
        elif roles.claim.is_listening:
            monitors = [monitor for peer in roles.peers for monitor in peer.monitors]
            left_ns = [m.deadtime_ns - m.silent_for_ns(now_ns) for m in monitors]
            yield "answer of the peer to the claim", max(left_ns, default=0)
    if roles.fence is not None:
        yield "proof of the reset", (roles.fence.gives_up_ns() or now_ns) - now_ns
    if roles.relinquishing is not None:
        begun_ns = roles.relinquishing.released_ns or roles.relinquishing.begun_ns
        end_ns = begun_ns + roles.relinquishing.take_back_after_ns
        yield "confirmation of the peer", end_ns - now_ns


def _peer_waits(facts: Facts, peer: PeerView, now_ns: int) -> Iterator[Wait]:
    """What stands between this node and a claim, as far as this peer goes."""
    roles, timers = facts.roles, facts.settings.timers
    if roles.machine.role not in (Role.STARTING, Role.STANDBY):
        return
    if roles.machine.reason is Reason.CUT_OFF:
        forbidden_ns = roles.own.opinions.forbids_until_ns(facts.settings.third_opinion)
        yield "cut off: claim on silence", forbidden_ns - now_ns
    probe_ends_ns = peer.lines.deadline_ns()
    if probe_ends_ns is not None:
        yield "answer to a probe", probe_ends_ns - now_ns
    rank_ns = rank_wait_ns(facts.settings, roles.own_slot)
    if peer.unheld_since_ns is not None and rank_ns:
        yield "rank delay", peer.unheld_since_ns + rank_ns - now_ns
    unheld_ns = unheld_by_line_since_ns(peer, roles.machine.boot_window_ends_ns)
    if unheld_ns is not None and facts.settings.has_active:
        window_ns = ns_from_ms(timers.claim_window_ms) + rank_ns
        yield "claim window", unheld_ns + window_ns - now_ns
    unclear_since_ns = peer.contradiction_since_ns
    is_lease = facts.settings.board_class is BoardClass.LEASE
    if is_lease and unclear_since_ns is None and is_active_line_stuck(peer):
        unclear_since_ns = peer.first_silent_ns
    if unclear_since_ns is not None:
        limit_ns = ns_from_ms(timers.unverified_takeover_ms)
        yield "unverified takeover", unclear_since_ns + limit_ns - now_ns
