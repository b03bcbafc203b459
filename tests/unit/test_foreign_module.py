"""A module of another chassis behind a path: it is named, it is no peer, and no silence either."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.model.event import LineLevels, PathCounts, PathOverdue, PathSummarised, Tick
from bmcha.model.identity import next_epoch
from bmcha.model.role import Role, Severity
from bmcha.model.settings import BoardClass
from bmcha.node import Node
from tests.speech import OWN_BOOT, draft, heard, lines, ms
from tests.world import settings_of

START_MS, SUMMARY_MS, TICK_MS = 10_000, 500, 25
COUNTS = PathCounts(0, 0, 0, 0, 0, 0, None)
FOREIGN = replace(COUNTS, foreign_chassis_id=4712)


class Life:
    """A node in slot 1 that hears nothing of its own chassis."""

    def __init__(self, board: BoardClass = BoardClass.BARE, stored_epoch: int = 0) -> None:
        self.now_ms = START_MS
        settings = settings_of(board, 1)
        self.node = Node(settings, 1, OWN_BOOT, stored_epoch, (), 0, ms(START_MS))
        self.node.start(ms(START_MS))
        self.foreign_count = 0
        self.is_overdue = False

    @property
    def has_claimed(self) -> bool:
        return self.node.roles.machine.role in (Role.FENCING, Role.ACTIVE)

    def run(self, duration_ms: int, is_foreign_about: bool) -> Life:
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.now_ms += TICK_MS
            if self.now_ms % SUMMARY_MS == 0:
                self.foreign_count += 5 * is_foreign_about
                counts = replace(FOREIGN, foreign_count=self.foreign_count)
                for path in ("udp", "serial"):
                    event = PathSummarised(path, None, None, None, counts, "")
                    self.node.step(event, ms(self.now_ms))
            if not self.is_overdue and self.now_ms >= START_MS + 2000:
                self.is_overdue = True
                for path in ("udp", "serial"):
                    self.node.step(PathOverdue(path, None), ms(self.now_ms))
            self.node.step(Tick(), ms(self.now_ms))
        return self

    def alarms(self) -> dict[str, tuple[Severity, str]]:
        raised = self.node.chassis.alarms.raised()
        return {alarm.alarm_id: (alarm.severity, alarm.text) for alarm in raised}


def test_it_is_an_alarm_that_names_slot_and_chassis() -> None:
    severity, text = Life().run(1500, True).alarms()["foreign-chassis"]
    assert severity is Severity.MAJOR
    assert text.startswith("the module in slot 2 belongs to chassis 4712")


def test_the_alarm_ends_when_it_is_gone() -> None:
    life = Life().run(1500, True)
    assert "foreign-chassis" in life.run(2000, False).alarms()
    assert "foreign-chassis" not in life.run(2500, False).alarms()


def test_a_frame_for_another_slot_of_the_own_chassis_is_no_foreign_chassis() -> None:
    life = Life()
    counts = replace(COUNTS, foreign_count=9)
    life.node.step(PathSummarised("udp", None, None, None, counts, ""), ms(START_MS + 500))
    life.node.step(Tick(), ms(START_MS + 525))
    assert life.alarms() == {}


def test_it_is_no_peer() -> None:
    life = Life().run(1500, True)
    (peer,) = life.node.roles.peers
    assert not peer.is_heard() and peer.boot_id is None


def test_on_a_bare_board_nobody_claims_beside_it() -> None:
    assert Life().run(9000, False).has_claimed
    assert not Life().run(9000, True).has_claimed
    assert Life().run(9000, True).run(9000, False).has_claimed


@pytest.mark.parametrize("claimed_by", [1, 2])
def test_the_slot_that_claimed_last_goes_on_beside_it(claimed_by: int) -> None:
    succession = settings_of(BoardClass.BARE, 1).succession
    life = Life(stored_epoch=next_epoch(6, succession, claimed_by)).run(9000, True)
    assert life.has_claimed == (claimed_by == 1)


def test_who_knows_a_module_of_the_own_chassis_is_not_held_up() -> None:
    life = Life()
    life.node.step(heard(draft(Role.STANDBY), START_MS + 10), ms(START_MS + 10))
    assert life.run(9000, True).has_claimed


def test_on_a_gated_board_the_lines_decide() -> None:
    life = Life(BoardClass.GATED)
    gone = LineLevels(presence=False, health=False, active=False)
    for after_ms in (5, 10):
        life.node.step(lines(gone, START_MS + after_ms), ms(START_MS + after_ms))
    assert life.run(3000, True).has_claimed
