"""Letting go on purpose: what is said and driven, in which order, and who is told of the end."""

from __future__ import annotations

import pytest

from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.flap_limiter import FlapLimiter
from bmcha.ha.letting_go import LettingGo
from bmcha.ha.seat import Seat
from bmcha.ha.switchover import REPEAT_NS
from bmcha.model.effect import Answer, DriveLine, Effect, EndService, OwnLine, SendMessage
from bmcha.model.event import SwitchoverAsked
from bmcha.model.message import Goodbye, Handover, Progress
from bmcha.model.role import Reason, Refusal, Role
from bmcha.model.settings import BoardClass
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.world import settings_of, timers

BEGUN_MS, REVISION, REQUEST = 10_000, 9, 5
DRAINED = ChassisWord(True, True, 40, Progress(0, 0, 0), 100)
RELEASE = [DriveLine(OwnLine.OUTPUT_ENABLE, False), DriveLine(OwnLine.ACTIVE, False)]


class Holder:
    """ACTIVE in slot 1 beside a STANDBY that it hears on both paths."""

    def __init__(self) -> None:
        self.seat = Seat(settings_of(BoardClass.GATED, 1), 1, 3, 0)
        for role in (Role.FENCING, Role.ACTIVE):
            self.seat.machine.enter(role, Reason.PEER_SILENT, 3, 0)
        (self.peer,) = self.seat.peers
        assert self.peer.meet(header(), "udp", ms(BEGUN_MS))
        for monitor in self.peer.monitors:
            monitor.heard(ms(BEGUN_MS), 3)
        self.peer.hear(beat(draft()), OWN_BOOT, ms(BEGUN_MS))
        self.flaps = FlapLimiter(self.seat)
        self.letting_go = LettingGo(self.seat, self.flaps)

    def begin(self, reason: Reason, request_id: int | None = None) -> Holder:
        self.letting_go.begin(reason, self.peer, ms(BEGUN_MS), request_id)
        return self

    def effects(self) -> list[Effect]:
        return self.seat.take_effects()

    def release(self, at_ms: int = BEGUN_MS + 1) -> Holder:
        assert self.letting_go.release_if_due(DRAINED, ms(at_ms))
        assert self.effects() == RELEASE
        return self

    def carry_on(self, at_ns: int) -> list[Effect]:
        self.letting_go.carry_on(DRAINED, REVISION, at_ns)
        return self.effects()


def test_the_outputs_fall_once_when_it_is_time() -> None:
    holder = Holder()
    assert not holder.letting_go.release_if_due(DRAINED, ms(BEGUN_MS))
    holder.begin(Reason.SWITCHOVER_ASKED)
    assert not holder.letting_go.release_if_due(DRAINED, ms(BEGUN_MS))
    assert holder.effects() == []
    holder.release()
    assert not holder.letting_go.release_if_due(DRAINED, ms(BEGUN_MS + 2))
    assert holder.effects() == []


def test_the_handover_goes_on_every_path_that_is_heard_and_is_repeated() -> None:
    holder = Holder()
    assert holder.carry_on(ms(BEGUN_MS)) == []
    holder.begin(Reason.SWITCHOVER_ASKED).release()
    nonce = BEGUN_MS
    message = Handover(nonce, 40, REVISION)
    both = [SendMessage("udp", 2, message), SendMessage("serial", 2, message)]
    first_ns = ms(BEGUN_MS + 1)
    assert holder.carry_on(first_ns) == both
    assert holder.carry_on(first_ns + REPEAT_NS - 1) == []
    holder.peer.monitors[0].overdue(ms(BEGUN_MS), ms(BEGUN_MS + 500), False)
    assert holder.carry_on(first_ns + REPEAT_NS) == both[1:]


@pytest.mark.parametrize(
    ("reason", "yields"),
    [
        (Reason.SWITCHOVER_ASKED, False),
        (Reason.STOP_ASKED, False),
        (Reason.RELEASED_UNHEARD, True),
        (Reason.LEASE_OVER, True),
    ],
)
@pytest.mark.parametrize("had_yielded", [False, True])
def test_who_lets_go_for_one_that_hears_nothing_has_yielded(
    reason: Reason, yields: bool, had_yielded: bool
) -> None:
    holder = Holder()
    holder.seat.own.has_yielded = had_yielded
    holder.begin(reason)
    assert holder.seat.own.has_yielded is (yields or had_yielded)


