"""What a running service tells systemd, from its start to its end, and when it stands still."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.rig import Module, two_modules
from tests.waiting import wait_until

WATCHDOG_US = 400_000


class Manager:
    """The receiving end of sd_notify, with everything it was told."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self.told: list[str] = []

    def listen(self) -> list[str]:
        """Everything since the last call, one item a datagram."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                self.told += found
                return found

    def has(self, text: str) -> bool:
        self.listen()
        return any(text in each for each in self.told)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    found = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(WATCHDOG_US))
    yield found
    found.close()


@pytest.fixture
def module(tmp_path: Path, manager: Manager) -> Iterator[Module]:
    with two_modules(tmp_path / "modules") as (first, _):
        first.start()
        wait_until(lambda: manager.has("READY=1"), "it says that it is ready")
        yield first


def test_readiness_roles_life_and_the_end_are_told(module: Module, manager: Manager) -> None:
    wait_until(lambda: manager.has("STATUS=ACTIVE"), "the role is told")
    assert all("\n" not in each for each in manager.told if each.startswith("STATUS"))
    begun = manager.told.count("WATCHDOG=1")
    wait_until(lambda: manager.listen() and manager.told.count("WATCHDOG=1") > begun + 3, "fed")
    module.signal(signal.SIGHUP)
    wait_until(lambda: manager.has("RELOADING=1\nMONOTONIC_USEC="), "it says that it reloads")
    wait_until(lambda: manager.has("READY=1") and manager.told.count("READY=1") > 1, "ready again")
    module.signal(signal.SIGTERM)
    assert module.end()[0] == 0
    assert manager.has("STOPPING=1")


def test_a_service_that_stands_still_feeds_no_watchdog(module: Module, manager: Manager) -> None:
    wait_until(lambda: manager.has("WATCHDOG=1"), "it is fed")
    module.signal(signal.SIGSTOP)
    manager.listen()
    # Twice the time after which systemd would act.
    end_s = time.monotonic() + 2 * WATCHDOG_US / 1e6
    wait_until(lambda: time.monotonic() > end_s, "time passes")
    assert manager.listen() == []
    module.signal(signal.SIGCONT)
    wait_until(lambda: "WATCHDOG=1" in manager.listen(), "fed again")


def test_feeding_is_for_the_process_that_was_asked(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    with two_modules(tmp_path / "modules") as (first, _):
        first.start()
        wait_until(lambda: manager.has("STATUS=ACTIVE"), "it works")
    assert not manager.has("WATCHDOG=1")
