"""The ports of one life: store, lines, watchdog, fans, image and audience, in virtual time.

What the effect runner asks for happens to the module's hardware and store, and whoever watches the
world is told. An output write may be held up after the clock was looked at (`Life.before_write`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bmcha.model.effect import Answer, EnterRole, OwnLine, WriteImage
from bmcha.model.event import EpochStored, Event, LinesRead, StoreFailed, StoreRecovered
from bmcha.model.moment import NS_PER_MS
from bmcha.model.reading import EventCell

if TYPE_CHECKING:
    from tests.world.life import Life

STORED_SHARE = 2
"""An epoch is on the disk after half the time that its answer takes."""

READ_NS = 1000
"""So that of two readings one is the later."""


class Ports:
    def __init__(self, life: Life) -> None:
        self._life = life
        self._module = life.module
        self._world = life.module.world
        self._watcher = life.watcher
        self._agenda = life.agenda
        self._has_failed = False

    # ---- the store

    def store_epoch(self, epoch: int) -> None:
        module = self._module
        late_ns = module.store_ms * NS_PER_MS
        self._watcher.claimed(self._life, epoch)
        if module.is_store_broken:
            self._has_failed = True
            failed = StoreFailed("epoch", "no room")
            self._agenda.at(self._agenda.now_ns + late_ns, lambda: self._answer(failed))
            return
        self._agenda.at(
            self._agenda.now_ns + late_ns // STORED_SHARE, lambda: self._is_stored(epoch)
        )
        self._agenda.at(self._agenda.now_ns + late_ns, lambda: self._answer(EpochStored(epoch)))

    def _is_stored(self, epoch: int) -> None:
        """By the kernel already, if the process dies; not if the power goes."""
        if self._module.hardware.is_powered and not self._life.has_ended:
            self._module.stored_epoch = epoch

    def _answer(self, event: Event) -> None:
        self._life.post(event)

    def record(self, record: EventCell) -> None:
        self._module.events.append(record)
        if self._has_failed is not self._module.is_store_broken:
            self._has_failed = self._module.is_store_broken
            failed = StoreFailed("event", "no room")
            self._answer(failed if self._has_failed else StoreRecovered())
        self._watcher.recorded(self._life, record)

    def read(self) -> LinesRead:
        self._module.spend(READ_NS)
        return self._world.lines_for(self._life.slot, self._life.clock())

    def wait(self, timeout_s: float) -> bool:
        raise NotImplementedError("the world tells when a line has changed")

    def drive(self, name: str, is_up: bool) -> None:
        line = OwnLine(name)
        if is_up and line is not OwnLine.HEALTH:
            self._life.before_write()
        self._module.hardware.drive(line, is_up, self._world.now_exact_ms)

    def pulse_reset(self, slot: int, pulse_ms: int) -> bool:
        self._life.before_write()
        return self._world.pulse_reset(self._life.slot, slot, pulse_ms)

    def let_go(self) -> None:
        raise NotImplementedError("a service that ends hard is a process's matter")

    def read_slot(self) -> int:
        raise NotImplementedError("the slot is read before a life begins")

    def read_straps(self) -> int:
        raise NotImplementedError("the world says itself what straps say")

    def close(self, is_disarmed: bool = True) -> None:
        raise NotImplementedError("a life that ends closes nothing here")

    def feed(self) -> None:
        self._module.feed()

    def order(self, index: int, pwm: int, until_ns: int) -> None:
        self._life.before_write()
        if self._life.clock() <= until_ns:
            self._module.write(pwm)

    def leave_at(self, pwm: int, until_ns: int) -> None:
        self.order(0, pwm, until_ns)

    def drop(self) -> None: ...

    def leave(self) -> None: ...

    def write(self, effect: WriteImage) -> None:
        self._watcher.image_written(self._life, effect)

    def refresh(self) -> None: ...

    def role_entered(self, entered: EnterRole, now_ns: int = 0) -> None:
        if now_ns:  # the image is told too, without a time
            self._module.roles.append((self._world.now_ms, entered.role))
            self._watcher.role_entered(self._life, entered)

    def event_recorded(self, record: EventCell, now_ns: int) -> None: ...

    def answered(self, answer: Answer) -> None:
        self._module.answers.append(answer)
        self._watcher.answered(self._life, answer)

    def settings_adopted(self, number: int) -> None: ...
