"""The role keeper fed with facts: the order of its effects, and each way a change can end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.role_keeper import RoleKeeper
from bmcha.model.effect import (
    Answer,
    DriveLine,
    Effect,
    EndService,
    EnterRole,
    OwnLine,
    PublishHeartbeat,
    ReadLines,
    SendMessage,
    StoreEpoch,
)
from bmcha.model.event import LineLevels, StopAsked, SwitchoverAsked
from bmcha.model.identity import EPOCH_MAX
from bmcha.model.invariant import InvariantBroken
from bmcha.model.message import Goodbye, Handover, HeartbeatDraft, Probe, Progress
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.speech import OWN_BOOT, beat, draft, header, lines, ms
from tests.world import settings_of

WORD = ChassisWord(True, True, 40, Progress(0, 0, 0), 100)
START_MS = 10_000
FREE = LineLevels(True, True, False)
HELD = LineLevels(True, True, True)
LOWER_ALL = [DriveLine(OwnLine.OUTPUT_ENABLE, False), DriveLine(OwnLine.ACTIVE, False)]
OPEN = DriveLine(OwnLine.OUTPUT_ENABLE, True)
RAISE = DriveLine(OwnLine.ACTIVE, True)


class Story:
    """A keeper in slot ``own_slot`` and a clock; ``effects`` are those of the last step."""

    def __init__(
        self, board: BoardClass = BoardClass.GATED, own_slot: int | None = 1, epoch: int = 0
    ) -> None:
        self.now_ms = START_MS
        settings = settings_of(board, own_slot or 1)
        self.keeper = RoleKeeper(settings, own_slot, OWN_BOOT, epoch, ms(START_MS))
        self.word = WORD
        self.effects: list[Effect] = []
        self.revision = 0

    @property
    def role(self) -> Role:
        return self.keeper.machine.role

    @property
    def reason(self) -> Reason:
        return self.keeper.machine.reason

    def settle(self, after_ms: int = 1) -> list[Effect]:
        self.now_ms += after_ms
        self.keeper.settle(self.word, ms(self.now_ms))
        self.effects = self.keeper.take_effects()
        return self.effects

    def hear(self, said: HeartbeatDraft, *echo_ages_ms: int | None, boot_id: int = 2001) -> None:
        (peer,) = self.keeper.peers
        self.revision += 1
        assert peer.meet(header(boot_id), "udp", ms(self.now_ms))
        for monitor in peer.monitors:
            monitor.heard(ms(self.now_ms), 3)
        said = replace(said, revision=self.revision)
        peer.hear(beat(said, *echo_ages_ms), OWN_BOOT, ms(self.now_ms))

    def hear_standby(self) -> None:
        self.hear(draft(Role.STANDBY))

    def read(self, levels: LineLevels = FREE, **own: bool | None) -> None:
        self.now_ms += 1
        slot = 3 - self.keeper.own_slot
        read = lines(levels, self.now_ms, slot=slot, **own)
        self.keeper.read_lines(read, ms(self.now_ms))

    def silence(self, after_ms: int = 600) -> list[Effect]:
        """Every path falls silent."""
        self.now_ms += after_ms
        (peer,) = self.keeper.peers
        for monitor in peer.monitors:
            monitor.overdue(monitor.last_heard_ns, ms(self.now_ms), False)
        return self.settle(0)

    def claim(self) -> Story:
        """The peer is STANDBY; nobody is ACTIVE: slot 1 claims."""
        self.hear_standby()
        self.keeper.machine.enter(Role.STANDBY, Reason.PEER_IS_ACTIVE, 0, ms(self.now_ms))
        self.settle()
        assert self.role is Role.FENCING
        return self

    def store(self) -> None:
        assert self.keeper.claim is not None
        self.keeper.epoch_stored(self.keeper.claim.epoch, ms(self.now_ms))

    def become_active(self) -> Story:
        self.claim()
        self.store()
        self.hear(draft(Role.STANDBY, epoch=self.keeper.held_epoch))
        self.settle()
        if self.keeper.claim is not None:
            self.settle(5)
            self.read(own_active=True)
            self.settle()
        assert self.role is Role.ACTIVE, self.reason
        return self

    def ask(self, target: int | None = None, is_forced: bool = True) -> list[Effect]:
        asked = SwitchoverAsked(5, "test", target, is_forced)
        self.keeper.switchover_asked(asked, self.word, ms(self.now_ms))
        return self.settle()

    def stop(self) -> list[Effect]:
        self.keeper.stop_asked(StopAsked("test"), self.word, ms(self.now_ms))
        return self.settle()


def driven(effects: list[Effect]) -> list[DriveLine]:
    return [effect for effect in effects if isinstance(effect, DriveLine)]


def entered(effects: list[Effect]) -> list[Role]:
    return [effect.role for effect in effects if isinstance(effect, EnterRole)]


def answers(effects: list[Effect]) -> list[Answer]:
    return [effect for effect in effects if isinstance(effect, Answer)]


def sent(effects: list[Effect], kind: type) -> list[SendMessage]:
    return [e for e in effects if isinstance(e, SendMessage) and isinstance(e.message, kind)]


def last_draft(effects: list[Effect]) -> HeartbeatDraft:
    return [e.draft for e in effects if isinstance(e, PublishHeartbeat)][-1]


# ---- the claim


def test_a_claim_stores_its_epoch_before_anything_moves() -> None:
    story = Story().claim()
    assert StoreEpoch(2) in story.effects and driven(story.effects) == []
    assert last_draft(story.effects).epoch == 2


def test_the_line_is_raised_when_the_epoch_is_stored_and_the_outputs_open_after_the_look() -> None:
    story = Story().claim()
    story.store()
    assert story.settle() == [RAISE, ReadLines(), story.effects[-1]]
    assert ReadLines() in story.settle(5) and driven(story.effects) == []
    story.read(own_active=True)
    effects = story.settle()
    assert driven(effects) == [OPEN] and entered(effects) == [Role.ACTIVE]
    assert last_draft(effects).is_holding


def test_a_bare_board_opens_when_the_epoch_is_stored_and_the_peer_knows_it() -> None:
    story = Story(BoardClass.BARE).claim()
    story.hear(draft(Role.STANDBY, epoch=story.keeper.held_epoch))
    assert driven(story.settle()) == []
    story.store()
    assert driven(story.settle()) == [OPEN]


def test_an_epoch_is_above_all_that_was_stored_or_seen() -> None:
    story = Story(epoch=7)
    story.hear(draft(Role.STARTING, epoch=12))
    story.settle()
    assert story.keeper.held_epoch == 14


def test_an_epoch_stored_after_the_claim_has_ended_changes_nothing() -> None:
    story = Story().claim()
    epoch = story.keeper.held_epoch
    story.hear(draft(Role.ACTIVE, epoch=3))
    assert entered(story.settle()) == [Role.STANDBY]
    story.keeper.epoch_stored(epoch, ms(story.now_ms))
    assert driven(story.settle()) == [] and story.role is Role.STANDBY


def test_a_store_that_fails_does_not_keep_the_chassis_without_a_holder() -> None:
    story = Story().claim()
    story.keeper.store_failed(ms(story.now_ms))
    assert RAISE in story.settle()


def test_the_claim_lets_go_of_everything_when_the_peer_is_heard_active() -> None:
    story = Story().claim()
    story.store()
    story.settle()
    story.hear(draft(Role.ACTIVE, epoch=3))
    effects = story.settle()
    assert driven(effects) == LOWER_ALL and story.reason is Reason.PEER_IS_ACTIVE
    assert story.keeper.claim is None and story.keeper.held_epoch == 0


def test_the_later_in_the_succession_lets_go_when_both_lines_are_up() -> None:
    story = Story(own_slot=2)
    story.keeper.machine.enter(Role.STANDBY, Reason.PEER_IS_ACTIVE, 0, ms(story.now_ms))
    (peer,) = story.keeper.peers
    peer.lines.read(FREE, ms(story.now_ms))
    for after_ms in (2500, 600):
        story.settle(after_ms)
    assert story.role is Role.FENCING
    story.store()
    story.settle()
    story.settle(5)
    story.read(HELD, own_active=True)
    effects = story.settle()
    assert entered(effects)[0] is Role.STANDBY and driven(effects) == LOWER_ALL
    assert story.keeper.machine.history[-1].reason is Reason.CONTEST_LOST


def test_the_next_deadline_is_that_of_the_claim() -> None:
    story = Story()
    assert story.keeper.next_deadline_ns() is None
    story.claim()
    assert story.keeper.next_deadline_ns() == ms(story.now_ms + 200)


# ---- lines


def test_a_line_that_falls_is_read_again_then_the_peer_is_probed_on_every_path() -> None:
    story = Story().become_active()
    down = LineLevels(True, False, False)
    story.read(down)
    assert ReadLines() in story.settle()
    story.read(down)
    probes = sent(story.settle(), Probe)
    assert [(each.path, each.message) for each in probes] == [
        ("udp", Probe(1)),
        ("serial", Probe(1)),
    ]


def test_outputs_that_the_board_has_shut_are_let_go_of() -> None:
    story = Story().become_active()
    story.read(own_active=True, outputs_open=False)
    story.settle()
    assert story.role is Role.ACTIVE, "the sense may lag just after opening"
    story.settle(1000)
    assert story.role is Role.ACTIVE, "and a reading from then says nothing later either"
    story.read(own_active=True, outputs_open=False)
    story.settle()
    assert driven(story.effects) == LOWER_ALL
    assert story.keeper.machine.history[-1].reason is Reason.OUTPUTS_SHUT


# ---- standing still


@pytest.mark.parametrize("board", list(BoardClass))
def test_a_node_that_stood_still_lets_go_and_listens_before_it_claims(board: BoardClass) -> None:
    story = Story(board).become_active()
    story.keeper.stood_still(ms(story.now_ms))
    effects = story.settle(0)
    assert driven(effects) == LOWER_ALL and entered(effects) == [Role.STANDBY]
    assert story.reason is Reason.OWN_GAP_TOO_LONG
    story.hear_standby()
    assert entered(story.settle(100)) == [], "what waits in its buffers is older than it looks"
    assert entered(story.settle(200)) == [Role.FENCING]


# ---- another holder


def test_the_older_of_two_holders_lets_go() -> None:
    story = Story().become_active()
    story.hear(draft(Role.ACTIVE, epoch=1))
    story.settle()
    assert story.role is Role.ACTIVE
    story.hear(draft(Role.ACTIVE, epoch=3))
    assert driven(story.settle()) == LOWER_ALL
    assert story.reason is Reason.PEER_HOLDS_NEWER_EPOCH


def test_a_holder_whose_peer_knows_a_newer_epoch_takes_a_newer_one_still() -> None:
    story = Story().become_active()
    story.hear(draft(Role.STANDBY, epoch=9))
    effects = story.settle()
    assert StoreEpoch(10) in effects and last_draft(effects).epoch == 10
    assert story.role is Role.ACTIVE
    story.hear(draft(Role.STANDBY, epoch=10))
    assert not any(isinstance(effect, StoreEpoch) for effect in story.settle())


def test_an_epoch_beyond_the_wire_ends_the_process() -> None:
    with pytest.raises(InvariantBroken, match="u32"):
        Story().keeper.saw_epoch(EPOCH_MAX + 1)


# ---- letting go


def test_a_switchover_waits_for_the_mirror_then_releases_then_hands_over() -> None:
    story = Story().become_active()
    story.word = replace(WORD, is_mirror_drained=False)
    effects = story.ask()
    assert entered(effects) == [Role.RELINQUISHING] and driven(effects) == []
    assert last_draft(effects).is_holding
    story.word = WORD
    effects = story.settle()
    assert driven(effects) == LOWER_ALL
    said = last_draft(effects)
    assert said.is_released and not said.is_holding
    handovers = sent(effects, Handover)
    assert [each.path for each in handovers] == ["udp", "serial"]
    message = handovers[0].message
    assert isinstance(message, Handover)
    assert (message.image_sequence, message.revision) == (40, said.revision)
    assert effects.index(LOWER_ALL[1]) < effects.index(handovers[0])


def test_a_switchover_is_done_when_the_peer_is_heard_active() -> None:
    story = Story().become_active()
    story.ask()
    story.hear(draft(Role.ACTIVE, epoch=3))
    (answer,) = answers(story.settle())
    assert answer.is_done and answer.body["epoch"] == 3
    assert story.reason is Reason.HANDED_OVER


def test_a_switchover_that_nobody_takes_is_taken_back_and_has_failed() -> None:
    story = Story().become_active()
    story.ask()
    story.hear_standby()
    effects = story.settle(1100)
    assert entered(effects) == [Role.FENCING] and StoreEpoch(4) in effects
    assert [answer.is_done for answer in answers(effects)] == [False]


def test_a_switchover_that_is_refused_moves_nothing() -> None:
    story = Story().become_active()
    effects = story.ask(target=9)
    assert [answer.is_done for answer in answers(effects)] == [False]
    assert entered(effects) == [] and driven(effects) == []


# ---- stopping


def test_a_stopping_standby_says_goodbye_after_it_has_released() -> None:
    story = Story()
    story.hear(draft(Role.ACTIVE, epoch=2))
    story.settle()
    effects = story.stop()
    assert driven(effects) == [*LOWER_ALL, DriveLine(OwnLine.HEALTH, False)]
    goodbyes = sent(effects, Goodbye)
    assert [each.path for each in goodbyes] == ["udp", "serial"]
    assert effects.index(LOWER_ALL[1]) < effects.index(goodbyes[0])
    assert effects[-1] == EndService()
    assert story.settle() == [], "nothing is said after it"


def test_a_stopping_active_hands_over_first_and_then_says_goodbye() -> None:
    story = Story().become_active()
    effects = story.stop()
    assert sent(effects, Handover) and not sent(effects, Goodbye)
    story.hear(draft(Role.ACTIVE, epoch=3))
    effects = story.settle()
    assert sent(effects, Goodbye) and EndService() in effects


def test_a_stopping_active_does_not_wait_for_ever() -> None:
    story = Story().become_active()
    story.stop()
    assert EndService() not in story.settle(900)
    assert EndService() in story.settle(200)


def test_stopping_in_the_middle_of_a_claim_releases_what_was_claimed() -> None:
    story = Story().claim()
    effects = story.stop()
    assert driven(effects)[:2] == LOWER_ALL and EndService() in effects
    story.keeper.epoch_stored(story.keeper.held_epoch, ms(story.now_ms))
    assert story.settle() == []


def test_whoever_asked_for_a_switchover_is_answered_even_when_the_node_stops_meanwhile() -> None:
    story = Story().become_active()
    story.ask()
    story.stop()
    effects = story.settle(1100)
    assert [answer.is_done for answer in answers(effects)] == [False]
    assert EndService() in effects


def test_being_asked_to_stop_twice_is_being_asked_once() -> None:
    story = Story().become_active()
    first = story.stop()
    again = story.stop()
    assert entered(first) == [Role.RELINQUISHING] and entered(again) == []
    standby = Story()
    assert EndService() in standby.stop()
    assert standby.stop() == []


# ---- without a slot


def test_without_a_slot_the_node_is_in_fault_and_stays_there() -> None:
    story = Story(own_slot=None)
    effects = story.settle()
    assert entered(effects) == [Role.FAULT] and driven(effects) == LOWER_ALL
    assert entered(story.settle(60_000)) == []
    assert story.reason is Reason.OWN_SLOT_UNREADABLE
