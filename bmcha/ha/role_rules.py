"""The role rules: from a flat record of evidence to a role and its reason.

Plain `if`/`return`, first match wins; the order is the design. Nothing here knows how evidence
was gathered or how a role is entered. Every combination of the evidence is enumerated against
the invariants by `tests/unit/test_role_rules.py`, and two nodes that follow these rules live
through storms of faults in `tests/sim/`.

What makes the silent-peer rules safe on a *gated* board is a count of lies. A peer that holds
the chassis shows PRESENCE, HEALTH and ACTIVE up. With at most one lying line, a claim is only
allowed by readings that a holder could show with two lies at the least, or that show ACTIVE down
while every path is silent (docs/adr/0006-silent-peer.md has the table). A *reset* board fences
where a gated one would stay; a *lease* board relies on its holder (0011-fencing-and-lease.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy

STAYS = (Reason.ISOLATED, Reason.LINE_FAULT_SUSPECTED, Reason.ACTIVE_LINE_UNREADABLE)
"""Every path is silent, and the lines do not allow a claim."""


@dataclass(frozen=True, slots=True)
class PeerEvidence:
    """One peer. Lines: True up, False down, None not wired or unreadable.

    ``is_heard``: by a path, in its present life. ``role`` and the flags after it are what it
    says, and mean nothing when it is not heard. ``has_line_spoken``: a line is down, was read
    twice, and no probe was answered. The ``is_..._over`` flags are waits that have run out.
    ``is_deaf_rival``: for two beats it has said that it is ACTIVE and hears nothing from here.
    ``is_stranger``: never heard, while a module of another chassis speaks on its paths.
    ``was_heard`` and ``was_heard_active``: since this node's own start. ``is_lease_over``: it
    has not echoed this node for a lease. ``is_active_line_stuck``: up, and unmoved for long since
    its last beat.
    """

    is_earlier: bool
    is_heard: bool = False
    is_silent: bool = False
    has_said_goodbye: bool = False
    role: Role | None = None
    is_released: bool = False
    is_epoch_newer: bool = False
    hears_us: bool | None = None
    will_claim_on_silence: bool = False
    calls_us_silent_soon: bool = False
    has_handed_over: bool = False
    presence: bool | None = None
    health: bool | None = None
    active: bool | None = None
    has_line_spoken: bool = False
    is_rank_delay_over: bool = False
    is_claim_window_over: bool = False
    is_contradiction_over: bool = False
    is_deaf_rival: bool = False
    is_stranger: bool = False
    was_heard: bool = False
    was_heard_active: bool = False
    is_lease_over: bool = False
    is_active_line_stuck: bool = False


@dataclass(frozen=True, slots=True)
class RoleInputs:
    """``must_listen``: this node stood still a moment ago; what waits in its buffers is old.

    ``has_yielded``: it already let go once for a peer that hears nothing, and was not heard since.
    ``is_take_back_due``: nobody took what it let go. ``is_last_claimant``: its slot made
    the newest claim that was ever seen, in this life or before. ``is_fence_pending``: it is going
    to reset a peer, and no pulse was given yet.
    """

    role: Role
    reason: Reason
    peers: tuple[PeerEvidence, ...]
    board: BoardClass = BoardClass.BARE
    policy: IsolationPolicy = IsolationPolicy.TRUST_SILENCE
    is_slot_known: bool = True
    is_boot_window_over: bool = True
    is_lone_start_due: bool = False
    must_listen: bool = False
    is_own_gap_too_long: bool = False
    are_outputs_shut: bool = False
    has_yielded: bool = False
    is_take_back_due: bool = False
    is_in_maintenance: bool = False
    is_last_claimant: bool = False
    is_fence_pending: bool = False


@dataclass(frozen=True, slots=True)
class RoleDecision:
    """``role`` FENCING means: claim. ``is_active_line_doubted``: the claim may go on although
    the peer's ACTIVE line is up, because it is that line which lies. ``fenced_peer``: which of
    the peers is to be reset before the claim; its place in `RoleInputs.peers`."""

    role: Role
    reason: Reason
    is_active_line_doubted: bool = False
    fenced_peer: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one peer, for a node that waits: may it be passed over, and why (not)?"""

    is_clear: bool
    reason: Reason
    is_active_line_doubted: bool = False
    must_fence: bool = False


