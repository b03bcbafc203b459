"""Keeps the service's memory in memory, the service on its processors, and asks for real-time
priority (mlockall(2), sched_setaffinity(2), sched(7)).

Each is done or refused with a sentence that says what would allow it; nothing here is fatal.
Called by `bmcha.app` before the threads begin, and by `bmcha check`, which only asks.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from typing import Final

from bmcha._native import ffi, lib
from bmcha.hal.port import PortError

CAP_IPC_LOCK: Final = 14
STATUS: Final = "/proc/self/status"


def become_realtime(
    cpus: tuple[int, ...], is_memory_locked: bool, priority: int | None
) -> list[str]:
    """What the system refused; the service runs without it. Only asks for the priority, which
    each engine takes for itself."""
    refusals = []
    wanted: list[Callable[[], None]] = []
    if cpus:
        wanted.append(lambda: run_on(cpus))
    if is_memory_locked:
        wanted.append(lock_memory)
    if priority is not None:
        wanted.append(lambda: require_priority(priority))
    for take in wanted:
        try:
            take()
        except PortError as error:
            refusals.append(str(error))
    return refusals


def lock_memory() -> None:
    """What is there and what will come, each page once it was needed. PortError: not allowed."""
    require_lockable()
    if lib.mlockall(lib.MCL_CURRENT | lib.MCL_FUTURE | lib.MCL_ONFAULT):
        why = os.strerror(ffi.errno)
        raise PortError(f"memory cannot be locked: {why}; it takes Linux 4.4 or later")


def require_lockable() -> None:
    """PortError. With a limit, whatever is beyond it later would fail: a thread, a buffer."""
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if limit != resource.RLIM_INFINITY and not _has_capability(CAP_IPC_LOCK):
        raise PortError(
            f"memory cannot be locked: this user may lock {limit // 1024} KiB; set "
            "LimitMEMLOCK=infinity in its unit, or `ulimit -l unlimited` before it is started"
        )


def run_on(cpus: tuple[int, ...]) -> None:
    """This thread, and all that it begins from now on. PortError: not on all of them."""
    require_cpus(cpus)
    try:
        os.sched_setaffinity(0, cpus)
    except OSError as error:
        raise PortError(f"processors {_shown(cpus)}: {error.strerror or error}") from error


def require_cpus(cpus: tuple[int, ...]) -> None:
    """PortError: one of them is not there, or not for this process."""
    there = os.sched_getaffinity(0)
    lacking = set(cpus) - there
    if lacking:
        raise PortError(
            f"processors {_shown(cpus)}: this process may run on {_shown(there)} only; see `lscpu`"
            " and CPUAffinity= of its unit"
        )


def require_priority(priority: int) -> None:
    """PortError: no thread of this process may have it. Tried on this one, for a moment."""
    former = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        raise PortError(
            f"real-time priority {priority}: {error.strerror or error}; set LimitRTPRIO={priority}"
            " or more in its unit, or give it CAP_SYS_NICE"
        ) from error
    os.sched_setscheduler(0, *former)


def _has_capability(number: int) -> bool:
    try:
        with open(STATUS, encoding="ascii") as opened:
            for line in opened:
                if line.startswith("CapEff:"):
                    return bool(int(line.split()[1], 16) >> number & 1)
    except (OSError, ValueError, IndexError):
        pass
    return False


def _shown(cpus: tuple[int, ...] | set[int]) -> str:
    return ", ".join(map(str, sorted(cpus)))
