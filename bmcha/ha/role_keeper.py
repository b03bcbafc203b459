"""Keeps this node's role: feeds the peer views, asks the rules, carries a change through.

The only place where evidence and rules meet; how the chassis is taken and let go is in
`bmcha.ha.taking` and `bmcha.ha.letting_go`. It knows nothing of cells, sensors or mirroring: what
the rules need from there comes in as `ChassisWord`, and `Node` does for the chassis what a new
role demands. Called by `Node` in one thread; effects are collected in order and taken by `Node`
with `take_effects`.
"""

from __future__ import annotations

from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.claim import Claim
from bmcha.ha.draft_writer import DraftWriter, draft_of
from bmcha.ha.drill import Drill
from bmcha.ha.evidence import is_claim_certain_on_silence, last_rank_wait_ns
from bmcha.ha.fencing import Fence
from bmcha.ha.flap_limiter import FlapLimiter
from bmcha.ha.letting_go import LettingGo
from bmcha.ha.line_watch import Step as LineStep
from bmcha.ha.maintenance import MaintenanceMode
from bmcha.ha.own_state import OwnState
from bmcha.ha.peer_list import PeerList
from bmcha.ha.peer_view import PeerView
from bmcha.ha.proofs import Line, Proofs, lines_of
from bmcha.ha.role_machine import RoleMachine
from bmcha.ha.role_rules import decide
from bmcha.ha.rule_record import RoleDecision, RoleInputs
from bmcha.ha.seat import Seat
from bmcha.ha.split_watch import SplitWatch
from bmcha.ha.switchover import Relinquishing
from bmcha.ha.taking import Outcome, Taking
from bmcha.ha.voluntary_moves import VoluntaryMoves
from bmcha.model.effect import Effect, ReadLines, SendMessage, StoreEpoch
from bmcha.model.event import (
    LineLevels,
    LinesRead,
    LockoutClearAsked,
    MaintenanceAsked,
    StopAsked,
    SwitchoverAsked,
)
from bmcha.model.identity import EPOCH_MAX, claimant
from bmcha.model.invariant import check
from bmcha.model.message import HeartbeatDraft, Probe
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, NodeSettings


