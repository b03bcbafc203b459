"""The module processes: real ``bmcha run``, started, stopped, continued and killed.

It knows processes, not what they do. Each is started in a session of its own, so that the
terminal's Ctrl-C reaches the rig alone, registered with the guardian at once, and watched through
a pidfd, so that its end is an event and not something to poll for. Owned by the chassis thread;
called by `bmcha.sim.chassis` and `bmcha.sim.deeds`.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bmcha
from bmcha.sim.estate import Guardian
from bmcha.sim.guardian import TOKEN_VARIABLE
from bmcha.sim.layout import RigLayout

FULL_DISK_BYTES = 64
"""Longer than any value in the hw tree, shorter than any page of a store."""
UNIT_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
"""What the unit that ships gives the service."""
ModuleCommand = Callable[[Path], list[str]]
"""From a module's configuration file to the command that runs it."""


def run_command(config: Path) -> list[str]:
    """What every rig runs; a test may run something simpler."""
    # -P: the current directory is no place to import from.
    return [sys.executable, "-P", "-m", "bmcha", "run", "--config", str(config)]


class Module:
    """One slot's process, or none."""

    def __init__(
        self, layout: RigLayout, slot: int, guardian: Guardian, command: ModuleCommand
    ) -> None:
        self.slot = slot
        self._layout = layout
        self._guardian = guardian
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1

    @property
    def is_alive(self) -> bool:
        """True until `reap` was called for its end."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def pidfd(self) -> int:
        """Readable once the process has ended; -1 while there is none."""
        return self._pidfd

    @property
    def is_stopped(self) -> bool:
        """By the kernel's word, whoever stopped it."""
        if self._process is None:
            return False
        try:
            stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        except OSError:
            return False
        # The second field is the command in brackets and may hold anything, brackets too.
        return stat.rpartition(")")[2].split()[0] in ("T", "t")

    def start(self) -> None:
        """On return the process has been made and `bmcha run` is being read in."""
        with self._layout.log(self.slot).open("ab") as log:
            process = subprocess.Popen(
                self._command(self._layout.config(self.slot)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=self._environment(),
                start_new_session=True,
            )
        self._guardian.watch_process(process.pid)
        self._pidfd = os.pidfd_open(process.pid)
        self._process = process
        self._layout.pid_file(self.slot).write_text(f"{process.pid}\n")

    def send(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def freeze(self) -> None:
        """SIGSTOP; on return every thread stands still (or the process has just died)."""
        self.send(signal.SIGSTOP)
        self._await(os.WSTOPPED)

    def thaw(self) -> None:
        """SIGCONT to a stopped process; on return it runs."""
        self.send(signal.SIGCONT)
        self._await(os.WCONTINUED)

    def fill_disk(self, is_full: bool) -> None:
        """A full disk, as far as a process can tell: no file grows, new ones stay empty. Lines
        and the like, which are a few bytes in a file here, can still be written."""
        if self._process is not None:
            limit = FULL_DISK_BYTES if is_full else resource.RLIM_INFINITY
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (limit, -1))

    def reap(self) -> int:
        """After its end: collect it, forget it. Returns the exit code, or minus the signal."""
        if self._process is None:
            raise ValueError(f"module {self.slot} has no process to collect")
        code = self._process.wait()
        os.close(self._pidfd)
        self._pidfd = -1
        self._process = None
        self._layout.pid_file(self.slot).unlink(missing_ok=True)
        return code

    def _await(self, states: int) -> None:
        """Waits for the change that was just asked for; the process's end ends it too."""
        if self._process is not None:
            os.waitid(os.P_PID, self._process.pid, states | os.WEXITED | os.WNOWAIT)

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        environment[TOKEN_VARIABLE] = self._guardian.token
        environment |= UNIT_ENVIRONMENT
        # The modules run the same bmcha as the rig, from a checkout as well as installed.
        parts = [str(Path(bmcha.__file__).parent.parent), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(part for part in parts if part)
        return environment
