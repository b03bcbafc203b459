"""Builds the verifier with spin and gcc, runs it with one set of rules, and reads what it found.

The verifier is built once for all rules and boards, in build/model/, under a name that changes with
its source. Every search is breadth first: a counterexample that it finds is a shortest one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.model.rule_file import BOARDS, Rules, Ticks, rules_text
from tests.model.story import story_of

HERE = Path(__file__).parent
SOURCES = ("two_nodes.pml", "rules.h", "numbers.h", "evidence.h")
BUILD = Path(__file__).parents[2] / "build" / "model"
MEMORY_MB = 6000
FLAGS = ("-O1", "-w", "-DBFS", "-DSAFETY", "-DNOREDUCE", f"-DMEMLIM={MEMORY_MB}")
BUILD_S = 600
"""On a machine that is busy with other things; alone it takes seven seconds."""

KINDS = {
    "cut": 1,
    "lose": 2,
    "delay": 4,
    "double": 8,
    "kill": 16,
    "stop": 32,
    "pull": 64,
    "lie": 128,
    "switch": 256,
    "leave": 512,
    "blind": 1024,
}
"""What the world may do; the bits of two_nodes.pml."""


@dataclass(frozen=True, slots=True)
class Case:
    """One search: at most ``faults`` deeds of these kinds, their ends not counted."""

    board: str
    faults: int
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.board}, at most {self.faults} of {' '.join(self.kinds)}"


@dataclass(frozen=True, slots=True)
class Found:
    """``broken`` is "" when every state was visited and every invariant held; ``is_whole`` is False
    when the search ended for want of time or memory."""

    case: Case
    broken: str
    is_whole: bool
    states_count: int
    depth: int
    memory_mb: int
    seconds: float
    story: tuple[str, ...] = ()

    @property
    def ticks(self) -> int:
        """How long the story is."""
        return int(self.story[-1].split()[0]) if self.story else 0

    def __str__(self) -> str:
        end = f"BROKEN: {self.broken}" if self.broken else "holds" if self.is_whole else "CUT OFF"
        figures = f"{self.states_count:,} states, {self.memory_mb} MB, {self.seconds:.1f} s"
        return f"{self.case}: {end} ({figures})"


class ModelTrouble(Exception):
    """The model could not be built or run."""


def build() -> Path:
    """The verifier's file."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for name in SOURCES:
        digest.update((HERE / name).read_bytes())
    folder = BUILD / digest.hexdigest()[:16]
    pan = folder / "pan"
    if pan.exists():
        return pan
    work = BUILD / f"{folder.name}.{os.getpid()}"
    work.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        shutil.copy(HERE / name, work)
    _run(["spin", "-a", "two_nodes.pml"], work)
    _run(["gcc", *FLAGS, "-o", "pan", "pan.c"], work)
    if not folder.exists():
        work.rename(folder)
    return pan


def _run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise ModelTrouble(f"{command[0]} is not installed: apt-get install {command[0]}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD_S)
    if done.returncode:
        raise ModelTrouble(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def check(
    case: Case,
    folder: Path,
    rules: Rules | None = None,
    ticks: Ticks | None = None,
    seconds_max: float = 600,
) -> Found:
    """``folder``: where this run's files may be."""
    pan = build()
    kinds = sum(KINDS[kind] for kind in case.kinds)
    text = rules_text(BOARDS[case.board], case.faults, kinds, rules, ticks)
    (folder / "rules.txt").write_text(text, encoding="ascii")
    searched = _search(pan, folder, seconds_max)
    number = re.search(r"(\d+) states, stored", searched)
    if number is None:
        raise ModelTrouble(f"{case}: the verifier says\n{searched[-2000:]}")
    depth = re.search(r"depth reached (\d+)", searched)
    memory = re.search(r"([\d.]+)\s+total actual memory", searched)
    took = re.search(r"elapsed time ([\d.e+-]+) seconds", searched)
    story: tuple[str, ...] = ()
    if (folder / "two_nodes.pml.trail").exists():
        story = tuple(story_of(_replay(pan, folder)))
    found = re.search(r"BROKEN: ([\w-]+)", story[-1]) if story else None
    has_error = re.search(r"errors: [1-9]", searched) is not None
    if has_error != (found is not None):
        raise ModelTrouble(f"{case}: the trail tells no broken invariant\n{searched[-2000:]}")
    return Found(
        case=case,
        broken=found[1] if found else "",
        is_whole="Search not completed" not in searched and "wrap-up" not in searched,
        states_count=int(number[1]),
        depth=int(depth[1]) if depth else 0,
        memory_mb=int(float(memory[1])) if memory else 0,
        seconds=float(took[1]) if took else 0.0,
        story=story,
    )


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "BMCHA_MODEL_RULES": str(folder / "rules.txt")}


def _search(pan: Path, folder: Path, seconds_max: float) -> str:
    command = [str(pan.resolve()), "-n", "-w20"]
    ran = subprocess.run(
        command, cwd=folder, env=_environment(folder), capture_output=True, text=True,
        timeout=seconds_max,
    )  # fmt: skip
    return ran.stdout + ran.stderr


def _replay(pan: Path, folder: Path) -> str:
    command = [str(pan.resolve()), "-r", "-S", "two_nodes.pml.trail"]
    ran = subprocess.run(
        command, cwd=folder, env=_environment(folder), capture_output=True, text=True, timeout=60
    )
    return ran.stdout
