"""Keeps the chassis picture: readings in, fan demands, image cells, alarms and mirror out.

The chassis half of the node, as `bmcha.ha.role_keeper` is the role half; neither knows the
other. It is told whether it holds the chassis. Only a holder judges readings, drives fans and
writes its own cells; otherwise the picture is what the mirror brought. Called by `Node` in one
thread; effects are collected in order and taken with `take_effects`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bmcha.chassis.alarms import Alarm, AlarmTable, cell_of
from bmcha.chassis.conditions import Condition, chassis_conditions
from bmcha.chassis.cooling import PWM_FULL, Cooling
from bmcha.chassis.event_log import EventLog
from bmcha.chassis.fans import FanJudge, initial_fan
from bmcha.chassis.mirror_receiver import Accepted, MirrorReceiver
from bmcha.chassis.mirror_sender import MirrorSender, PathRoom
from bmcha.chassis.picture import ChassisPicture
from bmcha.chassis.sensors import Limits, SensorJudge, initial_sensor
from bmcha.chassis.units import UnitJudge, initial_blade, initial_supply
from bmcha.model.effect import Effect, LeaveFans, RecordEvent, SendMessage, SetFan, WriteImage
from bmcha.model.event import BladeRead, FanDriven, FanRead, SensorRead, SupplyRead
from bmcha.model.message import Delta, DeltaAck, MirrorJoin, Progress
from bmcha.model.moment import NS_PER_MS, ns_from_ms
from bmcha.model.reading import (
    BladeCell,
    CellKind,
    EventCell,
    FanValue,
    ImageCell,
    Quality,
    RunCell,
    SensorValue,
    SupplyCell,
)
from bmcha.model.role import Role, Severity
from bmcha.model.settings import ChassisSettings


class ChassisKeeper:
    def __init__(
        self,
        settings: ChassisSettings,
        layout_id: int,
        own_slot: int,
        boot_id: int,
        tail: Iterable[EventCell],
        wall_ms_at_start: int,
        now_ns: int,
    ) -> None:
        self.settings = settings
        self.picture = ChassisPicture()
        self.alarms = AlarmTable()
        self.log = EventLog(own_slot, tail)
        self.sender = MirrorSender(layout_id)
        self.receiver = MirrorReceiver(layout_id)
        self.limits = Limits(settings)
        self.sensor_judge = SensorJudge(settings)
        self.fan_judge = FanJudge(settings)
        self.unit_judge = UnitJudge(settings)
        self.is_holding = False
        self.is_frozen = False
        self.epoch = 0
        self._own_slot = own_slot
        self._boot_id = boot_id
        self._cooling = Cooling(settings)
        self._sensor_turns = 0
        self._wall_ms_at_start = wall_ms_at_start
        self._started_ns = now_ns
        self._cooled_ns = now_ns
        self._leader: tuple[int, int, int] | None = None
        self._changed: dict[tuple[type, int], ImageCell] = {}
        self._conditions: list[Condition] | None = None
        self._effects: list[Effect] = []

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def progress(self) -> Progress:
        return Progress(self._sensor_turns % 256, self._cooling.turn_count % 256, 0)

    # ---- holding or not

    def take_over(self, epoch: int, now_ns: int) -> None:
        """This node holds the chassis now. Fans go on exactly as the picture says."""
        self.is_holding = True
        self.is_frozen = False
        self._conditions = None
        self.epoch = epoch
        self.receiver.hold()
        self.sender.sequence = max(self.sender.sequence, self.receiver.sequence)
        self._complete_picture(now_ns)
        self.unit_judge.begin(now_ns)
        self._apply_fan_minima()
        self.alarms.adopt(self.picture.alarms())
        for sensor in self.picture.sensors():
            self.limits.judge(sensor)
        for fan in self.picture.fans():
            self._effects.append(SetFan(fan.index, fan.pwm))
        self._cooled_ns = now_ns

    def reconfigure(self, settings: ChassisSettings) -> None:
        """Only what can change while the service runs differs; readings judge by it from now on."""
        self.settings = settings
        self.limits.settings = self.sensor_judge.settings = self.fan_judge.settings = settings
        self._cooling.settings = self.unit_judge.settings = settings
        if self.is_holding:
            self._apply_fan_minima()

    def _apply_fan_minima(self) -> None:
        """The picture may have them from a peer with other settings, or from before a reload."""
        for fan in self.picture.fans():
            if fan.index < len(self.settings.fans):
                pwm_min = self.settings.fans[fan.index].pwm_min
                if fan.pwm_min != pwm_min:
                    self._put(replace(fan, pwm_min=pwm_min))

    def freeze(self) -> None:
        """The chassis is being handed over: no command is given and no reading taken any more,
        so that the peer can get the last of the picture. Fans hold."""
        self.is_frozen = True

    @property
    def is_drained(self) -> bool:
        return self.sender.is_drained and not self._changed

    @property
    def is_following(self) -> bool:
        """The picture is whole, and that of a holder which is heard."""
        return self._leader is not None and not self.is_holding and self.receiver.is_synced

    def leave_to_nobody(self, now_ns: int) -> None:
        """This node ends and hands over to nobody: the fans may not depend on it any more."""
        if self.settings.fans:
            self._effects.append(LeaveFans(PWM_FULL))
            text = "nobody takes the chassis over: all fans to full speed"
            self.record(Severity.MINOR, "fans", text, now_ns)

    def let_go(self) -> None:
        """No longer the holder: the picture is the mirror's from now on. What was read last is
        in it, and so it goes to the image: a next time as the holder begins from the picture."""
        self.flush()
        self.is_holding = False
        self.sender.forget_peer()
        self.alarms.drop_chassis_alarms()
        self.sensor_judge.forget()
        self.fan_judge.forget()

    def _complete_picture(self, now_ns: int) -> None:
        """Cells that the configuration knows and the mirror has not brought."""
        for index, sensor in enumerate(self.settings.sensors):
            if self.picture.sensor(index) is None:
                self._put(initial_sensor(index, sensor, now_ns))
        for index, fan in enumerate(self.settings.fans):
            if self.picture.fan(index) is None:
                self._put(initial_fan(index, fan, now_ns))
        for index, supply in enumerate(self.settings.supplies):
            if self.picture.get((CellKind.SUPPLY, index)) is None:
                self._put(initial_supply(index, supply, now_ns))
        for index, blade in enumerate(self.settings.blades):
            if self.picture.get((CellKind.BLADE, index)) is None:
                self._put(initial_blade(index, blade, now_ns))

    def _put(self, cell: ImageCell) -> None:
        self.picture.put(cell)
        self._conditions = None
        self._changed[(type(cell), cell.index)] = cell

    def note_run(self, role: Role, now_ns: int) -> None:
        """The run cell: who holds, in which epoch, with how many faults."""
        faults = sum(alarm.is_of_chassis for alarm in self.alarms.raised())
        self._put(RunCell(self._own_slot, role, self.epoch, faults, now_ns))

    # ---- readings

    def sensor_read(self, read: SensorRead) -> None:
        self._sensor_turns += 1
        cell = self.picture.sensor(read.index)
        if not self.is_holding or self.is_frozen or cell is None:
            return
        judged = self.sensor_judge.judge(cell, read)
        self.limits.judge(judged)
        self._conditions = None
        if judged != cell:
            self._put(judged)

    def fan_read(self, read: FanRead) -> None:
        cell = self.picture.fan(read.index)
        if not self.is_holding or self.is_frozen or cell is None:
            return
        judged = self.fan_judge.judge(cell, read)
        self._conditions = None
        if judged != cell:
            self._put(judged)

    def supply_read(self, read: SupplyRead) -> None:
        cell = self.picture.get((CellKind.SUPPLY, read.index))
        if self.is_holding and not self.is_frozen and isinstance(cell, SupplyCell):
            judged = self.unit_judge.supply(cell, read)
            self._conditions = None
            if judged != cell:
                self._put(judged)

    def blade_read(self, read: BladeRead) -> None:
        cell = self.picture.get((CellKind.BLADE, read.index))
        if self.is_holding and not self.is_frozen and isinstance(cell, BladeCell):
            judged = self.unit_judge.blade(cell, read)
            self._conditions = None
            if judged != cell:
                self._put(judged)

    def fan_driven(self, driven: FanDriven) -> None:
        """Also when this node holds the chassis no more: only changes are told."""
        self.fan_judge.driven(driven)
        self._conditions = None

    def tick(self, now_ns: int) -> None:
        """Once a sensor period: what grew stale, and what the fans shall do."""
        due_ns = self.next_deadline_ns()
        if due_ns is None or now_ns < due_ns:
            return
        self._cooled_ns = now_ns
        for cell in self.sensor_judge.age_out(self.picture.sensors(), now_ns):
            self.limits.judge(cell)
            self._put(cell)
        for fan in self.fan_judge.age_out(self.picture.fans(), now_ns):
            self._put(fan)
        for unit in self.unit_judge.age_out(self.picture.units(), now_ns):
            self._put(unit)
        self._conditions = None
        self._cool(now_ns)

    def next_deadline_ns(self) -> int | None:
        """When the fans are to be judged next; None: not by this node."""
        is_cooling = self.is_holding and not self.is_frozen
        return self._cooled_ns + ns_from_ms(self.settings.sensor_period_ms) if is_cooling else None

    def _cool(self, now_ns: int) -> None:
        """Not before every sensor was read once, or has had its time for it."""
        known = []
        for cell in self.picture.sensors():
            if cell.quality is not Quality.NONE:
                known.append(cell)
            elif not self.sensor_judge.is_overdue(cell, now_ns):
                return
        fans = self.picture.fans()
        for demand in self._cooling.demands(known, fans, self.fan_judge.undriven()):
            fan = self.picture.fan(demand.index)
            self._effects.append(SetFan(demand.index, demand.pwm))
            if fan is not None and fan.pwm != demand.pwm:
                self._put(replace(fan, pwm=demand.pwm))

    # ---- alarms and the log

    def conditions(self) -> list[Condition]:
        """What is wrong with the chassis now, judged by the holder alone."""
        if not self.is_holding:
            return []
        if self._conditions is None:
            self._conditions = chassis_conditions(
                self.picture, self.limits, self.sensor_judge, self.fan_judge, self.unit_judge
            )
        return self._conditions

    def judge_alarms(self, of_node: list[Condition], now_ns: int) -> None:
        """Raise what has become true, clear what is true no more."""
        of_chassis = self.conditions()
        standing = {alarm_id for alarm_id, _, _ in of_node + of_chassis}
        for alarm in self.alarms.raised():
            if alarm.alarm_id not in standing:
                self.alarms.clear(alarm.alarm_id)
                self._tell_alarm(alarm, False, now_ns)
        for is_of_chassis, conditions in ((False, of_node), (True, of_chassis)):
            for alarm_id, severity, text in conditions:
                new = self.alarms.raise_alarm(alarm_id, severity, text, now_ns, is_of_chassis)
                if new is not None:
                    self._tell_alarm(new, True, now_ns)

    def _tell_alarm(self, alarm: Alarm, is_raised: bool, now_ns: int) -> None:
        if alarm.is_of_chassis and self.is_holding:
            self._put(cell_of(alarm, is_raised))
        kind = "alarm-raised" if is_raised else "alarm-cleared"
        severity = alarm.severity if is_raised else Severity.INFO
        text = f"{alarm.alarm_id}: {alarm.text}" if is_raised else f"{alarm.alarm_id} is over"
        self.record(severity, kind, text, now_ns)

    def record(self, severity: Severity, kind: str, text: str, now_ns: int) -> None:
        """A line of the chassis log, for everyone who reads it."""
        entry = self.log.write(self.epoch, severity, self._wall_ms(now_ns), kind, text)
        if self.is_holding:
            self.sender.note_event(entry)
        self._effects.append(RecordEvent(entry))

    def own_records(self, epoch: int, since_ns: int) -> list[int]:
        """The numbers of this node's records of that epoch since then, that are in the tail."""
        since_ms = self._wall_ms(since_ns)
        own = [r for r in self.log.tail() if (r.slot, r.epoch) == (self._own_slot, epoch)]
        return sorted(r.number for r in own if r.wall_ms >= since_ms)

    def last_split(self, now_ns: int) -> tuple[EventCell, int] | None:
        """The newest split that this node wrote down, and how long ago that was in ms."""
        if not self.log.splits:
            return None
        newest = self.log.splits[-1]
        return newest, abs(self._wall_ms(now_ns) - newest.wall_ms)

    def failovers_ns(self, now_ns: int) -> tuple[int, ...]:
        """When each failover was that counts; by the wall clock of whoever wrote it down."""
        wall_ms = self._wall_ms(now_ns)
        return tuple(now_ns - abs(wall_ms - at_ms) * NS_PER_MS for at_ms in self.log.failovers_ms)

    def _wall_ms(self, now_ns: int) -> int:
        return self._wall_ms_at_start + (now_ns - self._started_ns) // NS_PER_MS

    # ---- the mirror

    def follow(self, leader: tuple[int, int, int] | None, now_ns: int) -> None:
        """Whom to mirror: (slot, boot id, epoch) of the ACTIVE that is heard, or nobody."""
        if leader is not None and leader != self._leader:
            self.receiver.restart()
        if leader is None and self._leader is not None:
            self.receiver.leave()
        self._leader = leader
        if leader is not None:
            self.epoch = leader[2]

    def join_due(self, now_ns: int) -> MirrorJoin | None:
        if self.is_holding or self._leader is None:
            return None
        return self.receiver.due(self._boot_id, now_ns)

    def peer_met(self, boot_id: int) -> None:
        """Another life of the peer is its present one."""
        self.sender.met_life(boot_id, self.log.tail())

    def peer_joined(self, join: MirrorJoin, boot_id: int) -> bool:
        return self.is_holding and self.sender.joined(join, boot_id, self.log.tail())

    def peer_acked(self, ack: DeltaAck, now_ns: int) -> None:
        before = self.sender.acked_sequence
        self.sender.acked(ack, now_ns)
        if self.sender.acked_sequence != before:
            self._write_image((), is_whole=False)

    def delta_heard(self, delta: Delta, epoch: int, now_ns: int) -> DeltaAck | None:
        """The ack to send, if any. What is accepted is in the image before it is acked, under
        the ``epoch`` of who wrote it: its next beat may come after it."""
        if self.is_holding:
            return None
        answer = self.receiver.heard(delta, self._boot_id, now_ns)
        if isinstance(answer, Accepted):
            self.epoch = epoch
            self._accept(answer)
            return answer.ack
        return answer

    def _accept(self, accepted: Accepted) -> None:
        cells: list[ImageCell] = []
        for cell in accepted.cells:
            if isinstance(cell, EventCell):
                if self.log.receive(cell):
                    self._effects.append(RecordEvent(cell))
                continue
            full = self.picture.merge(cell) if isinstance(cell, SensorValue | FanValue) else cell
            if full is not None:
                cells.append(full)
        if accepted.is_whole:
            self.picture.replace_all(cells)
        for cell in cells:
            self.picture.put(cell)
        self._write_image(tuple(cells), is_whole=accepted.is_whole)

    def deltas_due(self, room: PathRoom | None, now_ns: int) -> tuple[Delta, ...]:
        if not self.is_holding:
            return ()
        return self.sender.due(room, self.picture.get, self.picture.cells, now_ns)

    def flush(self) -> None:
        """End of a step: what changed goes to the image and is noted for the peer."""
        if not self._changed:
            return
        cells = tuple(self._changed.values())
        self._changed.clear()
        self.sender.note(list(cells))
        self._write_image(cells, is_whole=False)

    def _write_image(self, cells: tuple[ImageCell, ...], is_whole: bool) -> None:
        if self.is_holding:
            sequence, acked = self.sender.next_sequence, self.sender.acked_sequence
        else:
            sequence = acked = self.receiver.sequence
        self._effects.append(WriteImage(cells, self.epoch, sequence, acked, is_whole))

    def send(self, path: str, slot: int, message: MirrorJoin | Delta | DeltaAck) -> None:
        self._effects.append(SendMessage(path, slot, message))
