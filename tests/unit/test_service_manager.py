"""What systemd is told, over real datagram sockets of both kinds."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.diag.service_manager import ServiceWatchdog, notify_service_manager, watchdog_s
from bmcha.hal.port import PortError
from bmcha.runtime.watchdogs import Watchdogs
from tests.waiting import wait_until


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        name = f"bmcha-test-{os.getpid()}"
        path = str(tmp_path / "notify")
        found.bind(path if request.param == "path" else f"\0{name}")
        found.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path if request.param == "path" else f"@{name}")
        yield found


def test_a_state_arrives_as_one_datagram(manager: socket.socket) -> None:
    notify_service_manager("READY=1\nSTATUS=STANDBY: the peer is ACTIVE")
    assert manager.recv(4096) == b"READY=1\nSTATUS=STANDBY: the peer is ACTIVE"


def test_a_manager_that_does_not_read_delays_nobody(manager: socket.socket) -> None:
    for _ in range(2000):
        notify_service_manager("WATCHDOG=1")
    assert manager.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234", "/no/such/socket", "@nobody"])
def test_without_a_manager_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify_service_manager("READY=1")


def test_the_service_watchdog_is_fed_several_times_in_its_time(manager: socket.socket) -> None:
    watchdog = ServiceWatchdog({"WATCHDOG_USEC": "100000"})
    watchdog.feed()
    for _ in range(100):
        watchdog.feed()
    assert manager.recv(4096) == b"WATCHDOG=1"
    manager.settimeout(0.02)
    with pytest.raises(TimeoutError):
        manager.recv(4096)
    manager.settimeout(0.0)

    def fed_again() -> bool:
        watchdog.feed()
        try:
            return manager.recv(4096) == b"WATCHDOG=1"
        except BlockingIOError:
            return False

    wait_until(fed_again, "the next feed")
    watchdog.close(is_disarmed=True)


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_a_watchdog_for_somebody_else_is_not_fed(
    environment: dict[str, str], seconds: float
) -> None:
    assert watchdog_s(environment) == seconds
    said: list[str] = []
    ServiceWatchdog(environment, said.append).feed()
    assert said == (["WATCHDOG=1"] if seconds else [])


class Counted:
    def __init__(self, failing: str = "") -> None:
        self._failing = failing
        self.fed_count = 0
        self.closed: list[bool] = []

    def feed(self) -> None:
        self.fed_count += 1
        self._fail()

    def close(self, is_disarmed: bool) -> None:
        self.closed.append(is_disarmed)
        self._fail()

    def _fail(self) -> None:
        if self._failing:
            raise PortError(self._failing)


def test_a_watchdog_that_fails_does_not_starve_the_others() -> None:
    first, second, third = Counted("first"), Counted("second"), Counted()
    watchdogs = Watchdogs(first, second, third)
    with pytest.raises(PortError, match="first"):
        watchdogs.feed()
    with pytest.raises(PortError, match="first"):
        watchdogs.close(is_disarmed=True)
    assert (first.fed_count, second.fed_count, third.fed_count) == (1, 1, 1)
    assert first.closed == second.closed == third.closed == [True]
    Watchdogs(third).feed()
    assert third.fed_count == 2
