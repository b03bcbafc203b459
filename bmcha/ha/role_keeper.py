"""Keeps this node's role: feeds the peer views, asks the rules, carries a change through.

The only place where evidence, rules, role machine, claim and handover meet. It knows nothing of
cells, sensors or mirroring: what the rules need from there comes in as `ChassisWord`, and
`Node` does for the chassis what a new role demands. Called by `Node` in one thread; effects are
collected in order and taken by `Node` with `take_effects`.
"""

from __future__ import annotations

from dataclasses import replace

from bmcha.ha import claim as claiming
from bmcha.ha import switchover
from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.draft_writer import DraftWriter, draft_of
from bmcha.ha.evidence import last_rank_wait_ns
from bmcha.ha.line_watch import Step as LineStep
from bmcha.ha.maintenance import MaintenanceMode
from bmcha.ha.own_state import OwnState
from bmcha.ha.peer_list import PeerList
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_machine import OutputAct, RoleMachine
from bmcha.ha.role_rules import RoleDecision, RoleInputs, decide
from bmcha.model.effect import (
    DriveLine,
    Effect,
    EndService,
    EnterRole,
    OwnLine,
    ReadLines,
    SendMessage,
    StoreEpoch,
)
from bmcha.model.event import (
    LineLevels,
    LinesRead,
    MaintenanceAsked,
    StopAsked,
    SwitchoverAsked,
)
from bmcha.model.identity import EPOCH_MAX, claimant, next_epoch
from bmcha.model.invariant import check
from bmcha.model.message import Goodbye, Handover, HeartbeatDraft, Probe
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Reason, Refusal, Role
from bmcha.model.settings import NodeSettings


