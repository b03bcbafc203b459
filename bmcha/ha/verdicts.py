"""May a waiting node pass over this peer, and why (not)? From the evidence about one peer.

Plain `if`/`return`, first match wins: its goodbye, a line that spoke, its word, its silence. What
makes the silent-peer rules safe on a *gated* board is a count of lies. A peer that holds the
chassis shows PRESENCE, HEALTH and ACTIVE up. With at most one lying line, a claim is only allowed
by readings that a holder could show with two lies at the least, or that show ACTIVE down while
every path is silent (docs/adr/0006-silent-peer.md has the table). A *reset* board fences where a
gated one would stay; a *lease* board relies on its holder (0011-fencing-and-lease.md). Called by
`bmcha.ha.role_rules`.
"""

from __future__ import annotations

from bmcha.ha.rule_record import PeerEvidence, RoleInputs, Verdict
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy

STAYS = (Reason.ISOLATED, Reason.LINE_FAULT_SUSPECTED, Reason.ACTIVE_LINE_UNREADABLE)
"""Every path is silent, and the lines do not allow a claim."""


def judge(i: RoleInputs, peer: PeerEvidence) -> Verdict:
    if peer.has_said_goodbye:
        return judge_goodbye(peer)
    if peer.has_line_spoken:
        spoken = judge_spoken_line(i, peer)
        if spoken is not None:
            return spoken
    if peer.is_heard:
        return _judge_heard(i, peer)
    if not peer.is_silent or not (i.is_boot_window_over or peer.was_heard):
        return Verdict(False, Reason.BOOT_LISTENING if i.role is Role.STARTING else i.reason)
    return judge_silent(i, peer)


def judge_goodbye(peer: PeerEvidence) -> Verdict:
    """It released before it spoke; a line that stays up for long after that is stuck."""
    if not peer.active:
        return Verdict(True, Reason.PEER_SAID_GOODBYE)
    if peer.is_contradiction_over:
        return Verdict(True, Reason.UNVERIFIED_TAKEOVER, is_active_line_doubted=True)
    return Verdict(False, Reason.LINE_FAULT_SUSPECTED)


def judge_spoken_line(i: RoleInputs, peer: PeerEvidence) -> Verdict | None:
    """PRESENCE or HEALTH is down and nobody answered. None: the line alone decides nothing."""
    if peer.presence is False:
        if not peer.active:
            return Verdict(True, Reason.PEER_ABSENT)
        if peer.health is False:
            return Verdict(True, Reason.PEER_ABSENT, is_active_line_doubted=True)
        return None
    if peer.health is False and not peer.active and i.role is not Role.STARTING:
        return Verdict(True, Reason.PEER_HEALTH_DOWN)
    return None


def must_answer(i: RoleInputs, peer: PeerEvidence) -> bool:
    """No line can tell whether it holds, and two must never: nothing is claimed from it unless it
    says that it knows. A gated board's ACTIVE line that cannot be read tells as little as none."""
    if i.board is BoardClass.BARE:
        return i.policy is IsolationPolicy.HOLD
    return i.board.is_gated and peer.active is None


def reason_of_no_answer(i: RoleInputs) -> Reason:
    is_bare = i.board is BoardClass.BARE
    return Reason.HELD_BY_POLICY if is_bare else Reason.ACTIVE_LINE_UNREADABLE


def _judge_heard(i: RoleInputs, peer: PeerEvidence) -> Verdict:
    """Heard, and neither ACTIVE nor about to be: nobody holds the chassis."""
    if peer.role is Role.FAULT:
        return Verdict(True, Reason.PEER_IN_FAULT)
    if peer.role is Role.RELINQUISHING:
        if i.role is Role.STARTING:
            return Verdict(False, Reason.PEER_CLAIMS_FIRST)
        asked = peer.has_handed_over
        return Verdict(True, Reason.HANDOVER_ASKED if asked else Reason.PEER_RELEASED)
    if peer.hears_us is False and must_answer(i, peer):
        return Verdict(False, reason_of_no_answer(i))
    if i.role is not Role.STARTING and peer.role is Role.STARTING:
        return Verdict(True, Reason.STANDBY_BEFORE_STARTING)
    is_pinned = i.is_in_maintenance  # then a STANDBY does not go before the restarted holder
    if i.role is Role.STARTING and peer.role is Role.STANDBY and not is_pinned:
        return Verdict(False, Reason.PEER_CLAIMS_FIRST)
    if not peer.is_earlier:
        return Verdict(True, Reason.FIRST_IN_SUCCESSION)
    if peer.is_rank_delay_over:
        return Verdict(True, Reason.RANK_DELAY_OVER)
    return Verdict(False, Reason.PEER_CLAIMS_FIRST)


