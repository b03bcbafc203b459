"""What the role rules judge, and what they say: flat, frozen records without times or numbers.

Gathered by `bmcha.ha.evidence` (a peer) and `bmcha.ha.role_keeper` (this node), judged by
`bmcha.ha.role_rules` and `bmcha.ha.verdicts`. Every wait is a flag here: is it over?
"""

from __future__ import annotations

from bmcha.model.record import dataclass
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy


@dataclass(frozen=True, slots=True)
class PeerEvidence:
    """One peer. Lines: True up, False down, None not wired or unreadable.

    ``is_heard``: by a path, in its present life. ``has_said_goodbye``: and none of its lines rose
    since. ``role`` and the flags after it are what it says, and mean nothing when it is not heard.
    ``has_line_spoken``: a line is down, was read twice, and no probe was answered. The
    ``is_..._over`` flags are waits that have run out.
    ``is_deaf_rival``: for two beats it has said that it is ACTIVE and hears nothing from here.
    ``is_stranger``: never heard, while a module of another chassis speaks on its paths.
    ``was_heard`` and ``was_heard_active``: since this node's own start. ``is_lease_over``: it
    has not echoed this node for a lease. ``is_active_line_stuck``: up, and unmoved for long since
    its last beat. ``knows_our_epoch``: its word names the epoch of this node's claim.
    ``is_fenced``: a reset from here has ended the life that was heard last.
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
    knows_our_epoch: bool = False
    is_fenced: bool = False


@dataclass(frozen=True, slots=True)
class RoleInputs:
    """``is_slot_taken``: another module says this node's slot and has the better right to it.
    ``must_listen``: this node stood still a moment ago; what waits in its buffers is old.

    ``has_yielded``: it already let go once for a peer that hears nothing, and was not heard since.
    ``is_take_back_due``: nobody took what it let go. ``is_last_claimant``: its slot made
    the newest claim that was ever seen, in this life or before. ``is_fence_pending``: it is going
    to reset a peer, and no pulse was given yet. ``is_answer_overdue``: the claim has waited for a
    dead time to be answered. ``is_active_line_doubted``: the claim goes on although a line of a
    peer says that it holds, or a reset was given to end that. ``is_locked_out``: too many
    failovers.
    ``is_cut_off``: a reference outside the chassis fell silent with the paths, and forbids for now.
    """

    role: Role
    reason: Reason
    peers: tuple[PeerEvidence, ...]
    board: BoardClass = BoardClass.BARE
    policy: IsolationPolicy = IsolationPolicy.TRUST_SILENCE
    is_slot_known: bool = True
    is_slot_taken: bool = False
    is_boot_window_over: bool = True
    is_lone_start_due: bool = False
    must_listen: bool = False
    is_own_gap_too_long: bool = False
    are_outputs_shut: bool = False
    has_yielded: bool = False
    is_take_back_due: bool = False
    is_in_maintenance: bool = False
    is_last_claimant: bool = False
    is_locked_out: bool = False
    is_cut_off: bool = False
    is_fence_pending: bool = False
    is_answer_overdue: bool = False
    is_active_line_doubted: bool = False


@dataclass(frozen=True, slots=True)
class RoleDecision:
    """``role`` FENCING means: claim. ``is_active_line_doubted``: the claim may go on although
    the peer's ACTIVE line is up, because it is that line which lies. ``fenced_peer``: which of
    the peers is to be reset before the claim; its place in `RoleInputs.peers`.
    ``is_answer_awaited``: the outputs stay shut until a peer has answered the claim."""

    role: Role
    reason: Reason
    is_active_line_doubted: bool = False
    fenced_peer: int | None = None
    is_answer_awaited: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one peer, for a node that waits: may it be passed over, and why (not)?"""

    is_clear: bool
    reason: Reason
    is_active_line_doubted: bool = False
    must_fence: bool = False
