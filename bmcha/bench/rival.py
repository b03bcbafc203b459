"""Who is measured beside us: what `bmcha bench --against` may name, and what each must have.

A rival is a pair of processes on the same cable with the profile's timers. What "holds" means for
it is its own module's to say.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from bmcha.bench.cable import Cable
from bmcha.bench.pair import Profile
from bmcha.model.record import dataclass

PATH: Final = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class End(Protocol):
    """One module, or who stands in its place."""

    @property
    def is_holding(self) -> bool: ...

    @property
    def pids(self) -> tuple[int, ...]:
        """All of its processes."""

    def signal(self, number: signal.Signals) -> None:
        """To all of them."""

    def end(self) -> None: ...


class AnyPair(Protocol):
    @property
    def profile(self) -> Profile: ...

    def settle(self) -> tuple[End, End]:
        """(who holds, who stands by); starts what does not run."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Rival:
    """``program``: to be found in PATH or where daemons are."""

    program: str
    package: str
    make: Callable[[Path, Cable, Profile], AnyPair]

    @property
    def is_there(self) -> bool:
        return is_installed(self.program)

    @property
    def not_there(self) -> str:
        return not_installed(self.package)


def is_installed(program: str) -> bool:
    return shutil.which(program, path=PATH) is not None


def not_installed(package: str) -> str:
    return f"not measured: it is not installed: apt install {package}"


def children_of(pid: int) -> tuple[int, ...]:
    """And the process itself."""
    found = [pid]
    for one in found:
        for tasks in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, tasks.read_text().split())
    return tuple(found)
