"""Another module in our slot: which of the two must go, and from when on it counts."""

import pytest

from bmcha.ha.twin_watch import FRESH_NS, TwinWatch
from bmcha.model.effect import StoreEpoch
from bmcha.model.event import EpochStored, PathCounts, PathSummarised, Tick
from bmcha.model.hearsay import Twin
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from bmcha.node import Node
from tests.speech import OWN_BOOT, draft, heard, ms
from tests.world import settings_of

EARLIER, LATER = OWN_BOOT - 1, OWN_BOOT + 1
SUMMARY_MS, START_MS = 500, 10_000
COUNTS = PathCounts(0, 0, 0, 0, 0, 0, None)


def watching(*twins: Twin, deadtime_ms: int = 500) -> TwinWatch:
    found = TwinWatch()
    for twin in twins:
        found.summarised("udp", twin, ms(deadtime_ms))
    return found


def twin(role: Role, boot_id: int = LATER, *, epoch: int = 0, at_ms: int = 0) -> Twin:
    return Twin(boot_id, role, epoch, ms(at_ms))


def there(role: Role, boot_id: int, epoch: int = 0) -> TwinWatch:
    said = [twin(role, boot_id, epoch=epoch, at_ms=at_ms) for at_ms in (0, SUMMARY_MS)]
    return watching(*said)


def goes_first(found: TwinWatch, role: Role, held_epoch: int = 0) -> bool:
    return found.goes_first(role, held_epoch, OWN_BOOT, ms(SUMMARY_MS))


# ---- is it there?


def test_one_summary_proves_nothing() -> None:
    assert watching(twin(Role.ACTIVE)).twin(0) is None


def test_the_same_beat_told_twice_proves_nothing() -> None:
    assert watching(twin(Role.ACTIVE), twin(Role.ACTIVE)).twin(0) is None


def test_two_lives_heard_once_each_prove_nothing() -> None:
    found = watching(twin(Role.ACTIVE, EARLIER), twin(Role.ACTIVE, LATER, at_ms=SUMMARY_MS))
    assert found.twin(ms(SUMMARY_MS)) is None


def test_a_summary_that_tells_of_none_says_nothing() -> None:
    found = watching(twin(Role.ACTIVE))
    found.summarised("udp", None, ms(500))
    found.summarised("udp", twin(Role.ACTIVE, at_ms=SUMMARY_MS), ms(500))
    assert found.twin(ms(SUMMARY_MS)) is not None


def test_two_beats_far_apart_prove_nothing() -> None:
    assert watching(twin(Role.ACTIVE), twin(Role.ACTIVE, at_ms=1501)).twin(ms(1501)) is None
    slow = watching(twin(Role.ACTIVE), twin(Role.ACTIVE, at_ms=1501), deadtime_ms=2000)
    assert slow.twin(ms(1501)) is not None


def test_it_is_there_until_it_was_not_heard_for_a_while() -> None:
    found = there(Role.STANDBY, LATER)
    heard_ns = ms(SUMMARY_MS)
    assert found.twin(heard_ns + FRESH_NS) == twin(Role.STANDBY, at_ms=SUMMARY_MS)
    assert found.twin(heard_ns + FRESH_NS + 1) is None
    assert not found.goes_first(Role.STANDBY, 0, LATER + 1, heard_ns + FRESH_NS + 1)


# ---- who goes first?

WAITING = (Role.STARTING, Role.STANDBY)
BY_STANDING = (
    *((Role.STARTING, further) for further in (Role.STANDBY, Role.FENCING, Role.ACTIVE)),
    *((Role.STANDBY, further) for further in (Role.FENCING, Role.RELINQUISHING, Role.ACTIVE)),
    *((Role.FENCING, Role.ACTIVE), (Role.RELINQUISHING, Role.ACTIVE)),
)


@pytest.mark.parametrize(("behind", "further"), BY_STANDING)
@pytest.mark.parametrize("boot_id", [EARLIER, LATER])
def test_who_is_further_stays_whatever_the_boot_ids(
    behind: Role, further: Role, boot_id: int
) -> None:
    assert goes_first(there(further, boot_id, epoch=5), behind)
    assert not goes_first(there(behind, boot_id, epoch=5), further)


@pytest.mark.parametrize("role", [*WAITING, Role.FENCING, Role.RELINQUISHING, Role.ACTIVE])
def test_among_equals_the_lower_boot_id_stays(role: Role) -> None:
    assert goes_first(there(role, EARLIER, epoch=3), role, held_epoch=3)
    assert not goes_first(there(role, LATER, epoch=3), role, held_epoch=3)


