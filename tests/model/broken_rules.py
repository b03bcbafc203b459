"""Rules that are broken on purpose: for each invariant one change of one rule, and where it shows.

What the model finds is written down in seen_to_fail.txt; `test_seen_to_fail.py` finds it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bmcha.ha import claim as claiming
from bmcha.ha.role_machine import TRANSITIONS, OutputAct, Transition
from bmcha.ha.role_rules import decide
from bmcha.ha.rule_record import RoleDecision, RoleInputs
from bmcha.model.role import Reason, Role
from tests.model.checker import Case
from tests.model.rule_file import EPOCHS_MAX, Rules


@dataclass(frozen=True, slots=True)
class Broken:
    """``breaks``: the invariant, by its name in tests/model/evidence.h."""

    name: str
    rules: Rules
    case: Case
    breaks: str


def _claim(i: RoleInputs, reason: Reason) -> RoleDecision:
    return RoleDecision(Role.FENCING, reason, is_active_line_doubted=True)


def isolated_claims(i: RoleInputs) -> RoleDecision:
    """Silence is trusted although the lines say that the peer holds the chassis."""
    made = decide(i)
    return _claim(i, made.reason) if made.reason is Reason.ISOLATED else made


def first_beat_claims(i: RoleInputs) -> RoleDecision:
    """A holder that is heard does not keep a STANDBY from claiming."""
    made = decide(i)
    is_waiting = i.role is Role.STANDBY and made.reason is Reason.PEER_IS_ACTIVE
    return _claim(i, Reason.FIRST_IN_SUCCESSION) if is_waiting else made


def gap_is_forgiven(i: RoleInputs) -> RoleDecision:
    """A node that stood still goes on as if nothing had happened."""
    return decide(replace(i, is_own_gap_too_long=False))


def newer_epoch_is_ignored(i: RoleInputs) -> RoleDecision:
    """A holder that hears another holder with a newer epoch stays."""
    made = decide(i)
    is_overruled = made.reason in (Reason.PEER_HOLDS_NEWER_EPOCH, Reason.PEER_HEARS_NOTHING)
    return RoleDecision(i.role, i.reason) if i.role is Role.ACTIVE and is_overruled else made


def bouncing_line_moves(i: RoleInputs) -> RoleDecision:
    """HEALTH that is down, or is known to lie, moves the role, whatever ACTIVE says."""
    made = decide(i)
    peer = i.peers[0]
    if i.role is Role.STANDBY and peer.health is not True and made.role is Role.STANDBY:
        return _claim(i, Reason.PEER_HEALTH_DOWN)
    return made


def second_waits_for_ever(i: RoleInputs) -> RoleDecision:
    """The later in the succession never claims."""
    made = decide(i)
    if made.role is Role.FENCING and i.role is not Role.FENCING and i.peers[0].is_earlier:
        return RoleDecision(Role.STANDBY, Reason.PEER_CLAIMS_FIRST)
    return made


def unheard_yields_again(i: RoleInputs) -> RoleDecision:
    """A holder that is not heard lets go again and again, not once."""
    return decide(replace(i, has_yielded=False))


def restarted_faster_than_the_dead_time(i: RoleInputs) -> RoleDecision:
    """Both STANDBY and heard: nobody is ACTIVE, nobody claims (the earlier rules' first trace)."""
    made = decide(i)
    if i.role is Role.STANDBY and made.role is Role.FENCING and i.peers[0].is_heard:
        return RoleDecision(Role.STANDBY, Reason.PEER_CLAIMS_FIRST)
    return made


def no_claim_is_made(i: RoleInputs) -> RoleDecision:
    """A change that the role machine does not foresee: STANDBY to ACTIVE, without a claim."""
    made = decide(i)
    return replace(made, role=Role.ACTIVE) if made.role is Role.FENCING != i.role else made


def plain_epochs() -> Mapping[tuple[int, int], int]:
    """One more than the highest seen, whoever claims."""
    return {(rank, above): above + 1 for rank in (0, 1) for above in range(EPOCHS_MAX)}


class LooksNever(claiming.Claim):
    """Raises its line, and opens the outputs without a look at the peer's."""

    def tick(self, own_active: bool | None, now_ns: int) -> claiming.Step:
        super().tick(own_active, now_ns)
        return claiming.Step.OPEN


class StoresNever(claiming.Claim):
    """Opens the outputs without having stored the epoch."""

    def begin(self) -> claiming.Step:
        return claiming.Step.OPEN


def keeps_outputs() -> Mapping[tuple[Role, Role], Transition]:
    """From ACTIVE to STANDBY without closing the outputs."""
    kept = {(Role.ACTIVE, Role.STANDBY): Transition(OutputAct.NOTHING, "broken on purpose")}
    return {**TRANSITIONS, **kept}


def _decides(rule: Callable[[RoleInputs], RoleDecision]) -> Rules:
    return Rules(decide=rule)


def hold_is_forgotten(i: RoleInputs) -> RoleDecision:
    """Silence is trusted although isolation_policy = hold."""
    made = decide(i)
    return _claim(i, made.reason) if made.reason is Reason.HELD_BY_POLICY else made


def no_answer_is_awaited(i: RoleInputs) -> RoleDecision:
    """Where no line can tell, a claim opens although the peer may not know of it."""
    return replace(decide(i), is_answer_awaited=False)


def anyone_fences(i: RoleInputs) -> RoleDecision:
    """Who never heard its peer hold the chassis resets it all the same."""
    peer = replace(i.peers[0], was_heard_active=True)
    return decide(replace(i, peers=(peer,)))


BROKEN = (
    Broken("isolated claims", _decides(isolated_claims), Case("gated", 1, ("cut",)), "two-hands"),
    Broken(
        "outputs stay open",
        Rules(transitions=keeps_outputs()),
        Case("bare", 1, ("cut",)),
        "two-hands",
    ),
    Broken(
        "a newer epoch is ignored",
        _decides(newer_epoch_is_ignored),
        Case("bare", 1, ("cut",)),
        "two-hands",
    ),
    Broken(
        "a claim looks at no line",
        Rules(claim=LooksNever),
        Case("gated", 1, ("cut",)),
        "two-hands",
    ),
    Broken(
        "one bouncing line moves the role",
        _decides(bouncing_line_moves),
        Case("gated", 1, ("lie",)),
        "moved-from-healthy-active",
    ),
    Broken(
        "a heard holder is taken over from",
        _decides(first_beat_claims),
        Case("gated", 0, ()),
        "moved-from-healthy-active",
    ),
    Broken(
        "epochs are not dealt out by residue",
        Rules(next_epoch=plain_epochs()),
        Case("bare", 1, ("cut",)),
        "epoch-twice",
    ),
    Broken("no epoch is stored", Rules(claim=StoresNever), Case("gated", 0, ()), "not-stored"),
    Broken(
        "the own gap is forgiven",
        _decides(gap_is_forgiven),
        Case("gated", 1, ("stop",)),
        "held-after-stall",
    ),
    Broken(
        "hold is forgotten",
        _decides(hold_is_forgotten),
        Case("bare-hold", 1, ("stop",)),
        "write-landed-beside-holder",
    ),
    Broken(
        "no answer is awaited",
        _decides(no_answer_is_awaited),
        Case("bare-hold", 1, ("cut",)),
        "two-hands",
    ),
    Broken(
        "the second never claims",
        _decides(second_waits_for_ever),
        Case("gated", 1, ("kill",)),
        "nobody-holds",
    ),
    Broken(
        "nobody claims from a restarted holder",
        _decides(restarted_faster_than_the_dead_time),
        Case("gated", 1, ("kill",)),
        "nobody-holds",
    ),
    Broken(
        "an unheard holder lets go again and again",
        _decides(unheard_yields_again),
        Case("lease", 1, ("kill",)),
        "roles-keep-changing",
    ),
    Broken(
        "whoever is cut off resets its peer",
        _decides(anyone_fences),
        Case("reset", 1, ("cut",)),
        "roles-keep-changing",
    ),
    Broken(
        "a standby becomes active without a claim",
        _decides(no_claim_is_made),
        Case("gated", 0, ()),
        "unforeseen-change",
    ),
)
