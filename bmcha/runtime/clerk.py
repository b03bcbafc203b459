"""The thread for work on files that nobody waits for: reading the configuration again, reports.

Jobs are done one after another, in the order in which they came; a disk that hangs holds up this
thread only. Knows nothing of what a job does; a job tells whom it has to tell by itself. One that
fails is told to the log, and that is all: a chassis must not lose its module over a report.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections import deque
from collections.abc import Callable
from threading import Event as Flag

from bmcha.diag.log import Level
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Clock, Say

JOBS_MAX = 8


class Clerk:
    name = "clerk"

    def __init__(self, clock: Clock, log: Say) -> None:
        self._log = log
        self.pace = Pace(clock)
        self._jobs: deque[Callable[[], object]] = deque()
        self._stopped = Flag()
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC)

    def ask(self, job: Callable[[], object]) -> bool:
        """False: there is too much to do already. Also from a signal handler: takes no lock."""
        if len(self._jobs) >= JOBS_MAX:
            return False
        self._jobs.append(job)
        self._wake()
        return True

    def run(self) -> None:
        while not self._stopped.is_set():
            os.eventfd_read(self._wake_fd)
            self.pace.begin()
            while self._jobs and not self._stopped.is_set():
                self._do(self._jobs.popleft())
                self.pace.begin()
            self.pace.rest()

    def _do(self, job: Callable[[], object]) -> None:
        try:
            job()
        except Exception:
            trace = traceback.format_exc().splitlines()
            text = f"a job of the clerk was given up: {trace[-1]} | {' | '.join(trace)}"
            self._log(text, Level.ERROR)

    def stop(self) -> None:
        self._stopped.set()
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_write(self._wake_fd, 1)
