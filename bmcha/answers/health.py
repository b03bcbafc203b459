"""The health of this module: 0 to 100, what it can do for the chassis, and what it cannot.

Only what is this module's own counts: its store, its ports, its threads, its lines, and what of the
chassis' devices it can read and drive. What is wrong with the chassis itself is wrong for both and
moves nothing, because it is the difference to the other module that does (`bmcha.ha.
voluntary_moves`). The weights are in docs/operator.md, and a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from bmcha.model.moment import NS_PER_S
from bmcha.model.record import dataclass
from bmcha.model.role import Role

if TYPE_CHECKING:
    from bmcha.answers.facts import Facts

SENSORS_COST: Final = 60
"""If all cannot be read; a part of them costs its part, rounded up."""
FANS_COST: Final = 60
STORE_COST: Final = 20
LINE_COST: Final = 20
PORT_COST: Final = 10
THREAD_COST: Final = 10
LINE_LAG_NS: Final = NS_PER_S
"""A line that was driven up has this long to be sensed so."""


@dataclass(frozen=True, slots=True)
class Health:
    score: int
    reasons: tuple[str, ...] = ()


def health_of(facts: Facts, now_ns: int) -> Health:
    if facts.own_slot is None:
        return Health(0, ("the slot cannot be read",))
    found = list(_costs(facts, now_ns))
    return Health(max(1, 100 - sum(cost for cost, _ in found)), tuple(text for _, text in found))


def _costs(facts: Facts, now_ns: int) -> Iterator[tuple[int, str]]:
    chassis, own = facts.settings.chassis, facts.own_readings
    sensors_count, fans_count = len(chassis.sensors), len(chassis.fans)
    if unread := own.unread_sensors_count(chassis, now_ns):
        cost = _part(SENSORS_COST, unread, sensors_count)
        yield cost, f"{unread} of {sensors_count} sensors cannot be read from here"
    lost = max(own.unread_fans_count(chassis, now_ns), len(facts.chassis.fan_judge.undriven()))
    if lost:
        cost = _part(FANS_COST, lost, fans_count)
        yield cost, f"{lost} of {fans_count} fans cannot be read or driven from here"
    if facts.store_fault:
        yield STORE_COST, "nothing can be stored"
    if _is_own_line_faulty(facts, now_ns):
        yield LINE_COST, "the own ACTIVE line does not rise"
    for path, fault in facts.port_faults.items():
        if fault:
            yield PORT_COST, f"the port of path {path} cannot be used"
    for name in facts.service.stalled:
        yield THREAD_COST, f"the thread {name} is stuck"


def _part(cost: int, lost_count: int, count: int) -> int:
    return -(-cost * lost_count // max(1, count))


def _is_own_line_faulty(facts: Facts, now_ns: int) -> bool:
    machine = facts.roles.machine
    is_settled = now_ns - machine.since_ns >= LINE_LAG_NS
    return machine.role is Role.ACTIVE and facts.roles.own.active_sense is False and is_settled