def test_taking_back_is_due_while_letting_go_only() -> None:
    holder = Holder()
    late_ns = ms(BEGUN_MS + 60_000)
    assert not holder.letting_go.is_take_back_due(late_ns)
    holder.begin(Reason.SWITCHOVER_ASKED).release()
    assert not holder.letting_go.is_take_back_due(ms(BEGUN_MS + 1)), "the peer has its time"
    assert holder.letting_go.is_take_back_due(late_ns)
    holder.letting_go.end(False, late_ns)
    assert not holder.letting_go.is_take_back_due(late_ns)


@pytest.mark.parametrize("is_done", [False, True])
def test_whoever_asked_is_told_how_it_ended_and_once(is_done: bool) -> None:
    holder = Holder().begin(Reason.SWITCHOVER_ASKED, REQUEST)
    holder.letting_go.end(is_done, ms(BEGUN_MS + 70))
    (answer,) = holder.effects()
    assert isinstance(answer, Answer)
    assert (answer.request_id, answer.is_done, answer.body["epoch"]) == (REQUEST, is_done, 3)
    holder.letting_go.end(is_done, ms(BEGUN_MS + 80))
    assert holder.effects() == []


def test_where_nobody_asked_nobody_is_told() -> None:
    holder = Holder().begin(Reason.RELEASED_UNHEARD)
    holder.letting_go.end(False, ms(BEGUN_MS + 70))
    assert holder.effects() == []


def test_a_goodbye_is_the_last_word_after_the_release_and_answers_who_asked() -> None:
    holder = Holder().begin(Reason.SWITCHOVER_ASKED, REQUEST)
    holder.letting_go.say_goodbye(ms(BEGUN_MS + 5))
    made = holder.effects()
    goodbye = Goodbye(Reason.STOP_ASKED)
    assert made[:5] == [
        *RELEASE,
        DriveLine(OwnLine.HEALTH, False),
        *(SendMessage("udp", 2, goodbye), SendMessage("serial", 2, goodbye)),
    ]
    assert isinstance(made[5], Answer) and not made[5].is_done
    assert made[6:] == [EndService()]
    assert holder.letting_go.has_ended


def test_a_stop_that_nobody_confirms_ends_with_a_goodbye() -> None:
    holder = Holder().begin(Reason.STOP_ASKED).release()
    end_ns = ms(BEGUN_MS + 1 + timers().handover_deadline_ms)
    assert EndService() not in holder.carry_on(end_ns - 1)
    assert EndService() in holder.carry_on(end_ns)


@pytest.mark.parametrize(("is_stopping", "is_locked"), [(True, False), (False, True)])
def test_a_stop_and_a_lock_out_are_refusals(is_stopping: bool, is_locked: bool) -> None:
    holder = Holder()
    assert holder.letting_go.refusals(None, False, DRAINED, ms(BEGUN_MS)) == frozenset()
    holder.letting_go.is_stopping = is_stopping
    holder.flaps.why = "3 failovers" if is_locked else ""
    refusal = Refusal.STOPPING if is_stopping else Refusal.LOCKED_OUT
    assert holder.letting_go.refusals(None, False, DRAINED, ms(BEGUN_MS)) == {refusal}


def test_who_is_refused_is_told_who_is_active() -> None:
    holder = Holder()
    holder.peer.hear(beat(draft(Role.ACTIVE, revision=2)), OWN_BOOT, ms(BEGUN_MS))
    asked = SwitchoverAsked(REQUEST, "test", None, False)
    holder.letting_go.refuse(asked, frozenset({Refusal.NOT_ACTIVE}))
    (answer,) = holder.effects()
    assert isinstance(answer, Answer) and answer.request_id == REQUEST
    assert answer.body["refusals"][0]["text"].endswith("slot 2.")
