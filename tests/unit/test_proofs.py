"""What each line ought to say in each role, and what counts as a line that was seen to move."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.proofs import Line, Proof, Proofs, lines_of
from bmcha.ha.seat import Seat
from bmcha.model.event import LineLevels, LinesRead
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.world import settings_of

UP = LineLevels(True, True, True)
WAY_TO: dict[Role, tuple[Role, ...]] = {
    Role.STARTING: (),
    Role.STANDBY: (Role.STANDBY,),
    Role.FENCING: (Role.FENCING,),
    Role.ACTIVE: (Role.FENCING, Role.ACTIVE),
    Role.RELINQUISHING: (Role.FENCING, Role.ACTIVE, Role.RELINQUISHING),
}


def seat_in(role: Role, board: BoardClass = BoardClass.GATED) -> Seat:
    seat = Seat(settings_of(board, 1), 1, 0, 0)
    for step in WAY_TO[role]:
        seat.machine.enter(step, Reason.PEER_SILENT, 3, 0)
    return seat


def read(seat: Seat, levels: LineLevels, now_ms: int, **own: bool | None) -> None:
    (peer,) = seat.peers
    peer.lines.read(levels, ms(now_ms))
    senses = (own.get("outputs_open"), own.get("own_active"))
    seat.own.read_lines(LinesRead(((2, levels),), *senses, ms(now_ms)))


def hear(seat: Seat, role: Role, revision: int = 1) -> None:
    (peer,) = seat.peers
    assert peer.meet(header(), "udp", ms(revision))
    peer.monitors[0].heard(ms(revision), 3)
    peer.hear(beat(draft(role, revision=revision)), OWN_BOOT, ms(revision))


def lose(seat: Seat) -> None:
    (peer,) = seat.peers
    for monitor in peer.monitors:
        monitor.overdue(monitor.last_heard_ns, ms(5000), False)


def expected(seat: Seat) -> dict[str, bool | None]:
    return {line.name: line.expected for line in lines_of(seat)}


@pytest.mark.parametrize(
    ("role", "holds"),
    [
        (Role.STARTING, False),
        (Role.STANDBY, False),
        (Role.FENCING, None),
        (Role.ACTIVE, True),
        (Role.RELINQUISHING, None),
    ],
)
def test_the_own_lines_say_who_holds_and_nothing_during_a_change(
    role: Role, holds: bool | None
) -> None:
    seat = seat_in(role)
    read(seat, UP, 10, outputs_open=True, own_active=False)
    own = [line for line in lines_of(seat) if line.name.startswith("own")]
    assert own == [Line("own ACTIVE", False, holds), Line("own OUTPUTS_OPEN", True, holds)]


def test_a_line_without_a_sense_is_not_there() -> None:
    seat = seat_in(Role.ACTIVE)
    read(seat, UP, 10)
    assert set(expected(seat)) == {"slot 2 PRESENCE", "slot 2 HEALTH", "slot 2 ACTIVE"}
    assert expected(seat_in(Role.ACTIVE, BoardClass.BARE)) == {}


def test_a_board_without_a_health_line_has_none_to_prove() -> None:
    names = set(expected(seat_in(Role.ACTIVE, BoardClass.LEASE)))
    assert names == {"slot 2 PRESENCE", "slot 2 ACTIVE"}


@pytest.mark.parametrize(
    ("role", "holds"),
    [
        (Role.STANDBY, False),
        (Role.FENCING, None),
        (Role.ACTIVE, True),
        (Role.RELINQUISHING, None),
    ],
)
def test_the_lines_of_a_peer_that_is_heard_say_what_it_says(role: Role, holds: bool | None) -> None:
    seat = seat_in(Role.STANDBY)
    hear(seat, role)
    assert expected(seat) == {
        "slot 2 PRESENCE": True,
        "slot 2 HEALTH": True,
        "slot 2 ACTIVE": holds,
    }


def test_of_a_peer_that_was_never_heard_no_line_says_anything() -> None:
    seat = seat_in(Role.ACTIVE)
    read(seat, LineLevels(False, False, False), 10)
    assert set(expected(seat).values()) == {None}


def test_of_a_peer_that_is_gone_a_fallen_line_is_right_and_one_that_is_up_says_nothing() -> None:
    seat = seat_in(Role.ACTIVE)
    hear(seat, Role.STANDBY)
    lose(seat)
    read(seat, LineLevels(True, False, False), 10)
    assert expected(seat) == {
        "slot 2 PRESENCE": None,
        "slot 2 HEALTH": False,
        "slot 2 ACTIVE": None,
    }


@pytest.mark.parametrize(
    ("role", "at_rest"), [(Role.STANDBY, False), (Role.ACTIVE, False), (Role.FENCING, None)]
)
def test_the_sense_of_a_reset_line_is_down_but_for_a_fence(
    role: Role, at_rest: bool | None
) -> None:
    seat = seat_in(role, BoardClass.RESET)
    assert "slot 2 RESET" not in expected(seat), "it has no sense"
    read(seat, replace(UP, reset=False), 10)
    assert expected(seat)["slot 2 RESET"] is at_rest


# ---- what counts as proven

ACTIVE_LINE = "slot 2 ACTIVE"


def test_a_line_that_agreed_at_both_levels_has_moved() -> None:
    seat = seat_in(Role.STANDBY)
    proofs = Proofs(seat)
    hear(seat, Role.STANDBY, 1)
    read(seat, LineLevels(True, True, False), 10)
    proofs.judge(ms(10))
    assert proofs.of_line(ACTIVE_LINE) is None, "it may be stuck there"
    hear(seat, Role.ACTIVE, 2)
    read(seat, UP, 20)
    proofs.judge(ms(20))
    proofs.judge(ms(30))
    assert proofs.of_line(ACTIVE_LINE) == Proof(ms(20), "moved")
    hear(seat, Role.STANDBY, 3)
    read(seat, LineLevels(True, True, False), 40)
    proofs.judge(ms(40))
    assert proofs.of_line(ACTIVE_LINE) == Proof(ms(40), "moved")


@pytest.mark.parametrize("level", [False, None])
def test_a_line_that_does_not_follow_its_word_proves_nothing(level: bool | None) -> None:
    seat = seat_in(Role.STANDBY)
    proofs = Proofs(seat)
    hear(seat, Role.STANDBY, 1)
    read(seat, LineLevels(True, True, False), 10)
    proofs.judge(ms(10))
    hear(seat, Role.ACTIVE, 2)
    read(seat, LineLevels(True, True, level), 20)
    proofs.judge(ms(20))
    assert proofs.of_line(ACTIVE_LINE) is None


def test_a_line_that_moves_against_its_word_proves_nothing() -> None:
    seat = seat_in(Role.STANDBY)
    proofs = Proofs(seat)
    hear(seat, Role.STANDBY)
    for now_ms, level in ((10, False), (20, True)):
        read(seat, LineLevels(True, True, level), now_ms)
        proofs.judge(ms(now_ms))
    assert proofs.of_line(ACTIVE_LINE) is None


def test_a_line_that_cannot_be_read_agrees_with_nobody_who_cannot_say() -> None:
    seat = seat_in(Role.STANDBY)
    proofs = Proofs(seat)
    hear(seat, Role.STANDBY, 1)
    read(seat, LineLevels(True, True, False), 10)
    proofs.judge(ms(10))
    hear(seat, Role.FENCING, 2)
    read(seat, LineLevels(True, True, None), 20)
    proofs.judge(ms(20))
    assert proofs.of_line(ACTIVE_LINE) is None


def test_a_drill_proves_a_line_where_it_stands() -> None:
    proofs = Proofs(seat_in(Role.STANDBY))
    proofs.drilled(ACTIVE_LINE, ms(10))
    assert proofs.of_line(ACTIVE_LINE) == Proof(ms(10), "drill")
