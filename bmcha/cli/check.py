"""`bmcha check`: everything that is wrong with a configuration, and with the machine for it."""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE, EXIT_USAGE

MORE = """\
FILE is a module's config.toml, which names a board file, or a board file alone.
Nothing is changed, and a running service is not disturbed. Advice does not count
as a problem. The exit code is 0 without problems and 2 with any."""
WIDTH_DEFAULT = 80


def add(commands: Commands) -> None:
    parser = commands.add(
        "check",
        "find everything that is wrong with a configuration",
        _check,
        has_json=True,
        more=MORE,
        examples={
            "bmcha check /etc/bmcha/config.toml": "the files, and this machine for them",
            "bmcha check --offline board/mine.toml": "a board file, on another machine",
            "bmcha check --schema board > board.schema.json": "for an editor that knows TOML",
        },
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="the module's or the board's file")
    parser.add_argument(
        "--offline", action="store_true", help="look at the files alone, not at this machine"
    )
    parser.add_argument(
        "--hw-root", metavar="DIR", help="where relative names of a board file alone start"
    )
    parser.add_argument(
        "--schema", choices=("module", "board"), help="print the JSON Schema of a file, and end"
    )


def _check(args: argparse.Namespace) -> int:
    if args.schema is not None:
        from bmcha.config.schema import schema_text

        print(schema_text(args.schema), end="")
        return EXIT_DONE
    if args.file is None:
        print("bmcha check: which FILE? `bmcha check --help` says more.", file=sys.stderr)
        return EXIT_USAGE
    from bmcha.check.run import Options, check_file

    report = check_file(args.file, Options(args.offline, args.hw_root))
    if args.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        print(report.as_text(shutil.get_terminal_size((WIDTH_DEFAULT, 24)).columns))
    return EXIT_USAGE if report.problems else EXIT_DONE
