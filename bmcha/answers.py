"""What a node says of itself: the JSON-ready bodies behind every question on the control socket.

One function a question; the shapes are the public contract (docs/control.md). Reads the node,
changes nothing, and turns times into ages because a monotonic clock means nothing to others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bmcha.chassis.keeper import ChassisKeeper
from bmcha.chassis.mirror_receiver import MirrorState
from bmcha.ha.conditions import redundancy_of
from bmcha.ha.evidence import rank_wait_ns, unheld_by_line_since_ns
from bmcha.ha.path_fault import Diagnosis, Symptoms, diagnose
from bmcha.ha.path_monitor import PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_keeper import RoleKeeper
from bmcha.ha.service_state import ServiceState
from bmcha.model.event import PathCounts, Question, StatusAsked
from bmcha.model.moment import NS_PER_S, ms_from_ns, ns_from_ms
from bmcha.model.reading import Quality
from bmcha.model.role import Role
from bmcha.model.settings import NodeSettings

Body = dict[str, Any]
Wait = tuple[str, int]
"""What is waited for, and for how much longer in ns."""

SCHEMA = 1
"""Grows when a field changes its meaning; new fields do not change it."""
MIRROR_STALE_NS = 5 * NS_PER_S
"""Ten summaries without a word that the mirror is level."""


@dataclass(slots=True)
class Facts:
    """All of a node that can be asked about. `Node` keeps it up to date."""

    settings: NodeSettings
    own_slot: int | None
    boot_id: int
    started_ns: int
    roles: RoleKeeper
    chassis: ChassisKeeper
    counts: dict[str, PathCounts] = field(default_factory=dict)
    port_faults: dict[str, str] = field(default_factory=dict)
    store_fault: str = ""
    service: ServiceState = field(init=False)

    def __post_init__(self) -> None:
        self.service = ServiceState(self.started_ns)

    def health(self) -> int:
        """0 to 100: what this node can do for the chassis. A node that cannot store is worse
        than one that can; the chassis' own faults are the same for both and do not count."""
        if self.own_slot is None:
            return 0
        broken_count = sum(bool(fault) for fault in self.port_faults.values())
        broken_count += len(self.service.stalled)
        return max(1, 100 - 20 * bool(self.store_fault) - 10 * broken_count)

    def is_mirror_synced(self) -> bool:
        chassis = self.chassis
        return chassis.sender.is_synced if chassis.is_holding else chassis.receiver.is_synced


def answer(facts: Facts, asked: StatusAsked, now_ns: int) -> Body:
    match asked.question:
        case Question.STATUS:
            return status(facts, now_ns)
        case Question.PATHS:
            return {"paths": paths(facts, now_ns)}
        case Question.SENSORS:
            return {"sensors": sensors(facts, now_ns)}
        case Question.FANS:
            return {"fans": fans(facts, now_ns)}
        case Question.EVENTS:
            return {"events": events(facts)}
        case Question.WHY:
            return why(facts, now_ns)


