"""Every beat's word: what makes it urgent, and the revision that orders the words of one life."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.draft_writer import DraftWriter, draft_of
from bmcha.ha.revision import REVISION_SPAN, is_older
from bmcha.ha.role_machine import RoleMachine
from bmcha.ha.switchover import Relinquishing
from bmcha.model.message import HeartbeatDraft, Maintenance, Progress
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.speech import draft
from tests.world import settings_of, timers

SAID = draft(Role.STANDBY, Reason.PEER_IS_ACTIVE)


def test_the_first_word_is_urgent() -> None:
    made = DraftWriter().publish(SAID)
    assert made.is_urgent and made.draft == replace(SAID, revision=1)


def test_the_same_word_again_is_neither_urgent_nor_newer() -> None:
    writer = DraftWriter()
    first = writer.publish(SAID)
    again = writer.publish(SAID)
    assert not again.is_urgent and again.draft == first.draft


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 9},
        {"role": Role.FENCING},
        {"reason": Reason.ISOLATED},
        {"is_holding": True},
        {"is_released": True},
        {"will_claim_on_silence": True},
    ],
)
def test_what_decides_roles_must_be_heard_at_once(change: dict[str, object]) -> None:
    writer = DraftWriter()
    before = writer.publish(SAID).draft
    made = writer.publish(replace(SAID, **change))  # type: ignore[arg-type]
    assert made.is_urgent and is_older(before.revision, made.draft.revision)


@pytest.mark.parametrize(
    "change",
    [
        {"health": 50},
        {"mirror_sequence": 7},
        {"progress": Progress(1, 2, 3)},
        {"echo_boot_id": 5},
        {"revision": 77},
    ],
)
def test_everything_else_waits_for_the_next_beat(change: dict[str, object]) -> None:
    writer = DraftWriter()
    writer.publish(SAID)
    made = writer.publish(replace(SAID, **change))  # type: ignore[arg-type]
    assert not made.is_urgent and made.draft.revision == 1


def test_the_revision_wraps_and_stays_newer() -> None:
    writer = DraftWriter()
    writer.revision = REVISION_SPAN - 1
    made = writer.publish(SAID)
    assert made.draft.revision == 0 and is_older(REVISION_SPAN - 1, 0)


# ---- what it says

WAY_TO: dict[Role, tuple[Role, ...]] = {
    Role.STARTING: (),
    Role.STANDBY: (Role.STANDBY,),
    Role.FENCING: (Role.FENCING,),
    Role.ACTIVE: (Role.FENCING, Role.ACTIVE),
    Role.RELINQUISHING: (Role.FENCING, Role.ACTIVE, Role.RELINQUISHING),
}


def said_in(
    role: Role,
    *,
    board: BoardClass = BoardClass.BARE,
    released_ns: int | None = None,
    maintenance: Maintenance | None = None,
    is_locked_out: bool = False,
    is_claim_certain: bool = True,
) -> HeartbeatDraft:
    machine = RoleMachine(0, 0, 0)
    for step in WAY_TO[role]:
        machine.enter(step, Reason.SWITCHOVER_ASKED, 3, 0)
    going = Relinquishing(machine.reason, 2, 1, 0, timers(), 1000, released_ns=released_ns)
    return draft_of(
        settings_of(board, 1),
        machine,
        3,
        going if role is Role.RELINQUISHING else None,
        ChassisWord(True, True, 40, Progress(0, 0, 0), 100),
        7,
        maintenance,
        is_locked_out,
        is_claim_certain,
    )


@pytest.mark.parametrize("role", WAY_TO, ids=lambda role: role.name)
def test_who_is_active_holds_and_who_lets_go_does_until_it_has_released(role: Role) -> None:
    before = said_in(role)
    assert before.is_holding is (role in (Role.ACTIVE, Role.RELINQUISHING))
    assert not before.is_released
    after = said_in(role, released_ns=5)
    assert after.is_holding is (role is Role.ACTIVE)
    assert after.is_released is (role is Role.RELINQUISHING)


@pytest.mark.parametrize("role", WAY_TO, ids=lambda role: role.name)
def test_only_a_standby_whose_rules_end_in_a_takeover_says_that_it_will_claim(role: Role) -> None:
    assert said_in(role).will_claim_on_silence is (role is Role.STANDBY)
    assert not said_in(role, is_claim_certain=False).will_claim_on_silence


@pytest.mark.parametrize(("remaining_s", "claims"), [(0, True), (1, False)])
def test_in_maintenance_it_claims_nothing(remaining_s: int, claims: bool) -> None:
    word = Maintenance(5, remaining_s)
    assert said_in(Role.STANDBY, maintenance=word).will_claim_on_silence is claims


@pytest.mark.parametrize("board", list(BoardClass), ids=lambda board: board.name)
def test_locked_out_it_claims_nothing_on_silence_alone(board: BoardClass) -> None:
    said = said_in(Role.STANDBY, board=board, is_locked_out=True)
    assert said.is_locked_out
    assert said.will_claim_on_silence is (board is not BoardClass.BARE)
