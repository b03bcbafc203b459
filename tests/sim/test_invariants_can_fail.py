"""Each invariant of the simulator is seen to break once: a rule or the world is broken on purpose,
and the judge must say so by the name of that invariant, and by no other one first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from bmcha.chassis.event_log import EventLog
from bmcha.chassis.mirror_receiver import MirrorReceiver
from bmcha.chassis.mirror_sender import MirrorSender
from bmcha.ha import role_keeper, role_rules
from bmcha.ha import seat as seats
from bmcha.ha.rule_record import RoleDecision, RoleInputs, Verdict
from bmcha.model.event import Tick
from bmcha.model.message import Delta, DeltaAck
from bmcha.model.restart import Restart
from bmcha.model.role import Reason, Role
from bmcha.node import Node
from bmcha.runtime import mailbox
from tests.sim import judge as judging
from tests.sim.storm import Storm, run_story
from tests.sim.story import make_story, parse_story
from tests.world import Module, hardware, wires
from tests.world.life import Life
from tests.world.proof import Proof
from tests.world.pulse_sender import PulseSender

Patch = pytest.MonkeyPatch
CALM = ("+100 nothing 0 - 0 0",)
KILL = ("+100 kill 1 - 0 0", "+3000 nothing 0 - 0 0")
CUT = ("+10 cut-all 0 - 0 0", "+3000 nothing 0 - 0 0")


def broken_by(deeds: Sequence[str], board: str = "gated", more: str = "") -> str:
    """The first invariant that a story of one era breaks; "" for none."""
    text = ["seed 1", f"setup board={board} {more}", "era paths quiet 0", *deeds]
    violations = run_story(parse_story(text)).violations
    return violations[0].rule if violations else ""


def always(decision: Callable[[RoleInputs], RoleDecision | None]) -> Callable[..., RoleDecision]:
    """The rules, but for what ``decision`` says otherwise."""
    real = role_rules.decide

    def decide(i: RoleInputs) -> RoleDecision:
        return decision(i) or real(i)

    return decide


def patch_rules(patch: Patch, decision: Callable[[RoleInputs], RoleDecision | None]) -> None:
    patch.setattr(role_keeper, "decide", always(decision))


@pytest.mark.parametrize("board", ["gated", "reset", "lease", "bare"])
@pytest.mark.parametrize("deeds", [CALM, KILL, CUT], ids=["calm", "kill", "cut"])
def test_nothing_is_broken_unless_something_is(board: str, deeds: Sequence[str]) -> None:
    assert broken_by(deeds, board) == ""


def test_two_hands_are_seen_on_a_board_whose_gate_does_not_shut(monkeypatch: Patch) -> None:
    monkeypatch.setattr(hardware.Hardware, "is_fed", lambda self, now_ms: True)
    patch_rules(
        monkeypatch,
        lambda i: (
            RoleDecision(Role.FENCING, Reason.PEER_SILENT, is_active_line_doubted=True)
            if i.role is Role.STANDBY and i.peers[0].is_silent
            else None
        ),
    )
    assert broken_by(CUT) == "two-hands"


def test_two_that_hear_each_other_and_both_hold_are_seen(monkeypatch: Patch) -> None:
    patch_rules(
        monkeypatch,
        lambda i: RoleDecision(i.role, i.reason) if i.role is Role.ACTIVE else None,
    )
    deeds = (*CUT, "+0 heal 0 - 0 0", "+1000 nothing 0 - 0 0")
    assert broken_by(deeds, "bare") == "two-hands-in-touch"


def test_one_epoch_for_two_claims_is_seen(monkeypatch: Patch) -> None:
    for module in (seats, role_keeper):
        if hasattr(module, "next_epoch"):
            monkeypatch.setattr(module, "next_epoch", lambda above, *_: above + 1)
    swizzle = ("+10 cut-all 0 - 0 0", "+0 swizzle 1 - 0 0", "+5000 nothing 0 - 0 0")
    assert broken_by(swizzle, "bare") == "same-epoch"


def test_a_claim_beside_a_living_holder_is_seen(monkeypatch: Patch) -> None:
    clear = Verdict(True, Reason.PEER_SILENT)
    monkeypatch.setattr(role_rules, "_is_held_by", lambda i, peer: False)
    monkeypatch.setattr(role_rules, "judge", lambda i, peer: clear)
    assert broken_by(CALM) == "takes-from-the-living"


def test_beats_of_a_node_that_decides_nothing_are_seen(monkeypatch: Patch) -> None:
    monkeypatch.setattr(PulseSender, "_is_fresh", lambda self, published, now_ns: True)
    deeds = ("+10 hang 2 - 6000 0", "+5000 nothing 0 - 0 0")
    assert broken_by(deeds) == "stalled-speaks"


def test_a_holder_without_a_slot_is_seen(monkeypatch: Patch) -> None:
    real = Life.__init__

    def guessing(self: Life, module: Module, has_slot: bool, restart: Restart | None) -> None:
        real(self, module, True, restart)
        self.has_slot = has_slot

    monkeypatch.setattr(Life, "__init__", guessing)
    deeds = ("+10 pull 2 - 0 0", "+10 kill 1 - 0 0", "+10 start-blind 1 - 0 0")
    assert broken_by((*deeds, "+6000 nothing 0 - 0 0")) == "slotless"


def test_a_picture_of_two_times_is_seen(monkeypatch: Patch) -> None:
    real = MirrorReceiver.heard

    def heard(self: MirrorReceiver, delta: Delta, seed: int, now_ns: int) -> object:
        self.sequence = max(self.sequence, delta.base) if self.is_synced else self.sequence
        return real(self, delta, seed, now_ns)  # whatever was missing before it

    monkeypatch.setattr(MirrorReceiver, "heard", heard)
    monkeypatch.setattr(wires.Wires, "carry", _losing(wires.Wires.carry, every=3))
    assert broken_by(("+3000 nothing 0 - 0 0",) * 4) == "mixture"


def _losing(carry: Callable[..., None], every: int) -> Callable[..., None]:
    """Each so manieth delta is lost, and told as one that came."""
    count = 0

    def losing(
        self: wires.Wires, path: str, source: int, coder: object, frame: tuple, now_ns: int
    ) -> None:
        nonlocal count
        header, message = frame
        if isinstance(message, Delta) and message.base:
            count += 1
            if count % every == 0:
                frame = (header, replace(message, cells=()))
        carry(self, path, source, coder, frame, now_ns)

    return losing


def test_a_mirror_that_never_comes_through_is_seen(monkeypatch: Patch) -> None:
    monkeypatch.setattr(MirrorSender, "acked", lambda self, ack, now_ns: None)
    assert broken_by(CALM) in ("not-mirrored", "lost-event")


def test_a_record_that_never_arrives_is_seen(monkeypatch: Patch) -> None:
    monkeypatch.setattr(MirrorSender, "note_event", lambda self, record: None)
    assert broken_by(("+10 maintenance 1 - 5 0", "+3000 nothing 0 - 0 0")) == "lost-event"


def test_a_record_that_is_told_twice_is_seen(monkeypatch: Patch) -> None:
    monkeypatch.setattr(EventLog, "receive", lambda self, record: True)
    deeds = ("+10 swizzle 1 - 0 0", "+5000 nothing 0 - 0 0")
    assert broken_by(deeds) == "doubled-event"


def test_a_path_that_believes_each_boot_that_has_the_key_is_seen(monkeypatch: Patch) -> None:
    """A story in which somebody says again what a former boot said."""
    monkeypatch.setattr(Proof, "is_of_now", lambda self, header, message, heard_ns: True)
    outcome = Storm(make_story(800_047)).run()
    assert [each.rule for each in outcome.violations][:1] == ["doubled-event"]


def test_a_chassis_that_nobody_takes_is_seen(monkeypatch: Patch) -> None:
    patch_rules(
        monkeypatch,
        lambda i: (
            RoleDecision(i.role, i.reason) if i.role in (Role.STANDBY, Role.STARTING) else None
        ),
    )
    assert broken_by(KILL) == "no-holder"


def test_a_role_that_moves_without_a_fault_is_seen(monkeypatch: Patch) -> None:
    count = 0

    def restless(i: RoleInputs) -> RoleDecision | None:
        nonlocal count
        count += i.role is Role.ACTIVE
        if i.role is Role.ACTIVE and count % 11 == 10:
            return RoleDecision(Role.STANDBY, Reason.OUTPUTS_SHUT)
        return None

    patch_rules(monkeypatch, restless)
    assert broken_by(CALM) in ("restless", "no-holder")


def test_a_queue_beyond_its_bound_is_seen(monkeypatch: Patch) -> None:
    real = mailbox.Mailbox.__init__
    monkeypatch.setattr(mailbox.Mailbox, "__init__", lambda self: real(self, 10**6))
    monkeypatch.setattr(judging, "EVENTS_MAX", 3)
    asked = ["+0 maintenance 1 - 5 0"] * 20
    assert broken_by(("+10 hang 1 - 1000 0", *asked, "+3000 nothing 0 - 0 0")) == "queue"


def test_two_that_reset_each_other_for_ever_are_seen(monkeypatch: Patch) -> None:
    monkeypatch.setattr(judging, "RESETS_MAX", 0)
    deeds = ("+10 hang 1 - 6000 0", "+5000 nothing 0 - 0 0")
    stuck = ("+10 cut-all 0 - 0 0", "+8000 nothing 0 - 0 0")
    assert "mutual-reset" in (broken_by(deeds, "reset"), broken_by(stuck, "reset"))


def test_a_step_that_fails_is_seen(monkeypatch: Patch) -> None:
    real = Node.step

    def step(self: Node, event: object, now_ns: int) -> object:
        if self.roles.machine.role is Role.FENCING and isinstance(event, Tick):
            raise ZeroDivisionError
        return real(self, event, now_ns)  # type: ignore[arg-type]

    monkeypatch.setattr(Node, "step", step)
    assert broken_by(("+10 swizzle 1 - 0 0", "+5000 nothing 0 - 0 0")) == "failure"


def test_an_ack_of_nothing_is_no_ack(monkeypatch: Patch) -> None:
    """The mirror's judge does not only see what the sender believes."""
    real = MirrorSender.acked
    monkeypatch.setattr(
        MirrorSender,
        "acked",
        lambda self, ack, now_ns: real(self, DeltaAck(ack.join_id, self.sequence), now_ns),
    )
    monkeypatch.setattr(wires.Wires, "carry", _losing(wires.Wires.carry, every=2))
    assert broken_by(("+3000 nothing 0 - 0 0",) * 4) == "mixture"
