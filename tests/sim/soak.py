"""Runs many seeds on all cores: `make soak SEEDS=1000 [FROM=5000] [BOARD=gated]`.

Without FROM it goes on where the last one ended (build/soak.json). A seed that breaks a rule is
told with the command that replays it, cut down, and kept as a story and as a scenario under
build/soak/. With SEEDS=1 a broken seed is told event by event. STORY=FILE runs a story that was
kept. `tests/sim/test_storms.py` runs it too. Exit code 1: something was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from bmcha.model.effect import Answer, EnterRole
from bmcha.model.message import Header, Heartbeat, Message
from bmcha.model.settings import BoardClass
from tests.sim.judge import Judge
from tests.sim.marks import Marks, all_marks, marked_rules
from tests.sim.shrink import scenario_text, shrink
from tests.sim.storm import Outcome, run_story
from tests.sim.story import Story, make_story, parse_story, story_text
from tests.sim.trace import TracingJudge
from tests.world.life import Life

STATE = Path("build/soak.json")
KEPT = Path("build/soak")
SEEDS_AT_ONCE = 5
ORPHAN_LOOK_S = 1.0
SHRUNK_MAX = 5
"""So many broken seeds of one run are cut down; more of them have the same cause."""


TELLING_SEEDS = 300
"""A shorter run says nothing about what no seed reaches."""


class MarkingJudge(Judge):
    def __init__(self) -> None:
        super().__init__()
        self.marks = Marks()

    def booted(self, life: Life) -> None:
        super().booted(life)
        self.marks.began(life.node.roles.machine.reason)

    def role_entered(self, life: Life, entered: EnterRole) -> None:
        super().role_entered(life, entered)
        self.marks.entered(entered)

    def answered(self, life: Life, answer: Answer) -> None:
        super().answered(life, answer)
        self.marks.answered(answer)

    def heard(self, life: Life, path: str, header: Header, message: Message) -> None:
        super().heard(life, path, header, message)
        if isinstance(message, Heartbeat):
            self.marks.heard(message.draft.reason)


@dataclass
class Tally:
    """What some seeds came to."""

    seeds: int = 0
    deeds: int = 0
    lived_s: float = 0.0
    told_s: float = 0.0
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    """(seed, rule, what)"""
    marks: dict[str, int] = field(default_factory=dict)
    """The first seed that reached it."""

    def add(self, other: Tally) -> None:
        self.seeds += other.seeds
        self.deeds += other.deeds
        self.lived_s += other.lived_s
        self.told_s += other.told_s
        self.broken += other.broken
        self.marks = other.marks | self.marks


def run_seeds(seeds: range, board: BoardClass | None) -> Tally:
    """In this process."""
    tally = Tally()
    with marked_rules():
        for seed in seeds:
            judge = MarkingJudge()
            outcome = run_story(make_story(seed, board), judge)
            tally.add(_tally(seed, outcome))
            tally.marks = dict.fromkeys(judge.marks.take(), seed) | tally.marks
    return tally


def _tally(seed: int, outcome: Outcome) -> Tally:
    broken = [(seed, violation.rule, str(violation)) for violation in outcome.violations[:1]]
    broken = [(s, rule, "\n".join([text, *outcome.failures])) for s, rule, text in broken]
    return Tally(1, outcome.deeds_count, outcome.lived_ms / 1e3, outcome.told_ms / 1e3, broken)


def run_on_all_cores(
    first: int, count: int, board: BoardClass | None, workers: int
) -> Iterator[Tally]:
    """A tally for each few seeds, in their order."""
    parts = [
        range(begin, min(begin + SEEDS_AT_ONCE, first + count))
        for begin in range(first, first + count, SEEDS_AT_ONCE)
    ]
    with ProcessPoolExecutor(workers, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        yield from pool.map(run_seeds, parts, [board] * len(parts))


def _end_with(parent: int) -> None:
    """A worker whose parent was killed would wait for work for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_LOOK_S)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


# ---- what broke


def replay_command(seed: int, board: BoardClass | None) -> str:
    on_board = f" BOARD={board.value}" if board is not None else ""
    return f"make soak FROM={seed} SEEDS=1{on_board}"


def keep_shrunk(story: Story, rule: str) -> list[str]:
    """Writes the two files; lines about them."""
    small = shrink(story, rule)
    KEPT.mkdir(parents=True, exist_ok=True)
    name = f"seed-{story.seed}-{story.setup.board.value}"
    story_file, scenario_file = KEPT / f"{name}.story.txt", KEPT / f"{name}.txt"
    story_file.write_text(story_text(small))
    scenario_file.write_text(scenario_text(small, rule))
    return [
        f"  cut down from {story.deeds_count} deeds to {small.deeds_count}: "
        f"{scenario_file}; replay exactly: make soak STORY={story_file}",
        *("    " + line for line in story_text(small).splitlines()),
    ]


