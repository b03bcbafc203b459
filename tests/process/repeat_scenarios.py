"""Every shipped scenario on every board, many times in a row: the long form of test_scenarios.

    python -m tests.process.repeat_scenarios [TIMES [AT_ONCE [NAME...]]]      (make scenarios)

A row for each scenario and board: how often it passed, and the failover and outage times that
the chassis saw (median and longest, in ms). What failed is printed when it fails, with its seed.
Ends with 1 if anything did.
"""

from __future__ import annotations

import statistics
import sys
from concurrent.futures import ThreadPoolExecutor

from bmcha.sim.board_plan import BOARD_FILES
from bmcha.sim.scenario import shipped_scenarios
from tests.process.scenario_runs import Report
from tests.process.sims import run_scenario

TIMES = 10
AT_ONCE = 3
HEAD = f"{'scenario':<24}{'board':<8}{'passed':>9}{'failover ms':>18}{'outage ms':>18}{'dual':>6}"


def run_once(name: str, board: str) -> Report:
    report = run_scenario(name, board)
    if report["result"] != "pass":
        print(f"{name} on {board}, seed {report['seed']}: {'; '.join(report['why'])}", flush=True)
    return report


def median_and_max(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.0f} / {max(known):.0f}" if known else "-"


def row(name: str, board: str, reports: list[Report]) -> str:
    passed = sum(report["result"] == "pass" for report in reports)
    failover = median_and_max([report["failover_ms"] for report in reports])
    outage = median_and_max([report["outage_ms"] for report in reports])
    dual_ms = max(report["dual_active_ms"] for report in reports)
    share = f"{passed}/{len(reports)}"
    return f"{name:<24}{board:<8}{share:>9}{failover:>18}{outage:>18}{dual_ms:>6.0f}"


def main(words: list[str]) -> int:
    times = int(words[0]) if words else TIMES
    at_once = int(words[1]) if words[1:] else AT_ONCE
    cases = [(name, board) for name in words[2:] or shipped_scenarios() for board in BOARD_FILES]
    print(f"{len(cases)} cases, {times} times each, {at_once} at once", HEAD, sep="\n", flush=True)
    is_good = True
    with ThreadPoolExecutor(at_once) as pool:
        runs = {case: [pool.submit(run_once, *case) for _ in range(times)] for case in cases}
        for case, futures in runs.items():
            reports = [future.result() for future in futures]
            is_good = is_good and all(report["result"] == "pass" for report in reports)
            print(row(*case, reports), flush=True)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