class RoleKeeper:
    def __init__(
        self,
        settings: NodeSettings,
        own_slot: int | None,
        boot_id: int,
        stored_epoch: int,
        now_ns: int,
    ) -> None:
        self.settings = settings
        self.own_slot = own_slot or 0
        self.boot_id = boot_id
        self.is_slot_known = own_slot is not None
        timers = settings.timers
        self.machine = RoleMachine(
            now_ns, ns_from_ms(timers.initdead_ms), ns_from_ms(timers.hold_off_ms)
        )
        self.peers = PeerList(settings, own_slot, now_ns)
        self.own = OwnState(now_ns, stored_epoch, must_listen_until_ns=now_ns)
        self.claim: claiming.Claim | None = None
        self.relinquishing: switchover.Relinquishing | None = None
        self.is_stopping = False
        self.has_ended = False
        self.maintenance = MaintenanceMode()
        self._drafts = DraftWriter()
        self._effects: list[Effect] = []

    @property
    def seen_epoch(self) -> int:
        return self.own.seen_epoch

    @property
    def held_epoch(self) -> int:
        """0 while it holds or claims nothing."""
        return self.own.held_epoch

    # ---- facts that arrive

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def stood_still(self, now_ns: int) -> None:
        """This node missed more time than it may: nothing it knew is fresh, and what waits in
        its buffers may be older than it looks."""
        self.own.is_late = True
        self.own.listen_until(now_ns + 2 * self.peers.slowest_interval_ns())
        self.peers.listen_anew(now_ns)

    def reconfigure(self, settings: NodeSettings) -> None:
        """Only what can change while the service runs differs from the former settings."""
        self.settings = settings
        self.machine.hold_off_ns = ns_from_ms(settings.timers.hold_off_ms)
        self.peers.reconfigure(settings)

    def saw_epoch(self, epoch: int) -> None:
        check(epoch <= EPOCH_MAX, f"epoch {epoch} is beyond u32")
        self.own.seen_epoch = max(self.own.seen_epoch, epoch)

    def read_lines(self, lines: LinesRead, now_ns: int) -> None:
        self.own.read_lines(lines)
        for slot, levels in lines.peers:
            peer = self.peers.get(slot)
            if peer is not None:
                self._examine_line(peer, levels, lines.read_ns)
        if self.claim is not None:
            is_peer_active = any(levels.active is True for _, levels in lines.peers)
            self._claim_step(self.claim.looked(is_peer_active, lines.read_ns), now_ns)

    def _examine_line(self, peer: PeerView, levels: LineLevels, read_ns: int) -> None:
        step = peer.lines.read(levels, read_ns)
        if step is LineStep.READ_AGAIN:
            self._effects.append(ReadLines())
        elif step is LineStep.PROBE:
            probe = Probe(peer.lines.probe_nonce)
            self._effects += [SendMessage(m.name, peer.slot, probe) for m in peer.monitors]

    def epoch_stored(self, epoch: int, now_ns: int) -> None:
        if self.claim is not None:
            self._claim_step(self.claim.stored(epoch, now_ns), now_ns)

    def store_failed(self, now_ns: int) -> None:
        """The claim goes on, `Node` raises the alarm: cooling does not wait for a disk."""
        if self.claim is not None:
            self.epoch_stored(self.claim.epoch, now_ns)

    # ---- what is asked

    def switchover_asked(self, asked: SwitchoverAsked, word: ChassisWord, now_ns: int) -> None:
        found = self._refusals(asked.target_slot, asked.is_forced, word, now_ns)
        if found:
            active_slot = self.peers.active_slot()
            self._effects.append(switchover.refused(asked.request_id, found, active_slot))
            return
        peer = self.peers.successor(asked.target_slot)
        self._relinquish(Reason.SWITCHOVER_ASKED, peer, now_ns, request_id=asked.request_id)

    def stop_asked(self, _asked: StopAsked, word: ChassisWord, now_ns: int) -> None:
        """Hand over if nothing speaks against it, else release; then goodbye."""
        if self.is_stopping:
            return
        found = self._refusals(None, True, word, now_ns)
        self.is_stopping = True
        if self.machine.role is Role.ACTIVE and not found:
            self._relinquish(Reason.STOP_ASKED, self.peers.successor(None), now_ns)
        elif self.machine.role is Role.RELINQUISHING and self.relinquishing is not None:
            self.relinquishing.is_goodbye_due = True
        else:
            self._say_goodbye(now_ns)

    def maintenance_asked(self, asked: MaintenanceAsked, now_ns: int) -> None:
        unaware = [p.slot for p in self.peers if not p.is_heard() or p.hears_us() is False]
        self._effects.append(self.maintenance.asked(asked, unaware, now_ns))

    def _refusals(
        self, target: int | None, is_forced: bool, word: ChassisWord, now_ns: int
    ) -> frozenset[Refusal]:
        peer = self.peers.successor(target)
        slots = self.settings.succession.slots
        inputs = switchover.inputs_of(
            self.machine, self.own_slot, slots, target, peer, word, now_ns
        )
        return switchover.refusals(replace(inputs, is_stopping=self.is_stopping), is_forced)

    # ---- the common tail of every step

    def settle(self, word: ChassisWord, now_ns: int) -> None:
        """Judge everything afresh, change the role if the rules say so, publish the draft."""
        for peer in self.peers:
            peer.tick(now_ns)
            if peer.draft is not None:
                self._note_word(peer.draft, peer.hears_us())
        if self.has_ended:
            return
        self._apply(decide(self.inputs(now_ns)), now_ns)
        self._carry_on(word, now_ns)
        self.own.is_late = False
        self._publish(word, now_ns)

    def _note_word(self, draft: HeartbeatDraft, hears_us: bool | None) -> None:
        self.saw_epoch(draft.epoch)
        if hears_us:
            self.own.has_yielded = False
        is_overtaken = self.machine.role is Role.ACTIVE and draft.epoch > self.own.held_epoch
        if is_overtaken and draft.role not in (Role.ACTIVE, Role.FENCING):
            self._renew_epoch()

    def _renew_epoch(self) -> None:
        """A peer that holds nothing knows a newer epoch than this holder: a store that outlived
        a replaced module. Without a newer one still, it would take us for a stale writer."""
        self.own.held_epoch = self.own.seen_epoch = self._next_epoch()
        self._effects.append(StoreEpoch(self.own.held_epoch))

    def _next_epoch(self) -> int:
        return next_epoch(self.own.seen_epoch, self.settings.succession, self.own_slot)

    def inputs(self, now_ns: int) -> RoleInputs:
        settings = self.settings
        peers = self.peers.evidence(self.own.held_epoch, now_ns, self.machine.boot_window_ends_ns)
        # While this node waited for one that hands over or is gone, nobody would hold the chassis.
        is_asked = any(peer.has_handed_over and peer.is_released for peer in peers)
        is_needed = is_asked or self.peers.has_lost_one()
        is_held_off = self.own.is_held_off(now_ns) and not is_needed
        return RoleInputs(
            role=self.machine.role,
            reason=self.machine.reason,
            peers=peers,
            board=settings.board_class,
            policy=settings.isolation_policy,
            is_slot_known=self.is_slot_known,
            is_boot_window_over=self.machine.is_boot_window_over(now_ns),
            is_lone_start_due=self._is_lone_start_due(now_ns),
            must_listen=self.own.must_listen(now_ns) or is_held_off,
            is_own_gap_too_long=self.own.is_late,
            are_outputs_shut=self.own.are_outputs_shut(self.machine.since_ns, now_ns),
            has_yielded=self.own.has_yielded,
            is_take_back_due=self._is_take_back_due(now_ns),
            is_in_maintenance=self.maintenance.is_on(now_ns),
            is_last_claimant=claimant(self.seen_epoch, self.settings.succession) == self.own_slot,
        )

    def _is_lone_start_due(self, now_ns: int) -> bool:
        if not self.settings.is_lone_start_allowed or self.peers.is_any_known():
            return False
        return now_ns - self.own.started_ns >= ns_from_ms(self.settings.timers.lone_start_ms)

    def _is_take_back_due(self, now_ns: int) -> bool:
        return self.relinquishing is not None and self.relinquishing.is_take_back_due(now_ns)

    # ---- carrying a change through

    def _carry_on(self, word: ChassisWord, now_ns: int) -> None:
        """The claim's waits and the handover's next move."""
        if self.claim is not None:
            self._claim_step(self.claim.tick(self.own.active_sense, now_ns), now_ns)
        if self.relinquishing is not None:
            self._relinquish_step(self.relinquishing, word, now_ns)

    def _apply(self, decision: RoleDecision, now_ns: int) -> None:
        before = self.machine.role
        if decision.role is before:
            if decision.reason is not self.machine.reason:
                self.machine.enter(decision.role, decision.reason, self.own.seen_epoch, now_ns)
                self._announce(before)
            return
        if decision.role is Role.RELINQUISHING:
            self._relinquish(decision.reason, self.peers.unhearing(), now_ns)
        elif decision.role is Role.FENCING:
            self._begin_claim(decision, now_ns)
        else:
            self._enter(decision.role, decision.reason, now_ns)

    def _enter(self, role: Role, reason: Reason, now_ns: int) -> None:
        before = self.machine.role
        transition = self.machine.enter(role, reason, self.own.epoch, now_ns)
        check(transition is not None, "a role is entered once")
        act = transition.act if transition is not None else OutputAct.NOTHING
        if act is OutputAct.OPEN:
            self._effects.append(DriveLine(OwnLine.OUTPUT_ENABLE, True))
        elif act is OutputAct.RELEASE:
            self._release_outputs()
        if role in (Role.STANDBY, Role.FAULT):
            self._end_change(role, reason, now_ns)
        self._announce(before)

    def _announce(self, before: Role) -> None:
        machine = self.machine
        epoch = self.own.epoch
        self._effects.append(EnterRole(machine.role, machine.reason, epoch, before))

    def _release_outputs(self) -> None:
        """Outputs first, then the line that says so."""
        self._effects += [
            DriveLine(OwnLine.OUTPUT_ENABLE, False),
            DriveLine(OwnLine.ACTIVE, False),
        ]

    def _end_change(self, role: Role, reason: Reason, now_ns: int) -> None:
        """Back to waiting: a claim or a handover that was under way has ended."""
        self.claim = None
        self.own.held_epoch = 0
        self.own.is_unverified = False
        if reason in (Reason.OUTPUTS_SHUT, Reason.CONTEST_LOST):
            # It would end the same way again: every other node goes first, even the last.
            self.own.must_listen_until_ns = now_ns + last_rank_wait_ns(self.settings)
        self._end_handover(role is Role.STANDBY and reason is Reason.HANDED_OVER, now_ns)
        if self.is_stopping:
            self._say_goodbye(now_ns)

    def _end_handover(self, is_done: bool, now_ns: int) -> None:
        """Whoever asked for the switchover is told how it ended, however it ended."""
        ended, self.relinquishing = self.relinquishing, None
        if ended is not None and ended.request_id is not None:
            self._effects.append(switchover.ended(ended, is_done, self.own.seen_epoch, now_ns))

    # ---- the claim

    def _begin_claim(self, decision: RoleDecision, now_ns: int) -> None:
        epoch = self._next_epoch()
        self.own.held_epoch = self.own.seen_epoch = epoch
        self.claim = claiming.Claim(
            epoch=epoch,
            is_first=self.settings.succession.rank(self.own_slot) == 0,
            has_lines=self.settings.has_active,
            is_active_line_doubted=decision.is_active_line_doubted,
            timers=self.settings.timers,
            begun_ns=now_ns,
        )
        self.own.is_unverified = decision.is_active_line_doubted
        self._enter(Role.FENCING, decision.reason, now_ns)
        self._claim_step(self.claim.begin(), now_ns)
        self._end_handover(False, now_ns)

    def _claim_step(self, step: claiming.Step, now_ns: int) -> None:
        claim = self.claim
        if claim is None or step is claiming.Step.WAIT:
            return
        match step:
            case claiming.Step.STORE:
                self._effects.append(StoreEpoch(claim.epoch))
            case claiming.Step.RAISE:
                self._effects += [DriveLine(OwnLine.ACTIVE, True), ReadLines()]
            case claiming.Step.LOOK:
                self._effects.append(ReadLines())
            case claiming.Step.OPEN:
                self.claim = None
                self._enter(Role.ACTIVE, self.machine.reason, now_ns)
            case claiming.Step.LET_GO:
                self._enter(Role.STANDBY, Reason.CONTEST_LOST, now_ns)

    # ---- letting go on purpose

    def _relinquish(
        self, reason: Reason, peer: PeerView | None, now_ns: int, request_id: int | None = None
    ) -> None:
        self.relinquishing = switchover.begin(reason, peer, self.settings, request_id, now_ns)
        self.own.has_yielded = self.own.has_yielded or reason is Reason.RELEASED_UNHEARD
        self._enter(Role.RELINQUISHING, reason, now_ns)

    def _relinquish_step(
        self, relinquishing: switchover.Relinquishing, word: ChassisWord, now_ns: int
    ) -> None:
        act = relinquishing.due(word.is_mirror_drained, now_ns)
        if act is switchover.Act.RELEASE:
            relinquishing.released_ns = now_ns
            self._release_outputs()
            self._publish(word, now_ns)
            act = relinquishing.due(word.is_mirror_drained, now_ns)
        if act is switchover.Act.SEND:
            self._send_handover(relinquishing, word)
        if relinquishing.is_goodbye_time(now_ns):
            self._say_goodbye(now_ns)

    def _send_handover(self, relinquishing: switchover.Relinquishing, word: ChassisWord) -> None:
        peer = self.peers.get(relinquishing.target_slot)
        message = Handover(relinquishing.nonce, word.mirror_sequence, self._drafts.revision)
        monitors = peer.usable_paths() if peer is not None else []
        slot = relinquishing.target_slot
        self._effects += [SendMessage(m.name, slot, message) for m in monitors]

    def _say_goodbye(self, now_ns: int) -> None:
        """Release first; nothing is said after it."""
        self._release_outputs()
        self._effects.append(DriveLine(OwnLine.HEALTH, False))
        goodbye = Goodbye(Reason.STOP_ASKED)
        for peer in self.peers:
            self._effects += [SendMessage(m.name, peer.slot, goodbye) for m in peer.monitors]
        self._end_handover(False, now_ns)
        self._effects.append(EndService())
        self.claim = None
        self.has_ended = True

    # ---- what every beat says

    def _publish(self, word: ChassisWord, now_ns: int) -> None:
        draft = draft_of(
            self.settings,
            self.machine,
            self.own.epoch,
            self.relinquishing,
            word,
            self.peers.heard_boot_id(),
            self.maintenance.word(now_ns),
        )
        self._effects.append(self._drafts.publish(draft))

    def next_deadline_ns(self) -> int | None:
        """When the node should be stepped at the latest, if sooner than the next tick."""
        waits = [self.peers.probe_deadline_ns()]
        waits.append(self.claim.deadline_ns() if self.claim is not None else None)
        return min((wait for wait in waits if wait is not None), default=None)
