"""Orders of fans: rules W1 to W4 of docs/adr/0008-slow-devices.md, on devices of the test's own."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from bmcha.hal.port import PortError
from bmcha.model.event import Event, FanDriven
from bmcha.model.settings import ChassisSettings, FanSettings, Place
from bmcha.runtime import fan_worker
from bmcha.runtime.fan_worker import STUCK, STUCK_NS, FanDesk, fan_workers
from tests.waiting import wait_until

MS = 1_000_000
LATER = 10**15


def fan(name: str, folder: str) -> FanSettings:
    return FanSettings(name, f"/{folder}/{name}_rpm", f"/{folder}/{name}", "front", 60, 500)


CHASSIS = ChassisSettings(
    sensors=(),
    fans=(fan("fan1", "a"), fan("fan2", "a"), fan("fan3", "b")),
    zones=(),
    supplies=(),
    blades=(),
    sensor_period_ms=250,
    sensor_stale_ms=2000,
)


class Chips:
    """Both devices: remembers what was written; waits while a gate is shut."""

    def __init__(self) -> None:
        self.written: list[tuple[str, int]] = []
        self.begun: list[str] = []
        self.broken = ""
        self.gates = {"/a": threading.Event(), "/b": threading.Event()}
        self.closed: list[Place] = []
        for gate in self.gates.values():
            gate.set()

    def open(self, place: Place) -> Chip:
        return Chip(self, place)


class Chip:
    def __init__(self, chips: Chips, place: Place) -> None:
        self.chips = chips
        self.place = str(place)

    def drive(self, place: Place, pwm: int) -> None:
        self.chips.begun.append(str(place))
        assert self.chips.gates[self.place].wait(30)
        if self.chips.broken:
            raise PortError(self.chips.broken)
        self.chips.written.append((str(place), pwm))

    def close(self) -> None:
        self.chips.closed.append(self.place)


class Bench:
    def __init__(self, chassis: ChassisSettings = CHASSIS) -> None:
        self.now_ns = 1000 * MS
        self.chips = Chips()
        self.events: list[Event] = []
        self.is_full = False
        self.workers = fan_workers(chassis, self.chips.open, self.post, lambda: self.now_ns)
        self.desk = FanDesk(self.workers)
        self.threads = [threading.Thread(target=worker.run) for worker in self.workers]

    def post(self, event: Event) -> bool:
        if not self.is_full:
            self.events.append(event)
        return not self.is_full

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def order(self, index: int, pwm: int, within_ns: int = LATER) -> None:
        self.desk.order(index, pwm, self.now_ns + within_ns)

    def settle(self) -> None:
        """Nothing waits and nothing is under way."""
        wait_until(lambda: not any(worker._orders for worker in self.workers), "all are taken")
        assert all(worker.wait_idle(10) for worker in self.workers)

    def stop(self) -> None:
        for gate in self.chips.gates.values():
            gate.set()
        for worker in self.workers:
            worker.stop()
        for thread in self.threads:
            if thread.ident is not None:
                thread.join(10)
                assert not thread.is_alive()


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.stop()


@pytest.fixture
def stuck(bench):
    """A write to fan1 is under way and does not come back."""
    bench.chips.gates["/a"].clear()
    bench.start()
    bench.order(0, 80)
    wait_until(lambda: bench.chips.begun, "the write has begun")
    return bench


def test_an_order_is_carried_out(bench) -> None:
    bench.start()
    bench.order(0, 80)
    bench.order(2, 90)
    bench.settle()
    assert sorted(bench.chips.written) == [("/a/fan1", 80), ("/b/fan3", 90)]
    assert bench.events == [], "that all is well is no news"


def test_of_each_fan_only_the_newest_order_is_carried_out(bench) -> None:
    for pwm in (80, 81, 82):
        bench.order(0, pwm)
        bench.order(1, pwm + 100)
    bench.start()
    bench.settle()
    assert bench.chips.written == [("/a/fan1", 82), ("/a/fan2", 182)]


def test_a_stuck_device_delays_neither_the_node_nor_another_device(stuck) -> None:
    for pwm in range(60, 160):
        stuck.order(0, pwm)
        stuck.order(2, pwm)
    wait_until(lambda: ("/b/fan3", 159) in stuck.chips.written, "the other device is driven")
    assert stuck.chips.begun.count("/a/fan1") == 1, "a stuck write is not doubled"
    stuck.chips.gates["/a"].set()
    stuck.settle()
    done = [pwm for file, pwm in stuck.chips.written if file == "/a/fan1"]
    assert done == [80, 159], "what was under way, then the newest"


# ---------------------------------------------------------------- W1: an order ends


def test_an_order_is_good_until_its_time_and_not_longer(bench) -> None:
    bench.order(0, 80, within_ns=100 * MS)
    bench.order(1, 90, within_ns=100 * MS - 1)
    bench.now_ns += 100 * MS
    bench.start()
    bench.settle()
    assert bench.chips.written == [("/a/fan1", 80)]
    assert bench.workers[0].stale_count == 1
    assert bench.events == [], "a late order is no fault of the fan"


def test_an_order_that_waited_behind_a_stuck_write_for_too_long_is_not_carried_out(stuck) -> None:
    stuck.order(1, 90, within_ns=100 * MS)
    stuck.now_ns += 101 * MS
    stuck.chips.gates["/a"].set()
    stuck.settle()
    assert stuck.chips.written == [("/a/fan1", 80)]


# ---------------------------------------------------------------- W2, W3: leaving


@pytest.mark.parametrize("leave", ["drop", "leave"])
def test_an_order_that_waits_when_the_chassis_is_left_is_never_carried_out(bench, leave) -> None:
    bench.order(0, 80)
    bench.order(2, 80)
    getattr(bench.desk, leave)()
    bench.start()
    bench.order(1, 90)
    bench.settle()
    assert bench.chips.written == [("/a/fan2", 90)], "only what was ordered afterwards"


def test_after_leaving_only_the_write_that_was_under_way_lands(stuck) -> None:
    stuck.order(0, 81)
    stuck.order(1, 82)
    stuck.desk.leave()
    stuck.chips.gates["/a"].set()
    stuck.settle()
    assert stuck.chips.written == [("/a/fan1", 80)]


def test_leaving_waits_for_a_write_under_way_that_ends(stuck, monkeypatch) -> None:
    monkeypatch.setattr(fan_worker, "LEAVE_S_MAX", 30)
    leaving = threading.Thread(target=stuck.desk.leave)
    leaving.start()
    stuck.chips.gates["/a"].set()
    leaving.join(10)
    assert not leaving.is_alive()
    assert stuck.chips.written == [("/a/fan1", 80)]


def test_leaving_does_not_wait_for_one_that_is_stuck_and_not_twice(stuck, monkeypatch) -> None:
    waited: list[float] = []
    for worker in stuck.workers:
        monkeypatch.setattr(worker, "wait_idle", lambda timeout_s: waited.append(timeout_s))
    stuck.desk.leave()
    stuck.desk.leave()
    assert len(waited) == 2, "once a worker"
    assert max(waited) <= 0.02
    stuck.order(0, 90)
    stuck.desk.leave()
    assert len(waited) == 4, "anew after an order"
    assert stuck.chips.written == []


# ---------------------------------------------------------------- the last order of all


def test_fans_that_are_left_to_nobody_are_all_written_before_it_returns(bench) -> None:
    bench.order(1, 80)
    bench.start()
    bench.desk.leave_at(255, LATER)
    assert dict(bench.chips.written) == {"/a/fan1": 255, "/a/fan2": 255, "/b/fan3": 255}


def test_a_stuck_device_keeps_no_other_fan_from_its_last_order(stuck) -> None:
    stuck.desk.leave_at(255, LATER)
    wait_until(lambda: ("/b/fan3", 255) in stuck.chips.written, "the other device is driven")
    stuck.desk.leave()
    stuck.chips.gates["/a"].set()
    stuck.settle()
    assert sorted(stuck.chips.written) == [("/a/fan1", 80), ("/b/fan3", 255)]


# ---------------------------------------------------------------- W4: faults


def test_a_write_that_fails_is_told_once_with_its_end(bench) -> None:
    bench.start()
    bench.chips.broken = "pwm1 cannot be set: no such file"
    for _ in range(3):
        bench.order(0, 80)
        bench.settle()
    assert bench.events == [FanDriven(0, "pwm1 cannot be set: no such file")]
    bench.chips.broken = ""
    bench.order(0, 80)
    bench.settle()
    assert bench.events[1:] == [FanDriven(0, "")]


def test_a_fault_that_could_not_be_told_is_told_later(bench) -> None:
    bench.start()
    bench.chips.broken, bench.is_full = "broken", True
    bench.order(0, 80)
    bench.settle()
    bench.is_full = False
    bench.order(0, 80)
    bench.settle()
    assert bench.events == [FanDriven(0, "broken")]


def test_a_write_that_does_not_come_back_is_told_for_every_fan_that_waits_for_it(stuck) -> None:
    stuck.now_ns += STUCK_NS
    stuck.order(0, 81)
    assert stuck.events == []
    stuck.now_ns += 1
    for index in (0, 1, 2, 0, 1, 2):
        stuck.order(index, 82)
    assert stuck.events == [FanDriven(0, STUCK), FanDriven(1, STUCK)]
    stuck.chips.gates["/a"].set()
    stuck.settle()
    assert sorted(stuck.events[2:], key=str) == [FanDriven(0, ""), FanDriven(1, "")]


# ---------------------------------------------------------------- the end


def test_each_device_is_closed_by_its_thread_and_what_waits_at_the_end_is_dropped(bench) -> None:
    bench.order(0, 80)
    bench.workers[0].stop()
    bench.start()
    bench.stop()
    assert bench.chips.written == []
    assert sorted(set(bench.chips.closed)) == ["/a", "/b"]


def test_more_devices_than_threads_share_them(monkeypatch) -> None:
    monkeypatch.setattr(fan_worker, "WRITERS_MAX", 2)
    fans = tuple(fan(f"fan{letter}", letter) for letter in "abc")
    names = [worker.name for worker in Bench(replace(CHASSIS, fans=fans)).workers]
    assert names == ["fans /a /c", "fans /b"]
