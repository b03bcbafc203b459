"""One module: its slot, its hardware, its store, its clock; and the life of its service, if any."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from bmcha.model.effect import Answer
from bmcha.model.event import Event, StrapsRead
from bmcha.model.moment import NS_PER_MS
from bmcha.model.reading import EventCell
from bmcha.model.restart import Restart
from bmcha.model.role import Role
from bmcha.node import Node
from bmcha.runtime.store_worker import RECORDS_LOADED_MAX
from tests.world.agenda import Alarm
from tests.world.hardware import Hardware
from tests.world.life import Life
from tests.world.settings import settings_of

if TYPE_CHECKING:
    from tests.world.chassis import World

STORE_MS = 3
SENSOR_MILLI = 30_000
PPM = 1_000_000


class Module:
    """``drift_ppm``: how much too fast its clock is; ``is_stopped``: SIGSTOP, every thread of it;
    ``is_hung``: the node's thread alone, its engines go on. ``is_held``: in reset. ``step_ms``:
    what each step of the node takes."""

    def __init__(self, world: World, slot: int) -> None:
        self.world, self.slot = world, slot
        self.hardware = Hardware(world.board.is_gated, changed=self._line_changed)
        self.settings = settings_of(
            world.board, slot, world.policy, world.path_names, world.deadtime_ms, world.keys
        )
        self.random = Random(f"{world.seed} module {slot}")
        self.straps = StrapsRead(slot)
        self.stored_epoch = 0
        self.is_held = False
        self.is_reset_deaf = False
        """A reset pulse does not arrive."""
        self.is_store_broken = False
        self.store_harm: tuple[str, int] = ("", 0)
        """Found at the next boot: ("old", by how many epochs), ("lost", 0)."""
        self.store_ms = STORE_MS
        self.step_ms = 0
        self.events: list[EventCell] = []
        self.boots = 0
        self.life: Life | None = None
        self.answers: list[Answer] = []
        self.roles: list[tuple[int, Role]] = []
        self.writes: list[tuple[int, int, bool]] = []
        self.jitter_ns: Callable[[], int] = lambda: 0
        self.are_sensors_bad = False
        self.does_reference_answer: bool | None = None
        """Whom its third opinion comes from; None: nobody is asked."""
        self.sensor_milli: Callable[[int], int] = lambda index: SENSOR_MILLI
        self._is_stopped = False
        self._is_hung = False
        self._drift_ppm = 0
        self._local_ns = self._since_ns = world.now_ns
        self._watchdog = Alarm(self._watch)

    # ---- time

    def clock(self) -> int:
        """Its own monotonic time."""
        passed_ns = self.world.agenda.now_ns - self._since_ns
        if self._drift_ppm:
            passed_ns += passed_ns * self._drift_ppm // PPM
        return self._local_ns + passed_ns

    def world_ns(self, local_ns: int) -> int:
        """When its own clock will show ``local_ns``, or a moment later."""
        left_ns = local_ns - self._local_ns
        if self._drift_ppm:
            left_ns = left_ns * PPM // (PPM + self._drift_ppm) + 1
        return self._since_ns + left_ns

    def spend(self, spent_ns: int) -> None:
        """Its clock shows that something took a moment; for the world no time has passed."""
        self._local_ns += spent_ns

    def set_clock(self, drift_ppm: int, ahead_ns: int = 0) -> None:
        """From now on so fast, and (only before a boot) so far ahead."""
        self._local_ns, self._since_ns = self.clock() + ahead_ns, self.world.agenda.now_ns
        self._drift_ppm = drift_ppm

    # ---- its life

    def boot(self, restart: Restart | None = None) -> None:
        """A new life; one that there was is over. It knows its slot if the straps say it."""
        if self.life is not None:
            self.die()
        self.boots += 1
        self.hardware.is_process_alive = True
        self._is_stopped = self._is_hung = False
        self.life = Life(self, self.straps.slot == self.slot, restart)
        self.world.watcher.booted(self.life)
        self.life.begin()

    def boot_id(self) -> int:
        """Far from one another, as what is drawn at random: joins are counted up from it."""
        return self.slot * 10_000_000 + self.boots * 1_000

    def load_store(self) -> tuple[int, list[EventCell]]:
        """As `bmcha.hal.sqlite_store`: a record that is there already is left as it is."""
        (how, epochs), self.store_harm = self.store_harm, ("", 0)
        if how == "old":
            self.stored_epoch = max(0, self.stored_epoch - epochs)
            self.events = [record for record in self.events if record.epoch <= self.stored_epoch]
        elif how == "lost":
            self.stored_epoch = 0
            self.events.clear()
        records = {record.key: record for record in reversed(self.events)}
        newest = sorted(records)[-RECORDS_LOADED_MAX:]
        return self.stored_epoch, [records[key] for key in newest]

    def die(self) -> None:
        """The process is gone, and the kernel lets go of its lines."""
        if self.life is not None:
            self.life.end()
            self.world.watcher.died(self.life)
            self.life = None
        self._is_stopped = self._is_hung = False
        self.hardware.fall()

    @property
    def node(self) -> Node | None:
        return self.life.node if self.life is not None else None

    @node.setter
    def node(self, node: Node) -> None:
        assert self.life is not None
        self.life.node = node

    @property
    def role(self) -> Role | None:
        return self.node.roles.machine.role if self.node is not None else None

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped

    @is_stopped.setter
    def is_stopped(self, is_stopped: bool) -> None:
        was_stopped, self._is_stopped = self._is_stopped, is_stopped
        if was_stopped and not is_stopped and self.life is not None:
            self.life.wake_all()

    @property
    def is_hung(self) -> bool:
        return self._is_hung

    @is_hung.setter
    def is_hung(self, is_hung: bool) -> None:
        self._is_hung = is_hung
        if not is_hung and self.life is not None:
            self.life.wake_all()

    def ask(self, event: Event) -> None:
        if self.life is not None:
            self.life.post(event)

    def post_lines(self) -> None:
        if self.life is not None:
            self.life.post_lines()

    # ---- its hardware

    def feed(self) -> None:
        hardware, now_ms = self.hardware, self.world.now_exact_ms
        was_fed, hardware.fed_ms = hardware.is_fed(now_ms), now_ms
        if not hardware.is_gated:
            return
        if not was_fed:
            self._line_changed()
        if self._watchdog.due_ns is None:
            self._set_watchdog()

    def _set_watchdog(self) -> None:
        due_ms = self.hardware.fed_ms + self.hardware.watchdog_ms
        # A moment later: rounded, it would else be due for ever and never be over.
        self.world.agenda.set(self._watchdog, int(due_ms * NS_PER_MS) + 1000)

    def _watch(self) -> None:
        """Due when it was fed last but one, or still: looked at afresh."""
        now_ms = self.world.now_exact_ms
        if self.hardware.is_fed(now_ms):
            self._set_watchdog()
        else:
            self.hardware.expire(now_ms)

    def _line_changed(self) -> None:
        self.world.line_changed()

    def write(self, pwm: int) -> None:
        is_open = self.hardware.is_gate_open(self.world.now_exact_ms)
        self.writes.append((self.world.now_ms, pwm, is_open))
        self.world.watcher.wrote(self, pwm, is_open)
