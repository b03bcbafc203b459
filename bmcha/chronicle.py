"""What the node writes into the chassis log of itself: roles, failovers, splits, drills, lock-outs.

Reads both halves and changes neither; the only thing that it does is to write records. Rule: what
a module drove and recorded while another one held the chassis as well is told before the picture
is given up for the winner's (docs/adr/0014-conflict-record.md). Called by `bmcha.node` only,
within one step.
"""

from __future__ import annotations

from bmcha.answers.facts import Facts
from bmcha.chassis.conflict import ImageChanges
from bmcha.chassis.event_log import FAILOVER, LOCKOUT_CLEARED, SPLIT_BRAIN, SPLIT_CHANGES
from bmcha.ha.split_watch import LOST_SPLIT
from bmcha.model.effect import EnterRole
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.model.role import Role, Severity


class Chronicle:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._roles = facts.roles
        self._chassis = facts.chassis
        self._changes = ImageChanges()
        self._told: tuple[int, int | None, int] | None = None

    def settled(self, now_ns: int) -> None:
        """After the roles were judged, before what they ask for is done."""
        self._note_cleared(now_ns)
        self._note_drill(now_ns)
        self._note_lost_splits(now_ns)
        is_alone = self._roles.split.alone_since_ns is not None
        self._changes.follow(is_alone and self._chassis.is_holding, self._chassis.picture)

    def entering(self, effect: EnterRole, now_ns: int) -> None:
        """Before the chassis half follows the new role."""
        if effect.reason in LOST_SPLIT and effect.from_role is Role.ACTIVE:
            self._note_conflict(effect, now_ns)

    def entered(self, effect: EnterRole, now_ns: int) -> None:
        former = self._roles.flaps.taken_over_from
        if effect.role is Role.ACTIVE and effect.from_role is Role.FENCING and former is not None:
            text = f"slot {self._facts.own_slot} took the chassis over from slot {former}"
            self._chassis.record(Severity.MINOR, FAILOVER, text, now_ns)
        severity = Severity.INFO if effect.role is effect.from_role else Severity.MINOR
        text = f"slot {self._facts.own_slot} is {effect.role.name}: {effect.reason.sentence}"
        self._chassis.record(severity, "role", text, now_ns)

    def _note_cleared(self, now_ns: int) -> None:
        """The log counts failovers from the newest of these on."""
        cleared_by = self._roles.flaps.take_cleared()
        if cleared_by:
            text = f"failovers are counted anew: {cleared_by}"
            self._chassis.record(Severity.MINOR, LOCKOUT_CLEARED, text, now_ns)

    def _note_drill(self, now_ns: int) -> None:
        found = self._roles.drill.take_findings()
        if found is not None:
            severity = Severity.MINOR if found.failed else Severity.INFO
            text = f"drill, asked by {found.asked_by}: {found.sentence}"
            self._chassis.record(severity, "drill", text, now_ns)

    # ---- split brain

    def _note_conflict(self, effect: EnterRole, now_ns: int) -> None:
        """This node lost: the record of what it did meanwhile."""
        chassis, own_epoch = self._chassis, self._chassis.epoch
        since_ns = self._roles.split.alone_since_ns
        span_ms = 0 if since_ns is None else (now_ns - since_ns) // NS_PER_MS
        own = chassis.own_records(own_epoch, now_ns - span_ms * NS_PER_MS)
        numbers = f" ({own_epoch}/{own[0]} to {own[-1]})" if own else ""
        changes = self._changes.sentences(chassis.picture)
        span = f"{span_ms * NS_PER_MS / NS_PER_S:.1f} s at most"
        winner = self._roles.peers.active_slot()
        text = (
            f"both held for {span}: epoch {own_epoch} lost to slot {winner}, epoch {effect.epoch};"
            f" kept: {len(own)} records{numbers}, {len(changes)} changes"
        )
        chassis.record(Severity.MAJOR, SPLIT_BRAIN, text, now_ns)
        for change in changes:
            chassis.record(Severity.INFO, SPLIT_CHANGES, change, now_ns)

    def _note_lost_splits(self, now_ns: int) -> None:
        """The other node lost: it says so once, in the beat with which it lets go."""
        for peer in self._roles.peers:
            draft = peer.draft
            if draft is None or draft.role is not Role.STANDBY or draft.reason not in LOST_SPLIT:
                continue
            word = (peer.slot, peer.boot_id, draft.revision)
            if word != self._told and self._roles.machine.role is Role.ACTIVE:
                self._told = word
                text = f"slot {peer.slot} held the chassis too, and let go; its own log says more"
                self._chassis.record(Severity.MAJOR, SPLIT_BRAIN, text, now_ns)
