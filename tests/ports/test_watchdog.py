"""The contract of `WatchdogPort`, kept by every adapter; and what the kernel's device adds."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from bmcha.hal.file_watchdog import FileWatchdog, NoWatchdog
from bmcha.hal.linux_watchdog import LinuxWatchdog, open_watchdog, watchdog_folder
from bmcha.hal.port import PortError, WatchdogPort
from tests.waiting import wait_until

SYSFS = Path("/sys/class/watchdog")


class Rig(Protocol):
    file: str

    def open(self) -> WatchdogPort: ...
    def is_armed(self) -> bool: ...
    def wait_fed(self) -> None:
        """Until what was fed before this call has reached the hardware."""

    def close(self) -> None: ...


class FileRig:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "watchdog"
        self._path.touch()
        self.file = str(self._path)

    def open(self) -> WatchdogPort:
        found = open_watchdog(self.file, 1500, 0)
        assert isinstance(found, FileWatchdog)
        return found

    def is_armed(self) -> bool:
        return self._path.read_bytes() == b"1"

    def wait_fed(self) -> None:
        assert self._path.read_bytes() == b"1"

    def close(self) -> None:
        pass


class DeviceRig:
    """A watchdog of the virtual machine, by the name that its driver gives it."""

    def __init__(self, identity: str, timeout_ms: int) -> None:
        found = [each for each in SYSFS.iterdir() if identity in _text(each / "identity")]
        assert len(found) == 1, f"no watchdog {identity!r}"
        self.folder = found[0]
        self.file = f"/dev/{self.folder.name}"
        self.timeout_ms = timeout_ms

    def open(self, pretimeout_ms: int = 0) -> LinuxWatchdog:
        found = open_watchdog(self.file, self.timeout_ms, pretimeout_ms)
        assert isinstance(found, LinuxWatchdog)
        return found

    def is_armed(self) -> bool:
        return _text(self.folder / "state") == "active"

    def wait_fed(self) -> None:
        left_s = int(_text(self.folder / "timeleft") or self.timeout_ms // 1000)
        assert left_s > 0

    def close(self) -> None:
        """Stopped, whatever a test left."""
        if self.is_armed():
            fd = os.open(self.file, os.O_WRONLY)
            os.write(fd, b"V")
            os.close(fd)


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


FORMS: dict[str, Callable[[Path], Rig]] = {
    "file": FileRig,
    "softdog": lambda _: DeviceRig("Software Watchdog", 2000),
    "6300esb": lambda _: DeviceRig("i6300ESB", 4000),
}


@pytest.fixture(
    params=["file", *(pytest.param(name, marks=pytest.mark.vm) for name in ("softdog", "6300esb"))]
)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    found = FORMS[request.param](tmp_path)
    yield found
    found.close()


@pytest.fixture
def softdog() -> Iterator[DeviceRig]:
    found = DeviceRig("Software Watchdog", 2000)
    yield found
    found.close()


def _fired_count() -> int:
    said = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    return said.count("Triggered")


# ---------------------------------------------------------------- every watchdog


def test_a_fed_watchdog_is_armed_and_a_clean_end_disarms_it(rig: Rig) -> None:
    watchdog = rig.open()
    for _ in range(3):
        watchdog.feed()
    rig.wait_fed()
    assert rig.is_armed()
    watchdog.close(is_disarmed=True)
    watchdog.close(is_disarmed=True)
    assert not rig.is_armed()


def test_a_watchdog_closed_without_disarming_stays_armed(rig: Rig) -> None:
    watchdog = rig.open()
    watchdog.feed()
    watchdog.close(is_disarmed=False)
    assert rig.is_armed()


def test_a_closed_watchdog_cannot_be_fed(rig: Rig) -> None:
    watchdog = rig.open()
    watchdog.feed()
    watchdog.close(is_disarmed=True)
    with pytest.raises(PortError, match=rig.file):
        watchdog.feed()


def test_a_thousand_feeds_cost_the_caller_next_to_nothing(rig: Rig) -> None:
    watchdog = rig.open()
    slowest_s = 0.0
    for _ in range(1000):
        began_s = time.monotonic()
        watchdog.feed()
        slowest_s = max(slowest_s, time.monotonic() - began_s)
    watchdog.close(is_disarmed=True)
    print(f"slowest of 1000 feeds: {slowest_s * 1e6:.0f} us")
    assert slowest_s < 1, "a feed waited"


def test_a_watchdog_can_be_opened_again(rig: Rig) -> None:
    for _ in range(2):
        watchdog = rig.open()
        watchdog.feed()
        watchdog.close(is_disarmed=True)


# ---------------------------------------------------------------- the file


def test_a_file_does_not_grow_with_the_feeds(tmp_path: Path) -> None:
    rig = FileRig(tmp_path)
    watchdog = rig.open()
    for _ in range(100):
        watchdog.feed()
    assert Path(rig.file).read_bytes() == b"1"
    watchdog.close(is_disarmed=True)
    assert Path(rig.file).read_bytes() == b"V"


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="missing"):
        open_watchdog(str(tmp_path / "missing"), 1000, 0)
    watchdog = open_watchdog("/dev/full", 1000, 0)
    with pytest.raises(PortError, match="/dev/full"):
        watchdog.feed()
    with pytest.raises(PortError, match="/dev/full"):
        watchdog.close(is_disarmed=True)
    watchdog.close(is_disarmed=True)


def test_what_stands_in_a_watchdogs_place_and_cannot_seek_is_fed_too() -> None:
    watchdog = open_watchdog("/dev/null", 1000, 0)
    watchdog.feed()
    watchdog.close(is_disarmed=True)


def test_a_character_device_that_is_no_watchdog_is_not_taken_for_one() -> None:
    assert watchdog_folder("/dev/null") is None
    with pytest.raises(PortError, match="is no watchdog"):
        LinuxWatchdog("/dev/null", 1000)
    with pytest.raises(PortError, match="cannot be opened"):
        LinuxWatchdog("/dev/there-is-none", 1000)


def test_a_board_without_a_watchdog_feeds_nothing() -> None:
    watchdog: WatchdogPort = NoWatchdog()
    watchdog.feed()
    watchdog.close(is_disarmed=True)


# ---------------------------------------------------------------- the device


@pytest.mark.vm
def test_the_timeout_is_set_and_read_back(softdog: DeviceRig) -> None:
    watchdog = softdog.open()
    assert _text(softdog.folder / "timeout") == "2"
    assert watchdog.description.startswith(f"watchdog {softdog.file}: Software Watchdog, 2 s")
    assert watchdog.is_stoppable
    assert not watchdog.has_reset
    watchdog.close(is_disarmed=True)


@pytest.mark.vm
@pytest.mark.parametrize(
    ("timeout_ms", "says"),
    [(1500, "set watchdog_ms to 1000 or 2000"), (500, "1000"), (70_000_000, "can do 1 to 65535 s")],
)
def test_a_timeout_that_the_device_cannot_do_is_refused_and_nothing_is_left_running(
    softdog: DeviceRig, timeout_ms: int, says: str
) -> None:
    softdog.timeout_ms = timeout_ms
    with pytest.raises(PortError, match=says):
        softdog.open()
    wait_until(lambda: not softdog.is_armed(), "it is stopped")


@pytest.mark.vm
def test_a_pretimeout_is_set_where_there_is_one(softdog: DeviceRig) -> None:
    if _text(softdog.folder / "pretimeout"):
        watchdog = softdog.open(pretimeout_ms=1000)
        assert _text(softdog.folder / "pretimeout") == "1"
        watchdog.close(is_disarmed=True)
    else:
        with pytest.raises(PortError, match="take watchdog"):
            softdog.open(pretimeout_ms=1000)


@pytest.mark.vm
def test_an_unfed_watchdog_fires(softdog: DeviceRig) -> None:
    before = _fired_count()
    softdog.timeout_ms = 1000
    watchdog = softdog.open()
    watchdog.close(is_disarmed=False)
    wait_until(lambda: _fired_count() > before, "it fires", 30)


@pytest.mark.vm
def test_a_service_that_takes_long_to_start_is_not_reset_and_one_that_never_begins_is(
    softdog: DeviceRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bmcha.hal.linux_watchdog.START_S_MAX", 5.0)
    before = _fired_count()
    softdog.timeout_ms = 1000
    watchdog = softdog.open()
    time.sleep(3)
    assert _fired_count() == before
    wait_until(lambda: _fired_count() > before, "it fires in the end", 30)
    watchdog.close(is_disarmed=True)


@pytest.mark.vm
def test_a_service_that_has_begun_has_to_feed(softdog: DeviceRig) -> None:
    before = _fired_count()
    softdog.timeout_ms = 1000
    watchdog = softdog.open()
    watchdog.feed()
    wait_until(lambda: _fired_count() > before, "it fires", 15)
    watchdog.close(is_disarmed=True)


@pytest.mark.vm
def test_a_device_that_somebody_has_open_is_refused_with_its_name(softdog: DeviceRig) -> None:
    first = softdog.open()
    with pytest.raises(PortError, match=f"{softdog.file} cannot be opened"):
        softdog.open()
    first.feed()
    first.close(is_disarmed=True)
