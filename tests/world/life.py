"""One life of a service: the real loop, effect runner, mailbox, node and beat engines.

Nothing of the service is imitated but its threads: an alarm of the agenda takes the place of a
thread that waits; the ports are `tests.world.ports`. A life that ended is not used again. Two
things may be done to it between any two effects of one list: it dies there, or it stands still
there, for as long as the world likes, and then goes on in the middle (`interrupt`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from bmcha.model.effect import Effect
from bmcha.model.event import Event, FanRead, LinesRead, SensorRead
from bmcha.model.hearsay import Opinion, OpinionsHeard
from bmcha.model.moment import NS_PER_MS
from bmcha.model.reading import Quality
from bmcha.model.restart import Restart
from bmcha.node import Node
from bmcha.runtime.effect_runner import EffectRunner, Outlets, PathOutlet
from bmcha.runtime.lines_worker import StrapRounds
from bmcha.runtime.mailbox import Mailbox
from bmcha.runtime.node_loop import NodeLoop
from bmcha.runtime.out_queue import OutQueue
from bmcha.runtime.published import DraftBoard
from bmcha.runtime.pulse_settings import pulse_settings
from bmcha.wire.frame import Address
from tests.world.agenda import Alarm
from tests.world.echo_board import EchoBoard
from tests.world.frame_coder import FrameCoder
from tests.world.ports import Ports
from tests.world.pulse import Pulse
from tests.world.wires import ARRIVED_MAX, Frame

if TYPE_CHECKING:
    from tests.world.module import Module

FAN_RPM = 3000
LINES_NS = 500 * NS_PER_MS


class Ended(BaseException):
    """This life is over, in the middle of what it did. No `except Exception` may keep it."""


class Halt(Enum):
    """What an interrupt does, and where."""

    DIE = auto()
    STAND_STILL = auto()
    STAND_STILL_IN_WRITE = auto()


@dataclass
class Interrupt:
    """After ``effects_left`` more effects (or just before the write of the next output)."""

    halt: Halt
    effects_left: int
    for_ms: int = 0


class _Watched(Sequence[Effect]):
    """Effects between which something may happen."""

    def __init__(self, effects: Sequence[Effect], before: Callable[[Effect], None]) -> None:
        self._effects = effects
        self._before = before

    def __getitem__(self, index: object) -> Effect:  # type: ignore[override]
        raise NotImplementedError(index)

    def __len__(self) -> int:
        return len(self._effects)

    def __iter__(self) -> Iterator[Effect]:
        for effect in self._effects:
            self._before(effect)
            yield effect


class PromptMailbox(Mailbox):
    """Nobody waits at it: the loop is turned when there is something, or something is due."""

    def take(self, timeout_s: float) -> list[Event]:
        return super().take(0)

    @property
    def has_news(self) -> bool:
        return bool(self._events)


class PathEnd:
    """One path's thread: its engine, its coder, what has arrived."""

    def __init__(self, life: Life, name: str, pulse: Pulse, queue: OutQueue) -> None:
        settings = pulse.settings
        address = Address(settings.chassis_id, settings.own_slot, settings.peer_slot)
        self.life, self.name, self.pulse, self.queue = life, name, pulse, queue
        self.coder = FrameCoder(name == "serial", address, pulse.keyring)
        self.arrived: list[Frame] = []
        self.dropped_count = 0
        self.alarm = Alarm(self.turn)

    def wake(self) -> None:
        self.life.agenda.wake(self.alarm)

    def deliver(self, frame: Frame) -> None:
        if len(self.arrived) < ARRIVED_MAX:
            self.arrived.append(frame)
        else:
            self.dropped_count += 1
        self.wake()

    def turn(self) -> None:
        life, pulse = self.life, self.pulse
        if life.module.is_stopped or life.has_ended:
            return
        now_ns = life.clock()
        pulse.woke(now_ns)
        if self.arrived:
            self._hear(now_ns)
        self.send(now_ns)
        if pulse.is_watch_due(now_ns):
            life.post(pulse.judge(now_ns))
        if pulse.is_summary_due(now_ns):
            pulse.note_link(self.coder.damage, pulse._signs)
            life.post(pulse.summary(now_ns))
        life.agenda.set(self.alarm, life.module.world_ns(pulse.due_ns(now_ns)))

    def _hear(self, now_ns: int) -> None:
        arrived, self.arrived = self.arrived, []
        wires = self.life.module.world.wires
        for frame in arrived:
            heard = self.coder.decode([frame], now_ns) if isinstance(frame, bytes) else [frame]
            for header, message in heard:
                self.life.watcher.heard(self.life, self.name, header, message)
                wires.keep(self.name, header.source_slot, header, message)
                self.life.post(self.pulse.hear(header, message, now_ns))

    def send(self, now_ns: int) -> None:
        life, pulse = self.life, self.pulse
        while (outgoing := pulse.offer(now_ns)) is not None:
            frame = (outgoing.header, outgoing.message)
            life.watcher.sent(life, self.name, *frame)
            life.module.world.wires.carry(self.name, life.slot, self.coder, frame, now_ns)
            pulse.note_sent(outgoing, 64, now_ns)


class Life:
    """``door`` names it for the loop: the node may be exchanged for one that is watched. One that
    does not know its slot has no paths."""

    def __init__(self, module: Module, has_slot: bool, restart: Restart | None) -> None:
        world = module.world
        self.module, self.slot = module, module.slot
        self.agenda, self.watcher, self.clock = world.agenda, world.watcher, module.clock
        self.has_ended = False
        self.is_busy = False
        self.is_frozen = False
        """It stands still in the middle of a step, which has not gone on yet."""
        self.interrupt: Interrupt | None = None
        self.boot_id = module.boot_id()
        now_ns = self.clock()
        settings = module.settings
        self.mailbox = PromptMailbox()
        self.drafts = DraftBoard()
        echoes = EchoBoard(len(settings.paths))
        self.paths: dict[str, PathEnd] = {}
        for path in settings.paths if has_slot else ():
            queue = OutQueue()
            told = pulse_settings(settings, path, self.slot, self.boot_id)
            pulse = Pulse(told, self.drafts, echoes, queue, now_ns, world.keys)
            self.paths[path.name] = PathEnd(self, path.name, pulse, queue)
        slot = self.slot if has_slot else None
        epoch, events = module.load_store()
        self.has_slot = has_slot
        self.node = Node(settings, slot, self.boot_id, epoch, events, 0, now_ns, restart)
        self.ports = Ports(self)
        went_on = self._beats_went_on
        self.runner = EffectRunner(
            self._outlets(), lambda: self.node.output_gap_limit_ns, self.post, self.clock, went_on
        )
        self.loop = NodeLoop(
            *(self, self.mailbox, self.runner, settings.timers.tick_ms, self.clock),
            *(_unheard, self, went_on),
        )
        self._loop_alarm = Alarm(self.turn)
        self._sensor_alarm = Alarm(self._read_sensors)
        self._lines_alarm = Alarm(self._poll_lines)
        self._lines_told: LinesRead | None = None
        self._straps = StrapRounds(self.slot, now_ns)
        self._straps_alarm = Alarm(self._read_straps)
        self._opinion_alarm = Alarm(self._ask_reference)
        self._reference_ns: int | None = None
        """When it answered last."""

    def _beats_went_on(self, since_ns: int, now_ns: int) -> bool:
        """As `bmcha.runtime.engine.Engines`, to the one peer."""
        trusted = self.node.paths_to_trust(now_ns)
        return any(self.paths[name].pulse.beats_went_on(since_ns, now_ns) for name in trusted)

    def _outlets(self) -> Outlets:
        ports = self.ports
        return Outlets(
            drafts=self.drafts,
            paths={name: PathOutlet(end.queue, end.wake) for name, end in self.paths.items()},
            store=ports,
            lines=ports,
            watchdog=ports,
            fans=ports,
            image=ports,
            audience=ports,
        )

    def begin(self) -> None:
        self._in_loop(self.loop.start)
        self.wake_all()

    def wake_all(self) -> None:
        """Every thread of it runs, now or (after a standstill, in the simulator) soon."""
        jitter_ns = self.module.jitter_ns
        for alarm in (*(end.alarm for end in self.paths.values()), self._loop_alarm):
            self.agenda.set(alarm, self.agenda.now_ns + jitter_ns())
        self.agenda.wake(self._sensor_alarm)
        self.agenda.wake(self._lines_alarm)
        self.agenda.wake(self._opinion_alarm)
        self._await_straps()

    def end(self) -> None:
        self.has_ended = True
        alarms = (self._loop_alarm, self._sensor_alarm, self._lines_alarm, self._straps_alarm)
        for alarm in (*alarms, self._opinion_alarm):
            self.agenda.drop(alarm)
        for end in self.paths.values():
            self.agenda.drop(end.alarm)

    @property
    def is_still(self) -> bool:
        """None of its threads runs just now."""
        return self.has_ended or self.module.is_stopped

    # ---- threads

    def turn(self) -> None:
        """The node's thread, once."""
        if self.is_still or self.is_busy or self.module.is_hung:
            return
        self._in_loop(self.loop.turn)
        if self.runner.has_ended and not self.has_ended:
            for end in self.paths.values():
                end.send(self.clock())
            self.module.die()
        if not self.has_ended:
            # What came while a slow step took its time has woken nobody.
            due_ns = self.clock() if self.mailbox.has_news else self.loop.due_ns()
            self.agenda.set(self._loop_alarm, self.module.world_ns(due_ns))

    def _in_loop(self, work: Callable[[], None]) -> None:
        self.is_busy = True
        try:
            work()
        except Ended:
            pass
        finally:
            self.is_busy = False

    def deliver(self, path: str, frame: Frame) -> None:
        if path in self.paths:
            self.paths[path].deliver(frame)

    def post(self, event: Event | None) -> bool:
        if event is None or self.has_ended:
            return True
        is_taken = self.mailbox.post(event)
        if not isinstance(event, SensorRead | FanRead):
            self.agenda.wake(self._loop_alarm)
        return is_taken

    def _read_sensors(self) -> None:
        if self.is_still:
            return
        now_ns, chassis = self.clock(), self.module.settings.chassis
        is_bad = self.module.are_sensors_bad
        quality = Quality.BAD if is_bad else Quality.GOOD
        for index in range(len(chassis.sensors)):
            value = None if is_bad else self.module.sensor_milli(index)
            self.post(SensorRead(index, value, quality, now_ns))
        for index in range(len(chassis.fans)):
            self.post(FanRead(index, None if is_bad else FAN_RPM, quality, now_ns))
        period_ns = chassis.sensor_period_ms * NS_PER_MS
        self.agenda.set(self._sensor_alarm, self.agenda.now_ns + period_ns)

    def _poll_lines(self) -> None:
        if self.is_still:
            return
        self.post_lines()
        self.agenda.set(self._lines_alarm, self.agenda.now_ns + LINES_NS)

    def _read_straps(self) -> None:
        if self.is_still:
            return
        read = self.module.straps
        if self._straps.is_news(read, self.clock()):
            self.post(read)
        self._await_straps()

    def _await_straps(self) -> None:
        if self.has_slot:
            self.agenda.set(self._straps_alarm, self.module.world_ns(self._straps.due_ns))

    def _ask_reference(self) -> None:
        asked = self.node.settings.third_opinion
        if self.is_still or asked is None or self.module.does_reference_answer is None:
            return
        now_ns = self.clock()
        if self.module.does_reference_answer:
            self._reference_ns = now_ns
        self.post(OpinionsHeard((Opinion(asked.address, self._reference_ns),), now_ns))
        self.agenda.set(self._opinion_alarm, self.agenda.now_ns + asked.period_ms * NS_PER_MS)

    def post_lines(self) -> None:
        if not self.is_still:
            self._lines_told = self.ports.read()
            self.post(self._lines_told)

    # ---- at the door (`bmcha.runtime.node_loop.Core` and `Recorder`)

    @property
    def output_gap_limit_ns(self) -> int:
        return self.node.output_gap_limit_ns

    def start(self, now_ns: int) -> Sequence[Effect]:
        return self.node.start(now_ns)

    def step(self, event: Event, now_ns: int) -> Sequence[Effect]:
        effects = self.node.step(event, now_ns)
        self.watcher.stepped(self, event, effects)
        if self.module.step_ms:
            self.module.world.think(self.module, self.module.step_ms)
            if self.has_ended:
                raise Ended
        if self.interrupt is None:
            return effects
        return _Watched(effects, self._before)

    def next_deadline_ns(self) -> int | None:
        return self.node.next_deadline_ns()

    def may_rest_ns(self, now_ns: int) -> int:
        return self.node.may_rest_ns(now_ns)

    def step_begins(self, event: Event | None, now_ns: int) -> None: ...

    def step_ended(self, effects: Sequence[Effect]) -> None: ...

    # ---- between two effects

    def _before(self, _: Effect) -> None:
        interrupt = self.interrupt
        if interrupt is None or interrupt.halt is Halt.STAND_STILL_IN_WRITE:
            return
        interrupt.effects_left -= 1
        if interrupt.effects_left < 0:
            self._halt(interrupt)

    def before_write(self) -> None:
        """The clock was looked at already: a standstill here is seen by nobody."""
        interrupt = self.interrupt
        if interrupt is not None and interrupt.halt is Halt.STAND_STILL_IN_WRITE:
            interrupt.effects_left -= 1
            if interrupt.effects_left < 0:
                self._halt(interrupt)

    def _halt(self, interrupt: Interrupt) -> None:
        self.interrupt = None
        self.watcher.halted(self, interrupt)
        if interrupt.halt is Halt.DIE:
            self.module.world.kill(self.slot)
        else:
            self.module.world.stand_still(self.module, interrupt.for_ms)
        if self.has_ended:
            raise Ended


def _unheard(_: Event, __: int) -> None: ...