def decide(i: RoleInputs) -> RoleDecision:
    if not i.is_slot_known:
        return RoleDecision(Role.FAULT, Reason.OWN_SLOT_UNREADABLE)
    if i.is_own_gap_too_long and i.role is not Role.STARTING:
        return RoleDecision(Role.STANDBY, Reason.OWN_GAP_TOO_LONG)
    if i.role is Role.ACTIVE:
        return _decide_active(i)
    if i.role is Role.FENCING:
        return _decide_claiming(i)
    if i.role is Role.RELINQUISHING:
        return _decide_relinquishing(i)
    if i.role is Role.FAULT:
        return _stay(i)
    return _decide_waiting(i)


def _stay(i: RoleInputs) -> RoleDecision:
    return RoleDecision(i.role, i.reason)


# ---- ACTIVE


def _decide_active(i: RoleInputs) -> RoleDecision:
    for peer in i.peers:
        if peer.is_heard and peer.role is Role.ACTIVE and peer.is_epoch_newer:
            return RoleDecision(Role.STANDBY, Reason.PEER_HOLDS_NEWER_EPOCH)
    if any(peer.is_heard and peer.is_deaf_rival for peer in i.peers):
        # It will never hear that this epoch is newer: the one that hears lets go.
        return RoleDecision(Role.STANDBY, Reason.PEER_HEARS_NOTHING)
    if i.are_outputs_shut:
        return RoleDecision(Role.STANDBY, Reason.OUTPUTS_SHUT)
    for peer in i.peers:
        if not i.has_yielded and _will_take_over_unhearing(peer):
            return RoleDecision(Role.RELINQUISHING, Reason.RELEASED_UNHEARD)
        if i.board is BoardClass.LEASE and not i.has_yielded and peer.is_lease_over:
            return RoleDecision(Role.RELINQUISHING, Reason.LEASE_OVER)
    return _stay(i)


def _will_take_over_unhearing(peer: PeerEvidence) -> bool:
    """It is heard, hears nothing from here, and its rules end in a takeover: two would hold."""
    if not peer.is_heard or peer.hears_us is not False:
        return False
    if peer.role is Role.FENCING and peer.is_epoch_newer:
        return True
    return peer.role is Role.STANDBY and peer.will_claim_on_silence and peer.calls_us_silent_soon


# ---- FENCING: a peer is to be reset, or the claim is under way


def _decide_fencing(i: RoleInputs) -> RoleDecision:
    """Before the pulse all is judged afresh, as by a STANDBY: what it heard or saw meanwhile may
    call the fence off, or make it needless."""
    made = _decide_waiting(replace(i, role=Role.STANDBY))
    if made.role is Role.STANDBY and any(peer.is_heard for peer in i.peers):
        return RoleDecision(Role.STANDBY, Reason.FENCE_CALLED_OFF)
    return made


def _decide_claiming(i: RoleInputs) -> RoleDecision:
    if i.is_fence_pending:
        return _decide_fencing(i)
    for peer in i.peers:
        if not _has_fresh_word(i, peer):
            continue
        if peer.role is Role.ACTIVE:
            return RoleDecision(Role.STANDBY, Reason.PEER_IS_ACTIVE)
        if peer.role is Role.FENCING and (peer.is_earlier or peer.hears_us is False):
            return RoleDecision(Role.STANDBY, Reason.CONTEST_LOST)
    return _stay(i)


# ---- RELINQUISHING: let go, on purpose


