"""The seat: the role of this node, what it knows of itself and of its peers, and what it asks for.

Shared by the parts of the role keeper: taking the chassis (`bmcha.ha.taking`), letting it go
(`bmcha.ha.letting_go`) and judging (`bmcha.ha.role_keeper`). Decides nothing. Rule: outputs fall
before the line that says so, always.
"""

from __future__ import annotations

from bmcha.ha.own_state import OwnState
from bmcha.ha.peer_list import PeerList
from bmcha.ha.role_machine import OutputAct, RoleMachine
from bmcha.model.effect import DriveLine, Effect, EnterRole, OwnLine
from bmcha.model.identity import next_epoch
from bmcha.model.invariant import check
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Reason, Role
from bmcha.model.settings import NodeSettings


class Seat:
    """``effects`` are in the order in which they are to be run."""

    def __init__(
        self, settings: NodeSettings, own_slot: int | None, stored_epoch: int, now_ns: int
    ) -> None:
        self.settings = settings
        self.own_slot = own_slot or 0
        timers = settings.timers
        self.machine = RoleMachine(
            now_ns, ns_from_ms(timers.initdead_ms), ns_from_ms(timers.hold_off_ms)
        )
        self.peers = PeerList(settings, own_slot, now_ns)
        self.own = OwnState(now_ns, stored_epoch, must_listen_until_ns=now_ns)
        self._effects: list[Effect] = []

    def reconfigure(self, settings: NodeSettings) -> None:
        """Only what can change while the service runs differs from the former settings."""
        self.settings = settings
        self.machine.hold_off_ns = ns_from_ms(settings.timers.hold_off_ms)
        self.peers.reconfigure(settings)

    def emit(self, *effects: Effect) -> None:
        self._effects += effects

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def next_epoch(self) -> int:
        return next_epoch(self.own.seen_epoch, self.settings.succession, self.own_slot)

    # ---- a change of role

    def enter(self, role: Role, reason: Reason, now_ns: int) -> None:
        """Does to the lines what the change demands; `announce` follows."""
        transition = self.machine.enter(role, reason, self.own.epoch, now_ns)
        check(transition is not None, "a role is entered once")
        act = transition.act if transition is not None else OutputAct.NOTHING
        if act is OutputAct.OPEN:
            self.emit(DriveLine(OwnLine.OUTPUT_ENABLE, True))
        elif act is OutputAct.RELEASE:
            self.release_outputs()

    def announce(self, before: Role) -> None:
        machine = self.machine
        self.emit(EnterRole(machine.role, machine.reason, self.own.epoch, before))

    def release_outputs(self) -> None:
        self.emit(DriveLine(OwnLine.OUTPUT_ENABLE, False), DriveLine(OwnLine.ACTIVE, False))
