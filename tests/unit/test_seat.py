"""What a change of role does to the lines, in which order, and what new settings reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.seat import Seat
from bmcha.model.effect import DriveLine, EnterRole, OwnLine
from bmcha.model.invariant import InvariantBroken
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.speech import ms
from tests.world import settings_of

RELEASE = [DriveLine(OwnLine.OUTPUT_ENABLE, False), DriveLine(OwnLine.ACTIVE, False)]
WHY = Reason.PEER_SILENT


def new_seat(slot: int | None = 1) -> Seat:
    return Seat(settings_of(BoardClass.GATED, 1), slot, 3, 0)


def test_the_outputs_open_when_active_is_entered_and_fall_before_the_line_when_it_is_left() -> None:
    seat = new_seat()
    seat.enter(Role.FENCING, WHY, 1)
    assert seat.take_effects() == []
    seat.enter(Role.ACTIVE, WHY, 2)
    assert seat.take_effects() == [DriveLine(OwnLine.OUTPUT_ENABLE, True)]
    seat.enter(Role.STANDBY, Reason.OWN_GAP_TOO_LONG, 3)
    assert seat.take_effects() == RELEASE
    assert seat.take_effects() == [], "each is taken once"


def test_a_handover_releases_later_than_it_begins() -> None:
    seat = new_seat()
    for role in (Role.FENCING, Role.ACTIVE):
        seat.enter(role, WHY, 1)
    seat.take_effects()
    seat.enter(Role.RELINQUISHING, Reason.SWITCHOVER_ASKED, 2)
    assert seat.take_effects() == []


def test_a_role_is_entered_once() -> None:
    seat = new_seat()
    seat.enter(Role.STANDBY, WHY, 1)
    with pytest.raises(InvariantBroken, match="entered once"):
        seat.enter(Role.STANDBY, WHY, 2)


def test_a_change_is_announced_with_the_role_before_it() -> None:
    seat = new_seat()
    seat.enter(Role.STANDBY, WHY, 1)
    seat.announce(Role.STARTING)
    assert seat.take_effects() == [EnterRole(Role.STANDBY, WHY, 3, Role.STARTING)]


def test_new_settings_reach_the_hold_off_and_the_peers() -> None:
    seat = new_seat()
    times = replace(seat.settings.timers, hold_off_ms=77, probe_ms=33)
    settings = replace(seat.settings, timers=times)
    seat.reconfigure(settings)
    assert seat.settings is settings
    assert seat.machine.hold_off_ns == ms(77)
    assert [peer.lines.probe_ns for peer in seat.peers] == [ms(33)]


def test_without_a_slot_it_is_slot_0_and_has_no_peers() -> None:
    seat = new_seat(None)
    assert seat.own_slot == 0 and len(seat.peers) == 0
