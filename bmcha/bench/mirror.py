"""How soon a changed cell of the holder's picture is in the other module's.

Run as ``python -m bmcha.bench.mirror '{"seconds": 20, …}'`` in a network of its own; prints JSON.
A sensor's file is changed again and again; the time is from the change of the holder's image to the
change of the STANDBY's, both looked at some ten thousand times a second by one process. How long a
sensor waits to be read, and its reading to be judged, is not in it.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import posix_ipc

from bmcha.bench.cable import Cable, NoNetworks, own_network
from bmcha.bench.figures import Figure, Table
from bmcha.bench.pair import BOARD, FAST, Module, Pair
from bmcha.bench.redis import NOT_THERE, RedisPair, is_there
from bmcha.model.record import dataclass
from bmcha.wire import tables

SENSOR_FILE: Final = "sensor"
SENSOR: Final = f"""
[[sensors]]
name = "inlet"
kind = "temperature"
file = "{SENSOR_FILE}"
low_milli = 0
high_milli = 90000
hysteresis_milli = 1000
"""
WITH_SENSOR: Final = BOARD.replace("sensor_period_ms = 250", "sensor_period_ms = 20") + SENSOR
GIVE_UP_S: Final = 2.0
LOOK_S: Final = 0.00002
"""A look without a pause would take a processor from those who are looked at."""
AWAY_S_MAX: Final = 0.0005
"""Who looks later than that has not seen when it changed; the change is not counted."""
PRIORITY: Final = 1
BEGIN: Final = 20_000
CHANGES_MAX: Final = 2000
PAUSE_S: Final = 0.05
OURS: Final = "bmcha"
REDIS: Final = "redis"


def measure(budget_s: float, against: Sequence[str]) -> Table:
    rivals = [each for each in against if each == REDIS]
    each_s = budget_s / (1 + len(rivals))
    figures = [_in_network(OURS, each_s)]
    for who in rivals:
        figures.append(_in_network(who, each_s) if is_there() else Figure(who, "ms", (), NOT_THERE))
    title = "one changed cell: from the holder's picture to the other's (redis: SET to the replica)"
    return Table("mirror", title, tuple(figures))


def _in_network(who: str, seconds: float) -> Figure:
    asked = json.dumps({"who": who, "seconds": seconds})
    try:
        words = own_network([sys.executable, "-m", "bmcha.bench.mirror", asked])
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    except (NoNetworks, subprocess.CalledProcessError) as error:
        return Figure(who, "ms", (), f"not measured: {error}")
    told = json.loads(done.stdout)
    missed = told["missed"]
    note = f"{missed} more were not there after {GIVE_UP_S:g} s" if missed else ""
    return Figure(who, "ms", tuple(told["samples"]), note)


@dataclass(slots=True)
class Changes:
    """``samples`` in ms; ``missed``: how many were given up."""

    samples: list[float]
    missed: int


class _Cell:
    """What a module's picture says of the sensor, as it stands in shared memory."""

    def __init__(self, module: Module) -> None:
        descriptor = posix_ipc.SharedMemory(module.image_name, read_only=True).fd
        mapped = mmap.mmap(descriptor, tables.IMAGE_SIZE, prot=mmap.PROT_READ)
        os.close(descriptor)
        # A word that is read at once is whole: no lock is needed for one number.
        self._words = memoryview(mapped).cast("i")

    @property
    def value(self) -> int:
        return self._words[VALUE_WORD]


VALUE_WORD: Final = (tables.SENSORS_OFFSET + 20) // 4
"""Behind version, stamp and age (bmcha/wire/tables.py, SENSORS_CELL)."""


def _ours(folder: Path, cable: Cable, seconds: float) -> Changes:
    pair = Pair(folder, cable, FAST, 0, WITH_SENSOR)
    try:
        for module in pair.modules.values():
            module.set_value(SENSOR_FILE, BEGIN)
        holder, standby = pair.settle()
        first, second = _Cell(holder), _Cell(standby)
        return _changes(
            seconds,
            lambda number: holder.set_value(SENSOR_FILE, number),
            lambda: first.value,
            lambda: second.value,
        )
    finally:
        pair.close()


def _redis(folder: Path, cable: Cable, seconds: float) -> Changes:
    with RedisPair(folder, cable) as pair:
        pair.settle()
        told = 0

        def change(number: int) -> None:
            nonlocal told
            pair.first.set(b"cell", b"%d" % number)
            told = number

        return _changes(
            seconds, change, lambda: told, lambda: int(pair.replica.get(b"cell") or b"0")
        )


def _changes(
    seconds: float,
    change: Callable[[int], None],
    here: Callable[[], int],
    there: Callable[[], int],
) -> Changes:
    """ms from the change here to the same there, for each."""
    found = Changes([], 0)
    end_s = time.monotonic() + seconds
    for number in range(BEGIN + 1, BEGIN + CHANGES_MAX):
        change(number)
        begun = _first_look(here, number)
        if begun is None or time.monotonic() > end_s:
            break
        ended = _first_look(there, number)
        if ended is None:
            found.missed += 1
        elif begun.away_s < AWAY_S_MAX:
            found.samples.append(1000 * (ended.at_s - begun.at_s))
        time.sleep(PAUSE_S)
    return found


@dataclass(frozen=True, slots=True)
class _Look:
    """At which a value was seen first. ``away_s``: how long after the look before."""

    at_s: float
    away_s: float


def _first_look(value: Callable[[], int], wanted: int) -> _Look | None:
    before_s = time.perf_counter()
    end_s = before_s + GIVE_UP_S
    while before_s < end_s:
        is_there, now_s = value() == wanted, time.perf_counter()
        if is_there:
            return _Look(now_s, now_s - before_s)
        before_s = now_s
        time.sleep(LOOK_S)
    return None


WAYS: Final = {OURS: _ours, REDIS: _redis}


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Before all others, where that is allowed: whoever looks late sees two changes as one."""
    with contextlib.suppress(PermissionError):
        flags = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, flags, os.sched_param(PRIORITY))
    with Cable() as cable, tempfile.TemporaryDirectory(prefix="bmcha-bench-") as folder:
        found = WAYS[asked["who"]](Path(folder), cable, asked["seconds"])
    return {"samples": found.samples, "missed": found.missed}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
