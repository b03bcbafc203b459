"""The overview: node, role, peers, paths, redundancy, mirror, waits, maintenance and alarms."""

from __future__ import annotations

from bmcha.answers.facts import Body, Facts
from bmcha.answers.keys import keys
from bmcha.answers.paths import paths
from bmcha.answers.waits import waits
from bmcha.chassis.mirror_receiver import MirrorState
from bmcha.ha.conditions import redundancy_of
from bmcha.ha.peer_view import PeerView
from bmcha.model.moment import NS_PER_S, ms_from_ns

SCHEMA = 1
"""Grows when a field changes its meaning; new fields do not change it."""
MIRROR_STALE_NS = 5 * NS_PER_S
"""Ten summaries without a word that the mirror is level."""


def status(facts: Facts, now_ns: int) -> Body:
    redundancy = redundancy_of(facts.roles, facts.is_mirror_synced())
    return {
        "schema": SCHEMA,
        "node": {
            "slot": facts.own_slot,
            "version": facts.settings.version,
            "firmware_level": facts.settings.firmware_level,
            "boot_id": facts.boot_id,
            "chassis_id": facts.settings.chassis_id,
            "uptime_s": (now_ns - facts.started_ns) // NS_PER_S,
            "health": facts.health.score,
            "health_reasons": list(facts.health.reasons),
        },
        "role": role(facts, now_ns),
        "peer": _peer(next(iter(facts.roles.peers), None)),
        "peers": [_peer(peer) for peer in facts.roles.peers],
        "paths": paths(facts, now_ns),
        "keys": keys(facts),
        "lines": lines(facts, now_ns),
        "redundancy": {"state": redundancy.state.value, "reasons": list(redundancy.reasons)},
        "mirror": mirror(facts, now_ns),
        "waits": waits(facts, now_ns),
        "maintenance": {
            "is_on": facts.roles.maintenance.is_on(now_ns),
            "remaining_s": facts.roles.maintenance.remaining_s(now_ns),
            "asked_by": facts.roles.maintenance.asked_by,
        },
        "lockout": lockout(facts, now_ns),
        "conflicts": conflicts(facts),
        "alarms": [
            {
                "id": alarm.alarm_id,
                "severity": alarm.severity.name,
                "text": alarm.text,
                "since_s": max(0, now_ns - alarm.since_ns) // NS_PER_S,
            }
            for alarm in facts.chassis.alarms.raised()
        ],
    }


def role(facts: Facts, now_ns: int) -> Body:
    machine = facts.roles.machine
    return {
        "state": machine.role.name,
        "reason": machine.reason.name,
        "reason_text": machine.reason.sentence,
        "epoch": facts.roles.held_epoch or facts.roles.seen_epoch,
        "since_s": (now_ns - machine.since_ns) // NS_PER_S,
    }


def lines(facts: Facts, now_ns: int) -> list[Body]:
    """Each line with what it should say, and when it was last seen to do so."""
    found = []
    for line in facts.roles.lines():
        proof = facts.roles.proofs.of_line(line.name)
        found.append(
            {
                "name": line.name,
                "level": line.level,
                "expected": line.expected,
                "proven_s": None if proof is None else (now_ns - proof.at_ns) // NS_PER_S,
                "proven_by": None if proof is None else proof.how,
            }
        )
    return found


def conflicts(facts: Facts) -> Body:
    """Splits of which the log tells: two modules held the chassis at once."""
    splits = facts.chassis.log.splits
    last = {"wall_ms": splits[-1].wall_ms, "text": splits[-1].text} if splits else None
    return {"count": len(splits), "last": last}


def lockout(facts: Facts, now_ns: int) -> Body:
    flaps, moves = facts.roles.flaps, facts.settings.moves
    return {
        "is_locked": flaps.is_locked,
        "why": flaps.why,
        "since_s": (now_ns - flaps.since_ns) // NS_PER_S if flaps.is_locked else None,
        "failovers": flaps.failovers_count,
        "failovers_max": moves.failovers_max,
        "failovers_window_s": moves.failovers_window_s,
    }


def _peer(peer: PeerView | None) -> Body | None:
    if peer is None:
        return None
    draft = peer.draft if peer.is_heard() else None
    levels = peer.lines.levels
    return {
        "slot": peer.slot,
        "state": _peer_state(peer),
        "role": draft.role.name if draft is not None else None,
        "epoch": draft.epoch if draft is not None else None,
        "health": draft.health if draft is not None else None,
        "presence": levels.presence,
        "healthy_line": levels.health,
        "active_line": levels.active,
        "reset_line": levels.reset,
        "firmware_level": draft.firmware_level if draft is not None else None,
        "boot_id": peer.boot_id,
        "hears_us": peer.hears_us() if draft is not None else None,
    }


def _peer_state(peer: PeerView) -> str:
    if peer.is_heard() or peer.lines.levels.presence is True:
        return "PRESENT"
    return "ABSENT" if peer.lines.levels.presence is False else "UNKNOWN"


def _is_other_end_heard(facts: Facts) -> bool:
    """By the ACTIVE whoever may have its picture, by any other node the one that sends it."""
    is_sender = facts.chassis.is_holding
    drafts = [peer.draft for peer in facts.roles.peers if peer.is_heard()]
    return any(draft is not None and draft.is_holding is not is_sender for draft in drafts)


def mirror(facts: Facts, now_ns: int) -> Body:
    """The ACTIVE tells what its peer has; any other node how old its own picture is. It is SYNCED
    only while the other end is heard: otherwise nothing tells how much has changed since."""
    chassis = facts.chassis
    if chassis.is_holding:
        sender = chassis.sender
        state = MirrorState.NONE
        if sender.is_joined:
            state = MirrorState.SYNCED if sender.is_synced else MirrorState.JOINING
        fresh_ns = now_ns if sender.is_drained else sender.acked_ns
        sequence, acked = sender.sequence, sender.acked_sequence
    else:
        receiver = chassis.receiver
        state, fresh_ns = receiver.state, receiver.fresh_ns
        sequence = acked = receiver.sequence
    is_old = fresh_ns is None or now_ns - fresh_ns > MIRROR_STALE_NS
    if state is MirrorState.SYNCED and (is_old or not _is_other_end_heard(facts)):
        state = MirrorState.STALE
    return {
        "state": state.value,
        "sequence": sequence,
        "acked": acked,
        "staleness_ms": ms_from_ns(now_ns - fresh_ns) if fresh_ns is not None else None,
    }
