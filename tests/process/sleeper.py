"""The ACTIVE stands still for random times, again and again: never two hands, never none for long.

    python -m tests.process.sleeper [TIMES [SEED [BOARD...]]]      (make sleeper)

SIGSTOP and SIGCONT, 1 ms to a minute apart: as many lengths of each order of magnitude, and a fifth
of them around the watchdog's time, where the holder wakes while its gate is being shut. Each nap
begins from rest, wherever in its work the module is just then. Prints a row for each band of
lengths and ends with 1 if two gates were open, if none was for longer than `UNHELD_MS_MAX`, or if a
sleeper wrote after it was replaced. The journal of the virtual chassis says so, no module is asked.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bmcha.sim import journal
from bmcha.sim.journal import Line, parse_line
from bmcha.sim.rpc import RpcClient, RpcRefused
from tests.process.sims import Sim, running_sim
from tests.waiting import wait_until

TIMES = 200
SIMS_AT_ONCE = 2
"""Of each board."""
BOARDS = ("gated", "reset")
LENGTH_MS = (1, 60_000)
WATCHDOG_MS = 1000
NEAR_WATCHDOG_MS = (WATCHDOG_MS - 100, WATCHDOG_MS + 100)
UNHELD_MS_MAX = 1500
"""A holder that wakes in the moment at which its gate is shut lets go, and the next claim waits for
a word of the other one and its rank (400 ms): with a busy machine's lateness it is well below."""
UNATTENDED_MS_MAX = WATCHDOG_MS + UNHELD_MS_MAX
LOOKS_MAX = 20
CALM_S = 0.3
"""A tick, a beat and a claim."""
BANDS_MS = (1, 10, 100, 900, 1100, 10_000, 60_001)
HEAD = f"{'board':<7}{'slept ms':>16}{'naps':>6}{'moved':>7}{'unheld':>8}{'no hand':>9}{'dual':>6}"


@dataclass(frozen=True)
class Nap:
    """``unheld_ms``: the longest time without an open gate. ``unattended_ms``: from the stop to the
    moment at which somebody could write again. ``stale``: writes of a replaced holder."""

    length_ms: float
    is_moved: bool
    unheld_ms: float
    unattended_ms: float
    dual_ms: float
    stale_count: int

    def faults(self) -> list[str]:
        found = []
        if self.dual_ms:
            found.append(f"two gates were open for {self.dual_ms:.1f} ms")
        if self.unheld_ms > UNHELD_MS_MAX:
            found.append(f"no gate was open for {self.unheld_ms:.0f} ms")
        if self.unattended_ms > UNATTENDED_MS_MAX:
            found.append(f"nobody could write for {self.unattended_ms:.0f} ms")
        if self.stale_count:
            found.append(f"{self.stale_count} writes of a replaced holder were applied")
        return [f"after {self.length_ms:.1f} ms: {fault}" for fault in found]


def lengths_ms(times: int, dice: random.Random) -> list[float]:
    least, most = LENGTH_MS
    return [
        dice.uniform(*NEAR_WATCHDOG_MS)
        if dice.random() < 0.2
        else least * (most / least) ** dice.random()
        for _ in range(times)
    ]


