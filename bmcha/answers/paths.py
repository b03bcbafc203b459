"""The paths: health, counts, and what is broken where one is silent."""

from __future__ import annotations

from bmcha.answers.facts import Body, Facts
from bmcha.ha.path_fault import Diagnosis, Pinged, Symptoms, diagnose
from bmcha.ha.path_monitor import PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.model.event import PathCounts
from bmcha.model.moment import NS_PER_S, ms_from_ns, ns_from_ms
from bmcha.model.settings import PathKind


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
    pinged = _pinged(facts, peer, now_ns)
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
        "proven_s": _age_s(monitor.proven_ns, now_ns),
        "kind": settings.kind.value,
        "peer": settings.peer_slot,
        "interval_ms": settings.heartbeat_interval_ms,
        "warntime_ms": settings.warntime_ms,
        "deadtime_ms": settings.deadtime_ms,
        "peer_hears_us": monitor.peer_hears_us(),
        "fault": facts.port_faults.get(monitor.name, ""),
        "pinged": {"peer": pinged.peer, "reference": pinged.reference},
        "line": _line(counts) if counts is not None else None,
        "diagnosis": {
            "fault": found.fault.value,
            "text": found.fault.sentence,
            "evidence": list(found.evidence),
        },
    }


def _age_s(at_ns: int | None, now_ns: int) -> int | None:
    return None if at_ns is None else max(0, now_ns - at_ns) // NS_PER_S


def _line(counts: PathCounts) -> Body:
    """What came and is no frame for this path, and what port and kernel say. Hints, for people."""
    signs = counts.signs
    return {
        "bad": dict(counts.bad_counts),
        "noise_per_s": counts.noise_per_s,
        "foreign": counts.foreign_count,
        "foreign_chassis": counts.foreign_chassis_id,
        "twin": counts.twin.role.name if counts.twin is not None else None,
        "refused": signs.refused_count,
        "hung_up": signs.is_hung_up,
        "carrier": signs.has_carrier,
        "clear_to_send": signs.is_clear_to_send,
        "unread": signs.unread_count,
        "uart": {
            "framing": signs.uart.framing_count,
            "parity": signs.uart.parity_count,
            "overrun": signs.uart.overrun_count,
            "break": signs.uart.break_count,
        }
        if signs.uart is not None
        else None,
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
            pinged=_pinged(facts, peer, now_ns),
        )
    )


def _pinged(facts: Facts, peer: PeerView, now_ns: int) -> Pinged:
    """Whoever of the peer's udp addresses answers, the peer does."""
    asked, opinions = facts.settings.third_opinion, facts.roles.own.opinions
    if asked is None:
        return Pinged()
    udp = [m.settings for m in peer.monitors if m.settings.kind is PathKind.UDP]
    told = [opinions.answers(each.remote[0], asked, now_ns) for each in udp]
    answered = True if True in told else False if False in told else None
    return Pinged(answered, opinions.answers(asked.address, asked, now_ns))
