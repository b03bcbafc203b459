"""Runs `bmcha sim` as a user does, as a process, and looks at it from outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bmcha.sim.journal import Line, read_journal
from bmcha.sim.layout import RigLayout
from bmcha.sim.rpc import RpcClient
from tests.waiting import WAIT_S, wait_until

SCENARIO_S = 60.0
BMCHA = [sys.executable, "-m", "bmcha"]


def run_bmcha(*words: str, timeout_s: float = SCENARIO_S) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*BMCHA, *words], capture_output=True, text=True, timeout=timeout_s)


def run_scenario(scenario: str, board: str, *words: str) -> dict[str, Any]:
    """The report; the exit code must agree with it and nothing else may be on stdout."""
    done = run_bmcha("sim", "--board", board, "--scenario", scenario, "--json", *words)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if report["result"] == "pass" else 1), done.stderr
    return report


class Sim:
    """A headless sim in a directory of its own."""

    def __init__(self, process: "subprocess.Popen[Any]", root: Path) -> None:
        self.process = process
        self.layout = RigLayout(root)

    def ctl(self, *words: str) -> Any:
        client = RpcClient(self.layout.chassis_socket)
        try:
            return client.call(words[0], list(words[1:]))
        finally:
            client.close()

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ctl("state")
        return found

    def gates(self) -> list[str]:
        return [slot["gate"] for slot in self.state()["slots"].values()]

    def pids(self) -> list[int]:
        return [slot["pid"] for slot in self.state()["slots"].values() if slot["pid"]]

    def journal(self) -> list[Line]:
        return read_journal(self.layout.journal)

    def wait_until_ready(self) -> None:
        """The first module holds the outputs, and the other one runs."""
        wait_until(self.layout.chassis_socket.exists, "the chassis listens")
        wait_until(lambda: self.gates() == ["open", "shut"], "module 1 holds the outputs")

    def leftovers(self) -> list[str]:
        return leftovers_of(self.layout)


def leftovers_of(layout: RigLayout) -> list[str]:
    """What must not stay after a sim's end, as far as names can tell."""
    names = [layout.chassis_socket]
    for slot in layout.slots:
        names += [layout.shm_file(slot), layout.module_socket(slot), layout.pid_file(slot)]
    return [str(name) for name in names if name.exists()]


@contextmanager
def running_sim(root: Path, *words: str, **kwargs: Any) -> Iterator[Sim]:
    """Ends it with SIGTERM, if the test has not ended it by then."""
    process = subprocess.Popen(
        [*BMCHA, "sim", "--headless", "--dir", str(root), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **kwargs,
    )
    try:
        yield Sim(process, root)
    finally:
        if process.poll() is None:
            process.terminate()
        _, errors = process.communicate(timeout=WAIT_S)
        if errors:
            print(errors, file=sys.stderr)


def is_alive(pid: int) -> bool:
    """A process whose end nobody has collected is dead too."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def kill_now(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
