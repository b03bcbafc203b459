"""Every shipped scenario passes, and its report says what happened.

Each on the boards where it teaches something; `make scenarios` runs every one on every board.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bmcha.sim.module_config import DEADTIME_MS
from bmcha.sim.scenario import find_scenario, shipped_scenarios
from tests.process.scenario_runs import ScenarioRuns
from tests.process.sims import run_scenario
from tests.sim.play import Played, play, states_of

# Where no line can tell of the other one, and where two things are broken at once: the outputs of a
# stopped holder stay open, a holder that is well behind two cuts is taken for dead. Each until what
# caused it ends: by the times in the file, and a second more.
SPLITTING_MS = {
    ("stop-active", "bare"): 3500,
    ("stop-active", "lease"): 2500,
    ("cut-both", "bare"): 3500,
    ("reset-line-broken", "reset"): 2500,
}
BOARDS = ("gated", "bare")
TEACHING = {
    "cut-both": ("gated", "reset", "lease", "bare"),
    "cut-both-hold": ("bare",),
    "fencer-killed": ("reset",),
    "kill-standby": ("lease",),
    "one-way-all": ("gated", "reset", "lease"),
    "quick-restart": BOARDS,
    "reset-line-broken": ("reset",),
    "start-cut-off": ("gated", "lease"),
    "stop-active": ("gated", "lease", "bare"),
    "stop-cut-continue": ("gated", "lease"),
    "strap-broken": ("gated",),
}
KILLED_IN_A_CLAIM = {("fencer-killed", "reset", 2)}
"""How far it had come by then is a matter of milliseconds."""
RACES = {"simultaneous-start"}
"""Who goes first is a race of two processes that start; that one goes is not."""
CASES = [(name, board) for name in shipped_scenarios() for board in TEACHING.get(name, BOARDS)]


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
    assert report["dual_active_ms"] <= SPLITTING_MS.get((name, board), 0)


def differing(report: dict[str, Any], played: Played, name: str, board: str) -> dict[int, Any]:
    """By slot: what it held in the real run and in the simulator's, where that is not the same."""
    rows = [(row[2], row[1]) for row in report["roles"]]
    held = {slot: (states_of(rows, slot), played.states(slot)) for slot in (1, 2)}
    if name in RACES:
        real, virtual = ({states[which][-1] for states in held.values()} for which in (0, 1))
        return {} if real == virtual else held
    return {
        slot: states
        for slot, states in held.items()
        if states[0] != states[1] and (name, board, slot) not in KILLED_IN_A_CLAIM
    }


@pytest.mark.parametrize(("name", "board"), CASES)
def test_the_simulator_agrees_on_the_roles(
    runs: ScenarioRuns, name: str, board: str, tmp_path: Path
) -> None:
    """The same text in virtual time: the same roles, in the same order. Real chassis beside
    each other may hold a module up for longer than it may stand still; then it is played alone."""
    played = play(*find_scenario(name), board, tmp_path)
    report = runs.report((name, board))
    if differing(report, played, name, board):
        report = run_scenario(name, board)
    assert report["why"] == []
    assert differing(report, played, name, board) == {}


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


def reasons_of(report: dict[str, Any], slot: int) -> list[str]:
    return [row[3] for row in report["roles"] if row[1] == slot]


def test_a_holder_that_cannot_be_heard_is_reset_once_and_by_one(runs: ScenarioRuns) -> None:
    report = runs.report(("cut-both", "reset"))
    assert reasons_of(report, 2).count("FENCING_PEER") == 1
    assert "PEER_FENCED" in reasons_of(report, 2)
    assert "FENCING_PEER" not in reasons_of(report, 1)


def test_a_holder_that_hears_that_it_is_not_heard_is_not_reset(runs: ScenarioRuns) -> None:
    report = runs.report(("one-way-all", "reset"))
    assert "RELEASED_UNHEARD" in reasons_of(report, 1)
    assert "FENCING_PEER" not in reasons_of(report, 1) + reasons_of(report, 2)


def test_a_fence_that_is_not_seen_ends_in_a_takeover_that_says_so(runs: ScenarioRuns) -> None:
    reasons = reasons_of(runs.report(("reset-line-broken", "reset")), 2)
    assert "PEER_FENCED" not in reasons
    assert reasons.index("FENCING_PEER") < reasons.index("UNVERIFIED_TAKEOVER")


def test_a_holder_that_nobody_echoes_lets_go_once(runs: ScenarioRuns) -> None:
    reasons = reasons_of(runs.report(("kill-standby", "lease")), 1)
    assert reasons.count("LEASE_OVER") == 1
    assert reasons.index("LEASE_OVER") < reasons.index("TAKEN_BACK")


def test_nobody_is_reset_or_passed_over_that_was_never_heard(runs: ScenarioRuns) -> None:
    for board in ("gated", "lease"):
        report = runs.report(("start-cut-off", board))
        assert "ISOLATED" in reasons_of(report, 2)
        assert report["dual_active_ms"] == 0
