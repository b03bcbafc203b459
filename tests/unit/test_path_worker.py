"""One path's thread on real UDP and a real pty: frames pass, ports fail and come back."""

import contextlib
import errno
import os
import threading
import time
import tty

import pytest

from bmcha.hal.native_port import DATAGRAMS, NativePort
from bmcha.hal.port import PortError
from bmcha.hal.serial_link import SerialLink
from bmcha.hal.udp_link import UdpLink
from bmcha.model.event import (
    HeartbeatHeard,
    LinkSigns,
    MessageHeard,
    PathOverdue,
    PathSummarised,
)
from bmcha.model.message import Delta, DeltaAck, DeltaKind, Goodbye, Probe
from bmcha.model.role import Reason
from bmcha.model.settings import SerialLine
from bmcha.runtime.engine import Engine, EngineDrafts, EngineEchoes
from bmcha.runtime.out_queue import OutQueue, WatchOrder
from bmcha.runtime.path_reports import PathReports
from bmcha.runtime.path_worker import PathWorker
from bmcha.runtime.pulse_settings import EchoLimits, PulseSettings
from tests.process.rig import Wire, free_port
from tests.unit.test_pulse import DRAFT
from tests.waiting import wait_until

MS = 1_000_000


class End:
    """One module's end of a path: the worker in its thread, and all that it posted."""

    def __init__(self, slot: int, link, interval_ms: int = 20) -> None:
        self.slot = slot
        self.events: list[object] = []
        self.lines: list[str] = []
        self.drafts = EngineDrafts()
        self.queue = OutQueue()
        clock = time.monotonic_ns
        settings = PulseSettings(
            path="test",
            chassis_id=4711,
            own_slot=slot,
            peer_slot=3 - slot,
            boot_id=1000 + slot,
            interval_ms=interval_ms,
            deadtime_ms=20 * interval_ms,
            recovery_beats_min=2,
            stall_limit_ms=60_000,
            echo_index=0,
            echo_limits=(EchoLimits(200 * MS, 400 * MS),),
            line_bytes_per_s=None,
        )
        self.reports = PathReports(self.post, clock, self.lines.append)
        self.engine = Engine(
            *(settings, self.drafts, EngineEchoes(), self.queue),
            *(link, self.reports.fd, clock, self.lines.append),
        )
        self.worker = PathWorker(self.engine, link, clock, self.lines.append)
        self.reports.watch([self.worker])
        self.thread = threading.Thread(target=self.worker.run, daemon=True)
        self.reporting = threading.Thread(target=self.reports.run, daemon=True)

    def post(self, event: object) -> bool:
        self.events.append(event)
        return True

    def start(self) -> None:
        self.drafts.publish(DRAFT, False, time.monotonic_ns())
        self.thread.start()
        self.reporting.start()

    def end(self) -> None:
        self.worker.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.reports.stop()
        self.reporting.join(10)
        assert not self.reporting.is_alive()

    def put(self, message: object) -> None:
        self.queue.put(3 - self.slot, message)  # type: ignore[arg-type]
        self.worker.wake()

    def heard(self, kind: type) -> list:
        return [event for event in list(self.events) if isinstance(event, kind)]

    def wait_heard(self) -> None:
        wait_until(lambda: self.heard(HeartbeatHeard), "the other end is heard")

    def messages(self) -> list[object]:
        return [event.message for event in self.heard(MessageHeard)]

    def fault(self) -> str | None:
        summaries = self.heard(PathSummarised)
        return summaries[-1].fault if summaries else None


@contextlib.contextmanager
def udp_links():
    ports = [free_port(), free_port()]
    addresses = [("127.0.0.1", port) for port in ports]
    yield UdpLink(addresses[0], addresses[1]), UdpLink(addresses[1], addresses[0])


@contextlib.contextmanager
def serial_links():
    with contextlib.closing(Wire()) as wire:
        yield SerialLink(wire.devices[0], SerialLine()), SerialLink(wire.devices[1], SerialLine())


@pytest.fixture(params=[udp_links, serial_links], ids=["udp", "serial"])
def ends(request):
    with request.param() as links:
        pair = [End(slot, link) for slot, link in zip((1, 2), links, strict=True)]
        yield pair
        for end in pair:
            if end.thread.is_alive():
                end.end()


def start(*ends: End) -> None:
    for end in ends:
        end.start()
    for end in ends:
        end.wait_heard()


def test_beats_and_messages_pass_both_ways(ends) -> None:
    first, second = ends
    start(first, second)
    first.put(Probe(7))
    second.put(Probe(8))
    wait_until(lambda: Probe(7) in second.messages(), "the probe")
    wait_until(lambda: Probe(8) in first.messages(), "the probe back")


def test_messages_leave_without_waiting_for_a_beat() -> None:
    with udp_links() as links:
        first, second = (End(slot, link, 1000) for slot, link in zip((1, 2), links, strict=True))
        start(first, second)
        # More than the engine has room for; it asks for each.
        for number in range(12):
            first.put(DeltaAck(1, number) if number % 2 else Probe(number))
        wait_until(lambda: len(second.messages()) == 12, "all of them")
        assert first.engine.struct.pulse.counts.tx < 12 + 4
        for end in (first, second):
            end.end()


