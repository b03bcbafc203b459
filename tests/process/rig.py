"""Two real services on loopback, a pty pair and file-backed hardware, without the virtual chassis.

The board is `bare`: nothing but straps tells the modules of each other, so that what is seen here
is the service's own doing. What files hold is set by the test; nobody judges gates here.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bmcha.config.key_file import write_key_file
from bmcha.control_client import ControlClient, NoService
from tests.world.settings import KEYS

BOARD = """
name = "test-bare"
class = "bare"
sensor_period_ms = 100
sensor_stale_ms = 1000

[straps]
bits = [{ file = "straps/SLOT_ID0" }, { file = "straps/SLOT_ID1" }]

[lines.own]
output_enable = { file = "lines/OUTPUT_ENABLE" }

[[sensors]]
name = "inlet"
kind = "temperature"
file = "hwmon/temp1_input"
low_milli = 0
high_milli = 45000
hysteresis_milli = 2000
zone = "front"

[[fans]]
name = "fan1"
rpm_file = "hwmon/fan1_input"
pwm_file = "hwmon/pwm1"
zone = "front"
pwm_min = 60
rpm_min = 500

[[zones]]
name = "front"
curve = [[25000, 80], [35000, 140], [45000, 255]]
hysteresis_milli = 1000
pwm_step_max = 20
"""

CONFIG = """
board = "board.toml"
hw_root = "hw"
state_dir = "store"
key_file = "keys"
control_socket = "control.sock"
image_name = "{image}"
log_file = "log"
pid_file = "pid"

[chassis]
id = 4711
succession = [1, 2]

[timers]
initdead_ms = 1600
hold_off_ms = 100

[[paths]]
name = "udp"
kind = "udp"
peer = {peer}
local = "127.0.0.1:{local}"
remote = "127.0.0.1:{remote}"
heartbeat_interval_ms = 50
warntime_ms = 500
deadtime_ms = 1500