class RoleKeeper:
    def __init__(
        self,
        settings: NodeSettings,
        own_slot: int | None,
        boot_id: int,
        stored_epoch: int,
        now_ns: int,
    ) -> None:
        self.boot_id = boot_id
        self.is_slot_known = own_slot is not None
        self.maintenance = MaintenanceMode()
        self._seat = Seat(settings, own_slot, stored_epoch, now_ns)
        self._taking = Taking(self._seat)
        self.flaps = FlapLimiter(self._seat)
        self._letting_go = LettingGo(self._seat, self.flaps)
        self.moves = VoluntaryMoves(self._seat, self._letting_go)
        self.split = SplitWatch(self._seat)
        self.proofs = Proofs(self._seat)
        self.drill = Drill(self._seat, self.proofs)
        self._drafts = DraftWriter()

    @property
    def settings(self) -> NodeSettings:
        return self._seat.settings

    @property
    def own_slot(self) -> int:
        """0: unknown."""
        return self._seat.own_slot

    @property
    def machine(self) -> RoleMachine:
        return self._seat.machine

    @property
    def own(self) -> OwnState:
        return self._seat.own

    @property
    def peers(self) -> PeerList:
        return self._seat.peers

    @property
    def claim(self) -> Claim | None:
        return self._taking.claim

    @property
    def fence(self) -> Fence | None:
        return self._taking.fence

    @property
    def relinquishing(self) -> Relinquishing | None:
        return self._letting_go.relinquishing

    def lines(self) -> list[Line]:
        """Every line wired to this module, with what it ought to say."""
        return list(lines_of(self._seat))

    @property
    def has_ended(self) -> bool:
        """Goodbye was said."""
        return self._letting_go.has_ended

    @property
    def seen_epoch(self) -> int:
        return self.own.seen_epoch

    @property
    def held_epoch(self) -> int:
        """0 while it holds or claims nothing."""
        return self.own.held_epoch

    # ---- facts that arrive

    def take_effects(self) -> list[Effect]:
        return self._seat.take_effects()

    def stood_still(self, now_ns: int) -> None:
        """This node missed more time than it may: nothing it knew is fresh, and what waits in
        its buffers may be older than it looks."""
        self.own.is_late = True
        self.own.listen_until(now_ns + 2 * self.peers.slowest_interval_ns())
        self.peers.listen_anew(now_ns)

    def reconfigure(self, settings: NodeSettings) -> None:
        """Only what can change while the service runs differs from the former settings."""
        self._seat.reconfigure(settings)

    def saw_epoch(self, epoch: int) -> None:
        check(epoch <= EPOCH_MAX, f"epoch {epoch} is beyond u32")
        self.own.seen_epoch = max(self.own.seen_epoch, epoch)

    def read_lines(self, lines: LinesRead, now_ns: int) -> None:
        self.own.read_lines(lines)
        for slot, levels in lines.peers:
            peer = self.peers.get(slot)
            if peer is not None:
                self._examine_line(peer, levels, lines.read_ns)
        self.proofs.judge(now_ns)
        self.drill.lines_read(lines.read_ns)
        self._take_or_lose(self._taking.looked(lines, now_ns), now_ns)

    def _examine_line(self, peer: PeerView, levels: LineLevels, read_ns: int) -> None:
        step = peer.lines.read(levels, read_ns)
        if step is LineStep.READ_AGAIN:
            self._seat.emit(ReadLines())
        elif step is LineStep.PROBE:
            probe = Probe(peer.lines.probe_nonce)
            self._seat.emit(*(SendMessage(m.name, peer.slot, probe) for m in peer.monitors))

    def tick(self, now_ns: int, known_ns: int) -> None:
        """``known_ns``: what came by then has been told."""
        for peer in self.peers:
            peer.lines.tick(now_ns, known_ns)

    def epoch_stored(self, epoch: int, now_ns: int) -> None:
        self._take_or_lose(self._taking.stored(epoch, now_ns), now_ns)

    def store_failed(self, now_ns: int) -> None:
        self._take_or_lose(self._taking.store_failed(now_ns), now_ns)

    # ---- what is asked

    def switchover_asked(self, asked: SwitchoverAsked, word: ChassisWord, now_ns: int) -> None:
        found = self._letting_go.refusals(asked.target_slot, asked.is_forced, word, now_ns)
        if found:
            self._letting_go.refuse(asked, found)
            return
        peer = self.peers.successor(asked.target_slot)
        self._relinquish(Reason.SWITCHOVER_ASKED, peer, now_ns, asked.request_id)

    def stop_asked(self, _asked: StopAsked, word: ChassisWord, now_ns: int) -> None:
        """Hand over if nothing speaks against it, else release; then goodbye."""
        letting_go = self._letting_go
        if letting_go.is_stopping:
            return
        found = letting_go.refusals(None, True, word, now_ns)
        letting_go.is_stopping = True
        if self.machine.role is Role.ACTIVE and not found:
            self._relinquish(Reason.STOP_ASKED, self.peers.successor(None), now_ns)
        elif self.machine.role is Role.RELINQUISHING and letting_go.relinquishing is not None:
            letting_go.relinquishing.is_goodbye_due = True
        else:
            self._say_goodbye(now_ns)

    def maintenance_asked(self, asked: MaintenanceAsked, now_ns: int) -> None:
        self._seat.emit(self.maintenance.asked(asked, self.peers.unaware(), now_ns))

    def lockout_clear_asked(self, asked: LockoutClearAsked) -> None:
        self._seat.emit(self.flaps.clear_asked(asked, self.peers.unaware()))

    # ---- the common tail of every step

    def settle(self, word: ChassisWord, now_ns: int) -> None:
        """Judge everything afresh, change the role if the rules say so, publish the draft."""
        for peer in self.peers:
            peer.tick(now_ns)
            if peer.draft is not None and peer.is_heard():
                self._note_word(peer.draft, peer.hears_us(), now_ns)
        self.flaps.judge(word.failovers_ns, now_ns)
        self.split.judge(now_ns)
        self.drill.tick(now_ns)
        if self.has_ended:
            return
        self._apply(decide(self.inputs(now_ns)), now_ns)
        self._move_unasked(word, now_ns)
        self._carry_on(word, now_ns)
        self.own.is_late = False
        self._publish(word, now_ns)

    def _note_word(self, draft: HeartbeatDraft, hears_us: bool | None, now_ns: int) -> None:
        self.saw_epoch(draft.epoch)
        if hears_us:
            self.own.has_yielded = False
        is_rival = draft.role in (Role.ACTIVE, Role.FENCING)
        if is_rival or draft.epoch <= self.own.held_epoch:
            return
        if self.machine.role is Role.ACTIVE:
            self._renew_epoch()
        else:
            self._taking.renew(now_ns)

    def _renew_epoch(self) -> None:
        """A peer that holds nothing knows a newer epoch than this holder: a store that outlived
        a replaced module. Without a newer one still, it would take us for a stale writer."""
        self.own.held_epoch = self.own.seen_epoch = self._seat.next_epoch()
        self._seat.emit(StoreEpoch(self.own.held_epoch))

    def inputs(self, now_ns: int) -> RoleInputs:
        settings = self.settings
        peers = self.peers.evidence(self.own.held_epoch, now_ns, self.machine.boot_window_ends_ns)
        # While this node waited for one that hands over or is gone, nobody would hold the chassis.
        is_asked = any(peer.has_handed_over and peer.is_released for peer in peers)
        is_needed = is_asked or self.peers.has_lost_one()
        must_wait = self.own.is_held_off(now_ns) and not is_needed
        must_wait |= self.own.hears_unproven_only(self.peers, now_ns)
        return RoleInputs(
            role=self.machine.role,
            reason=self.machine.reason,
            peers=peers,
            board=settings.board_class,
            policy=settings.isolation_policy,
            is_slot_known=self.is_slot_known,
            is_slot_taken=self.own.twins.goes_first(
                self.machine.role, self.own.held_epoch, self.boot_id, now_ns
            ),
            is_boot_window_over=self.machine.is_boot_window_over(now_ns),
            is_lone_start_due=self._is_lone_start_due(now_ns),
            must_listen=self.own.must_listen(now_ns) or must_wait,
            is_own_gap_too_long=self.own.is_late,
            are_outputs_shut=self.own.are_outputs_shut(self.machine.since_ns),
            has_yielded=self.own.has_yielded,
            is_take_back_due=self._letting_go.is_take_back_due(now_ns),
            is_in_maintenance=self.maintenance.is_on(now_ns),
            is_fence_pending=self._taking.is_fence_pending,
            is_answer_overdue=self._taking.is_answer_overdue(now_ns),
            is_active_line_doubted=self._taking.is_active_line_doubted,
            is_last_claimant=claimant(self.seen_epoch, self.settings.succession) == self.own_slot,
            is_locked_out=self.flaps.is_locked,
            is_cut_off=self._is_claim_forbidden(now_ns),
        )

    def is_cut_off(self, now_ns: int) -> bool:
        """By a third opinion, for people to see; what it forbids is another question."""
        return self.own.opinions.is_cut_off(self.settings.third_opinion, self.peers, now_ns)

    def _is_claim_forbidden(self, now_ns: int) -> bool:
        return self.own.opinions.forbids_claim(self.settings.third_opinion, self.peers, now_ns)

    def _is_lone_start_due(self, now_ns: int) -> bool:
        if not self.settings.is_lone_start_allowed or self.peers.is_any_known():
            return False
        return now_ns - self.own.started_ns >= ns_from_ms(self.settings.timers.lone_start_ms)

    # ---- carrying a change through

    def _carry_on(self, word: ChassisWord, now_ns: int) -> None:
        """The claim's waits and the handover's next move."""
        self._take_or_lose(self._taking.tick(now_ns), now_ns)
        if self._letting_go.release_if_due(word, now_ns):
            self._publish(word, now_ns)
        self._letting_go.carry_on(word, self._drafts.revision, now_ns)

    def _move_unasked(self, word: ChassisWord, now_ns: int) -> None:
        due = self.moves.due(word, self.maintenance.is_on(now_ns), now_ns)
        if due is not None:
            self._relinquish(*due, now_ns)

    def _apply(self, decision: RoleDecision, now_ns: int) -> None:
        machine = self.machine
        if decision.role is machine.role:
            self._taking.is_answer_awaited = decision.is_answer_awaited
            if self._taking.is_fence_pending and decision.fenced_peer is None:
                self._taking.start(decision, now_ns)
            self._change_reason(decision.reason, now_ns)
        elif decision.role is Role.RELINQUISHING:
            self._relinquish(decision.reason, self.peers.unhearing(), now_ns)
        elif decision.role is Role.FENCING:
            self._begin_claim(decision, now_ns)
        else:
            self._enter(decision.role, decision.reason, now_ns)

    def _change_reason(self, reason: Reason, now_ns: int) -> None:
        if self.split.is_being_told(now_ns):
            return
        if reason is not self.machine.reason:
            self.machine.enter(self.machine.role, reason, self.own.seen_epoch, now_ns)
            self._seat.announce(self.machine.role)

    def _enter(self, role: Role, reason: Reason, now_ns: int) -> None:
        before = self.machine.role
        self._seat.enter(role, reason, now_ns)
        if role in (Role.STANDBY, Role.FAULT):
            self._end_change(role, reason, now_ns)
        self._seat.announce(before)

    def _end_change(self, role: Role, reason: Reason, now_ns: int) -> None:
        """Back to waiting: a claim or a handover that was under way has ended."""
        self._taking.end()
        self.own.held_epoch = 0
        self.own.is_unverified = False
        if reason in (Reason.OUTPUTS_SHUT, Reason.CONTEST_LOST):
            # It would end the same way again: every other node goes first, even the last.
            self.own.must_listen_until_ns = now_ns + last_rank_wait_ns(self.settings)
        self._letting_go.end(role is Role.STANDBY and reason is Reason.HANDED_OVER, now_ns)
        if self._letting_go.is_stopping:
            self._say_goodbye(now_ns)

    def _begin_claim(self, decision: RoleDecision, now_ns: int) -> None:
        self.flaps.claim_begins(decision.reason)
        self._taking.begin()
        self._enter(Role.FENCING, decision.reason, now_ns)
        self._taking.start(decision, now_ns)
        self._letting_go.end(False, now_ns)

    def _take_or_lose(self, outcome: Outcome, now_ns: int) -> None:
        if outcome is Outcome.TAKEN:
            if self.settings.board_class is BoardClass.LEASE:
                # A lease begins with the first beat of the new holder that is echoed.
                self.own.has_yielded = True
            for peer in self.peers:
                # Whom it saw hold before it held itself is no reason to reset anybody later.
                peer.was_heard_active = False
            self._enter(Role.ACTIVE, self.machine.reason, now_ns)
        elif outcome is Outcome.LOST:
            self._enter(Role.STANDBY, Reason.CONTEST_LOST, now_ns)
        elif outcome is Outcome.FENCED:
            self._change_reason(Reason.PEER_FENCED, now_ns)
        elif outcome is Outcome.RELEASED:
            self._change_reason(Reason.PEER_RELEASED, now_ns)
        elif outcome is Outcome.UNFENCED:
            self._change_reason(Reason.UNVERIFIED_TAKEOVER, now_ns)

    def _relinquish(
        self, reason: Reason, peer: PeerView | None, now_ns: int, request_id: int | None = None
    ) -> None:
        self._letting_go.begin(reason, peer, now_ns, request_id)
        self._enter(Role.RELINQUISHING, reason, now_ns)

    def _say_goodbye(self, now_ns: int) -> None:
        self._letting_go.say_goodbye(now_ns)
        self._taking.end()

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
            self.flaps.is_locked,
            not self._is_claim_forbidden(now_ns)
            and any(is_claim_certain_on_silence(self.settings, peer) for peer in self.peers),
        )
        self._seat.emit(self._drafts.publish(draft))

    def next_deadline_ns(self) -> int | None:
        """When the node should be stepped at the latest, if sooner than the next tick."""
        waits = (self.peers.probe_deadline_ns(), self._taking.deadline_ns())
        return min((wait for wait in waits if wait is not None), default=None)