class Bed:
    """A sim whose ACTIVE is put to sleep."""

    def __init__(self, sim: Sim) -> None:
        self._sim = sim
        self._offset = 0
        self._wait_for_rest()

    def nap(self, length_ms: float) -> Nap:
        self._read_on()
        sleeper = self._sim.gates().index("open") + 1
        pid = self._sim.state()["slots"][str(sleeper)]["pid"]
        stopped_ns = time.monotonic_ns()
        os.kill(pid, signal.SIGSTOP)
        threading.Event().wait(length_ms / 1000)
        os.kill(pid, signal.SIGCONT)
        woken_ns = time.monotonic_ns()
        self._wait_for_rest()
        lines = [Line(stopped_ns, "gate", sleeper, "gate", True), *self._read_on()]
        taken_ns = [line.t_ns for line in lines[1:] if line.what == "gate" and line.value is True]
        attended_ns = min([woken_ns, *taken_ns])
        if self._shut_ns(lines, sleeper, woken_ns) is not None:
            # Its gate was shut before it woke: only a claim lets somebody write again.
            attended_ns = min(taken_ns, default=time.monotonic_ns())
        return Nap(
            length_ms=(woken_ns - stopped_ns) / 1e6,
            is_moved=any(line.what == "gate" and line.slot != sleeper for line in lines),
            unheld_ms=journal.outage_ms(lines),
            unattended_ms=(attended_ns - stopped_ns) / 1e6,
            dual_ms=journal.dual_active_ms(lines),
            stale_count=len(journal.stale_writes(lines)),
        )

    def _shut_ns(self, lines: Sequence[Line], slot: int, before_ns: int) -> int | None:
        shut = [x.t_ns for x in lines if x.what == "gate" and x.slot == slot and not x.value]
        return next((t_ns for t_ns in shut if t_ns <= before_ns), None)

    def _wait_for_rest(self) -> None:
        """Twice in a row: what a nap set going may still be on its way at the first look."""
        for _ in range(LOOKS_MAX):
            wait_until(self._is_at_rest, "one module is ACTIVE, the other STANDBY and level")
            gates = self._sim.gates()
            threading.Event().wait(CALM_S)
            if self._sim.gates() == gates and self._is_at_rest():
                return
        raise AssertionError(f"the roles moved on through {LOOKS_MAX} looks")

    def _is_at_rest(self) -> bool:
        if sorted(self._sim.gates()) != ["open", "shut"]:
            return False
        bodies = []
        for slot in self._sim.layout.slots:
            try:
                client = RpcClient(self._sim.layout.module_socket(slot), 2.0)
            except OSError:
                return False
            try:
                bodies.append(client.call("status"))
            except (OSError, RpcRefused):
                return False
            finally:
                client.close()
        roles = sorted(body["role"]["state"] for body in bodies)
        return roles == ["ACTIVE", "STANDBY"] and all(
            body["mirror"]["state"] == "SYNCED" and not body["waits"] for body in bodies
        )

    def _read_on(self) -> list[Line]:
        """What the journal says since the last call; a line is written whole."""
        with self._sim.layout.journal.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        return [parse_line(text) for text in data.decode().splitlines()]


def sleep_on(board: str, lengths: Sequence[float], folder: Path) -> Iterator[Nap]:
    """One sim, one nap after the other."""
    with running_sim(folder, "--board", board) as sim:
        sim.wait_until_ready()
        bed = Bed(sim)
        for length in lengths:
            yield bed.nap(length)


def sleep_and_tell(board: str, lengths: Sequence[float], folder: Path, naps: list[Nap]) -> None:
    """Adds to ``naps``. A nap that has a fault is told at once."""
    for nap in sleep_on(board, lengths, folder):
        naps.append(nap)
        for fault in nap.faults():
            print(f"{board}: {fault}", flush=True)


def row(board: str, least_ms: float, most_ms: float, naps: Sequence[Nap]) -> str:
    band = f"{least_ms:g} to {most_ms - (most_ms > 60_000):g}"
    moved_count = sum(nap.is_moved for nap in naps)
    unheld, unattended, dual = (
        max((getattr(nap, name) for nap in naps), default=0.0)
        for name in ("unheld_ms", "unattended_ms", "dual_ms")
    )
    counts = f"{board:<7}{band:>16}{len(naps):>6}{moved_count:>7}"
    return f"{counts}{unheld:>8.0f}{unattended:>9.0f}{dual:>6.0f}"


def main(words: list[str]) -> int:
    times = int(words[0]) if words else TIMES
    seed = int(words[1]) if words[1:] else random.randrange(1 << 32)
    boards = words[2:] or list(BOARDS)
    print(f"{times} naps on each of {', '.join(boards)}, seed {seed}; longest times in ms")
    dice = random.Random(seed)
    found: dict[str, list[Nap]] = {board: [] for board in boards}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        runs = []
        for board in boards:
            lengths = lengths_ms(times, dice)
            for part in range(SIMS_AT_ONCE):
                place = Path(folder) / f"{board}-{part}"
                share = lengths[part::SIMS_AT_ONCE]
                naps = found[board]
                runs.append((board, pool.submit(sleep_and_tell, board, share, place, naps)))
        broken = [(board, error) for board, run in runs if (error := run.exception())]
    print(HEAD)
    for board, naps in found.items():
        for least_ms, most_ms in itertools.pairwise(BANDS_MS):
            within = [nap for nap in naps if least_ms <= nap.length_ms < most_ms]
            print(row(board, least_ms, most_ms, within))
    for board, error in broken:
        print(f"{board}: a run was not finished: {error!r}")
    return 1 if broken or any(nap.faults() for naps in found.values() for nap in naps) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