[[paths]]
name = "serial"
kind = "serial"
peer = {peer}
device = "{device}"
baud = 115200
heartbeat_interval_ms = 100
warntime_ms = 500
deadtime_ms = 1500
"""


class Module:
    """One service and its files."""

    def __init__(self, folder: Path, slot: int) -> None:
        self.folder = folder
        self.slot = slot
        self.socket = str(folder / "control.sock")
        self.process: subprocess.Popen[bytes] | None = None
        self.prefix: list[str] = []
        """What the service is started by, and becomes it: a program that gives it a network."""

    def make(self, board: str, config: str) -> None:
        for name in ("hw/straps", "hw/lines", "hw/hwmon"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "board.toml").write_text(board)
        (self.folder / "config.toml").write_text(config)
        write_key_file(str(self.folder / "keys"), KEYS)
        for name, value in {
            "straps/SLOT_ID0": self.slot & 1,
            "straps/SLOT_ID1": self.slot >> 1,
            "lines/OUTPUT_ENABLE": 0,
            "hwmon/temp1_input": 30000,
            "hwmon/fan1_input": 4000,
            "hwmon/pwm1": 0,
        }.items():
            self.set(name, value)

    def set(self, name: str, value: int) -> None:
        (self.folder / "hw" / name).write_text(f"{value}\n")

    def get(self, name: str) -> int:
        return int((self.folder / "hw" / name).read_text())

    def start(self) -> None:
        command = [*self.prefix, sys.executable, "-m", "bmcha", "run", "--config", "config.toml"]
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def ask(self, method: str = "status", **params: Any) -> Any:
        # Slow machines and switchovers: what this judges is the answer.
        with ControlClient(self.socket, timeout_s=15) as client:
            return client.call(method, params)

    def role(self) -> str | None:
        """None: nobody answers."""
        with contextlib.suppress(NoService):
            state: str = self.ask()["role"]["state"]
            return state
        return None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, timeout_s: float = 10) -> tuple[int, str]:
        """The exit code and what went to stdout and stderr, once the process has ended."""
        assert self.process is not None
        output, _ = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, output.decode()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            with self.process:
                pass

    def log(self) -> str:
        return (self.folder / "log").read_text()


class Wire:
    """A null-modem cable: two ptys, and a thread that carries bytes between them."""

    def __init__(self) -> None:
        self._ends = [os.openpty(), os.openpty()]
        for near, far in self._ends:
            tty.setraw(far)
            os.set_blocking(near, False)
        self.devices = [os.ttyname(far) for _, far in self._ends]
        self.near_fds = [near for near, _ in self._ends]
        """Writing here says something to the module with this index."""
        self.is_cut = False
        self._stop_fd = os.eventfd(0)
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def _carry(self) -> None:
        (first, _), (second, _) = self._ends
        while True:
            ready, _, _ = select.select([first, second, self._stop_fd], [], [])
            if self._stop_fd in ready:
                return
            for source, target in ((first, second), (second, first)):
                if source in ready:
                    data = os.read(source, 4096)
                    # What a receiver cannot take is lost, as on a wire.
                    with contextlib.suppress(BlockingIOError):
                        if not self.is_cut:
                            os.write(target, data)

    def close(self) -> None:
        os.eventfd_write(self._stop_fd, 1)
        self._thread.join()
        for fd in (*self._ends[0], *self._ends[1], self._stop_fd):
            os.close(fd)


class Relay:
    """A network between two modules: each talks to a socket of ours, which passes it on. What is
    sent from that socket comes from the peer, as far as a module can tell."""

    def __init__(self) -> None:
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for each in self.sockets:
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
        self.ports = [int(each.getsockname()[1]) for each in self.sockets]
        """Where the module with this index sends to."""
        self.last = [b"", b""]
        """The newest datagram that it sent."""
        self._modules = [("127.0.0.1", 0)] * 2
        self._stop_fd = os.eventfd(0)
        self._thread = threading.Thread(target=self._carry)

    def start(self, module_ports: list[int]) -> None:
        self._modules = [("127.0.0.1", port) for port in module_ports]
        self._thread.start()

    def _carry(self) -> None:
        while True:
            ready, _, _ = select.select(list[Any]([*self.sockets, self._stop_fd]), [], [])
            if self._stop_fd in ready:
                return
            for index, source in enumerate(self.sockets):
                # A refused port, a full queue: lost, as in a network.
                with contextlib.suppress(OSError):
                    if source in ready:
                        data = self.last[index] = source.recv(65536)
                        self.sockets[1 - index].sendto(data, self._modules[1 - index])

    def close(self) -> None:
        if self._thread.is_alive():
            os.eventfd_write(self._stop_fd, 1)
            self._thread.join()
        os.close(self._stop_fd)
        for each in self.sockets:
            each.close()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def two_modules(
    folder: Path, wire: Wire | None = None, relay: Relay | None = None
) -> Iterator[tuple[Module, Module]]:
    """Made, not started; whatever is left of them is gone at the end, wire and relay too."""
    ports = [free_port(), free_port()]
    modules = []
    wire = wire or Wire()
    remotes = list(reversed(ports))
    try:
        if relay is not None:
            relay.start(ports)
            remotes = relay.ports
        for slot in (1, 2):
            module = Module(folder / f"mm{slot}", slot)
            module.make(
                BOARD,
                CONFIG.format(
                    image=f"/bmcha-test-{os.getpid()}-{ports[0]}-mm{slot}",
                    peer=3 - slot,
                    local=ports[slot - 1],
                    remote=remotes[slot - 1],
                    device=wire.devices[slot - 1],
                ),
            )
            modules.append(module)
        yield modules[0], modules[1]
    finally:
        for module in modules:
            module.close()
            with contextlib.suppress(FileNotFoundError):
                image = f"bmcha-test-{os.getpid()}-{ports[0]}-mm{module.slot}"
                os.unlink(f"/dev/shm/{image}")
        wire.close()
        if relay is not None:
            relay.close()


def roles(*modules: Module) -> list[str | None]:
    return [module.role() for module in modules]


def run_cli(
    *words: str, timeout_s: float = 30, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The real command line, as a process."""
    return subprocess.run(
        [sys.executable, "-m", "bmcha", *words],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def json_of(output: str) -> Any:
    return json.loads(output)
