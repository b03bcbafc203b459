"""Noise on the paths of two real services, and what it did to them: the long form of test_noise.

    python -m tests.process.storm [SECONDS]        (make endurance)

Serial noise of 1 MB/s on both ends and 100,000 datagrams a second at a module's port, each kind
by itself and both together. Prints the CPU of both services, what the other path noticed, and
whether a role moved; ends with 1 if one did. What came is printed too: a machine that is busy
otherwise cannot make as much noise as it was asked for.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bmcha.model.message import Header, Probe
from bmcha.wire.front import build_frame
from tests import needs
from tests.process.rig import Module, Relay, Wire, two_modules
from tests.waiting import wait_until

BYTES_PER_S = 1_000_000
DATAGRAMS_PER_S = 100_000
SAMPLE_S = 0.1
CALM_BEATS = 5


@dataclass(frozen=True)
class Noise:
    """``path``: where it blows. ``is_from_peer``: from the address that the module takes for its
    peer's; else from a stranger's."""

    path: str
    form: str
    per_s: int
    is_from_peer: bool = True

    def __str__(self) -> str:
        source = (
            "" if self.path == "serial" else " from the peer" if self.is_from_peer else " alien"
        )
        return f"{self.path} {self.form}{source} {self.per_s}/s"


def serial(form: str, per_s: int = BYTES_PER_S) -> Noise:
    return Noise("serial", form, per_s)


def udp(form: str, per_s: int = DATAGRAMS_PER_S, is_from_peer: bool = True) -> Noise:
    return Noise("udp", form, per_s, is_from_peer)


ALL: tuple[tuple[Noise, ...], ...] = (
    (),
    (serial("random"),),
    (serial("no-zero"),),
    (serial("all-zero"),),
    (serial("alternating"),),
    (udp("random", is_from_peer=False),),
    (udp("random"),),
    (udp("empty"),),
    (udp("huge", 2000),),
    (udp("damaged"),),
    (udp("foreign"),),
    (udp("repeated"),),
    (serial("random"), udp("damaged")),
)


@dataclass
class Outcome:
    """``cpu_percent``: of each service, in % of one core. ``unhealthy``: samples in which a path
    was not ALIVE, by path."""

    seconds: float
    said_count: list[int] = field(default_factory=list)
    cpu_percent: list[float] = field(default_factory=list)
    rss_kib: list[int] = field(default_factory=list)
    role_changes: list[str] = field(default_factory=list)
    samples_count: int = 0
    unhealthy: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    bad: dict[str, int] = field(default_factory=dict)
    overrun_lines: list[str] = field(default_factory=list)
    slowest_answer_ms: int = 0
    log_lines_count: int = 0

    def faults(self, noises: Sequence[Noise]) -> list[str]:
        """What noise must not do: move a role, touch the other path, fill the mailbox."""
        touched = {noise.path for noise in noises}
        found = [*self.role_changes, *self.overrun_lines]
        for name, count in self.unhealthy.items():
            if count and name not in touched:
                found.append(f"path {name} was not ALIVE in {count} of {self.samples_count} looks")
        label = " + ".join(map(str, noises)) or "calm"
        return [f"{label}: {fault}" for fault in found]


class Storm:
    def __init__(self, folder: Path, modules: tuple[Module, Module], wire: Wire, relay: Relay):
        self.modules = modules
        self._wire = wire
        self._relay = relay
        self._program = folder / "noise"
        source = Path(__file__).with_name("noise.c")
        compiler = needs.program("cc", package="gcc")
        subprocess.run([compiler, "-O2", "-o", self._program, source], check=True)

    def blow(self, noises: Sequence[Noise], seconds: float) -> Outcome:
        """At module 1, which is ACTIVE, and on the serial line at both."""
        outcome = Outcome(seconds)
        before = [_cpu_s(module) for module in self.modules]
        roles = [_role(module) for module in self.modules]
        paths = self.modules[0].ask()["paths"]
        log_before = [len(module.log().splitlines()) for module in self.modules]
        with contextlib.ExitStack() as blowing:
            running = [
                blowing.enter_context(process)
                for noise in noises
                for process in self._processes(noise, seconds)
            ]
            begun_s = time.monotonic()
            while time.monotonic() - begun_s < seconds:
                self._sample(outcome, roles)
                threading.Event().wait(SAMPLE_S)
            outcome.said_count = [int(process.communicate(timeout=20)[0]) for process in running]
        took_s = time.monotonic() - begun_s
        after = [_cpu_s(module) for module in self.modules]
        spent_s = [late - early for early, late in zip(before, after, strict=True)]
        outcome.cpu_percent = [100 * each / took_s for each in spent_s]
        outcome.rss_kib = [_rss_kib(module) for module in self.modules]
        for name, path in self.modules[0].ask()["paths"].items():
            outcome.lost[name] = path["lost"] - paths[name]["lost"]
            outcome.bad[name] = path["bad"] - paths[name]["bad"]
        for module, seen in zip(self.modules, log_before, strict=True):
            new = module.log().splitlines()[seen:]
            outcome.log_lines_count += len(new)
            outcome.overrun_lines += [line for line in new if "overrun" in line]
        return outcome

    def wait_calm(self) -> None:
        """Until nothing of the last storm is left. ALIVE is not enough: a path may be about to be
        LATE for what the storm took from it, and what came last is not counted yet."""
        for module in self.modules:
            seen = _tallies(module.ask()["paths"])
            wait_until(partial(_is_calm, module, seen), "beats on both paths and no noise")

    def _sample(self, outcome: Outcome, roles: list[Any]) -> None:
        outcome.samples_count += 1
        for index, module in enumerate(self.modules):
            asked_s = time.monotonic()
            status = module.ask()
            took_ms = round((time.monotonic() - asked_s) * 1000)
            outcome.slowest_answer_ms = max(outcome.slowest_answer_ms, took_ms)
            role = (status["role"]["state"], status["role"]["epoch"])
            if role != roles[index]:
                outcome.role_changes.append(f"module {module.slot}: {roles[index]} -> {role}")
                roles[index] = role
            for name, path in status["paths"].items():
                is_unhealthy = path["health"] != "ALIVE"
                outcome.unhealthy[name] = outcome.unhealthy.get(name, 0) + is_unhealthy

    def _processes(self, noise: Noise, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
        if noise.path == "serial":
            for fd in self._wire.near_fds:
                yield self._process(["stream", fd, noise.per_s, seconds, noise.form], fd)
            return
        config = (self.modules[0].folder / "config.toml").read_text()
        found = re.search(r'local = "127\.0\.0\.1:(\d+)"', config)
        assert found is not None
        with contextlib.ExitStack() as closing:
            fd = self._relay.sockets[0].fileno()
            if not noise.is_from_peer:
                stranger = closing.enter_context(_stranger())
                fd = stranger.fileno()
            words = ["datagrams", fd, "127.0.0.1", found[1], noise.per_s, seconds]
            yield self._process([*words, *self._form(noise.form)], fd)

    def _form(self, form: str) -> list[str]:
        """What the noise program is told: some forms are frames that are made here."""
        frame = bytearray(self._relay.last[1])
        if form == "foreign":
            header = Header(4712, 2, 1, 77, 1, 1)
            frame = bytearray(build_frame(header, Probe(1), 0, False))
        elif form == "damaged":
            frame[-1] ^= 0xFF
        return ["hex", frame.hex()] if form in ("damaged", "foreign", "repeated") else [form]

    def _process(self, words: Sequence[object], fd: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self._program), *map(str, words)], pass_fds=[fd], stdout=subprocess.PIPE
        )


def _stranger() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.bind(("127.0.0.1", 0))
    return found


def _role(module: Module) -> tuple[str, int]:
    role = module.ask()["role"]
    return role["state"], role["epoch"]


def _pid(module: Module) -> int:
    assert module.process is not None
    return module.process.pid


def _cpu_s(module: Module) -> float:
    fields = Path(f"/proc/{_pid(module)}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_kib(module: Module) -> int:
    status = Path(f"/proc/{_pid(module)}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1])


def _tallies(paths: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """What each path heard, and how much of it was bad."""
    return {name: (path["rx"], path["bad"]) for name, path in paths.items()}


def _is_calm(module: Module, seen: dict[str, tuple[int, int]]) -> bool:
    """Each path is ALIVE and heard CALM_BEATS since ``seen``, with nothing bad among them. What is
    bad begins the count anew."""
    paths = module.ask()["paths"]
    for name, (rx_count, bad_count) in _tallies(paths).items():
        if bad_count != seen[name][1]:
            seen[name] = rx_count, bad_count
            return False
    return all(
        path["health"] == "ALIVE" and path["rx"] >= seen[name][0] + CALM_BEATS
        for name, path in paths.items()
    )


@contextlib.contextmanager
def calm_pair(folder: Path) -> Iterator[Storm]:
    """Two services, module 1 ACTIVE, both paths alive."""
    wire, relay = Wire(), Relay()
    with two_modules(folder, wire, relay) as modules:
        first, second = modules
        first.start()
        wait_until(lambda: first.role() == "ACTIVE", "the first is ACTIVE")
        second.start()
        wait_until(lambda: second.role() == "STANDBY", "the second is STANDBY")
        storm = Storm(folder, modules, wire, relay)
        storm.wait_calm()
        yield storm


def main(seconds: float) -> int:
    """One line of figures for each kind of noise; 1 if a role or the other path was moved."""
    print(
        f"{seconds:g} s each; mm1 is ACTIVE and gets all of it. CPU in % of a core, and what calm"
        " costs is in it."
    )
    head = f"{'noise':44} {'came/s':>9} {'mm1':>5} {'mm2':>5} {'roles':>5} {'other':>5}"
    print(f"{head} {'lost':>9} {'slowest':>8} {'log':>4} {'drops':>5} {'RSS':>6}")
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder, calm_pair(Path(folder)) as storm:
        for noises in ALL:
            outcome = storm.blow(noises, seconds)
            print(_line(noises, outcome), flush=True)
            faults += outcome.faults(noises)
            storm.wait_calm()
    for fault in faults:
        print(f"NOT AS IT WAS: {fault}")
    return 1 if faults else 0


def _line(noises: Sequence[Noise], outcome: Outcome) -> str:
    first, second = outcome.cpu_percent
    touched = {noise.path for noise in noises}
    other = sum(count for name, count in outcome.unhealthy.items() if name not in touched)
    said = sum(outcome.said_count) / outcome.seconds
    lost = "+".join(str(count) for count in outcome.lost.values())
    return (
        f"{' + '.join(map(str, noises)) or 'calm':44} {said:9.0f} {first:5.1f} {second:5.1f}"
        f" {len(outcome.role_changes):5} {other:5} {lost:>9} {outcome.slowest_answer_ms:5} ms"
        f" {outcome.log_lines_count:4} {len(outcome.overrun_lines):5} {max(outcome.rss_kib):6}"
    )


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
