"""Waits for what another thread or process does: for a condition and with a bound."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from typing import Any

WAIT_S = 20.0
"""On a machine that does much else. What is waited for takes a second or two."""


def wait_until(holds: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> Any:
    """The first true answer of ``holds``; a failure that says ``what`` when none came in time."""
    give_up_s = time.monotonic() + timeout_s
    while not (answer := holds()):
        assert time.monotonic() < give_up_s, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.005)
    return answer


def open_descriptors_count() -> int:
    """Of this process, after what earlier tests left to the garbage collector has gone."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
