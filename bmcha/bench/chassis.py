"""From fault to outputs on the virtual chassis, whose modules have lines and a serial path too.

Each figure is a scenario of `bmcha sim`, once and again: on a board with a HEALTH line a killed
process is seen at once; where only silence speaks, the slowest path's dead time decides, which is
the serial one's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from bmcha.bench.figures import Figure, Table

SCENARIO_S: Final = 6.0
"""About what one takes."""
FAILOVER: Final = "failover_ms"
OUTAGE: Final = "outage_ms"
SCENARIOS: Final = (
    ("gated", "kill-active", "SIGKILL, HEALTH falls", FAILOVER),
    ("gated", "pull-active", "pulled, PRESENCE falls", FAILOVER),
    ("gated", "stop-active", "SIGSTOP, its watchdog of 1000 ms fires", FAILOVER),
    ("reset", "stop-active", "SIGSTOP, its watchdog of 1000 ms fires", FAILOVER),
    ("bare", "kill-active", "SIGKILL, dead time 1500 ms", FAILOVER),
    ("bare", "stop-active", "SIGSTOP, dead time 1500 ms", FAILOVER),
    ("gated", "switchover", "switchover asked: nobody holds", OUTAGE),
)


def measure(budget_s: float) -> Table:
    count = max(1, int(budget_s / SCENARIO_S / len(SCENARIOS)))
    title = "virtual chassis with udp and serial paths (`bmcha sim --scenario`): fault to outputs"
    return Table("chassis", title, tuple(_figure(*each, count) for each in SCENARIOS))


def _figure(board: str, scenario: str, text: str, key: str, count: int) -> Figure:
    found, notes = [], []
    for _ in range(count):
        report = _run(board, scenario)
        if report["result"] == "pass" and report[key] is not None:
            found.append(report[key])
        else:
            notes.append(f"failed: {'; '.join(report['why'])}")
    return Figure(f"{board}, {text}", "ms", tuple(found), "; ".join(notes))


def _run(board: str, scenario: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "bmcha", "sim", "--board", board, "--scenario", scenario]
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"result": "fail", "why": [done.stderr.strip()[:300]]}
    return report
