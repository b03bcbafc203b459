"""`bmcha bench`: what this machine makes of the service, beside others in the same run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_USAGE

ROWS = ("beats", "failover", "chassis", "steady", "mirror", "image", "codec")
RIVALS = ("keepalived", "bird", "redis")
BUDGET_S = 600
FULL_S = 3600
BUDGET_S_MIN = 10
MORE = """\
beats     how late beats leave every 10 ms, idle and on a busy machine, and what they cost
failover  fault to outputs of two services, killed, stopped and cut, at 100 ms x 5 and 10 ms x 3
chassis   the same on the virtual chassis, whose modules have lines and a serial path
steady    the first two beside four busy processes: who holds must not change
mirror    a changed cell, from the holder's picture to the other's
image     a picture read from shared memory, while it is written all the time
codec     a frame, from Python
Nothing outside of processes and networks that it makes itself is touched. Networks take root or
user namespaces; what cannot be measured is told."""


def add(commands: Commands) -> None:
    parser = commands.add(
        "bench",
        "measure this machine: failover, punctuality, cost",
        _bench,
        has_json=True,
        more=MORE,
        examples={
            "bmcha bench": "all rows, in about ten minutes",
            "bmcha bench failover --against keepalived": "and another one in the same run",
            "bmcha bench beats --budget 30": "one row, in half a minute",
        },
    )
    parser.add_argument("row", metavar="ROW", nargs="*", help=f"some of: {', '.join(ROWS)}")
    parser.add_argument(
        "--against", metavar="NAMES", default="", help=f"also these: {','.join(RIVALS)}"
    )
    time = parser.add_mutually_exclusive_group()
    time.add_argument(
        "--budget", metavar="S", type=float, default=BUDGET_S, help="about how long in all, in s"
    )
    time.add_argument("--full", action="store_true", help="an hour, for figures to publish")
    parser.add_argument("--svg", metavar="DIR", help="also draw the failovers, a file a profile")


def _bench(args: argparse.Namespace) -> int:
    against = tuple(filter(None, args.against.split(",")))
    for what, given, allowed in (("ROW", args.row, ROWS), ("--against", against, RIVALS)):
        unknown = [each for each in given if each not in allowed]
        if unknown:
            return _mistake(f"{what} {unknown[0]!r}; there are: {', '.join(allowed)}")
    if not args.budget >= BUDGET_S_MIN:
        return _mistake(f"--budget {args.budget:g}; at least {BUDGET_S_MIN}")
    if args.svg is not None and not Path(args.svg).is_dir():
        return _mistake(f"--svg {args.svg}: no such folder")
    from bmcha.bench.figures import as_text
    from bmcha.bench.machine import machine
    from bmcha.bench.picture import as_svg
    from bmcha.bench.run import Wishes, run, to_stderr

    found = machine()
    wishes = Wishes(tuple(args.row) or ROWS, against, FULL_S if args.full else args.budget)
    tables = run(wishes, to_stderr)
    if args.svg is not None:
        for table in tables:
            if table.name.startswith("failover"):
                file = Path(args.svg) / f"{table.name.replace(' ', '-')}.svg"
                file.write_text(as_svg(table))
    if args.json:
        rows = [
            {"name": each.name, "title": each.title, "figures": [f.as_dict() for f in each.figures]}
            for each in tables
        ]
        print(json.dumps({"machine": found, "rows": rows}, ensure_ascii=False))
    else:
        print("\n".join(f"{name}: {value}" for name, value in found.items()), end="\n\n")
        print(as_text(tables), end="")
    is_whole = all(
        figure.samples or _is_good_empty(figure.note)
        for table in tables
        for figure in table.figures
    )
    return EXIT_DONE if is_whole else EXIT_FAILED


def _is_good_empty(note: str) -> bool:
    """No failover where there must be none."""
    return note.startswith("0 failovers")


def _mistake(text: str) -> int:
    print(f"bmcha bench: {text}\n`bmcha bench --help` says more.", file=sys.stderr)
    return EXIT_USAGE