@pytest.mark.parametrize("boot_id", [EARLIER, LATER])
def test_of_two_that_are_active_the_newer_epoch_stays(boot_id: int) -> None:
    assert goes_first(there(Role.ACTIVE, boot_id, epoch=5), Role.ACTIVE, held_epoch=3)
    assert not goes_first(there(Role.ACTIVE, boot_id, epoch=3), Role.ACTIVE, held_epoch=5)


@pytest.mark.parametrize("role", list(Role))
def test_a_twin_in_fault_disturbs_nobody(role: Role) -> None:
    assert not goes_first(there(Role.FAULT, EARLIER), role)


# ---- what becomes of it


class Life:
    """A node in slot 1, and what it is told of its twin on one path."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        settings = settings_of(BoardClass.BARE, 1)
        self.node = Node(settings, 1, OWN_BOOT, 0, (), 0, ms(START_MS))
        self.node.start(ms(START_MS))

    @property
    def role(self) -> tuple[Role, Reason]:
        machine = self.node.roles.machine
        return machine.role, machine.reason

    def hear_twin(self, role: Role, boot_id: int, summaries: int = 3, epoch: int = 0) -> "Life":
        for _ in range(summaries):
            for _ in range(SUMMARY_MS // 25):
                self.now_ms += 25
                self.node.step(Tick(), ms(self.now_ms))
            said = twin(role, boot_id, at_ms=self.now_ms, epoch=epoch)
            counts = PathCounts(0, 0, 0, 0, 0, 0, None, twin=said)
            event = PathSummarised("udp", None, None, None, counts, "")
            self.node.step(event, ms(self.now_ms))
        self.node.step(Tick(), ms(self.now_ms))
        return self

    def become_active(self) -> "Life":
        """By a peer that is in FAULT."""
        while self.role[0] is not Role.ACTIVE:
            self.now_ms += 25
            said = draft(Role.FAULT, Reason.OWN_SLOT_UNREADABLE)
            self.node.step(heard(said, self.now_ms), ms(self.now_ms))
            for effect in self.node.step(Tick(), ms(self.now_ms)):
                if isinstance(effect, StoreEpoch):
                    self.node.step(EpochStored(effect.epoch), ms(self.now_ms))
        return self

    def alarms(self) -> dict[str, str]:
        return {alarm.alarm_id: alarm.text for alarm in self.node.chassis.alarms.raised()}


def test_a_starter_beside_a_holder_is_in_fault_and_says_what_to_do() -> None:
    life = Life().hear_twin(Role.ACTIVE, LATER)
    assert life.role == (Role.FAULT, Reason.DUPLICATE_SLOT)
    assert "reseat the module that is wrong" in life.alarms()["own-fault"]
    assert "in slot 1 too, ACTIVE" in life.alarms()["duplicate-slot"]


def test_fault_outlasts_the_twin() -> None:
    life = Life().hear_twin(Role.ACTIVE, LATER)
    life.hear_twin(Role.FAULT, LATER, summaries=20)
    assert life.role == (Role.FAULT, Reason.DUPLICATE_SLOT)


def test_a_starter_that_goes_first_stays_and_tells_of_it() -> None:
    life = Life().hear_twin(Role.STARTING, LATER, summaries=2)
    assert life.role[0] is Role.STARTING
    assert "duplicate-slot" in life.alarms()


def test_a_holder_stays_beside_a_starter() -> None:
    life = Life().become_active().hear_twin(Role.STARTING, EARLIER)
    assert life.role[0] is Role.ACTIVE
    assert "duplicate-slot" in life.alarms()


def test_a_holder_lets_go_for_one_with_a_newer_epoch_and_is_in_fault_then() -> None:
    life = Life().become_active().hear_twin(Role.ACTIVE, LATER, epoch=99)
    assert life.role == (Role.FAULT, Reason.DUPLICATE_SLOT)
    ways = [(change.from_role, change.to_role) for change in life.node.roles.machine.history]
    assert ways[-2:] == [(Role.ACTIVE, Role.STANDBY), (Role.STANDBY, Role.FAULT)]


def test_a_twin_that_holds_goes_before_a_claim_whatever_the_epoch_of_that() -> None:
    assert goes_first(there(Role.ACTIVE, LATER, epoch=3), Role.FENCING, held_epoch=9)