def status(facts: Facts, now_ns: int) -> Body:
    redundancy = redundancy_of(facts.roles, facts.is_mirror_synced())
    return {
        "schema": SCHEMA,
        "node": {
            "slot": facts.own_slot,
            "version": facts.settings.version,
            "boot_id": facts.boot_id,
            "chassis_id": facts.settings.chassis_id,
            "uptime_s": (now_ns - facts.started_ns) // NS_PER_S,
            "health": facts.health(),
        },
        "role": _role(facts, now_ns),
        "peer": _peer(next(iter(facts.roles.peers), None)),
        "peers": [_peer(peer) for peer in facts.roles.peers],
        "paths": paths(facts, now_ns),
        "redundancy": {"state": redundancy.state.value, "reasons": list(redundancy.reasons)},
        "mirror": mirror(facts, now_ns),
        "waits": waits(facts, now_ns),
        "maintenance": {
            "is_on": facts.roles.maintenance.is_on(now_ns),
            "remaining_s": facts.roles.maintenance.remaining_s(now_ns),
            "asked_by": facts.roles.maintenance.asked_by,
        },
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


def _role(facts: Facts, now_ns: int) -> Body:
    machine = facts.roles.machine
    return {
        "state": machine.role.name,
        "reason": machine.reason.name,
        "reason_text": machine.reason.sentence,
        "epoch": facts.roles.held_epoch or facts.roles.seen_epoch,
        "since_s": (now_ns - machine.since_ns) // NS_PER_S,
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
        "version": draft.firmware_level if draft is not None else None,
        "boot_id": peer.boot_id,
        "hears_us": peer.hears_us() if draft is not None else None,
    }


def _peer_state(peer: PeerView) -> str:
    if peer.is_heard() or peer.lines.levels.presence is True:
        return "PRESENT"
    return "ABSENT" if peer.lines.levels.presence is False else "UNKNOWN"


def paths(facts: Facts, now_ns: int) -> Body:
    return {
        monitor.name: _path(facts, peer, monitor, now_ns)
        for peer in facts.roles.peers
        for monitor in peer.monitors
    }


def _path(facts: Facts, peer: PeerView, monitor: PathMonitor, now_ns: int) -> Body:
    counts = facts.counts.get(monitor.name)
    found = _diagnosis(facts, peer, monitor, now_ns)
    one_way = monitor.one_way(now_ns)
    heard_ns = monitor.last_heard_ns
    settings = monitor.settings
    return {
        "health": "ONE_WAY" if one_way is not None else monitor.health.value,
        "one_way": one_way.value if one_way is not None else None,
        "rx": counts.rx_count if counts is not None else 0,
        "tx": counts.tx_count if counts is not None else 0,
        "lost": counts.lost_count if counts is not None else 0,
        "bad": counts.bad_count if counts is not None else 0,
        "forged": counts.forged_count if counts is not None else 0,
        "rtt_us": counts.rtt_us if counts is not None else None,
        "last_heard_ms": ms_from_ns(now_ns - heard_ns) if heard_ns is not None else None,
        "kind": settings.kind.value,
        "peer": settings.peer_slot,
        "interval_ms": settings.heartbeat_interval_ms,
        "warntime_ms": settings.warntime_ms,
        "deadtime_ms": settings.deadtime_ms,
        "peer_hears_us": monitor.peer_hears_us(),
        "fault": facts.port_faults.get(monitor.name, ""),
        "diagnosis": {
            "fault": found.fault.value,
            "text": found.fault.sentence,
            "evidence": list(found.evidence),
        },
    }


def _diagnosis(facts: Facts, peer: PeerView, monitor: PathMonitor, now_ns: int) -> Diagnosis:
    watchdog_ms = facts.settings.watchdog_ms
    return diagnose(
        Symptoms(
            peer=peer,
            monitor=monitor,
            counts=facts.counts.get(monitor.name),
            port_error=facts.port_faults.get(monitor.name, ""),
            watchdog_ns=ns_from_ms(watchdog_ms) if watchdog_ms else None,
            now_ns=now_ns,
        )
    )


def mirror(facts: Facts, now_ns: int) -> Body:
    """The ACTIVE tells what its peer has; any other node how old its own picture is."""
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
        if state is MirrorState.SYNCED and is_old:
            state = MirrorState.STALE
    return {
        "state": state.value,
        "sequence": sequence,
        "acked": acked,
        "staleness_ms": ms_from_ns(now_ns - fresh_ns) if fresh_ns is not None else None,
    }


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
    if hold_off_ns:
        yield f"hold-off after a crash ({facts.service.restart.why})", hold_off_ns
    elif roles.own.must_listen(now_ns):
        yield "listening to the others first", roles.own.must_listen_until_ns - now_ns
    if roles.maintenance.is_on(now_ns):
        yield "maintenance", roles.maintenance.remaining_s(now_ns) * NS_PER_S
    if roles.claim is not None:
        claim_ends_ns = roles.claim.deadline_ns()
        if claim_ends_ns is not None:
            yield "claim: store and line", claim_ends_ns - now_ns
    if roles.relinquishing is not None:
        begun_ns = roles.relinquishing.released_ns or roles.relinquishing.begun_ns
        end_ns = begun_ns + roles.relinquishing.take_back_after_ns
        yield "confirmation of the peer", end_ns - now_ns


def _peer_waits(facts: Facts, peer: PeerView, now_ns: int) -> Iterator[Wait]:
    """What stands between this node and a claim, as far as this peer goes."""
    roles, timers = facts.roles, facts.settings.timers
    if roles.machine.role not in (Role.STARTING, Role.STANDBY):
        return
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
    if peer.contradiction_since_ns is not None:
        limit_ns = ns_from_ms(timers.unverified_takeover_ms)
        yield "unverified takeover", peer.contradiction_since_ns + limit_ns - now_ns


def sensors(facts: Facts, now_ns: int) -> list[Body]:
    return [
        {
            "name": cell.name,
            "kind": cell.kind.name.lower(),
            "value_milli": cell.value_milli if cell.quality is not Quality.NONE else None,
            "quality": cell.quality.name,
            "age_ms": ms_from_ns(now_ns - cell.stamp_ns),
            "low_milli": cell.low_milli,
            "high_milli": cell.high_milli,
            "state": facts.chassis.limits.state(cell.index).value,
            "why": facts.chassis.sensor_judge.why(cell.index),
        }
        for cell in facts.chassis.picture.sensors()
    ]


def fans(facts: Facts, now_ns: int) -> list[Body]:
    zone_of = {fan.name: fan.zone for fan in facts.settings.chassis.fans}
    return [
        {
            "name": cell.name,
            "rpm": cell.rpm,
            "pwm": cell.pwm,
            "zone": zone_of.get(cell.name),
            "state": cell.state.name,
            "age_ms": ms_from_ns(now_ns - cell.stamp_ns),
            "why": facts.chassis.fan_judge.why(cell.index),
        }
        for cell in facts.chassis.picture.fans()
    ]


def events(facts: Facts) -> list[Body]:
    return [
        {
            "epoch": record.epoch,
            "number": record.number,
            "slot": record.slot,
            "severity": record.severity.name,
            "wall_ms": record.wall_ms,
            "kind": record.kind,
            "text": record.text,
        }
        for record in sorted(facts.chassis.log.tail(), key=lambda r: (r.wall_ms, r.key))
    ]


def why(facts: Facts, now_ns: int) -> Body:
    role = _role(facts, now_ns)
    inputs = facts.roles.inputs(now_ns)
    return {
        "role": role["state"],
        "reason": role["reason"],
        "reason_text": role["reason_text"],
        "epoch": role["epoch"],
        "since_s": role["since_s"],
        "evidence": {
            "board": inputs.board.value,
            "boot_window_over": inputs.is_boot_window_over,
            "peers": [
                {
                    "slot": peer.slot,
                    "heard": evidence.is_heard,
                    "silent": evidence.is_silent,
                    "said_goodbye": evidence.has_said_goodbye,
                    "says": evidence.role.name if evidence.role is not None else None,
                    "hears_us": evidence.hears_us,
                    "presence": evidence.presence,
                    "health": evidence.health,
                    "active": evidence.active,
                    "line_examination": peer.lines.step.name,
                }
                for peer, evidence in zip(facts.roles.peers, inputs.peers, strict=True)
            ],
        },
        "waits": waits(facts, now_ns),
        "history": [
            {
                "ago_s": (now_ns - change.at_ns) / NS_PER_S,
                "from": change.from_role.name,
                "to": change.to_role.name,
                "reason": change.reason.name,
                "reason_text": change.reason.sentence,
                "epoch": change.epoch,
            }
            for change in reversed(facts.roles.machine.history)
        ],
    }
