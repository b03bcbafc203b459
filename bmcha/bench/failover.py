"""How long the chassis is without a holder after each fault, with two real services.

Run as ``python -m bmcha.bench.failover '{"count": 30, …}'`` in a network of its own; prints JSON.
The time is from the fault to the moment when the survivor's own OUTPUT_ENABLE is raised, looked at
five times a millisecond.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bmcha.bench.cable import Cable, NoNetworks, own_network
from bmcha.bench.figures import Figure, Table
from bmcha.bench.pair import DEFAULT, FAST, LOOK_S, Pair, Profile
from bmcha.bench.rival import AnyPair, End
from bmcha.bench.rivals import RIVALS

FAULTS: Final = ("SIGKILL", "SIGSTOP", "all paths cut", "one path cut")
COUNT_MAX: Final = 200
NEVER_DEADTIMES: Final = 6
"""For so long nothing may move after one path of two was cut."""
GIVE_UP_DEADTIMES: Final = 40
TIME_S: Final = {DEFAULT.name: 4.0, FAST.name: 3.0}
"""About what one fault takes, with all that is started again."""
OURS: Final = "bmcha"
PROFILES: Final = {each.name: each for each in (DEFAULT, FAST)}


def measure(
    budget_s: float, profiles: Sequence[str], against: Sequence[str], priority: int
) -> list[Table]:
    """A table for each profile; ``against``: names of others that are measured in the same run."""
    each_s = budget_s / len(profiles) / (1 + len(against))
    tables = []
    for name in profiles:
        profile = PROFILES[name]
        count = max(2, min(COUNT_MAX, int(each_s / len(FAULTS) / TIME_S[name])))
        figures = _in_network(OURS, FAULTS, profile, count, priority)
        for who in against:
            figures += _in_network(who, FAULTS[:-1], profile, count, priority)
        title = f"failover, {name} profile ({profile.told}, udp and ethernet): fault to outputs"
        tables.append(Table(f"failover {name}", title, tuple(figures)))
    return tables


def _in_network(
    who: str, faults: Sequence[str], profile: Profile, count: int, priority: int
) -> list[Figure]:
    if who != OURS and not RIVALS[who].is_there:
        return [Figure(who, "ms", (), RIVALS[who].not_there)]
    asked: dict[str, Any] = {"who": who, "faults": faults, "profile": profile.name}
    asked |= {"count": count, "priority": priority}
    try:
        words = own_network([sys.executable, "-m", "bmcha.bench.failover", json.dumps(asked)])
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    except (NoNetworks, subprocess.CalledProcessError) as error:
        return [Figure(who, "ms", (), f"not measured: {error}")]
    return [
        Figure(f"{who}, {each['name']}", "ms", tuple(each["samples"]), each["note"])
        for each in json.loads(done.stdout)
    ]


class Breaker:
    def __init__(self, pair: AnyPair, cable: Cable) -> None:
        self._pair = pair
        self._cable = cable
        self._deadtime_s = pair.profile.deadtime_ms / 1000

    def figure(self, fault: str, count: int) -> Figure:
        taken, notes = [], ""
        missed_count = 0
        for _ in range(count):
            holder, standby = self._pair.settle()
            took_s = self._do(fault, holder, standby)
            if took_s is None:
                missed_count += 1
            else:
                taken.append(1000 * took_s)
            self._mend(fault, holder)
        if fault == "one path cut":
            notes = f"{len(taken)} failovers after {count} cuts: there must be none"
        elif missed_count:
            notes = f"{missed_count} of {count} times nobody took over"
        return Figure(fault, "ms", tuple(taken), notes)

    def _do(self, fault: str, holder: End, standby: End) -> float | None:
        """How long it took, None: it did not."""
        begun_s = time.monotonic()
        if fault == "SIGKILL":
            holder.signal(signal.SIGKILL)
        elif fault == "SIGSTOP":
            holder.signal(signal.SIGSTOP)
        elif fault == "all paths cut":
            self._cable.cut()
        else:
            self._cable.cut_ip()
        limit = NEVER_DEADTIMES if fault == "one path cut" else GIVE_UP_DEADTIMES
        return _until(lambda: standby.is_holding, begun_s, limit * self._deadtime_s + 0.5)

    def _mend(self, fault: str, holder: End) -> None:
        if fault == "all paths cut":
            self._cable.heal()
        elif fault == "one path cut":
            self._cable.heal_ip()
        else:
            holder.end()


def _until(is_so: Callable[[], bool], begun_s: float, within_s: float) -> float | None:
    while (taken_s := time.monotonic() - begun_s) < within_s:
        if is_so():
            return taken_s
        time.sleep(LOOK_S)
    return None


def main(asked: dict[str, Any]) -> list[dict[str, Any]]:
    profile = PROFILES[asked["profile"]]
    with Cable() as cable, tempfile.TemporaryDirectory(prefix="bmcha-bench-") as folder:
        pair = pair_of(asked, Path(folder), cable, profile)
        try:
            breaker = Breaker(pair, cable)
            figures = [breaker.figure(fault, asked["count"]) for fault in asked["faults"]]
        finally:
            pair.close()
    return [
        {"name": each.name, "samples": list(each.samples), "note": each.note} for each in figures
    ]


def pair_of(asked: dict[str, Any], folder: Path, cable: Cable, profile: Profile) -> AnyPair:
    if asked["who"] == OURS:
        return Pair(folder, cable, profile, asked["priority"])
    return RIVALS[asked["who"]].make(folder, cable, profile)


if __name__ == "__main__":
    os.environ["PYTHONUNBUFFERED"] = "1"
    print(json.dumps(main(json.loads(sys.argv[1]))))
