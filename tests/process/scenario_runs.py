"""Runs many scenarios at once and hands out each report: most of a scenario is waiting."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

RUNS_AT_ONCE = 5
"""Ten modules: their start is what two cores have to carry, and it is spread out."""
RESULT_WAIT_S = 110.0

Report = dict[str, Any]


class ScenarioRuns:
    """The first result that is asked for starts all runs."""

    def __init__(self, runs: dict[Any, Callable[[], Report]]) -> None:
        self._runs = runs
        self._pool = ThreadPoolExecutor(RUNS_AT_ONCE)
        self._futures: dict[Any, Future[Report]] = {}

    def report(self, key: Any) -> Report:
        if not self._futures:
            self._futures = {each: self._pool.submit(run) for each, run in self._runs.items()}
        return self._futures[key].result(RESULT_WAIT_S)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