def tell_story(story: Story) -> bool:
    """Event by event, the last of them; whether no rule was broken."""
    judge = TracingJudge()
    outcome = run_story(story, judge)
    if outcome.violations:
        print(judge.told())
        print("\n".join(map(str, outcome.violations)))
    else:
        told = f"{outcome.deeds_count} deeds, {outcome.lived_ms / 1000:.1f} s lived"
        print(f"seed {story.seed} on {story.setup.board.value}: nothing is broken; {told}")
    return not outcome.violations


def report_broken(tally: Tally, board: BoardClass | None, shrunk_max: int = SHRUNK_MAX) -> None:
    for number, (seed, rule, text) in enumerate(tally.broken):
        print(f"seed {seed}: {text}\n  replay: {replay_command(seed, board)}")
        if number < shrunk_max:
            print("\n".join(keep_shrunk(make_story(seed, board), rule)))


# ---- the command


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--from", dest="first", type=int)
    parser.add_argument("--board", type=BoardClass, choices=list(BoardClass))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--story", type=Path)
    parser.add_argument("--json", action="store_true", help="one object at the end, no state kept")
    return parser.parse_args()


def _read_state() -> dict[str, Any]:
    """What all runs so far came to. ``marks``: what any of their seeds has reached, and
    which was the first."""
    state = {"next": 0, "seeds": 0, "broken": 0, "seconds": 0.0, "marks": {}}
    with contextlib.suppress(OSError, ValueError):
        state |= json.loads(STATE.read_text())
    if not isinstance(state["marks"], dict):
        state["marks"] = {}  # as an earlier version wrote it
    return state


def _soak(asked: argparse.Namespace) -> int:
    state = _read_state()
    first = int(state["next"]) if asked.first is None else asked.first
    if asked.seeds == 1 and asked.first is not None:
        return 0 if tell_story(make_story(first, asked.board)) else 1
    begun_s, total = time.monotonic(), Tally()
    for tally in run_on_all_cores(first, asked.seeds, asked.board, asked.workers):
        total.add(tally)
        report_broken(tally, asked.board, SHRUNK_MAX - len(total.broken) + len(tally.broken))
        state["seeds"] += tally.seeds
        state["broken"] += len(tally.broken)
        state["marks"] = tally.marks | state["marks"]
        took_s = time.monotonic() - begun_s
        if asked.first is None:
            state["next"] = first + total.seeds
        _keep(state)
        if total.seeds % 50 == 0 or total.seeds == asked.seeds:
            print(_line(first, total, asked.seeds, took_s, state), flush=True)
    state["seconds"] += time.monotonic() - begun_s
    _keep(state)
    if total.seeds >= TELLING_SEEDS:
        print("\n".join(_unreached(set(state["marks"]))))
    return 1 if total.broken else 0


def _unreached(reached: set[str]) -> list[str]:
    """What no seed of any run has reached; `tests/sim/test_marks.py` says which test does."""
    missing = sorted(all_marks() - reached)
    told = f"{len(reached & all_marks())} rules, reasons and refusals were reached by some seed"
    return [f"{told}, {len(missing)} by none:" if missing else told, *(f"  {m}" for m in missing)]


def _keep(state: dict[str, Any]) -> None:
    STATE.parent.mkdir(exist_ok=True)
    draft = STATE.with_suffix(".new")
    draft.write_text(json.dumps(state))
    draft.replace(STATE)


def _line(first: int, total: Tally, seeds: int, took_s: float, state: dict[str, Any]) -> str:
    speed = total.seeds / max(took_s, 0.001)
    hours = (total.lived_s + total.told_s) / 3600
    return (
        f"seed {first + total.seeds - 1}: {total.seeds} of {seeds}, {speed:.2f} a second, "
        f"{hours:.1f} h of story ({total.lived_s / 3600:.2f} h lived), {total.deeds} deeds, "
        f"{len(total.broken)} broken; in all {int(state['seeds'])} seeds, "
        f"{int(state['broken'])} broken"
    )


def _as_json(asked: argparse.Namespace) -> int:
    begun_s, total = time.monotonic(), Tally()
    for tally in run_on_all_cores(asked.first or 0, asked.seeds, asked.board, asked.workers):
        total.add(tally)
    found = {**vars(total), "took_s": time.monotonic() - begun_s}
    print(json.dumps(found))
    return 0


def main() -> int:
    asked = _arguments()
    if asked.story is not None:
        return 0 if tell_story(parse_story(asked.story.read_text().splitlines())) else 1
    return _as_json(asked) if asked.json else _soak(asked)


if __name__ == "__main__":
    sys.exit(main())
