"""Is there enough of this machine for two boards? Each needs most of a core of its own.

What else runs here is not seen in a container, but it is felt: by how far a loop gets in a second.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor

CORES_MIN = 2
MEASURED_S = 1.0
STEPS_PER_S = 40_000_000
"""Of each of two cores where the cases were written, with nothing else to do."""
SHARE_MIN = 0.65
"""With less, a service that starts keeps its watchdog waiting too long, and the board is reset."""


def steps_per_s(_: int) -> float:
    begin_s = time.perf_counter()
    rounds = 0
    while time.perf_counter() - begin_s < MEASURED_S:
        rounds += 1
        for _number in range(10_000):
            pass
    return 10_000 * rounds / (time.perf_counter() - begin_s)


def complaint() -> str:
    """What is missing here; "" if nothing is."""
    cores = len(os.sched_getaffinity(0))
    if cores < CORES_MIN:
        return f"needs {CORES_MIN} cores, and may use {cores}"
    with ProcessPoolExecutor(CORES_MIN) as pool:
        found = sum(pool.map(steps_per_s, range(CORES_MIN)))
    least = SHARE_MIN * CORES_MIN * STEPS_PER_S
    if found < least:
        return (
            f"needs {CORES_MIN} cores with little else to do: together they made "
            f"{found / 1e6:.0f} million steps in a second, and {least / 1e6:.0f} are the least"
        )
    return ""