def judge_silent(i: RoleInputs, peer: PeerEvidence) -> Verdict:
    """Every path is silent past its dead time, and the boot window is over for this peer."""
    match i.board:
        case BoardClass.GATED:
            return _judge_silent_gated(peer)
        case BoardClass.RESET:
            return _judge_silent_reset(i, peer)
        case BoardClass.LEASE:
            return _judge_silent_lease(i, peer)
        case BoardClass.BARE:
            return _judge_silent_bare(i, peer)


def _judge_silent_gated(peer: PeerEvidence) -> Verdict:
    """The lines tell who holds."""
    if peer.active is False:
        if peer.presence is False:
            return Verdict(True, Reason.PEER_ABSENT)
        if peer.is_claim_window_over:
            return Verdict(True, Reason.PEER_ACTIVE_LINE_DOWN)
        return Verdict(False, Reason.PEER_CLAIMS_FIRST)
    if peer.presence is False and peer.health is False:
        return Verdict(True, Reason.PEER_ABSENT, is_active_line_doubted=True)
    if peer.health is False:
        if peer.is_contradiction_over:
            return Verdict(True, Reason.UNVERIFIED_TAKEOVER, is_active_line_doubted=True)
        return Verdict(False, Reason.LINE_FAULT_SUSPECTED)
    if peer.active is None:
        return Verdict(False, Reason.ACTIVE_LINE_UNREADABLE)
    return Verdict(False, Reason.ISOLATED)


def _judge_silent_reset(i: RoleInputs, peer: PeerEvidence) -> Verdict:
    """As on a gated board; where that would stay, whoever heard the peer hold the chassis makes
    sure that it does not. Who never did might be the one that is cut off."""
    verdict = _judge_silent_gated(peer)
    is_unclear = verdict.reason in (*STAYS, Reason.UNVERIFIED_TAKEOVER)
    if is_unclear and peer.was_heard_active and i.role is not Role.STARTING:
        return Verdict(True, Reason.FENCING_PEER, must_fence=True)
    return verdict


def _judge_silent_lease(i: RoleInputs, peer: PeerEvidence) -> Verdict:
    """A holder that lives and is no longer echoed lets its line fall once; a line that does not
    move is held by nobody who runs."""
    if peer.active is False:
        if peer.presence is False:
            return Verdict(True, Reason.PEER_ABSENT)
        is_known = i.role is not Role.STARTING and peer.was_heard
        if is_known or peer.is_claim_window_over:
            return Verdict(True, Reason.PEER_ACTIVE_LINE_DOWN)
        return Verdict(False, Reason.PEER_CLAIMS_FIRST)
    if peer.active is None:
        if peer.presence is False:
            return Verdict(True, Reason.PEER_ABSENT)
        return Verdict(False, Reason.ACTIVE_LINE_UNREADABLE)
    if peer.is_active_line_stuck:
        return Verdict(True, Reason.UNVERIFIED_TAKEOVER, is_active_line_doubted=True)
    return Verdict(False, Reason.ISOLATED)


def _judge_silent_bare(i: RoleInputs, peer: PeerEvidence) -> Verdict:
    """No line can tell; the configured policy says what silence means."""
    if peer.is_stranger and not i.is_last_claimant:
        # One of the two is in the wrong chassis. The one that held this chassis last is at home.
        return Verdict(False, Reason.OTHER_CHASSIS)
    if i.policy is IsolationPolicy.TRUST_SILENCE:
        if i.is_cut_off:
            # The peer may hold the chassis, and be well.
            return Verdict(False, Reason.CUT_OFF)
        if i.is_locked_out and not i.is_last_claimant:
            # It would be one more failover. Where the role was, it may go on.
            return Verdict(False, Reason.LOCKED_OUT)
        return Verdict(True, Reason.PEER_SILENT)
    if i.is_lone_start_due:
        return Verdict(True, Reason.LONE_START)
    return Verdict(False, Reason.HELD_BY_POLICY)


def has_fresh_word(i: RoleInputs, peer: PeerEvidence) -> bool:
    """It is heard, and no line has spoken since what proves the opposite of what it said."""
    return peer.is_heard and (not peer.has_line_spoken or judge_spoken_line(i, peer) is None)
