"""Carries out what the node orders of fans, each device in a thread of its own.

The node's thread leaves orders and never waits for a device; rules W1 to W4 of
docs/adr/0008-slow-devices.md are kept here: of each fan only the newest order waits, none is
carried out after its time, and once the chassis is left none is carried out at all. Decides nothing
about speeds. The `FanDesk` is used by the effect runner, the workers are run by the supervisor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Condition
from typing import Final

from bmcha.hal.port import FanPort, PortError
from bmcha.model.event import FanDriven
from bmcha.model.moment import NS_PER_S
from bmcha.model.record import dataclass
from bmcha.model.settings import ChassisSettings, Place
from bmcha.runtime.device_groups import Group, dealt, shown
from bmcha.runtime.worker import Clock, Post

WRITERS_MAX: Final = 8
LEAVE_S_MAX: Final = 0.02
"""All that leaving the chassis waits for writes under way: a transfer takes about one ms."""
LEAVE_AT_S_MAX: Final = 0.2
"""All that the last writes may take: a device has some ten fans, three transfers each."""
STUCK_NS: Final = NS_PER_S
STUCK = "its device does not return from a write"


@dataclass(frozen=True, slots=True)
class FanOrder:
    """Good until ``until_ns``: from then on the node may have lost the chassis."""

    pwm: int
    until_ns: int


class FanWorker:
    """``group``: (index, place) of the fans, by device."""

    def __init__(
        self,
        group: Group[tuple[int, Place]],
        open_device: Callable[[Place], FanPort],
        post: Post,
        clock: Clock,
    ) -> None:
        self.name = f"fans {shown(group)}"
        self.fans = {
            index: (port, place)
            for device, fans in group.items()
            for port in (open_device(device),)
            for index, place in fans
        }
        self._post = post
        self._clock = clock
        self._changed = Condition()
        self._orders: dict[int, FanOrder] = {}
        self._whys = dict.fromkeys(self.fans, "")
        self._begun_ns: int | None = None
        self._is_left = True
        self._is_stopped = False
        self.stale_count = 0

    # ------------------------------------------------------------ the node's side

    def order(self, index: int, order: FanOrder) -> None:
        """Takes the place of an order for this fan that still waits."""
        with self._changed:
            self._is_left = False
            self._orders[index] = order
            if self._begun_ns is not None and self._clock() - self._begun_ns > STUCK_NS:
                self._tell(index, STUCK)
            self._changed.notify_all()

    def drop(self) -> None:
        """What waits is not carried out any more."""
        with self._changed:
            self._is_left = True
            self._orders.clear()

    def wait_idle(self, timeout_s: float) -> bool:
        """False: an order still waits, or a write is under way."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._orders and self._begun_ns is None, timeout_s
            )

    # ------------------------------------------------------------ the thread's side

    def run(self) -> None:
        try:
            while (taken := self._take()) is not None:
                self._carry_out(*taken)
        finally:
            for port, _ in self.fans.values():
                port.close()

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._is_left = True
            self._orders.clear()
            self._changed.notify_all()

    def _take(self) -> tuple[int, FanOrder] | None:
        """The order that has waited longest; None when stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._orders or self._is_stopped)
            if self._is_stopped:
                return None
            index = next(iter(self._orders))
            self._begun_ns = self._clock()
            return index, self._orders.pop(index)

    def _carry_out(self, index: int, order: FanOrder) -> None:
        port, place = self.fans[index]
        why: str | None = ""
        try:
            # Read again just before the write: this thread may have been held up since.
            if self._is_left or self._clock() > order.until_ns:
                self.stale_count += 1
                why = None
            else:
                port.drive(place, order.pwm)
        except PortError as error:
            why = str(error)
        finally:
            with self._changed:
                self._begun_ns = None
                if why is not None:
                    self._tell(index, why)
                self._changed.notify_all()

    def _tell(self, index: int, why: str) -> None:
        """Changes only; with the lock held."""
        if why != self._whys[index] and self._post(FanDriven(index, why)):
            self._whys[index] = why


class FanDesk:
    """Where the node's thread leaves its orders."""

    def __init__(self, workers: Sequence[FanWorker]) -> None:
        self._workers = workers
        self._by_fan = {index: worker for worker in workers for index in worker.fans}
        self._has_left = True

    def order(self, index: int, pwm: int, until_ns: int) -> None:
        self._has_left = False
        self._by_fan[index].order(index, FanOrder(pwm, until_ns))

    def drop(self) -> None:
        """Nothing that waits is carried out any more."""
        for worker in self._workers:
            worker.drop()

    def leave_at(self, pwm: int, until_ns: int) -> None:
        """Every fan to ``pwm``, waited for up to `LEAVE_AT_S_MAX` in all. `leave` comes next."""
        for index in self._by_fan:
            self.order(index, pwm, until_ns)
        self._wait_idle(LEAVE_AT_S_MAX)

    def leave(self) -> None:
        """As `drop`, and what is under way is waited for, up to `LEAVE_S_MAX` in all; once."""
        self.drop()
        if not self._has_left:
            self._has_left = True
            self._wait_idle(LEAVE_S_MAX)

    def _wait_idle(self, timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        for worker in self._workers:
            worker.wait_idle(max(0.0, end_s - time.monotonic()))


def fan_workers(
    chassis: ChassisSettings, open_device: Callable[[Place], FanPort], post: Post, clock: Clock
) -> list[FanWorker]:
    """One a device."""
    fans = [(fan.pwm_place, (index, fan.pwm_place)) for index, fan in enumerate(chassis.fans)]
    return [FanWorker(group, open_device, post, clock) for group in dealt(fans, WRITERS_MAX)]
