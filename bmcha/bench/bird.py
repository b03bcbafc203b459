"""BIRD with BFD (RFC 5880) in the place of the two services: how soon a router's daemon notices.

BFD has nothing that could be held. The first of the two "holds" as long as it is left alone, the
second does once its session is down: so what is measured is detection alone, and what it would
then have to do is not in the figure.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Final

from bmcha.bench.cable import ADDRESSES, INTERFACES, Cable
from bmcha.bench.pair import READY_S, Profile, wait_until
from bmcha.bench.rival import PATH, children_of

CONFIG: Final = """
log stderr all;
router id {own};
protocol device {{}}
protocol bfd {{
    debug {{ events, states }};
    interface "{interface}" {{
        min rx interval {interval_ms} ms;
        min tx interval {interval_ms} ms;
        multiplier {beats};
    }};
    neighbor {peer} dev "{interface}";
}}
"""


class BirdEnd:
    """``is_first``: it counts as the holder."""

    def __init__(self, folder: Path, slot: int, cable: Cable, profile: Profile) -> None:
        self._folder = folder
        self._at = cable.at(slot)
        self._is_first = slot == 1
        self._process: subprocess.Popen[str] | None = None
        self._said: list[str] = []
        self.is_up = False
        folder.mkdir()
        text = CONFIG.format(
            own=ADDRESSES[slot],
            peer=ADDRESSES[3 - slot],
            interface=INTERFACES[slot],
            interval_ms=profile.interval_ms,
            beats=profile.deadtime_ms // profile.interval_ms,
        )
        (folder / "conf").write_text(text)

    @property
    def runs(self) -> bool:
        return self._process is not None

    @property
    def is_holding(self) -> bool:
        return self._is_first or not self.is_up

    @property
    def pids(self) -> tuple[int, ...]:
        assert self._process is not None
        return children_of(self._process.pid)

    def start(self) -> None:
        files = ["-c", str(self._folder / "conf"), "-s", str(self._folder / "ctl")]
        self._process = subprocess.Popen(
            [*self._at, "bird", "-f", *files, "-P", str(self._folder / "pid")],
            env=os.environ | {"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._follow, args=(self._process,), daemon=True).start()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> None:
        if self._process is None:
            return
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._process = None
        self.is_up = False
        for name in ("ctl", "pid"):
            (self._folder / name).unlink(missing_ok=True)

    def log(self) -> str:
        return "".join(self._said[-20:])

    def _follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._said.append(line)
            if "changed state from" in line:
                self.is_up = line.rstrip().endswith("to Up")


class BirdPair:
    """`bmcha.bench.pair.Pair`, of others."""

    def __init__(self, folder: Path, cable: Cable, profile: Profile) -> None:
        self.profile = profile
        self._first, self._second = (
            BirdEnd(folder / f"bird{slot}", slot, cable, profile) for slot in (1, 2)
        )

    def settle(self) -> tuple[BirdEnd, BirdEnd]:
        ends = self._first, self._second
        for end in ends:
            if not end.runs:
                end.start()
        wait_until(lambda: all(end.is_up for end in ends), READY_S, self._why)
        # Timers are agreed on after that.
        threading.Event().wait(max(1.0, self.profile.deadtime_ms / 100))
        return ends

    def close(self) -> None:
        for end in (self._first, self._second):
            end.end()

    def _why(self) -> str:
        return f"bird: {self._first.log()}; {self._second.log()}"
