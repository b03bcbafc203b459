"""Where no line can tell, nobody opens the outputs before a peer that may live has answered the
claim; where silence is trusted, a peer that is mute owes nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from bmcha.ha import role_keeper
from bmcha.ha.role_rules import decide
from bmcha.ha.rule_record import PeerEvidence, RoleDecision, RoleInputs
from bmcha.model.event import SwitchoverAsked
from bmcha.model.key import NO_KEYS
from bmcha.model.restart import Restart
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy
from tests.speech import draft
from tests.unit.test_role_keeper import OPEN, Story, entered
from tests.world import World

BARE, HOLD, TRUST = BoardClass.BARE, IsolationPolicy.HOLD, IsolationPolicy.TRUST_SILENCE
ANSWERED = PeerEvidence(
    is_earlier=False,
    is_heard=True,
    was_heard=True,
    role=Role.STANDBY,
    hears_us=True,
    knows_our_epoch=True,
)


def claiming(
    peer: PeerEvidence,
    board: BoardClass = BARE,
    policy: IsolationPolicy = HOLD,
    is_overdue: bool = False,
) -> RoleDecision:
    reason = Reason.FIRST_IN_SUCCESSION
    inputs = RoleInputs(Role.FENCING, reason, (peer,), board, policy, is_answer_overdue=is_overdue)
    return decide(inputs)


def is_opening(made: RoleDecision) -> bool:
    return made.role is Role.FENCING and not made.is_answer_awaited


# ---- the rule


@pytest.mark.parametrize("policy", list(IsolationPolicy))
def test_a_claim_that_the_peer_knows_of_opens(policy: IsolationPolicy) -> None:
    assert is_opening(claiming(ANSWERED, policy=policy))


@pytest.mark.parametrize("policy", list(IsolationPolicy))
def test_a_claim_that_the_peer_may_not_know_of_waits(policy: IsolationPolicy) -> None:
    made = claiming(replace(ANSWERED, knows_our_epoch=False), policy=policy)
    assert made.role is Role.FENCING and made.is_answer_awaited


@pytest.mark.parametrize("policy", list(IsolationPolicy))
@pytest.mark.parametrize("role", [Role.ACTIVE, Role.FENCING])
def test_the_word_of_one_that_holds_or_claims_is_no_answer(
    role: Role, policy: IsolationPolicy
) -> None:
    assert not is_opening(claiming(replace(ANSWERED, role=role), policy=policy))


@pytest.mark.parametrize("policy", list(IsolationPolicy))
def test_one_in_fault_owes_no_answer_because_it_never_claims(policy: IsolationPolicy) -> None:
    peer = replace(ANSWERED, role=Role.FAULT, knows_our_epoch=False)
    assert is_opening(claiming(peer, policy=policy))


@pytest.mark.parametrize("policy", list(IsolationPolicy))
def test_no_evidence_but_an_answer_or_a_proof_of_its_end_opens_beside_a_peer(
    policy: IsolationPolicy,
) -> None:
    """Every combination of what the rule looks at. Where silence is trusted, a silent peer is
    passed over, and after a dead time one that hears nothing from here."""
    spoken = (None, False)
    for role, heard, silent, bye, released, knows, overdue, hears, presence in product(
        (None, *Role), *[(False, True)] * 6, (False, True, None), spoken
    ):
        if (heard and (silent or bye)) or (role is None) is heard:
            continue
        peer = PeerEvidence(
            is_earlier=True,
            is_heard=heard,
            is_silent=silent,
            has_said_goodbye=bye,
            role=role,
            is_released=released,
            knows_our_epoch=knows,
            hears_us=hears,
            presence=presence,
            has_line_spoken=presence is False,
            was_heard=True,
        )
        answers = role in (Role.STARTING, Role.STANDBY) and knows
        has_let_go = bye or presence is False or (role is Role.RELINQUISHING and released)
        made = claiming(peer, policy=policy, is_overdue=overdue)
        is_contest = made.reason in (Reason.CONTEST_LOST, Reason.PEER_IS_ACTIVE)
        will_not_answer = silent or (hears is False and overdue)
        is_passed_over = policy is TRUST and will_not_answer and not is_contest
        may_open = answers or has_let_go or is_passed_over or role is Role.FAULT
        assert is_opening(made) == may_open, peer
        if policy is TRUST:
            assert (made.role is Role.STANDBY) == is_contest, peer
        elif made.role is Role.STANDBY:
            assert is_contest or made.reason is Reason.HELD_BY_POLICY
            assert is_contest or silent or hears is False


GATED = [board for board in BoardClass if board.is_gated]
UNREADABLE = replace(ANSWERED, active=None, presence=True, health=True)


@pytest.mark.parametrize("line", [False, True])
@pytest.mark.parametrize("board", [board for board in BoardClass if board is not BARE])
def test_where_a_line_tells_no_answer_is_waited_for(board: BoardClass, line: bool) -> None:
    assert is_opening(claiming(replace(UNREADABLE, active=line, knows_our_epoch=False), board))


def test_a_lease_board_never_promised_that_two_never_hold() -> None:
    assert is_opening(claiming(replace(UNREADABLE, knows_our_epoch=False), BoardClass.LEASE))


@pytest.mark.parametrize("board", GATED)
def test_an_active_line_that_cannot_be_read_tells_as_little_as_none(board: BoardClass) -> None:
    assert is_opening(claiming(UNREADABLE, board))
    assert claiming(replace(UNREADABLE, knows_our_epoch=False), board).is_answer_awaited
    given_up = RoleDecision(Role.STANDBY, Reason.ACTIVE_LINE_UNREADABLE)
    silent = replace(UNREADABLE, is_heard=False, is_silent=True, role=None, hears_us=None)
    assert claiming(silent, board) == given_up
    assert claiming(replace(UNREADABLE, knows_our_epoch=False, hears_us=False), board) == given_up


@pytest.mark.parametrize("board", GATED)
def test_no_claim_is_begun_on_one_that_hears_nothing_beside_an_unreadable_line(
    board: BoardClass,
) -> None:
    deaf = replace(UNREADABLE, hears_us=False)
    waiting = RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (deaf,), board)
    assert decide(waiting) == RoleDecision(Role.STANDBY, Reason.ACTIVE_LINE_UNREADABLE)
    readable = replace(waiting, peers=(replace(deaf, active=False),))
    assert decide(readable).role is Role.FENCING


@pytest.mark.parametrize("board", GATED)
def test_one_whose_end_is_proved_owes_no_answer_beside_an_unreadable_line(
    board: BoardClass,
) -> None:
    """By its reset, or because its line was doubted for long: cooling does not wait."""
    silent = replace(UNREADABLE, is_heard=False, is_silent=True, role=None, hears_us=None)
    assert is_opening(claiming(replace(silent, is_fenced=True), board))
    inputs = RoleInputs(Role.FENCING, Reason.UNVERIFIED_TAKEOVER, (silent,), board)
    assert is_opening(decide(replace(inputs, is_active_line_doubted=True)))


@pytest.mark.parametrize("reader", [1, 2])
@pytest.mark.parametrize("board", GATED)
def test_two_never_hold_though_a_line_cannot_be_read_and_paths_are_cut(
    board: BoardClass, reader: int
) -> None:
    """One direction, or both, at many moments around the claim; then all is mended."""
    for source, cut_ms in product((None, 1, 2), range(0, 700, 70)):
        world = World(board)
        world.stick(reader, "active", None)
        world.boot()
        world.run(cut_ms)
        world.cut(source=source)
        world.run(3500)
        assert world.dual_ms == 0, world.story()
        world.heal()
        world.run(1500)
        assert world.dual_ms == 0 and world.open_count() == 1, world.story()


@pytest.mark.parametrize("reader", [1, 2])
@pytest.mark.parametrize("board", list(BoardClass))
def test_an_unreadable_line_delays_no_claim_by_more_than_an_answer(
    board: BoardClass, reader: int
) -> None:
    world = World(board)
    if board is not BARE:
        world.stick(reader, "active", None)
    world.boot()
    world.run(200)
    assert world.open_count() == 1
    world.kill(1)
    world.run(1500)
    assert world.dual_ms == 0


def test_a_lone_start_asks_nobody() -> None:
    assert is_opening(claiming(PeerEvidence(is_earlier=True, is_silent=True)))


def test_no_claim_is_begun_on_a_peer_that_hears_nothing_from_here() -> None:
    deaf = replace(ANSWERED, hears_us=False)
    waiting = RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (deaf,), BARE, HOLD)
    assert decide(waiting) == RoleDecision(Role.STANDBY, Reason.HELD_BY_POLICY)
    trusting = replace(waiting, policy=IsolationPolicy.TRUST_SILENCE)
    assert decide(trusting).role is Role.FENCING


# ---- the claim


class HoldingStory(Story):
    def __init__(self) -> None:
        super().__init__(BARE)
        self.keeper.reconfigure(replace(self.keeper.settings, isolation_policy=HOLD))

    def store(self) -> None:
        super().store()
        self.settle()


def test_the_outputs_open_with_the_word_that_names_the_claims_epoch() -> None:
    story = HoldingStory()
    story.claim()
    story.store()
    assert entered(story.effects) == [] and OPEN not in story.effects
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch - 1))
    assert OPEN not in story.settle()
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch))
    assert OPEN in story.settle()
    assert entered(story.effects) == [Role.ACTIVE]


def test_an_answer_before_the_epoch_is_stored_opens_nothing() -> None:
    story = HoldingStory()
    story.claim()
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch))
    assert OPEN not in story.settle()
    story.store()
    assert OPEN in story.effects


def test_a_peer_that_knows_a_newer_epoch_is_asked_again_with_one_newer_still() -> None:
    story = HoldingStory()
    story.claim()
    story.store()
    newer = story.keeper.held_epoch + 3
    story.hear(draft(Role.STANDBY, epoch=newer))
    story.settle()
    assert story.role is Role.FENCING and story.keeper.held_epoch > newer
    story.store()
    assert OPEN not in story.effects
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch))
    assert OPEN in story.settle()


# ---- two modules


@pytest.mark.parametrize("after", ["a cold start", "a restart of the holder"])
def test_two_never_hold_whenever_every_path_is_cut(after: str) -> None:
    """At each of 60 moments around the claim; some leave a holder, some nobody."""
    held = set()
    for cut_ms in range(70, 130):
        world = World(BARE, HOLD)
        if after == "a cold start":
            world.boot()
            world.run(cut_ms)
        else:
            world.settled().kill(1)
            world.run(8)
            world.modules[1].boot()
            world.run(cut_ms)
        world.cut()
        world.run(1200)
        held.add(world.open_count())
        assert world.dual_ms == 0, world.story()
        world.heal()
        world.run(1200)
        assert world.dual_ms == 0 and world.open_count() == 1, world.story()
    assert held == {0, 1}


def end_hold_off_together(policy: IsolationPolicy) -> int:
    """Both crashed, are in touch over slow paths, and are held off until moments around each other:
    in how many of 60 worlds two held."""
    split = 0
    for late_ms in range(60):
        world = World(BARE, policy, seed=late_ms)
        world.delay_ms = dict.fromkeys(world.path_names, 20)
        world.modules[1].boot(Restart(1, 1000, "test"))
        world.run(30)
        world.modules[2].boot(Restart(1, 940 + late_ms, "test"))
        world.run(3000)
        assert world.open_count() == 1, world.story()
        split += world.dual_ms > 0
    return split


@pytest.mark.parametrize("policy", list(IsolationPolicy))
def test_two_that_claim_in_the_same_moment_never_hold_both(policy: IsolationPolicy) -> None:
    assert end_hold_off_together(policy) == 0


def test_without_the_answer_both_would_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def unanswered(i: RoleInputs) -> RoleDecision:
        return replace(decide(i), is_answer_awaited=False)

    monkeypatch.setattr(role_keeper, "decide", unanswered)
    assert end_hold_off_together(TRUST) > 20


def test_a_peer_that_falls_silent_in_the_middle_of_a_claim_strands_nobody() -> None:
    """Where silence is trusted: its dead time is waited for, and no longer."""
    held = set()
    for kill_ms in range(70, 130):
        world = World(BARE, TRUST, keys=NO_KEYS)
        world.boot()
        world.run(kill_ms)
        world.kill(2)
        world.run(1200)
        held.add(world.open_count())
    assert held == {1}


@pytest.mark.parametrize("deaf", [1, 2])
def test_a_peer_that_never_hears_this_module_strands_nobody(deaf: int) -> None:
    """Where silence is trusted, and one direction is dead from the start."""
    world = World(BARE, TRUST)
    world.cuts = {(path, 3 - deaf) for path in world.path_names}
    world.boot()
    world.run(5000)
    assert world.open_count() == 1
    world.heal()
    world.run(2000)
    assert world.open_count() == 1


def test_with_one_direction_dead_from_the_start_nobody_holds_until_it_is_mended() -> None:
    world = World(BARE, HOLD, keys=NO_KEYS)
    world.cuts = {(path, 2) for path in world.path_names}
    world.boot()
    world.run(10_000)
    assert world.open_count() == 0
    assert {
        module.node.roles.machine.reason for module in world.modules.values() if module.node
    } == {Reason.HELD_BY_POLICY}
    world.heal()
    world.run(2000)
    assert world.open_count() == 1
    assert world.dual_ms == 0


@pytest.mark.parametrize("is_lone", [False, True])
def test_told_to_hold_two_that_start_cut_off_wait_for_a_path(is_lone: bool) -> None:
    """Unless each is allowed to be alone: then that is what both think they are."""
    world = World(BARE, HOLD)
    for module in world.modules.values():
        module.settings = replace(module.settings, is_lone_start_allowed=is_lone)
    world.cut()
    world.boot()
    world.run(10_000)
    assert world.open_count() == (2 if is_lone else 0)
    world.heal()
    world.run(2000)
    assert world.open_count() == 1


def test_told_to_hold_a_holder_that_is_not_heard_keeps_the_chassis() -> None:
    world = World(BARE, HOLD).settled()
    world.cut(source=1)
    world.run(5000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    standby = world.modules[2].node
    assert standby is not None and standby.roles.machine.reason is Reason.HELD_BY_POLICY


def reasons_of(world: World) -> list[Reason]:
    nodes = [module.node for module in world.modules.values()]
    return [node.roles.machine.reason for node in nodes if node is not None]


def test_told_to_hold_one_that_stood_still_and_is_cut_off_lets_go_and_waits() -> None:
    world = World(BARE, HOLD).settled()
    world.modules[1].is_stopped = True
    world.run(200)
    world.cut()
    world.run(3000)
    world.modules[1].is_stopped = False
    world.run(3000)
    assert world.open_count() == 0 and reasons_of(world) == [Reason.HELD_BY_POLICY] * 2
    world.heal()
    world.run(2000)
    assert world.open_count() == 1 and world.dual_ms == 0


def test_told_to_hold_a_handover_to_one_that_falls_silent_is_not_taken_back() -> None:
    world = World(BARE, HOLD).settled()
    world.modules[1].ask(SwitchoverAsked(1, "test", None, False))
    world.run(1)
    world.modules[2].is_stopped = True
    world.run(5000)
    assert world.open_count() == 0
    assert reasons_of(world)[0] is Reason.HELD_BY_POLICY
    world.modules[2].is_stopped = False
    world.run(2000)
    assert world.open_count() == 1 and world.dual_ms == 0
