"""Too many failovers: what counts, what is locked out then, how both learn of it, how it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.flap_limiter import FlapLimiter
from bmcha.ha.role_rules import decide
from bmcha.ha.rule_record import PeerEvidence, RoleDecision, RoleInputs
from bmcha.ha.seat import Seat
from bmcha.model.event import Event, LockoutClearAsked, StopAsked, SwitchoverAsked
from bmcha.model.identity import claimant
from bmcha.model.message import HeartbeatDraft
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, MoveSettings
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.unit.test_two_nodes import alarms_of, become, reason_of, status_of
from tests.world import Module, World, settings_of

GATED, BARE = BoardClass.GATED, BoardClass.BARE


def limited(board: BoardClass, failovers_max: int, window_s: int = 600) -> World:
    world = World(board)
    for module in world.modules.values():
        moves = MoveSettings(failovers_max=failovers_max, failovers_window_s=window_s)
        module.settings = replace(module.settings, moves=moves)
    return world.settled()


def fail_over(world: World, slot: int) -> None:
    """The ACTIVE in ``slot`` dies, the other takes over, and the dead one comes back."""
    world.kill(slot)
    become(world, 3 - slot, Role.ACTIVE, 5000)
    world.modules[slot].boot()
    become(world, slot, Role.STANDBY, 5000)
    world.run(2000)


def lockout_of(world: World, slot: int) -> dict[str, object]:
    found = status_of(world, slot)["lockout"]
    assert isinstance(found, dict)
    return found


def is_locked(world: World, slot: int) -> bool:
    return bool(lockout_of(world, slot)["is_locked"])


def both_locked(world: World) -> bool:
    return is_locked(world, 1) and is_locked(world, 2)


def clear(module: Module) -> None:
    module.ask(LockoutClearAsked(9, "test"))


def answer_of(module: Module) -> dict[str, object]:
    body = next(answer.body for answer in module.answers if answer.request_id == 9)
    assert isinstance(body, dict)
    return body


# ---- what counts as a failover


SLOT_2_EPOCH, SLOT_1_EPOCH = 3, 2
"""Who claimed which: epochs of slot 1 are even here, those of slot 2 odd."""


def seat_in(role: Role, seen_epoch: int = SLOT_2_EPOCH) -> Seat:
    """Slot 1."""
    seat = Seat(settings_of(GATED, 1), 1, seen_epoch, 0)
    assert claimant(seen_epoch, seat.settings.succession) == (1 if seen_epoch % 2 == 0 else 2)
    way = {Role.STARTING: (), Role.STANDBY: (Role.STANDBY,)}
    steps = way.get(role, (Role.FENCING, Role.ACTIVE, Role.RELINQUISHING))
    for step in steps:
        seat.machine.enter(step, Reason.PEER_SILENT, seen_epoch, 0)
    return seat


def hear(seat: Seat, said: HeartbeatDraft, boot_id: int = 2001) -> None:
    (peer,) = seat.peers
    assert peer.meet(header(boot_id), "udp", ms(said.revision))
    peer.monitors[0].heard(ms(said.revision), 3)
    peer.hear(beat(said), OWN_BOOT, ms(said.revision))


def from_whom(seat: Seat, reason: Reason) -> int | None:
    limiter = FlapLimiter(seat)
    limiter.claim_begins(reason)
    return limiter.taken_over_from


@pytest.mark.parametrize(
    ("role", "epoch", "expected"),
    [
        (Role.STANDBY, SLOT_2_EPOCH, 2),
        (Role.STANDBY, SLOT_1_EPOCH, None),
        (Role.STARTING, SLOT_2_EPOCH, None),
        (Role.RELINQUISHING, SLOT_2_EPOCH, None),
    ],
)
def test_a_failover_is_a_standby_that_takes_what_another_slot_held(
    role: Role, epoch: int, expected: int | None
) -> None:
    assert from_whom(seat_in(role, epoch), Reason.PEER_SILENT) == expected


@pytest.mark.parametrize(
    ("why_handed_over", "expected"),
    [(Reason.SWITCHOVER_ASKED, None), (Reason.HEALTH_SWITCHOVER, 2), (Reason.FAILBACK, 2)],
)
def test_a_handover_counts_only_where_nobody_asked_for_it(
    why_handed_over: Reason, expected: int | None
) -> None:
    seat = seat_in(Role.STANDBY)
    hear(seat, draft(Role.RELINQUISHING, why_handed_over))
    assert from_whom(seat, Reason.HANDOVER_ASKED) == expected
    assert from_whom(seat, Reason.PEER_SILENT) == 2


# ---- the word of the other


def judged(
    limiter: FlapLimiter,
    seat: Seat,
    is_locked: bool,
    revision: int,
    boot: int = 1,
    role: Role = Role.ACTIVE,
) -> bool:
    hear(seat, replace(draft(role, revision=revision), is_locked_out=is_locked), 2000 + boot)
    limiter.judge((), ms(revision))
    return limiter.is_locked


def test_the_word_of_the_other_counts_when_it_changes() -> None:
    seat = seat_in(Role.STANDBY)
    limiter = FlapLimiter(seat)
    assert judged(limiter, seat, True, 1)
    limiter.clear_asked(LockoutClearAsked(9, "test"), [])
    assert limiter.take_cleared() == "asked by test"
    assert not judged(limiter, seat, True, 2), "it has not heard of the command yet"
    assert not judged(limiter, seat, False, 3)
    assert limiter.take_cleared() == "", "nothing was locked out here"
    assert judged(limiter, seat, True, 4)
    assert not judged(limiter, seat, False, 5)
    assert limiter.take_cleared() == "slot 2 says so"


def test_the_first_word_of_a_life_may_lock_and_ends_nothing() -> None:
    seat = seat_in(Role.STANDBY)
    limiter = FlapLimiter(seat)
    judged(limiter, seat, True, 1)
    limiter.clear_asked(LockoutClearAsked(9, "test"), [])
    limiter.take_cleared()
    assert judged(limiter, seat, True, 2, boot=2)
    assert judged(limiter, seat, False, 3, boot=3), "it may not have read its log yet"


def holding_seat() -> Seat:
    seat = seat_in(Role.STANDBY)
    seat.settings = replace(seat.settings, moves=MoveSettings(failovers_max=9))
    for role in (Role.FENCING, Role.ACTIVE):
        seat.machine.enter(role, Reason.PEER_SILENT, SLOT_2_EPOCH, 0)
    return seat


def test_a_holder_follows_what_locks_once_a_life_and_what_ends_it_always() -> None:
    seat = holding_seat()
    limiter = FlapLimiter(seat)
    for number, boot in enumerate((1, 2)):
        at = 10 * number
        assert judged(limiter, seat, True, at + 1, boot, Role.STANDBY)
        assert not judged(limiter, seat, False, at + 2, boot, Role.STANDBY)
        assert limiter.take_cleared() == "slot 2 says so"
        assert not judged(limiter, seat, True, at + 3, boot, Role.STANDBY), "it said so once"
        limiter.judge([ms(at)] * 99, ms(at + 4))
        assert limiter.is_locked
        assert not judged(limiter, seat, False, at + 5, boot, Role.STANDBY)
        limiter.take_cleared()


def test_the_word_of_a_life_to_a_holder_is_kept_until_there_is_one() -> None:
    seat = seat_in(Role.STANDBY)
    limiter = FlapLimiter(seat)
    assert not judged(limiter, seat, True, 1, role=Role.STANDBY)
    for role in (Role.FENCING, Role.ACTIVE):
        seat.machine.enter(role, Reason.PEER_SILENT, SLOT_2_EPOCH, 0)
    assert judged(limiter, seat, True, 2, role=Role.STANDBY)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ACTIVE])
def test_only_who_holds_locks_one_that_does_not(role: Role) -> None:
    seat = seat_in(Role.STANDBY)
    limiter = FlapLimiter(seat)
    assert not judged(limiter, seat, True, 1, role=role)
    assert judged(limiter, seat, True, 2)


def test_a_lock_and_its_end_within_a_beat_do_not_go_round_for_ever() -> None:
    world = limited(BARE, 1)
    world.delay_ms = dict.fromkeys(world.path_names, 20)
    world.modules[1].is_stopped = True
    assert world.run(3000, lambda: is_locked(world, 2))
    world.modules[1].is_stopped = False
    world.run(2)
    world.modules[2].ask(LockoutClearAsked(1, "test"))
    world.run(1000)
    count = len(world.modules[2].events)
    world.run(3000)
    assert len(world.modules[2].events) == count
    assert not is_locked(world, 1) and not is_locked(world, 2)


# ---- the rule


SILENT = PeerEvidence(is_earlier=True, is_silent=True)


def standby(peer: PeerEvidence) -> RoleInputs:
    return RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (peer,), is_locked_out=True)


def test_silence_alone_moves_nothing_that_is_locked_out() -> None:
    assert decide(standby(SILENT)) == RoleDecision(Role.STANDBY, Reason.LOCKED_OUT)


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        (replace(SILENT, presence=False, has_line_spoken=True), Reason.PEER_ABSENT),
        (replace(SILENT, has_said_goodbye=True), Reason.PEER_SAID_GOODBYE),
    ],
)
def test_a_chassis_proven_unheld_is_taken_all_the_same(peer: PeerEvidence, reason: Reason) -> None:
    assert decide(standby(peer)) == RoleDecision(Role.FENCING, reason)


def test_the_last_holder_goes_on_where_the_role_was() -> None:
    made = decide(replace(standby(SILENT), is_last_claimant=True))
    assert made == RoleDecision(Role.FENCING, Reason.PEER_SILENT)


# ---- what counts


def test_as_many_failovers_as_allowed_lock_both_out_with_a_reason() -> None:
    world = limited(BARE, 2)
    fail_over(world, 1)
    assert not is_locked(world, 2) and lockout_of(world, 2)["failovers"] == 1
    fail_over(world, 2)
    assert both_locked(world)
    for slot in (1, 2):
        assert "locked-out" in alarms_of(world.modules[slot])
    whys = {str(lockout_of(world, slot)["why"]) for slot in (1, 2)}
    assert whys & {"2 failovers within 600 s"} or any("says so" in why for why in whys), whys


def test_a_restarted_module_learns_of_the_lock_out_from_the_other() -> None:
    world = limited(BARE, 1)
    fail_over(world, 1)
    assert lockout_of(world, 1)["why"] == "slot 2 says so"
    assert lockout_of(world, 2)["why"] == "1 failover within 600 s"


def test_what_a_person_moves_does_not_count() -> None:
    world = limited(GATED, 1)
    world.modules[1].ask(SwitchoverAsked(1, "test", None, False))
    become(world, 2, Role.ACTIVE, 2000)
    world.run(1000)
    assert [lockout_of(world, slot)["failovers"] for slot in (1, 2)] == [0, 0]
    assert not is_locked(world, 1)


def test_a_failover_counts_for_its_window_and_no_longer() -> None:
    world = limited(GATED, 2, window_s=10)
    fail_over(world, 1)
    world.run(10_000)
    fail_over(world, 2)
    assert [lockout_of(world, slot)["failovers"] for slot in (1, 2)] == [1, 1]
    assert not both_locked(world)


def test_without_a_limit_nothing_is_ever_locked_out() -> None:
    world = limited(GATED, 0)
    for slot in (1, 2, 1):
        fail_over(world, slot)
    assert not is_locked(world, 1) and not is_locked(world, 2)


def test_a_split_that_heals_is_a_failover_for_both() -> None:
    world = limited(BARE, 5)
    world.cut()
    become(world, 2, Role.ACTIVE, 3000)
    world.heal()
    become(world, 1, Role.STANDBY, 2000)
    world.run(200)
    assert [lockout_of(world, slot)["failovers"] for slot in (1, 2)] == [1, 1]


# ---- what is locked out


def test_a_locked_out_standby_beside_a_dead_active_says_so_and_claims_once_it_is_cleared() -> None:
    world = limited(BARE, 1)
    fail_over(world, 1)
    world.kill(2)
    world.run(6000)
    first = world.modules[1]
    assert (first.role, reason_of(first)) == (Role.STANDBY, Reason.LOCKED_OUT)
    assert {"locked-out", "unheld-locked-out"} <= alarms_of(first)
    clear(first)
    become(world, 1, Role.ACTIVE, 1000)
    assert not {"locked-out", "unheld-locked-out"} & alarms_of(first)


def test_a_locked_out_standby_takes_over_from_one_that_was_pulled() -> None:
    world = limited(GATED, 1)
    fail_over(world, 1)
    assert both_locked(world)
    world.pull(2)
    assert become(world, 1, Role.ACTIVE, 1000)


def test_an_active_does_not_let_go_for_a_standby_that_may_not_claim() -> None:
    world = limited(BARE, 1)
    fail_over(world, 1)
    world.cut(source=2)
    world.run(4000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert reason_of(world.modules[1]) is Reason.LOCKED_OUT


@pytest.mark.parametrize(
    "event", [SwitchoverAsked(1, "test", None, True), StopAsked("test")], ids=["force", "stop"]
)
def test_who_insists_and_who_stops_hand_over_although_moves_are_locked_out(event: Event) -> None:
    world = limited(GATED, 1)
    fail_over(world, 1)
    assert both_locked(world)
    world.modules[2].ask(event)
    become(world, 1, Role.ACTIVE, 2000)
    assert reason_of(world.modules[1]) is Reason.HANDOVER_ASKED


# ---- how it ends


@pytest.mark.parametrize("slot", [1, 2])
def test_a_command_on_either_module_ends_it_on_both(slot: int) -> None:
    world = limited(BARE, 1)
    fail_over(world, 1)
    asked = world.modules[slot]
    clear(asked)
    assert world.run(1000, lambda: not is_locked(world, 1) and not is_locked(world, 2))
    world.run(1000)
    assert not is_locked(world, 1) and not is_locked(world, 2), "no late word locks again"
    assert answer_of(asked) == {
        "result": "done",
        "text": "the lock-out is over; failovers are counted anew",
        "was_locked": True,
    }
    assert lockout_of(world, 2)["failovers"] == 0


def test_whoever_cannot_be_told_is_named_and_hears_of_it_later() -> None:
    world = limited(BARE, 1)
    fail_over(world, 1)
    world.cut()
    world.run(1500)
    clear(world.modules[2])
    world.run(100)
    assert "slot 1 cannot be told: clear it there too" in str(answer_of(world.modules[2])["text"])
    assert is_locked(world, 1) and not is_locked(world, 2)
    world.heal()
    assert world.run(1000, lambda: not is_locked(world, 1))
    assert not is_locked(world, 2)


def test_clearing_what_is_not_locked_only_begins_the_count_anew() -> None:
    world = limited(BARE, 3)
    fail_over(world, 1)
    clear(world.modules[2])
    world.run(100)
    body = answer_of(world.modules[2])
    assert (body["was_locked"], str(body["text"]).split(";")[0]) == (
        False,
        "nothing was locked out",
    )
    assert lockout_of(world, 2)["failovers"] == 0