def _decide_relinquishing(i: RoleInputs) -> RoleDecision:
    for peer in i.peers:
        if peer.is_heard and peer.role is Role.ACTIVE:
            return RoleDecision(Role.STANDBY, Reason.HANDED_OVER)
    if not i.is_take_back_due or any(p.is_heard and p.role is Role.FENCING for p in i.peers):
        return _stay(i)
    if any(peer.active for peer in i.peers):
        is_ours = i.reason is Reason.LEASE_OVER
        return RoleDecision(Role.STANDBY, Reason.ISOLATED if is_ours else Reason.HANDOVER_TIMED_OUT)
    if i.reason in (Reason.RELEASED_UNHEARD, Reason.LEASE_OVER):
        return RoleDecision(Role.FENCING, Reason.TAKEN_BACK)
    return RoleDecision(Role.FENCING, Reason.HANDOVER_TIMED_OUT)


# ---- STARTING and STANDBY: may this node claim?


def _decide_waiting(i: RoleInputs) -> RoleDecision:
    for peer in i.peers:
        if _is_held_by(i, peer):
            return RoleDecision(Role.STANDBY, _reason_of_holder(peer))
    if i.must_listen:
        return _stay(i)
    verdicts = [_judge(i, peer) for peer in i.peers]
    blocked = next((v for v in verdicts if not v.is_clear), None)
    if blocked is None and i.is_in_maintenance and not _may_claim_in_maintenance(i):
        return RoleDecision(Role.STANDBY, Reason.IN_MAINTENANCE)
    if blocked is None:
        return _claim(verdicts)
    if i.role is Role.STARTING and not i.is_boot_window_over:
        return _stay(i)
    return RoleDecision(Role.STANDBY, blocked.reason)


def _may_claim_in_maintenance(i: RoleInputs) -> bool:
    """Only where the role was, or where a person asked for it to go."""
    if i.is_last_claimant or i.role is Role.STARTING:
        return True
    return all(peer.has_handed_over or peer.has_said_goodbye for peer in i.peers)


def _has_fresh_word(i: RoleInputs, peer: PeerEvidence) -> bool:
    """It is heard, and no line has spoken since what proves the opposite of what it said."""
    return peer.is_heard and (not peer.has_line_spoken or _judge_spoken_line(i, peer) is None)


def _is_held_by(i: RoleInputs, peer: PeerEvidence) -> bool:
    """The peer holds the chassis by its own word, or is about to."""
    if not _has_fresh_word(i, peer):
        return False
    if peer.role is Role.RELINQUISHING:
        return not peer.is_released
    return peer.role in (Role.ACTIVE, Role.FENCING)


def _reason_of_holder(peer: PeerEvidence) -> Reason:
    return Reason.PEER_IS_CLAIMING if peer.role is Role.FENCING else Reason.PEER_IS_ACTIVE


def _claim(verdicts: list[Verdict]) -> RoleDecision:
    if not verdicts:
        return RoleDecision(Role.FENCING, Reason.LONE_START)
    is_doubted = any(v.is_active_line_doubted for v in verdicts)
    fenced = next((place for place, v in enumerate(verdicts) if v.must_fence), None)
    first = verdicts[fenced or 0]
    return RoleDecision(Role.FENCING, first.reason, is_doubted, fenced)


def _judge(i: RoleInputs, peer: PeerEvidence) -> Verdict:
    if peer.has_said_goodbye:
        return _judge_by_goodbye(peer)
    if peer.has_line_spoken:
        spoken = _judge_spoken_line(i, peer)
        if spoken is not None:
            return spoken
    if peer.is_heard:
        return _judge_heard(i, peer)
    if not peer.is_silent or not (i.is_boot_window_over or peer.was_heard):
        return Verdict(False, Reason.BOOT_LISTENING if i.role is Role.STARTING else i.reason)
    if i.board is BoardClass.GATED:
        return _judge_silent_gated(peer)
    if i.board is BoardClass.RESET:
        return _judge_silent_reset(i, peer)
    if i.board is BoardClass.LEASE:
        return _judge_silent_lease(i, peer)
    if peer.is_stranger and not i.is_last_claimant:
        # One of the two is in the wrong chassis. The one that held this chassis last is at home.
        return Verdict(False, Reason.OTHER_CHASSIS)
    return _judge_silent_bare(i)


