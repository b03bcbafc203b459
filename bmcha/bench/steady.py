"""A pair that nothing happens to, on a machine that is busy: does the chassis stay where it is,
and what does one module cost?

Run as ``python -m bmcha.bench.steady '{…}'`` in a network of its own; prints JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bmcha.bench.beats import BUSY_PROCESSES, busy_process
from bmcha.bench.cable import Cable, NoNetworks, own_network
from bmcha.bench.failover import OURS, PROFILES, pair_of
from bmcha.bench.figures import Figure, Table
from bmcha.bench.rival import AnyPair, End
from bmcha.bench.rivals import RIVALS

LOOK_S: Final = 0.001
COST_S: Final = 5.0


def measure(seconds: float, profile: str, against: Sequence[str], priority: int) -> Table:
    figures: list[Figure] = []
    for who in (OURS, *against):
        if who != OURS and not RIVALS[who].is_there:
            figures.append(Figure(who, "", (), RIVALS[who].not_there))
            continue
        asked = {"who": who, "profile": profile, "seconds": seconds, "priority": priority}
        try:
            words = own_network([sys.executable, "-m", "bmcha.bench.steady", json.dumps(asked)])
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        except (NoNetworks, subprocess.CalledProcessError) as error:
            figures.append(Figure(who, "", (), f"not measured: {error}"))
            continue
        for each in json.loads(done.stdout):
            figures.append(Figure(f"{who}, {each['name']}", each["unit"], tuple(each["samples"])))
    title = (
        f"{profile} profile for {seconds:.0f} s beside {BUSY_PROCESSES} busy processes, "
        "and what one module costs without them"
    )
    return Table(f"steady {profile}", title, tuple(figures))


def main(asked: dict[str, Any]) -> list[dict[str, Any]]:
    with Cable() as cable, tempfile.TemporaryDirectory(prefix="bmcha-bench-") as folder:
        pair = pair_of(asked, Path(folder), cable, PROFILES[asked["profile"]])
        try:
            first, second = pair.settle()
            return _cost(first) + _false_failovers(pair, (first, second), asked["seconds"])
        finally:
            pair.close()


def _false_failovers(pair: AnyPair, ends: tuple[End, End], seconds: float) -> list[dict[str, Any]]:
    changes_count, unheld_s, doubly_s = 0, 0.0, 0.0
    with contextlib.ExitStack() as stack:
        for _ in range(BUSY_PROCESSES):
            stack.enter_context(busy_process())
        end_s = time.monotonic() + seconds
        before, looked_s = [True, False], time.monotonic()
        while looked_s < end_s:
            time.sleep(LOOK_S)
            now = [end.is_holding for end in ends]
            span_s, looked_s = time.monotonic() - looked_s, time.monotonic()
            changes_count += now != before
            unheld_s += span_s * (now == [False, False])
            doubly_s += span_s * (now == [True, True])
            before = now
    return [
        {"name": "changes of who holds", "unit": "", "samples": [changes_count]},
        {"name": "nobody held", "unit": "s", "samples": [unheld_s]},
        {"name": "both held", "unit": "s", "samples": [doubly_s]},
    ]


def _cost(end: End) -> list[dict[str, Any]]:
    """Of all its processes together: what they share is counted for each."""
    pids = end.pids
    before_s = sum(map(_processor_s, pids))
    time.sleep(COST_S)
    percent = 100 * (sum(map(_processor_s, pids)) - before_s) / COST_S
    memory = [_memory_mib(pid) for pid in pids]
    resident, anonymous = (sum(each[at] for each in memory) for at in (0, 1))
    return [
        {"name": "processor", "unit": "%", "samples": [percent]},
        {"name": "resident", "unit": "MiB", "samples": [resident]},
        {"name": "of it anonymous", "unit": "MiB", "samples": [anonymous]},
    ]


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mib(pid: int) -> tuple[float, float]:
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon"):
            found[name] = int(value.split()[0]) / 1024
    return found["VmRSS"], found["RssAnon"]


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
