"""keepalived (VRRP) in the place of the two services: what `bmcha bench --against keepalived`
breaks.

Two instances on the same cable, one address that is the chassis. Its timers are the profile's: an
advertisement each interval; it waits for three and its skew, which is no choice of ours. Whoever
has the address holds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from bmcha.bench.cable import INTERFACES, Cable
from bmcha.bench.pair import READY_S, Profile, wait_until
from bmcha.bench.rival import PATH, children_of

ADDRESS: Final = "198.51.100.9"
CONFIG: Final = """
global_defs {{
    vrrp_version 3
}}
vrrp_instance bench {{
    state BACKUP
    interface {interface}
    virtual_router_id 51
    priority {priority}
    advert_int {interval_s}
    nopreempt
    dont_track_primary
    virtual_ipaddress {{
        {address}/24 dev {interface}
    }}
}}
"""


class KeepalivedEnd:
    def __init__(self, folder: Path, slot: int, cable: Cable, profile: Profile) -> None:
        self._folder = folder
        self._at = cable.at(slot)
        self._process: subprocess.Popen[bytes] | None = None
        self.is_holding = False
        folder.mkdir()
        text = CONFIG.format(
            interface=INTERFACES[slot],
            priority=110 - slot,
            interval_s=profile.interval_ms / 1000,
            address=ADDRESS,
        )
        (folder / "conf").write_text(text)
        words = [*self._at, sys.executable, "-m", "bmcha.bench.address_watch", ADDRESS]
        self._watch = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._follow, daemon=True).start()

    @property
    def runs(self) -> bool:
        return self._process is not None

    @property
    def pids(self) -> tuple[int, ...]:
        assert self._process is not None
        return children_of(self._process.pid)

    def start(self) -> None:
        files = [f"-p{self._folder}/pid", f"-r{self._folder}/vrrp", f"-c{self._folder}/checkers"]
        words = ["keepalived", "-n", "-P", "-l", "-f", str(self._folder / "conf"), *files]
        self._process = subprocess.Popen(
            [*self._at, *words],
            env=os.environ | {"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=(self._folder / "log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def signal(self, number: signal.Signals) -> None:
        """All of its processes, as a module's end is one."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def end(self) -> None:
        if self._process is None:
            return
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._process = None
        for name in ("pid", "vrrp", "checkers"):
            (self._folder / name).unlink(missing_ok=True)
        # It leaves its address behind when it is killed.
        device = ["dev", INTERFACES[1 if not self._at else 2]]
        subprocess.run(
            [*self._at, "ip", "address", "del", f"{ADDRESS}/24", *device],
            capture_output=True,
            check=False,
        )

    def close(self) -> None:
        self.end()
        self._watch.kill()
        self._watch.wait()

    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-1000:]

    def _follow(self) -> None:
        assert self._watch.stdout is not None
        for line in self._watch.stdout:
            self.is_holding = line.startswith("1")


class KeepalivedPair:
    """`bmcha.bench.pair.Pair`, of others."""

    def __init__(self, folder: Path, cable: Cable, profile: Profile) -> None:
        self.profile = profile
        self._ends = [
            KeepalivedEnd(folder / f"keepalived{slot}", slot, cable, profile) for slot in (1, 2)
        ]

    def settle(self) -> tuple[KeepalivedEnd, KeepalivedEnd]:
        """Beats between the two are not looked at: it has had ten times as long as it needs."""
        for end in self._ends:
            if not end.runs:
                end.start()
        wait_until(
            lambda: [end.is_holding for end in self._ends].count(True) == 1, READY_S, self._why
        )
        threading.Event().wait(max(1.0, self.profile.deadtime_ms / 100))
        first, second = self._ends
        return (first, second) if first.is_holding else (second, first)

    def close(self) -> None:
        for end in self._ends:
            end.close()

    def _why(self) -> str:
        return "keepalived: " + "; ".join(end.log() for end in self._ends)