def _judge_by_goodbye(peer: PeerEvidence) -> Verdict:
    """It released before it spoke; a line that stays up for long after that is stuck."""
    if not peer.active:
        return Verdict(True, Reason.PEER_SAID_GOODBYE)
    if peer.is_contradiction_over:
        return Verdict(True, Reason.UNVERIFIED_TAKEOVER, is_active_line_doubted=True)
    return Verdict(False, Reason.LINE_FAULT_SUSPECTED)


def _judge_spoken_line(i: RoleInputs, peer: PeerEvidence) -> Verdict | None:
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


def _judge_heard(i: RoleInputs, peer: PeerEvidence) -> Verdict:
    """Heard, and neither ACTIVE nor about to be: nobody holds the chassis."""
    if peer.role is Role.FAULT:
        return Verdict(True, Reason.PEER_IN_FAULT)
    if peer.role is Role.RELINQUISHING:
        if i.role is Role.STARTING:
            return Verdict(False, Reason.PEER_CLAIMS_FIRST)
        asked = peer.has_handed_over
        return Verdict(True, Reason.HANDOVER_ASKED if asked else Reason.PEER_RELEASED)
    if i.role is Role.STANDBY and peer.role is Role.STARTING:
        return Verdict(True, Reason.STANDBY_BEFORE_STARTING)
    is_pinned = i.is_in_maintenance  # then a STANDBY does not go before the restarted holder
    if i.role is Role.STARTING and peer.role is Role.STANDBY and not is_pinned:
        return Verdict(False, Reason.PEER_CLAIMS_FIRST)
    if not peer.is_earlier:
        return Verdict(True, Reason.FIRST_IN_SUCCESSION)
    if peer.is_rank_delay_over:
        return Verdict(True, Reason.RANK_DELAY_OVER)
    return Verdict(False, Reason.PEER_CLAIMS_FIRST)


def _judge_silent_gated(peer: PeerEvidence) -> Verdict:
    """Every path is silent past its dead time: the lines tell who holds."""
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
    if is_unclear and peer.was_heard_active and i.role is Role.STANDBY:
        return Verdict(True, Reason.FENCING_PEER, must_fence=True)
    return verdict


def _judge_silent_lease(i: RoleInputs, peer: PeerEvidence) -> Verdict:
    """A holder that lives and is no longer echoed lets its line fall once; a line that does not
    move is held by nobody who runs."""
    if peer.active is False:
        if peer.presence is False:
            return Verdict(True, Reason.PEER_ABSENT)
        if (i.role is Role.STANDBY and peer.was_heard) or peer.is_claim_window_over:
            return Verdict(True, Reason.PEER_ACTIVE_LINE_DOWN)
        return Verdict(False, Reason.PEER_CLAIMS_FIRST)
    if peer.active is None:
        if peer.presence is False:
            return Verdict(True, Reason.PEER_ABSENT)
        return Verdict(False, Reason.ACTIVE_LINE_UNREADABLE)
    if peer.is_active_line_stuck:
        return Verdict(True, Reason.UNVERIFIED_TAKEOVER, is_active_line_doubted=True)
    return Verdict(False, Reason.ISOLATED)


def _judge_silent_bare(i: RoleInputs) -> Verdict:
    """No line can tell; the configured policy says what silence means."""
    if i.policy is IsolationPolicy.TRUST_SILENCE:
        return Verdict(True, Reason.PEER_SILENT)
    if i.is_lone_start_due:
        return Verdict(True, Reason.LONE_START)
    return Verdict(False, Reason.HELD_BY_POLICY)
