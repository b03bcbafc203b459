"""Two real nodes in a small world of virtual time: paths, lines, watchdogs and output gates.

The same `Node` and the same beat engine as in the service; only the medium is made of lists. A
millisecond is a turn. The judge is the gate: `dual_ms` counts turns in which both modules' writes
would reach the chassis. Used by the unit tests of rules that need two nodes to be seen.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from bmcha.model.effect import (
    Answer,
    DriveLine,
    Effect,
    EndService,
    EnterRole,
    FeedWatchdog,
    OwnLine,
    PublishHeartbeat,
    ReadLines,
    RecordEvent,
    SendMessage,
    SetFan,
    StoreEpoch,
    WatchPath,
)
from bmcha.model.event import (
    EpochStored,
    Event,
    FanRead,
    LineLevels,
    LinesRead,
    SensorRead,
    Tick,
)
from bmcha.model.identity import Succession
from bmcha.model.message import Header, Message
from bmcha.model.moment import NS_PER_MS
from bmcha.model.reading import EventCell, Quality, SensorKind
from bmcha.model.role import Role
from bmcha.model.settings import (
    BoardClass,
    ChassisSettings,
    FanSettings,
    IsolationPolicy,
    NodeSettings,
    PathKind,
    PathSettings,
    SensorSettings,
    TimerSettings,
    ZoneSettings,
)
from bmcha.node import Node
from bmcha.runtime.out_queue import OutQueue, WatchOrder
from bmcha.runtime.published import DraftBoard, EchoBoard
from bmcha.runtime.pulse import Pulse
from bmcha.runtime.pulse_settings import pulse_settings

LAYOUT_ID = 0x1234
STORE_MS = 3
LINE_MS = 1


def path_settings(name: str, peer_slot: int, deadtime_ms: int = 500) -> PathSettings:
    return PathSettings(
        name=name,
        kind=PathKind.UDP,
        peer_slot=peer_slot,
        heartbeat_interval_ms=100,
        warntime_ms=250,
        deadtime_ms=deadtime_ms,
        jeopardy_deadtime_ms=2 * deadtime_ms,
        recovery_beats_min=3,
    )


def timers() -> TimerSettings:
    return TimerSettings(
        initdead_ms=2000,
        lone_start_ms=5000,
        probe_ms=15,
        claim_window_ms=100,
        rank_delay_ms=400,
        line_settle_ms=5,
        unverified_takeover_ms=3000,
        store_deadline_ms=200,
        drain_deadline_ms=500,
        handover_deadline_ms=1000,
        hold_off_ms=500,
        stall_limit_ms=2000,
        tick_ms=25,
        reset_pulse_ms=50,
        lease_margin_ms=50,
    )


CHASSIS = ChassisSettings(
    sensors=(SensorSettings("inlet", SensorKind.TEMPERATURE, "t", 0, 60000, 1000, "front"),),
    fans=(FanSettings("fan1", "r", "p", "front", 60, 500),),
    zones=(ZoneSettings("front", ((20000, 80), (60000, 255)), 1000, 20),),
    supplies=(),
    blades=(),
    sensor_period_ms=250,
    sensor_stale_ms=2000,
)


def settings_of(
    board: BoardClass,
    own_slot: int,
    policy: IsolationPolicy = IsolationPolicy.TRUST_SILENCE,
    path_names: tuple[str, ...] = ("udp", "serial"),
    deadtime_ms: int = 500,
) -> NodeSettings:
    is_gated = board is BoardClass.GATED
    return NodeSettings(
        chassis_id=7,
        succession=Succession((1, 2)),
        board_class=board,
        isolation_policy=policy,
        is_lone_start_allowed=False,
        watchdog_ms=300 if is_gated else None,
        has_presence=is_gated,
        has_health=is_gated,
        has_active=is_gated,
        paths=tuple(path_settings(name, 3 - own_slot, deadtime_ms) for name in path_names),
        timers=timers(),
        chassis=CHASSIS,
        firmware_level=1,
        version="test",
        layout_id=LAYOUT_ID,
    )


@dataclass
class Hardware:
    """One module's latches and watchdog, as the board keeps them."""

    is_gated: bool
    is_powered: bool = True
    is_process_alive: bool = False
    latched: dict[OwnLine, bool] = field(default_factory=dict)
    fed_ms: int = -10_000
    watchdog_ms: int = 300
    is_gate_broken: bool = False

    def is_fed(self, now_ms: int) -> bool:
        return not self.is_gated or now_ms - self.fed_ms < self.watchdog_ms

    def expire(self, now_ms: int) -> None:
        if self.is_gated and not self.is_fed(now_ms):
            self.latched[OwnLine.ACTIVE] = self.latched[OwnLine.OUTPUT_ENABLE] = False

    def drive(self, line: OwnLine, is_up: bool, now_ms: int) -> None:
        self.latched[line] = is_up and self.is_process_alive and self.is_fed(now_ms)

    def is_active(self, now_ms: int) -> bool:
        return self.latched.get(OwnLine.ACTIVE, False) and self.is_fed(now_ms)

    def is_healthy(self, now_ms: int) -> bool:
        return self.latched.get(OwnLine.HEALTH, False) and self.is_fed(now_ms)

    def is_gate_open(self, now_ms: int) -> bool:
        enabled = self.latched.get(OwnLine.OUTPUT_ENABLE, False)
        is_let_through = not self.is_gated or self.is_active(now_ms)
        return enabled and is_let_through and not self.is_gate_broken


