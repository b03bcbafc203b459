"""The node: the one door through which everything that happens becomes effects.

`Node.step(event, now_ns)` hands the event to the role half (`bmcha.ha.role_keeper`) or the chassis
half (`bmcha.chassis.keeper`); then, whatever came, it judges, writes the image, mirrors and speaks.
Pure: no clock, no thread, no I/O; a list of (event, now_ns) replays a life exactly.

Rule: a node that stood still, its beats too, for longer than `output_gap_limit_ns`, or that has not
fed its watchdog in time, lets go of the chassis *before* it looks at what woke it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bmcha import answers
from bmcha.chassis.keeper import ChassisKeeper
from bmcha.chronicle import Chronicle
from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.conditions import conditions_of
from bmcha.ha.isolation import refusals_of_risk
from bmcha.ha.rest import is_at_rest, rest_ns
from bmcha.ha.role_keeper import RoleKeeper
from bmcha.ha.service_state import reload_body, reload_refused_body, reload_sentence
from bmcha.hearing import Hearing
from bmcha.mirroring import Mirroring
from bmcha.model.effect import (
    AdoptSettings,
    Answer,
    DriveLine,
    Effect,
    EnterRole,
    FeedWatchdog,
    OwnLine,
)
from bmcha.model.event import (
    BladeRead,
    DrillAsked,
    EffectFailed,
    EpochStored,
    Event,
    FanDriven,
    FanRead,
    HeartbeatHeard,
    LinesRead,
    LockoutClearAsked,
    MaintenanceAsked,
    MessageHeard,
    OutputsWithheld,
    PathOverdue,
    PathSummarised,
    Reading,
    SensorRead,
    SettingsReloaded,
    StatusAsked,
    StopAsked,
    StoreFailed,
    StoreRecovered,
    StrapsRead,
    SupplyRead,
    SwitchoverAsked,
    Tick,
    WatchdogHasReset,
    WorkerRecovered,
    WorkerStalled,
)
from bmcha.model.hearsay import OpinionsHeard
from bmcha.model.moment import ns_from_ms
from bmcha.model.reading import EventCell
from bmcha.model.restart import Restart
from bmcha.model.role import Refusal, Role, Severity
from bmcha.model.settings import NodeSettings


class Node:
    def __init__(
        self,
        settings: NodeSettings,
        own_slot: int | None,
        boot_id: int,
        stored_epoch: int,
        events_tail: Sequence[EventCell],
        wall_ms_at_start: int,
        now_ns: int,
        restart: Restart | None = None,
    ) -> None:
        """``restart``: how the former life ended; None: in order."""
        self.settings = settings
        # A STANDBY stores no epoch but the records that it is sent; and a log may outlive an epoch.
        stored_epoch = max(stored_epoch, *(record.epoch for record in events_tail), 0)
        self.roles = RoleKeeper(settings, own_slot, boot_id, stored_epoch, now_ns)
        self.chassis = ChassisKeeper(
            settings.chassis,
            settings.layout_id,
            own_slot or 0,
            boot_id,
            events_tail,
            wall_ms_at_start,
            now_ns,
        )
        self.facts = answers.Facts(settings, own_slot, boot_id, now_ns, self.roles, self.chassis)
        self.hearing = Hearing(self.facts)
        self.mirroring = Mirroring(self.facts)
        self.chronicle = Chronicle(self.facts)
        if restart is not None:
            self.facts.service.restart = restart
            # No claim before that; whoever else is there goes first.
            hold_off_ns = self.facts.service.hold_off_left_ns(now_ns)
            self.roles.own.held_off_until_ns = now_ns + hold_off_ns
        self.chassis.epoch = stored_epoch
        self.failed_effects_count = 0
        self._last_step_ns = self._fed_ns = now_ns
        self._was_role = Role.STARTING
        self._effects: list[Effect] = []

    @property
    def output_gap_limit_ns(self) -> int:
        """Still for so long: a peer may hold, or the hardware watchdog has shut the outputs."""
        stall_limit_ns = ns_from_ms(self.settings.timers.stall_limit_ms)
        limit_ns = self.roles.peers.gap_limit_ns(stall_limit_ns)
        return min(limit_ns, self._shuts_after_ns() or limit_ns)

    def _shuts_after_ns(self) -> int:
        """Unfed for so long, the hardware has let the own lines fall. 0: no such watchdog."""
        settings = self.settings
        return ns_from_ms(settings.watchdog_ms or 0) if settings.board_class.is_gated else 0

    def paths_to_trust(self, now_ns: int) -> set[str]:
        """Who beats there without a hole has lost nothing. None of them once a line has fallen."""
        return set() if self._is_unfed(now_ns) else self.roles.peers.may_hear_us()

    def _is_unfed(self, now_ns: int) -> bool:
        # The watchdog counts from the last feed, which is older than the last step.
        return 0 < self._shuts_after_ns() < now_ns - self._fed_ns

    def _is_late(self, event: Event, now_ns: int) -> bool:
        did_beat = isinstance(event, Tick) and event.beats_went_on
        gap_ns = 0 if did_beat else now_ns - self._last_step_ns
        return gap_ns > self.output_gap_limit_ns or self._is_unfed(now_ns)

    def start(self, now_ns: int) -> list[Effect]:
        """The first effects: outputs shut, watches set, the first beat published."""
        self._last_step_ns = self._fed_ns = now_ns
        self._emit(DriveLine(OwnLine.OUTPUT_ENABLE, False), DriveLine(OwnLine.ACTIVE, False))
        self._emit(FeedWatchdog(), DriveLine(OwnLine.HEALTH, self.facts.own_slot is not None))
        slot = "unknown" if self.facts.own_slot is None else self.facts.own_slot
        text = f"bmcha {self.settings.version} started in slot {slot}"
        self.chassis.record(Severity.INFO, "started", text, now_ns)
        self._judge(now_ns)
        self._speak(now_ns)
        return self._take()

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        if isinstance(event, Reading):
            # Neither late nor in time: whether this node stood still the next event will tell.
            self._dispatch(event, now_ns)
            return self._take()
        if self._is_late(event, now_ns):
            self._let_go_late(now_ns)
            self._fed_ns = now_ns  # Said once, whenever the next feed is.
        self._last_step_ns = now_ns
        self._dispatch(event, now_ns)
        self._effects += self.hearing.take_effects()
        self._judge(now_ns)
        self._speak(now_ns)
        return self._take()

    def next_deadline_ns(self) -> int | None:
        """When to step next at the latest, if that is sooner than the next tick."""
        waits = (self.roles.next_deadline_ns(), self.chassis.next_deadline_ns())
        return min((wait for wait in waits if wait is not None), default=None)

    def may_rest_ns(self, now_ns: int) -> int:
        """How long after a tick the next may come, if nothing happens; 0: as `timers.tick_ms`."""
        is_still = is_at_rest(self.roles, now_ns) and self.mirroring.is_in_step
        return rest_ns(self.settings) if is_still else 0

    # ---- in: one case an event

    def _dispatch(self, event: Event, now_ns: int) -> None:
        match event:
            case Tick(behind_ms):
                self._fed_ns = now_ns
                self._emit(FeedWatchdog())
                self.roles.tick(now_ns, now_ns - ns_from_ms(behind_ms))
                self.facts.judge_health(now_ns)
                self.facts.compare_views(now_ns)
            case HeartbeatHeard():
                self.hearing.heartbeat(event)
            case MessageHeard():
                self.hearing.message(event, now_ns)
            case PathOverdue():
                self.hearing.overdue(event, now_ns)
            case PathSummarised():
                self.hearing.summarised(event, now_ns)
            case LinesRead():
                self.roles.read_lines(event, now_ns)
            case OpinionsHeard():
                self.roles.own.opinions.heard(event)
            case StrapsRead():
                self.roles.own.straps.read(event, self.roles.own_slot)
            case SensorRead():
                self.facts.own_readings.sensor_read(event)
                self.chassis.sensor_read(event)
            case FanRead():
                self.facts.own_readings.fan_read(event)
                self.chassis.fan_read(event)
            case SupplyRead():
                self.chassis.supply_read(event)
            case BladeRead():
                self.chassis.blade_read(event)
            case FanDriven():
                self.chassis.fan_driven(event)
            case EpochStored():
                self.roles.epoch_stored(event.epoch, now_ns)
            case StoreFailed():
                self.facts.store_fault = f"{event.what}: {event.why}"
                if event.what == "epoch":
                    self.roles.store_failed(now_ns)
            case StoreRecovered():
                self.facts.store_fault = ""
            case SwitchoverAsked():
                self.roles.switchover_asked(event, self._word(now_ns), now_ns)
            case MaintenanceAsked():
                switch = f"on for {event.for_s} s" if event.for_s else "off"
                text = f"maintenance {switch}, asked by {event.asked_by}"
                self.chassis.record(Severity.MINOR, "maintenance", text, now_ns)
                self.roles.maintenance_asked(event, now_ns)
            case LockoutClearAsked():
                self.roles.lockout_clear_asked(event)
            case DrillAsked():
                self.roles.drill.asked(event, now_ns)
            case StatusAsked():
                body = answers.answer(self.facts, event, now_ns)
                self._emit(Answer(event.request_id, True, body))
            case StopAsked():
                text = f"stopping, asked by {event.asked_by}"
                self.chassis.record(Severity.INFO, "stop", text, now_ns)
                self.roles.stop_asked(event, self._word(now_ns), now_ns)
                self._leave_fans(now_ns)
            case WatchdogHasReset(identity):
                text = f"this module was reset by its watchdog ({identity})"
                self.chassis.record(Severity.MAJOR, "watchdog-reset", text, now_ns)
            case OutputsWithheld():
                self._let_go_late(now_ns)
            case EffectFailed():
                self._effect_failed(event, now_ns)
            case SettingsReloaded():
                self._reloaded(event, now_ns)
            case WorkerStalled():
                self.facts.service.stall(event.name, event.for_ms, now_ns)
            case WorkerRecovered():
                self.facts.service.recover(event.name)

    def _leave_fans(self, now_ns: int) -> None:
        """Before the lines fall, which `roles` has asked for by now."""
        if self.roles.has_ended and self.chassis.is_holding:
            self.chassis.leave_to_nobody(now_ns)
            self._effects += self.chassis.take_effects()

    def _let_go_late(self, now_ns: int) -> None:
        self.roles.stood_still(now_ns)
        self._settle_roles(now_ns)

    def _effect_failed(self, event: EffectFailed, now_ns: int) -> None:
        self.failed_effects_count += 1
        if self.failed_effects_count <= 8 or self.failed_effects_count % 256 == 0:
            text = f"{event.effect}: {event.why}"
            self.chassis.record(Severity.MAJOR, "effect-failed", text, now_ns)

    def _reloaded(self, event: SettingsReloaded, now_ns: int) -> None:
        """What has begun by the old settings (a claim, a handover) ends by them."""
        settings = event.settings
        if settings.chassis != self.settings.chassis:
            role, is_lone = self.roles.machine.role, self.settings.is_lone_start_allowed
            found = refusals_of_risk(role, self.roles.peers, is_lone, event.is_forced)
            if found:
                self._refuse_reload(event, found, now_ns)
                return
        self.settings = self.facts.settings = settings
        self.roles.reconfigure(settings)
        self.chassis.reconfigure(settings.chassis)
        self._emit(AdoptSettings(event.number))
        text = reload_sentence(event)
        self.chassis.record(Severity.INFO, "settings", text, now_ns)
        if event.request_id is not None:
            self._emit(Answer(event.request_id, True, reload_body(event)))

    def _refuse_reload(
        self, event: SettingsReloaded, found: frozenset[Refusal], now_ns: int
    ) -> None:
        body = reload_refused_body(found)
        text = f"{body['text']}, asked by {event.asked_by}: " + " ".join(
            each["text"] for each in body["refusals"]
        )
        self.chassis.record(Severity.MINOR, "settings", text, now_ns)
        if event.request_id is not None:
            self._emit(Answer(event.request_id, False, body))

    # ---- out: the common tail of every step

    def _judge(self, now_ns: int) -> None:
        """Roles, cooling and alarms, from everything that is known."""
        self._settle_roles(now_ns)
        self.mirroring.follow(now_ns)
        self.chassis.tick(now_ns)
        self.hearing.log_paths(now_ns)
        conditions = conditions_of(self.roles, self.facts.store_fault, now_ns)
        conditions += self.facts.service.conditions(now_ns)
        conditions += self.facts.conditions(now_ns)
        self.chassis.judge_alarms(conditions, now_ns)

    def _speak(self, now_ns: int) -> None:
        """What has changed goes to the image, to the peer and to the engines."""
        self.chassis.flush()
        self.mirroring.send(now_ns)
        self._effects += self.chassis.take_effects()
        self.hearing.arm_watches()
        self._effects += self.hearing.take_effects()

    def _settle_roles(self, now_ns: int) -> None:
        """Judge the role, then carry a change to the chassis within the same list of effects."""
        self.roles.settle(self._word(now_ns), now_ns)
        self.chronicle.settled(now_ns)
        for effect in self.roles.take_effects():
            self._emit(effect)
            if isinstance(effect, EnterRole):
                self._entered(effect, now_ns)
        if self.chassis.is_holding:
            self._keep_in_step(now_ns)

    def _keep_in_step(self, now_ns: int) -> None:
        """What changes for the chassis without a new role: a renewed epoch, and the end."""
        if self.roles.has_ended:
            self.chassis.let_go()
        elif self.roles.machine.role is Role.ACTIVE and self.roles.held_epoch > self.chassis.epoch:
            self.chassis.epoch = self.roles.held_epoch
            self.chassis.note_run(Role.ACTIVE, now_ns)

    def _entered(self, effect: EnterRole, now_ns: int) -> None:
        self.chronicle.entering(effect, now_ns)
        if effect.role in (Role.STANDBY, Role.FAULT) and self.chassis.is_holding:
            self.chassis.let_go()  # what was read last belongs to the epoch that ends
        self.chassis.epoch = effect.epoch
        if effect.role is Role.ACTIVE and self._was_role is not Role.ACTIVE:
            self.chassis.take_over(effect.epoch, now_ns)
        elif effect.role is Role.RELINQUISHING:
            self.chassis.freeze()
        self.chronicle.entered(effect, now_ns)
        if self.chassis.is_holding:
            self.chassis.note_run(effect.role, now_ns)
        self._was_role = effect.role
        self._effects += self.chassis.take_effects()

    def _word(self, now_ns: int) -> ChassisWord:
        chassis = self.chassis
        return ChassisWord(
            is_mirror_synced=chassis.sender.is_synced,
            is_mirror_drained=chassis.is_drained,
            mirror_sequence=self.mirror_sequence,
            progress=chassis.progress(),
            health=self.facts.health.score,
            failovers_ns=chassis.failovers_ns(now_ns),
        )

    @property
    def mirror_sequence(self) -> int:
        chassis = self.chassis
        return chassis.sender.sequence if chassis.is_holding else chassis.receiver.sequence

    def _emit(self, *effects: Effect) -> None:
        self._effects += effects

    def _take(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects
