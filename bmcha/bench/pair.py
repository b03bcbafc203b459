"""Two services as they ship, on a bare board of files, with a cable between them: what `bmcha
bench` breaks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import bmcha
from bmcha.bench.cable import ADDRESSES, INTERFACES, MACS, Cable
from bmcha.config.key_file import write_key_file
from bmcha.control_client import ControlClient, NoService
from bmcha.hal.mac import check_of, open_mac
from bmcha.hal.port import PortError
from bmcha.model.key import KEY_BYTES, NO_KEYS, Key, KeySet, KeyState
from bmcha.model.record import dataclass

READY_S: Final = 20.0
LOOK_S: Final = 0.0002
PORT: Final = 4711

BOARD: Final = """
name = "bench"
class = "bare"
sensor_period_ms = 250
sensor_stale_ms = 2000

[straps]
bits = [{ file = "straps/SLOT_ID0" }, { file = "straps/SLOT_ID1" }]

[lines.own]
output_enable = { file = "lines/OUTPUT_ENABLE" }
"""

CONFIG: Final = """
board = "board.toml"
hw_root = "hw"
state_dir = "store"
control_socket = "control.sock"
key_file = "keys"
image_name = "/{image}"
log_file = "log"

[realtime]
{realtime}

[chassis]
id = 4711
succession = [1, 2]

[policy]
isolation_policy = "trust-silence"
failovers_max = 0

[timers]
tick_ms = {tick_ms}
"""

PATH: Final = """
[[paths]]
name = "{kind}"
kind = "{kind}"
peer = {peer}
{medium}
heartbeat_interval_ms = {interval_ms}
warntime_ms = {warntime_ms}
deadtime_ms = {deadtime_ms}
"""


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    interval_ms: int
    deadtime_ms: int
    tick_ms: int

    @property
    def told(self) -> str:
        return f"{self.interval_ms} ms × {self.deadtime_ms // self.interval_ms}"


DEFAULT: Final = Profile("default", 100, 500, 25)
FAST: Final = Profile("fast", 10, 30, 5)


class Module:
    def __init__(self, folder: Path, slot: int, cable: Cable) -> None:
        self.slot = slot
        self._folder = folder
        self._cable = cable
        self._output = folder / "hw/lines/OUTPUT_ENABLE"
        self._image = Path(f"/dev/shm/bmcha-bench-{slot}-{os.getpid()}")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def image_name(self) -> str:
        return f"/{self._image.name}"

    def set_value(self, name: str, value: int) -> None:
        """What a device of the board says from now on: written at once, never seen half."""
        whole = self._folder / "hw" / f"{name}.new"
        whole.write_text(f"{value}\n")
        whole.replace(self._folder / "hw" / name)

    def make(self, profile: Profile, priority: int, keys: KeySet, board: str = BOARD) -> None:
        for name in ("hw/straps", "hw/lines"):
            (self._folder / name).mkdir(parents=True)
        (self._folder / "board.toml").write_text(board)
        realtime = f"priority = {priority}" if priority else ""
        text = CONFIG.format(image=self._image.name, tick_ms=profile.tick_ms, realtime=realtime)
        for kind in ("udp", "ethernet"):
            text += PATH.format(
                kind=kind,
                peer=3 - self.slot,
                medium=_medium(kind, self.slot),
                interval_ms=profile.interval_ms,
                warntime_ms=profile.deadtime_ms - profile.interval_ms,
                deadtime_ms=profile.deadtime_ms,
            )
        (self._folder / "config.toml").write_text(text)
        if keys.keys:
            write_key_file(str(self._folder / "keys"), keys)
        for bit in (0, 1):
            (self._folder / f"hw/straps/SLOT_ID{bit}").write_text(f"{self.slot >> bit & 1}\n")

    def start(self) -> None:
        self._output.write_text("0\n")
        words = [sys.executable, "-m", "bmcha", "run", "--config", "config.toml"]
        self.process = subprocess.Popen(
            [*self._cable.at(self.slot), *words],
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(Path(bmcha.__file__).parents[1])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "stderr").open("wb"),
        )

    @property
    def pids(self) -> tuple[int, ...]:
        return (self.process.pid,) if self.process is not None else ()

    @property
    def is_holding(self) -> bool:
        return self._output.read_text()[:1] == "1"

    def status(self) -> dict[str, Any] | None:
        with (
            contextlib.suppress(NoService),
            ControlClient(str(self._folder / "control.sock")) as it,
        ):
            found: dict[str, Any] = it.call("status", {})
            return found
        return None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            # Who is killed leaves it behind.
            self._image.unlink(missing_ok=True)

    def complaint(self) -> str:
        told = (self._folder / "stderr").read_text(errors="replace")
        return told[-2000:]


def _medium(kind: str, slot: int) -> str:
    if kind == "udp":
        local, remote = (f"{ADDRESSES[each]}:{PORT}" for each in (slot, 3 - slot))
        return f'local = "{local}"\nremote = "{remote}"'
    return f'interface = "{INTERFACES[slot]}"\nremote_mac = "{MACS[3 - slot]}"'


class Pair:
    """Made anew for each profile; closed with everything that it started."""

    def __init__(
        self, folder: Path, cable: Cable, profile: Profile, priority: int, board: str = BOARD
    ) -> None:
        self.modules = {slot: Module(folder / f"mm{slot}", slot, cable) for slot in (1, 2)}
        self.profile = profile
        keys = _new_keys()
        for module in self.modules.values():
            module.make(profile, priority, keys, board)

    def settle(self) -> tuple[Module, Module]:
        """(who holds, who stands by), once both say so and hear each other on all paths."""
        for module in self.modules.values():
            if module.process is None:
                module.start()
        wait_until(self._is_settled, READY_S, self._complaints)
        first, second = self.modules.values()
        return (first, second) if first.is_holding else (second, first)

    def close(self) -> None:
        for module in self.modules.values():
            module.end()

    def _is_settled(self) -> bool:
        told = [module.status() for module in self.modules.values()]
        return (
            all(told)
            and sorted(map(_role, told)) == ["ACTIVE", "STANDBY"]
            and all(
                path["health"] == "ALIVE"
                for each in told
                if each
                for path in each["paths"].values()
            )
        )

    def _complaints(self) -> str:
        return "; ".join(module.complaint() for module in self.modules.values())


def _new_keys() -> KeySet:
    """As it is meant to run: signed, where that can be."""
    try:
        open_mac()
    except PortError:
        return NO_KEYS
    secret = os.urandom(KEY_BYTES)
    return KeySet((Key(1, KeyState.SEND, secret, check_of(secret)),), accepts_unsigned=False)


def _role(status: dict[str, Any] | None) -> str:
    return str(status["role"]["state"]) if status else ""


def wait_until(is_so: Callable[[], bool], within_s: float, why: Callable[[], str]) -> None:
    end_s = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > end_s:
            raise TimeoutError(why())
        time.sleep(0.02)