class Module:
    """A node, its engines and its hardware; `boot` starts a new life."""

    def __init__(self, world: World, slot: int) -> None:
        self.world, self.slot = world, slot
        self.hardware = Hardware(world.board is BoardClass.GATED)
        self.settings = settings_of(
            world.board, slot, world.policy, world.path_names, world.deadtime_ms
        )
        self.stored_epoch = 0
        self.events: list[EventCell] = []
        self.boots = 0
        self.is_stopped = False
        self.node: Node | None = None
        self.answers: list[Answer] = []
        self.roles: list[tuple[int, Role]] = []
        self.writes: list[tuple[int, int, bool]] = []
        self._mailbox: list[Event] = []

    def boot(self, has_slot: bool = True) -> None:
        now_ns = self.world.now_ns
        self.boots += 1
        boot_id = self.slot * 1000 + self.boots
        self.hardware.is_process_alive = True
        self.is_stopped = False
        self._mailbox = []
        self.drafts = DraftBoard()
        self.echoes = EchoBoard(len(self.settings.paths))
        self.queues = {p.name: OutQueue() for p in self.settings.paths}
        self.pulses = {
            p.name: Pulse(
                pulse_settings(self.settings, p, self.slot, boot_id),
                self.drafts,
                self.echoes,
                self.queues[p.name],
                now_ns,
            )
            for p in self.settings.paths
        }
        self.arrived: dict[str, list[tuple[Header, Message]]] = {p: [] for p in self.pulses}
        slot = self.slot if has_slot else None
        self.node = Node(self.settings, slot, boot_id, self.stored_epoch, self.events, 0, now_ns)
        self._run(self.node.start(now_ns))
        self.post_lines()

    def die(self) -> None:
        self.hardware.is_process_alive = False
        self.hardware.latched = {}
        self.node = None

    # ---- one millisecond

    def turn(self) -> None:
        if self.node is None or self.is_stopped:
            return
        now_ns = self.world.now_ns
        for name, pulse in self.pulses.items():
            self._turn_pulse(name, pulse, now_ns)
        deadline_ns = self.node.next_deadline_ns()
        if self.world.now_ms % 25 == self.slot or (deadline_ns and now_ns >= deadline_ns):
            self._mailbox.append(Tick())
        if self.world.now_ms % 250 == self.slot:
            self._mailbox.append(SensorRead(0, 30_000, Quality.GOOD, now_ns))
            self._mailbox.append(FanRead(0, 3000, Quality.GOOD, now_ns))
        if self.world.now_ms % 500 == self.slot:
            self.post_lines()
        while self._mailbox and self.node is not None:
            self._run(self.node.step(self._mailbox.pop(0), now_ns))

    def _turn_pulse(self, name: str, pulse: Pulse, now_ns: int) -> None:
        arrived, self.arrived[name] = self.arrived[name], []
        if now_ns < pulse.due_ns(now_ns) and not arrived and not pulse.has_messages:
            return
        pulse.woke(now_ns)
        for header, message in arrived:
            self._post(pulse.hear(header, message, now_ns))
        while (outgoing := pulse.offer(now_ns)) is not None:
            self.world.carry(name, self.slot, outgoing.header, outgoing.message)
            pulse.note_sent(outgoing, 64, now_ns)
        if pulse.is_watch_due(now_ns):
            self._post(pulse.judge(now_ns))
        self._post(pulse.summary(now_ns))

    def _post(self, event: Event | None) -> None:
        if event is not None:
            self._mailbox.append(event)

    def post_lines(self) -> None:
        if self.node is not None and not self.is_stopped:
            self._mailbox.append(self.world.lines_for(self.slot))

    def ask(self, event: Event) -> None:
        self._mailbox.append(event)

    # ---- effects

    def _run(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._run_one(effect)

    def _run_one(self, effect: Effect) -> None:
        world, now_ns = self.world, self.world.now_ns
        match effect:
            case PublishHeartbeat():
                self.drafts.publish(effect.draft, effect.is_urgent, now_ns)
            case WatchPath():
                self.queues[effect.path].set_watch(WatchOrder(effect.silent_after_ns, now_ns))
            case SendMessage():
                self.queues[effect.path].put(effect.target_slot, effect.message)
            case StoreEpoch():
                self.stored_epoch = effect.epoch
                boots, stored = self.boots, EpochStored(effect.epoch)
                world.later(STORE_MS, lambda: self.ask(stored) if boots == self.boots else None)
            case DriveLine():
                self.hardware.drive(effect.line, effect.is_up, world.now_ms)
                world.later(LINE_MS, world.tell_lines)
            case ReadLines():
                world.later(LINE_MS, self.post_lines)
            case FeedWatchdog():
                self.hardware.fed_ms = world.now_ms
            case SetFan():
                is_open = self.hardware.is_gate_open(world.now_ms)
                self.writes.append((world.now_ms, effect.pwm, is_open))
            case EnterRole():
                self.roles.append((world.now_ms, effect.role))
            case Answer():
                self.answers.append(effect)
            case RecordEvent():
                self.events.append(effect.record)
            case EndService():
                self._flush_and_die()
            case _:
                pass

    def _flush_and_die(self) -> None:
        for name, pulse in self.pulses.items():
            while (outgoing := pulse.offer(self.world.now_ns)) is not None:
                self.world.carry(name, self.slot, outgoing.header, outgoing.message)
                pulse.note_sent(outgoing, 64, self.world.now_ns)
        self.die()

    @property
    def role(self) -> Role | None:
        return self.node.roles.machine.role if self.node is not None else None


class World:
    def __init__(
        self,
        board: BoardClass,
        policy: IsolationPolicy = IsolationPolicy.TRUST_SILENCE,
        path_names: tuple[str, ...] = ("udp", "serial"),
        start_ms: int = 1000,
        deadtime_ms: int = 500,
    ) -> None:
        self.board, self.policy, self.path_names = board, policy, path_names
        self.deadtime_ms = deadtime_ms
        self.now_ms = start_ms
        self.cuts: set[tuple[str, int]] = set()
        self.delay_ms = dict.fromkeys(path_names, 1)
        self.stuck: dict[tuple[int, str], bool | None] = {}
        self.dual_ms = 0
        self.unheld_ms = 0
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self.modules = {slot: Module(self, slot) for slot in (1, 2)}

    @property
    def now_ns(self) -> int:
        return self.now_ms * NS_PER_MS

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._later, (self.now_ms + delay_ms, self._count, act))

    def carry(self, path: str, source: int, header: Header, message: Message) -> None:
        if (path, source) in self.cuts:
            return
        target = self.modules[3 - source]

        def arrive() -> None:
            if target.node is not None and target.hardware.is_powered:
                target.arrived[path].append((header, message))

        self.later(self.delay_ms[path], arrive)

    def cut(self, *paths: str, source: int | None = None) -> None:
        sources = (1, 2) if source is None else (source,)
        self.cuts |= {(path, each) for path in paths or self.path_names for each in sources}

    def heal(self) -> None:
        self.cuts.clear()

    def lines_for(self, slot: int) -> LinesRead:
        """What the module in ``slot`` reads of the other's lines, and of its own gate."""
        now_ms, own = self.now_ms, self.modules[slot].hardware
        if self.board is BoardClass.BARE:
            return LinesRead(((3 - slot, LineLevels()),), None, None, self.now_ns)
        peer = self.modules[3 - slot].hardware
        levels = LineLevels(
            self._seen(slot, "presence", peer.is_powered),
            self._seen(slot, "health", peer.is_healthy(now_ms)),
            self._seen(slot, "active", peer.is_active(now_ms)),
        )
        gate, active = own.is_gate_open(now_ms), own.is_active(now_ms)
        return LinesRead(((3 - slot, levels),), gate, active, self.now_ns)

    def _seen(self, slot: int, name: str, level: bool) -> bool | None:
        return self.stuck.get((slot, name), level)

    def stick(self, slot: int, name: str, level: bool | None) -> None:
        """The line as the module in ``slot`` reads it; None: it cannot be read."""
        self.stuck[(slot, name)] = level
        self.tell_lines()

    def unstick(self, slot: int, name: str) -> None:
        del self.stuck[(slot, name)]
        self.tell_lines()

    def tell_lines(self) -> None:
        for module in self.modules.values():
            module.post_lines()

    def boot(self, *slots: int) -> World:
        for slot in slots or (1, 2):
            self.modules[slot].boot()
        self.tell_lines()
        return self

    def kill(self, slot: int) -> None:
        self.modules[slot].die()
        self.later(LINE_MS, self.tell_lines)

    def pull(self, slot: int) -> None:
        self.modules[slot].hardware.is_powered = False
        self.kill(slot)

    def run(self, duration_ms: int, until: Callable[[], bool] = lambda: False) -> bool:
        """Returns whether ``until`` became true."""
        for _ in range(duration_ms):
            self.now_ms += 1
            while self._later and self._later[0][0] <= self.now_ms:
                heapq.heappop(self._later)[2]()
            for module in self.modules.values():
                self._watchdog(module.hardware)
                module.turn()
            open_count = sum(m.hardware.is_gate_open(self.now_ms) for m in self.modules.values())
            self.dual_ms += open_count > 1
            self.unheld_ms += open_count == 0
            if until():
                return True
        return False

    def _watchdog(self, hardware: Hardware) -> None:
        before = dict(hardware.latched)
        hardware.expire(self.now_ms)
        if before != hardware.latched:
            self.later(LINE_MS, self.tell_lines)

    def settled(self) -> World:
        """Both up, slot 1 ACTIVE, the mirror synced."""
        self.boot()
        assert self.run(3000, lambda: self.roles() == (Role.ACTIVE, Role.STANDBY)), self.story()
        first = self.modules[1].node
        assert first is not None
        assert self.run(2000, lambda: first.chassis.sender.is_synced), self.story()
        self.run(1500)
        return self

    def roles(self) -> tuple[Role | None, Role | None]:
        return (self.modules[1].role, self.modules[2].role)

    def story(self) -> str:
        lines = [
            f"slot {slot}: " + ", ".join(f"{ms} {role.name}" for ms, role in module.roles)
            for slot, module in self.modules.items()
        ]
        return "\n".join([f"now {self.now_ms}, dual {self.dual_ms} ms", *lines])
