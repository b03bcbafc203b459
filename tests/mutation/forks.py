"""A pytest plugin that runs the collected tests once for each mutant, each in a fork of its own.

Everything is imported and collected once. The first fork has no mutant: its tests must pass, and
how long each took is the order for the others, so that most mutants end in the first second. A
fork ends with the first test that fails, or that takes far longer than it did.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant
from tests.mutation.swap import put_in_place

SURVIVED, NOTICED, NOT_IN_PLACE = 0, 1, 9
SLOWER_MAX, SLACK_S = 20, 10
"""So many times as long as without a mutant, and this on top, for a busy machine: it hangs."""
Tell = Callable[[Mutant, bool], None]
"""Called with each mutant and whether a test noticed it, in the order in which they end."""
IsOwn = Callable[[Mutant, Path], bool]
"""Does this file of tests tell of the mutant's module?"""


class Forks:
    """``run_s_max``: for all tests of one mutant; one that hangs is noticed by that."""

    def __init__(
        self,
        mutants: Sequence[Mutant],
        tell: Tell,
        is_own: IsOwn,
        at_once: int,
        run_s_max: float,
    ) -> None:
        self._mutants, self._tell, self._is_own = mutants, tell, is_own
        self._at_once, self._run_s_max = at_once, run_s_max
        self._running: dict[int, tuple[Mutant, float]] = {}
        self._took_s: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._took_s = _durations(session)
        for mutant in self._mutants:
            while len(self._running) >= self._at_once:
                self._wait()
            items = self._order(session, mutant)
            pid = _fork(partial(_judge, session, mutant, items, self._took_s))
            self._running[pid] = (mutant, time.monotonic() + self._run_s_max)
        while self._running:
            self._wait()
        return True

    def _order(self, session: pytest.Session, mutant: Mutant) -> list[pytest.Item]:
        """The tests of its module first, the quick ones before the slow ones."""

        def place(item: pytest.Item) -> tuple[bool, float]:
            return not self._is_own(mutant, item.path), self._took_s[item.nodeid]

        return sorted(session.items, key=place)

    def _wait(self) -> None:
        """Until one has ended."""
        while True:
            for pid, (mutant, ends_s) in self._running.items():
                ended, status = os.waitpid(pid, os.WNOHANG)
                if not ended and time.monotonic() > ends_s:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    ended, status = pid, NOTICED << 8
                if ended:
                    del self._running[pid]
                    code = os.waitstatus_to_exitcode(status)
                    if code == NOT_IN_PLACE:
                        raise SystemExit(f"{mutant} cannot be put in place")
                    self._tell(mutant, code != SURVIVED)
                    return
            time.sleep(0.01)


def _fork(act: Callable[[], int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = NOTICED
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        code = act()
    finally:
        os._exit(code)


def _judge(
    session: pytest.Session,
    mutant: Mutant,
    items: Sequence[pytest.Item],
    took_s: Mapping[str, float],
) -> int:
    try:
        put_in_place(mutant)
    except ValueError:
        return NOT_IN_PLACE
    limits_s = (SLACK_S + SLOWER_MAX * took_s[item.nodeid] for item in items)
    for _ in _passed(session, items, limits_s):
        pass
    return SURVIVED


def _passed(
    session: pytest.Session, items: Sequence[pytest.Item], limits_s: Iterable[float] = repeat(0)
) -> Iterator[pytest.Item]:
    """Each that passed; ends the process at the first that did not, or not within its limit."""
    for item, following, limit_s in zip(items, [*items[1:], None], limits_s, strict=False):
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            os._exit(NOTICED)
        yield item


def _durations(session: pytest.Session) -> dict[str, float]:
    """By test, in seconds, of a fork without a mutant."""
    read_fd, write_fd = os.pipe()

    def measure() -> int:
        took_s, begun_s = {}, time.monotonic()
        for item in _passed(session, session.items):
            now_s = time.monotonic()
            took_s[item.nodeid], begun_s = now_s - begun_s, now_s
        with open(write_fd, "w") as told:
            json.dump(took_s, told)
        return SURVIVED

    pid = _fork(measure)
    os.close(write_fd)
    with open(read_fd) as told:
        text = told.read()
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != SURVIVED:
        sys.exit("the tests fail without a mutant, too: run them first")
    found: dict[str, float] = json.loads(text)
    return found
