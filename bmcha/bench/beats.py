"""How punctual beats are, and what they cost: the engine on loopback, idle and beside others.

Punctuality is taken from the kernel's own stamps of arrival (SO_TIMESTAMPNS), which on loopback
are those of sending.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from bmcha.bench.figures import Figure, Table

INTERVAL_MS: Final = 10
BUSY_PROCESSES: Final = 4
SO_TIMESTAMPNS: Final = 35
_STAMP: Final = struct.Struct("@ll")
PRIORITY: Final = 20
CASES: Final = (
    # name, busy threads in the process, busy processes beside it, priority
    ("idle", 0, 0, 0),
    ("a busy thread in the process", 1, 0, 0),
    ("four busy processes", 0, BUSY_PROCESSES, 0),
    ("four busy processes, with priority", 0, BUSY_PROCESSES, PRIORITY),
    ("the same and a busy thread", 1, BUSY_PROCESSES, PRIORITY),
)


def measure(budget_s: float) -> Table:
    each_s = max(2.0, budget_s / (len(CASES) + 1) - 1.0)
    figures = [_lateness(each_s, *case) for case in CASES]
    return Table(
        "beats",
        f"beats every {INTERVAL_MS} ms, {each_s:.0f} s each: how late they leave",
        (*figures, *_cost(each_s)),
    )


def _lateness(
    seconds: float, name: str, busy_threads: int, busy_processes: int, priority: int
) -> Figure:
    name = f"late, {name}"
    if priority and not may_have(priority):
        return Figure(name, "ms", (), "not measured: takes real-time priority (CAP_SYS_NICE)")
    with contextlib.ExitStack() as stack:
        for _ in range(busy_processes):
            stack.enter_context(busy_process())
        observer = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        observer.bind(("127.0.0.1", 0))
        observer.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sender = _beater(
            1, _free_port(), observer.getsockname()[1], seconds, busy_threads, priority
        )
        with sender:
            stamps = _stamps(observer, sender)
    return Figure(name, "ms", tuple(lateness_ms(stamps, INTERVAL_MS)))


def lateness_ms(stamps_ns: list[int], interval_ms: int) -> list[float]:
    """How long after its deadline each was sent: after the first one that followed the beat before,
    since missed ones are not made good. Nobody tells where the deadlines are, so that grid is
    taken on which half of the beats are the least late."""
    interval_ns = interval_ms * 1_000_000
    phases = [stamp_ns % interval_ns for stamp_ns in stamps_ns[:: max(1, len(stamps_ns) // 200)]]
    found = (_late_ms(stamps_ns, phase_ns, interval_ns) for phase_ns in phases)
    return min(found, key=lambda late: sorted(late)[len(late) // 2], default=[])


def _late_ms(stamps_ns: list[int], phase_ns: int, interval_ns: int) -> list[float]:
    # A beat may lie just before the phase that another one was taken as; it is not late by an
    # interval.
    slack_ns = interval_ns // 50
    shifted = [stamp_ns - phase_ns + slack_ns for stamp_ns in stamps_ns]
    late = []
    for before, now in itertools.pairwise(shifted):
        deadline = (before // interval_ns + 1) * interval_ns
        late.append(abs(now - deadline - slack_ns) / 1e6)
    return late


def _cost(seconds: float) -> list[Figure]:
    """Two engines that hear each other: nothing is news."""
    ports = (_free_port(), _free_port())
    pair = [_beater(slot, ports[slot - 1], ports[2 - slot], seconds, 0, 0) for slot in (1, 2)]
    told = [json.loads(each.communicate()[0]) for each in pair]
    return [
        Figure("Python woken", "a second", tuple(each["wakes_per_s"] for each in told)),
        Figure("processor, engine", "%", tuple(each["engine_cpu_percent"] for each in told)),
    ]


def _stamps(observer: socket.socket, sender: subprocess.Popen[str]) -> list[int]:
    found = []
    while sender.poll() is None:
        if not select.select([observer], [], [], 0.2)[0]:
            continue
        _, ancillary, _, _ = observer.recvmsg(4096, 64)
        seconds, nanoseconds = _STAMP.unpack(ancillary[0][2])
        found.append(seconds * 1_000_000_000 + nanoseconds)
    return found


def _beater(
    slot: int, local: int, remote: int, seconds: float, busy_threads: int, priority: int
) -> subprocess.Popen[str]:
    told: dict[str, Any] = {
        "slot": slot,
        "local": ("127.0.0.1", local),
        "remote": ("127.0.0.1", remote),
        "interval_ms": INTERVAL_MS,
        "seconds": seconds,
        "busy_threads": busy_threads,
        "priority": priority,
    }
    words = [sys.executable, "-m", "bmcha.bench.beater", json.dumps(told)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def may_have(priority: int) -> bool:
    former = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        return False
    os.sched_setscheduler(0, *former)
    return True


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    from bmcha.bench.figures import as_text

    print(as_text([measure(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)]))
    print(time.strftime("%H:%M:%S"))