def test_a_port_that_worked_and_is_gone_is_a_fault_until_it_works_again(tmp_path) -> None:
    device = tmp_path / "tty"
    near, far = os.openpty()
    tty.setraw(far)
    device.symlink_to(os.ttyname(far))
    end = End(1, SerialLink(str(device), SerialLine()))
    end.start()
    wait_until(lambda: end.fault() == "", "it works")
    device.unlink()
    os.close(near)
    os.close(far)
    wait_until(end.fault, "it is gone")
    count = len(end.heard(PathSummarised))
    wait_until(lambda: len(end.heard(PathSummarised)) >= count + 4, "two seconds of it")
    end.end()
    assert all(summary.fault for summary in end.heard(PathSummarised)[count:])
    assert not any("is back" in line for line in end.lines)


def test_silence_is_reported_once_with_the_time_of_the_last_beat(ends) -> None:
    first, second = ends
    start(first, second)
    second.queue.set_watch(WatchOrder(400 * MS, time.monotonic_ns()))
    second.worker.wake()
    first.end()
    (overdue,) = wait_until(lambda: second.heard(PathOverdue), "the watch runs out")
    assert overdue.last_heard_ns is not None
    assert not first.thread.is_alive()


def test_a_waiting_goodbye_is_sent_before_the_thread_ends(ends) -> None:
    first, second = ends
    start(first, second)
    first.put(Goodbye(Reason.STOP_ASKED))
    first.end()
    wait_until(lambda: Goodbye(Reason.STOP_ASKED) in second.messages(), "the goodbye")


def test_a_summary_tells_counts_and_the_round_trip(ends) -> None:
    first, second = ends
    # Each tells the other that its echo is of the present boot.
    for end in ends:
        draft = DRAFT.__class__(
            **{name: getattr(DRAFT, name) for name in DRAFT.__slots__}
            | {"echo_boot_id": 1000 + 3 - end.slot}
        )
        end.start()
        end.drafts.publish(draft, True, time.monotonic_ns())
    wait_until(
        lambda: [s for s in first.heard(PathSummarised) if s.counts.rtt_us is not None],
        "a round trip",
    )
    summary = first.heard(PathSummarised)[-1]
    assert summary.counts.rx_count > 0
    assert summary.counts.bad_count == 0
    assert second.events


def test_beats_without_news_wake_nobody(ends) -> None:
    first, second = ends
    start(first, second)
    wait_until(lambda: len(first.heard(PathSummarised)) >= 3, "three summaries")
    wakes, events = first.reports.wakes_count, len(first.events)
    beats = first.heard(PathSummarised)[-1].counts.rx_count
    wait_until(lambda: len(first.heard(PathSummarised)) >= 8, "five more")
    grown = first.heard(PathSummarised)[-1].counts.rx_count - beats
    # Each wake brought an event, and a hundred beats in that time brought few of them.
    assert first.reports.wakes_count - wakes <= len(first.events) - events
    assert grown > 4 * (first.reports.wakes_count - wakes)


def test_a_port_that_cannot_be_opened_is_a_fault_until_it_can(tmp_path) -> None:
    device = tmp_path / "tty"
    end = End(1, SerialLink(str(device), SerialLine()))
    end.start()
    try:
        wait_until(end.fault, "the fault is in the summary")
        assert str(device) in str(end.fault())
        near, far = os.openpty()
        tty.setraw(far)
        device.symlink_to(os.ttyname(far))
        wait_until(lambda: end.fault() == "", "the fault is gone")
        assert os.read(near, 1)
        assert end.lines[-1].endswith("the port is back")
    finally:
        end.end()
        os.close(near)
        os.close(far)


class BrokenLink:
    """Opens, and fails at the first write: it is no socket."""

    def __init__(self) -> None:
        self.port = NativePort(DATAGRAMS)
        self.opened_count = 0

    @property
    def is_open(self) -> bool:
        return bool(self.port.struct.fd >= 0)

    def open(self) -> None:
        self.opened_count += 1
        self._read_fd, fd = os.pipe()
        self.port.open(fd)

    def close(self) -> None:
        os.close(self.port.struct.fd)
        os.close(self._read_fd)
        self.port.close()

    def failure(self, is_writing: bool, number: int) -> PortError:
        assert (is_writing, number) == (True, errno.ENOTSOCK)
        return PortError("the cable is on fire")

    def signs(self) -> LinkSigns:
        return LinkSigns()


def test_a_port_that_fails_again_and_again_is_opened_with_growing_pauses() -> None:
    link = BrokenLink()
    end = End(1, link)
    begun_s = time.monotonic()
    end.start()
    wait_until(lambda: link.opened_count >= 4, "it is tried again")
    # 100 + 200 + 400 ms.
    assert time.monotonic() - begun_s > 0.65
    end.end()
    assert not link.is_open
    # The fault is logged once, and what it did to the beats once a minute.
    assert end.lines[0] == "path test: the cable is on fire"
    assert len(end.lines) == 2


def test_a_port_that_is_not_there_costs_no_processor_time_whatever_waits_to_be_sent(
    tmp_path,
) -> None:
    end = End(1, SerialLink(str(tmp_path / "tty"), SerialLine()))
    end.start()
    end.drafts.publish(DRAFT, True, time.monotonic_ns())
    end.put(Probe(7))
    wait_until(lambda: len(end.heard(PathSummarised)) >= 3, "three summaries")
    end.end()
    # A summary, a try to open it, a wake; not one for each beat that is due, or none of them.
    assert end.engine.struct.turns < 40


def test_a_message_that_cannot_be_said_is_dropped_and_the_path_lives_on(ends) -> None:
    first, second = ends
    start(first, second)
    first.put(Delta(DeltaKind.CHANGES, 1, 1, 0, -1, 0, 1, ()))
    first.put(Probe(9))
    wait_until(lambda: Probe(9) in second.messages(), "the message after it")
    assert any("dropped" in line for line in first.lines)
