"""Every shipped scenario passes, and its report says what happened.

On the boards gated and bare all of them, on reset and lease those that teach something there:
`make scenarios` runs every one on every board.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from bmcha.sim.module_config import DEADTIME_MS
from bmcha.sim.scenario import shipped_scenarios
from tests.process.scenario_runs import ScenarioRuns
from tests.process.sims import run_scenario

# Where no line can tell of the other one: a stopped holder's outputs stay open, and a holder that
# is well behind two cuts is taken for dead.
SPLITTING = [("stop-active", "bare"), ("cut-both", "bare")]
BOARDS = ("gated", "bare")
TEACHING: list[tuple[str, str]] = []
CASES = [*((name, board) for name in shipped_scenarios() for board in BOARDS), *TEACHING]


@pytest.fixture(scope="module")
def runs() -> Iterator[ScenarioRuns]:
    found = ScenarioRuns({case: partial(run_scenario, *case) for case in CASES})
    yield found
    found.close()


@pytest.mark.parametrize(("name", "board"), CASES)
def test_it_passes(runs: ScenarioRuns, name: str, board: str) -> None:
    report = runs.report((name, board))
    assert report["why"] == []
    assert (report["scenario"], report["board"], report["result"]) == (name, board, "pass")
    if (name, board) not in SPLITTING:
        assert report["dual_active_ms"] == 0


def test_the_line_is_much_faster_than_the_dead_time(runs: ScenarioRuns) -> None:
    assert runs.report(("kill-active", "gated"))["failover_ms"] < DEADTIME_MS / 3


def test_silence_takes_the_dead_time_and_hardly_more(runs: ScenarioRuns) -> None:
    found = runs.report(("kill-active", "bare"))["failover_ms"]
    # The last beat may have been one interval old when its sender died.
    assert DEADTIME_MS - 150 < found < DEADTIME_MS + 100


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize(
    "name",
    [
        *("disk-full", "kill-active", "newcomer-while-active", "pull-active", "slow-sensor"),
        *("stop-active", "stuck-health", "switchover", "udp-loss"),
    ],
)
def test_the_picture_is_whole_at_every_takeover(runs: ScenarioRuns, name: str, board: str) -> None:
    mirror = runs.report((name, board))["mirror"]
    assert mirror["cells_differing"] == 0
    assert mirror["cells_compared"] > 0
    assert mirror["staleness_ms"] < 1000


@pytest.mark.parametrize(
    "name",
    [
        *("cold-start", "cut-both", "cut-udp", "one-way-serial", "one-way-udp", "pull-standby"),
        *("restart-standby", "serial-noise", "switchover"),
    ],
)
def test_where_nobody_fails_there_is_no_failover(runs: ScenarioRuns, name: str) -> None:
    report = runs.report((name, "gated"))
    assert report["failover_ms"] is None
    assert report["outage_ms"] < 200


def test_roles_are_rows_of_time_slot_state_and_reason(runs: ScenarioRuns) -> None:
    rows: list[list[Any]] = runs.report(("cold-start", "gated"))["roles"]
    assert [1, "ACTIVE", "FIRST_IN_SUCCESSION"] in [row[1:] for row in rows]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
