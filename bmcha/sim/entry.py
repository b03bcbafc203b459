"""``bmcha sim``: arguments in, exit code out. Called by `bmcha.cli`.

Exit codes of sim: 0 on a pass, Ctrl-C, SIGTERM or the end of --duration, with everything cleaned
up; 1 when a scenario or the story failed or the rig could not be set up; 2 for words that make no
sense. With --json nothing but one object goes to stdout.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bmcha.config import ConfigError
from bmcha.sim.board_plan import BOARD_FILES, DEFAULT_BOARD
from bmcha.sim.claim import RigRefused
from bmcha.sim.scenario import ScenarioError, shipped_scenarios
from bmcha.sim.show import ShowOptions, show

DONE, FAILED, USAGE = 0, 1, 2


def add_sim_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--board",
        default=DEFAULT_BOARD,
        metavar="|".join(BOARD_FILES),
        help="what the modules can know of each other by lines (default: %(default)s)",
    )
    parser.add_argument("--dir", metavar="DIR", help="where everything lives; kept at the end")
    parser.add_argument("--headless", action="store_true", help="run, and show nothing")
    parser.add_argument(
        "--scenario",
        metavar="NAME|FILE",
        help=f"run and judge a scenario: {', '.join(shipped_scenarios())}, or a file",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    parser.add_argument("--duration", type=float, metavar="S", help="end after so many seconds")
    parser.add_argument(
        "--respawn", action="store_true", help="start a module again whenever it has ended"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of loss and noise; without it one is drawn"
    )


def run_sim(args: argparse.Namespace) -> int:
    complaint = _complaint(args)
    if complaint is not None:
        print(f"bmcha sim: {complaint}", file=sys.stderr)
        return USAGE
    options = ShowOptions(
        board=args.board,
        root=None if args.dir is None else Path(args.dir),
        scenario=args.scenario,
        is_headless=args.headless,
        is_json=args.json,
        duration_s=args.duration,
        is_respawning=args.respawn,
        seed=args.seed,
    )
    try:
        return show(options)
    except (ScenarioError, ConfigError) as error:
        print(f"bmcha sim: {error}", file=sys.stderr)
        return USAGE
    except RigRefused as refused:
        print(f"bmcha sim: {refused}", file=sys.stderr)
        return FAILED


def _complaint(args: argparse.Namespace) -> str | None:
    built = ", ".join(BOARD_FILES)
    if args.board not in BOARD_FILES:
        return f"unknown board {args.board!r}; there are: {built}"
    if args.duration is not None and not 0 < args.duration <= 1e7:
        return f"--duration {args.duration:g}: allowed are more than 0 and up to 10 million seconds"
    if args.dir == "":
        return "--dir: a directory's name is missing"
    return None
