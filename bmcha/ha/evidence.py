"""Turns what is known of the peers into the flat record that the rules judge.

Every wait becomes a flag here ("is it over?"), so the rules see no times. Pure.
"""

from __future__ import annotations

from bmcha.ha.peer_view import PeerView
from bmcha.ha.rule_record import PeerEvidence
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Reason
from bmcha.model.settings import BoardClass, IsolationPolicy, NodeSettings, TimerSettings

HANDING_OVER = (
    *(Reason.SWITCHOVER_ASKED, Reason.STOP_ASKED),
    *(Reason.HEALTH_SWITCHOVER, Reason.FAILBACK),
)


def is_over(since_ns: int | None, wait_ns: int, now_ns: int) -> bool:
    return since_ns is not None and now_ns - since_ns >= wait_ns


def rank_wait_ns(settings: NodeSettings, own_slot: int) -> int:
    """A later node gives every earlier one the time of a claim."""
    return settings.succession.rank(own_slot) * ns_from_ms(settings.timers.rank_delay_ms)


def last_rank_wait_ns(settings: NodeSettings) -> int:
    """After this every other node, even the last in the succession, has had its turn."""
    return len(settings.succession.slots) * ns_from_ms(settings.timers.rank_delay_ms)


def evidence_of(
    peer: PeerView,
    settings: NodeSettings,
    own_slot: int,
    held_epoch: int,
    now_ns: int,
    boot_window_ends_ns: int = 0,
) -> PeerEvidence:
    succession, timers = settings.succession, settings.timers
    draft, levels = peer.draft, peer.lines.believed
    is_heard = peer.is_heard()
    return PeerEvidence(
        is_earlier=succession.rank(peer.slot) < succession.rank(own_slot),
        is_heard=is_heard,
        is_silent=peer.is_silent(now_ns),
        has_said_goodbye=peer.has_left,
        role=draft.role if draft is not None and is_heard else None,
        is_released=draft is not None and draft.is_released,
        is_epoch_newer=draft is not None and draft.epoch > held_epoch,
        hears_us=peer.hears_us(),
        will_claim_on_silence=draft is not None and draft.will_claim_on_silence,
        calls_us_silent_soon=now_ns >= _release_by_ns(peer),
        has_handed_over=_has_handed_over(peer),
        presence=levels.presence,
        health=levels.health,
        active=levels.active,
        has_line_spoken=peer.lines.has_spoken,
        is_rank_delay_over=is_over(peer.unheld_since_ns, rank_wait_ns(settings, own_slot), now_ns),
        is_claim_window_over=is_over(
            unheld_by_line_since_ns(peer, boot_window_ends_ns),
            ns_from_ms(timers.claim_window_ms) + rank_wait_ns(settings, own_slot),
            now_ns,
        ),
        is_deaf_rival=is_over(peer.deaf_rival_since_ns, _two_beats_ns(peer), now_ns),
        is_stranger=peer.boot_id is None
        and any(m.foreign_chassis_id(now_ns) is not None for m in peer.monitors),
        was_heard=peer.was_heard(),
        was_heard_active=peer.was_heard_active,
        is_lease_over=_is_lease_over(peer, timers, now_ns),
        is_active_line_stuck=is_active_line_stuck(peer)
        and is_over(peer.first_silent_ns, ns_from_ms(timers.unverified_takeover_ms), now_ns),
        is_contradiction_over=is_over(
            peer.contradiction_since_ns, ns_from_ms(timers.unverified_takeover_ms), now_ns
        ),
        is_fenced=peer.is_fenced,
        knows_our_epoch=draft is not None and 0 < held_epoch == draft.epoch,
    )


def _is_lease_over(peer: PeerView, timers: TimerSettings, now_ns: int) -> bool:
    """It could take over and hears nothing of us, as far as can be known from here."""
    is_there = peer.was_heard() and not peer.has_left and not peer.was_absent_since()
    if not is_there or peer.is_heard() or peer.lines.believed.presence is False:
        return False
    return now_ns >= peer.calls_us_silent_at_ns() + ns_from_ms(timers.lease_margin_ms)


def is_active_line_stuck(peer: PeerView) -> bool:
    is_up = peer.lines.believed.active is True
    return is_up and peer.was_heard() and not peer.has_active_line_moved()


def _has_handed_over(peer: PeerView) -> bool:
    """By the Handover itself, or by a beat that overtook it."""
    if peer.handover is not None:
        return True
    return peer.draft is not None and peer.draft.reason in HANDING_OVER


def _release_by_ns(peer: PeerView) -> int:
    """Two beats before the peer would judge this node silent: the release itself must be in
    force before its claim is."""
    return peer.calls_us_silent_at_ns() - _two_beats_ns(peer)


def _two_beats_ns(peer: PeerView) -> int:
    """Of the slowest path."""
    return 2 * max((m.interval_ns for m in peer.monitors), default=0)


def unheld_by_line_since_ns(peer: PeerView, boot_window_ends_ns: int) -> int | None:
    """Since when every path is silent *and* the ACTIVE line is down; not before the boot window
    has ended, so that two modules that start cut off still claim one after the other."""
    if peer.first_silent_ns is None or peer.lines.active_down_since_ns is None:
        return None
    window_ends_ns = 0 if peer.was_heard() else boot_window_ends_ns
    return max(peer.first_silent_ns, peer.lines.active_down_since_ns, window_ends_ns)


def is_claim_certain_on_silence(settings: NodeSettings, peer: PeerView) -> bool:
    """What a STANDBY announces: with silence alone its rules end in a takeover from ``peer``."""
    match settings.board_class:
        case BoardClass.BARE:
            return settings.isolation_policy is IsolationPolicy.TRUST_SILENCE
        case BoardClass.RESET:
            return peer.was_heard_active
        case BoardClass.LEASE:
            return not peer.has_active_line_moved()
        case BoardClass.GATED:
            return False
