"""Starts the storms when the tests begin, on what they leave of the processors.

Three hundred stories take minutes of computing; most other tests wait. So the storms run beside
all of them, in the scheduling class that only gets what nobody else wants, and who asks for their
outcome at the end waits for the rest of it, in the ordinary class.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

RUN_S_MAX = 3600.0
"""Only so that a run that hangs ends; it takes some minutes."""


class Storms:
    def __init__(self, first: int, count: int) -> None:
        self._told = tempfile.TemporaryFile()  # noqa: SIM115
        words = ("-m", "tests.sim.soak", "--json", "--from", str(first), "--seeds", str(count))
        self._process = subprocess.Popen(
            (sys.executable, *words), stdout=self._told, stderr=self._told
        )
        _schedule([self._process.pid], os.SCHED_IDLE)

    def outcome(self) -> dict[str, Any]:
        """Of every seed. Waits for it."""
        _schedule([self._process.pid, *_children_of(self._process.pid)], os.SCHED_OTHER)
        code = self._process.wait(RUN_S_MAX)
        self._told.seek(0)
        told = self._told.read().decode(errors="replace")
        assert code == 0, told
        found: dict[str, Any] = json.loads(told)
        return found

    @contextlib.contextmanager
    def held_up(self) -> Iterator[None]:
        """For a test that measures what a module stands, not what it stands beside them."""
        pids = [self._process.pid, *_children_of(self._process.pid)]
        _signal(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(pids, signal.SIGCONT)

    def end(self) -> None:
        """Its workers end with it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._told.close()


STORMS = pytest.StashKey[Storms]()


def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    wanted = any("storms" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not config.option.collectonly:
        config.stash[STORMS] = Storms(config.getoption("--from-seed"), config.getoption("--seeds"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if STORMS in config.stash:
        config.stash[STORMS].end()


@pytest.fixture(scope="session")
def storms(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What became of every seed; they were begun when the tests were."""
    return request.config.stash[STORMS].outcome()


def _schedule(pids: list[int], policy: int) -> None:
    for pid in pids:
        # One that has ended meanwhile, or a system that allows it to nobody.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(pid, policy, os.sched_param(0))


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _children_of(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
