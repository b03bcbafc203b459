"""The role machine: which role may follow which, and what a change does to the outputs.

Rule 1: everything that changes the role passes `RoleMachine.enter`; the role is written nowhere
else. Rule 2: the table below is the whole truth about changes; a pair that is not in it is a
broken invariant and ends the process, because a service that would change role in an unforeseen
way must not hold a chassis. Rule 3: the table says what is *done to the outputs*, never why; why
is `role_rules`. docs/role-machine.md is generated from this table.

Letting go is always the same: outputs first, then the ACTIVE line, then words. Taking is the
claim (`bmcha.ha.claim`): store the epoch, raise the line, look, open.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, unique

from bmcha.model.invariant import check
from bmcha.model.record import dataclass
from bmcha.model.role import Reason, Role

HISTORY_MAX = 32
"""Role changes remembered for `bmcha why`; older ones are in the event log."""


@unique
class OutputAct(Enum):
    """What a role change does to the outputs and the ACTIVE line."""

    NOTHING = "outputs stay closed"
    CLAIM = "fence if needed, store epoch, raise ACTIVE, settle, look"
    OPEN = "open outputs"
    RELEASE = "close outputs, lower ACTIVE"
    DRAIN = "let the mirror drain, then close outputs, lower ACTIVE, hand over"


@dataclass(frozen=True, slots=True)
class Transition:
    act: OutputAct
    when: str


TRANSITIONS: dict[tuple[Role, Role], Transition] = {
    (Role.STARTING, Role.STANDBY): Transition(
        OutputAct.NOTHING, "the peer is ACTIVE, or the boot window ended and a claim is not allowed"
    ),
    (Role.STARTING, Role.FENCING): Transition(OutputAct.CLAIM, "the rules allow a claim"),
    (Role.STARTING, Role.FAULT): Transition(
        OutputAct.RELEASE, "the slot cannot be read, or another module in it goes first"
    ),
    (Role.STANDBY, Role.FAULT): Transition(
        OutputAct.RELEASE, "another module in the same slot goes first"
    ),
    (Role.STANDBY, Role.FENCING): Transition(OutputAct.CLAIM, "the rules allow a claim"),
    (Role.FENCING, Role.ACTIVE): Transition(OutputAct.OPEN, "epoch stored, nobody else claims"),
    (Role.FENCING, Role.STANDBY): Transition(
        OutputAct.RELEASE,
        "the peer is ACTIVE, the contest is lost, the fence called off, or this node stood still",
    ),
    (Role.ACTIVE, Role.STANDBY): Transition(
        OutputAct.RELEASE, "newer epoch heard, this node stood still, or the board shut the outputs"
    ),
    (Role.ACTIVE, Role.RELINQUISHING): Transition(
        OutputAct.DRAIN,
        "a switchover or a stop is asked, the peer hears nothing from here, or the lease is over",
    ),
    (Role.RELINQUISHING, Role.STANDBY): Transition(
        OutputAct.RELEASE, "the peer is ACTIVE, or another claim shows on its line"
    ),
    (Role.RELINQUISHING, Role.FENCING): Transition(OutputAct.CLAIM, "nobody took it: taken back"),
}


@dataclass(frozen=True, slots=True)
class RoleChange:
    at_ns: int
    from_role: Role
    to_role: Role
    reason: Reason
    epoch: int


class RoleMachine:
    def __init__(self, now_ns: int, boot_window_ns: int, hold_off_ns: int) -> None:
        self.role = Role.STARTING
        self.reason = Reason.BOOT_LISTENING
        self.since_ns = now_ns
        self.history: deque[RoleChange] = deque(maxlen=HISTORY_MAX)
        self.boot_window_ends_ns = now_ns + boot_window_ns
        self.hold_off_ns = hold_off_ns

    def enter(self, role: Role, reason: Reason, epoch: int, now_ns: int) -> Transition | None:
        """None: only the reason changed."""
        if role is self.role:
            self.reason = reason
            return None
        transition = TRANSITIONS.get((self.role, role))
        check(
            transition is not None, f"role change {self.role.name} -> {role.name} is not foreseen"
        )
        self.history.append(RoleChange(now_ns, self.role, role, reason, epoch))
        self.role, self.reason, self.since_ns = role, reason, now_ns
        return transition

    def is_boot_window_over(self, now_ns: int) -> bool:
        return now_ns >= self.boot_window_ends_ns

    def boot_window_left_ns(self, now_ns: int) -> int:
        return max(0, self.boot_window_ends_ns - now_ns)

    def is_held_off(self, now_ns: int) -> bool:
        """A voluntary change waits until the last change has settled. Evidence never waits."""
        return bool(self.history) and now_ns - self.since_ns < self.hold_off_ns
