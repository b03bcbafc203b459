"""The whole argument parser, put together from the command modules, grouped by who uses them.

A new command: a module with `add(commands)`, and its line in GROUPS. Called by `main` for one
command line, and by the generators of completions and man pages for all of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bmcha import __version__
from bmcha.cli import decode, events, layout, questions, run, sim, switchover
from bmcha.cli.commands import Commands, Parser, add_socket

GROUPS = (
    ("Ask a module", (questions, events)),
    ("Tell a module", (switchover,)),
    ("Set up a module", (run,)),
    ("Without hardware, on the bench", (sim,)),
    ("For developers", (decode, layout)),
)
EXIT_CODES = """\
exit codes:
  0  done
  1  refused or failed; the reasons are printed
  2  wrong words, or a bad configuration
  3  no service answers"""


def build_parser(words: Sequence[str] | None = None) -> Parser:
    """The parser for these words; without words, with every argument of every command."""
    parser = Parser(
        prog="bmcha",
        usage="bmcha [--socket PATH] COMMAND ...",
        description="High availability for the management modules of a blade chassis.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"bmcha {__version__}")
    add_socket(parser)
    commands = Commands(parser, words)
    for title, modules in GROUPS:
        commands.start_group(title)
        for module in modules:
            module.add(commands)
    parser.description = f"{parser.description}\n\n{commands.overview()}"
    parser.epilog = f"{EXIT_CODES}\n\n`bmcha COMMAND --help` says more, with examples."
    command = _command_in(words or ())
    if command is not None:
        commands.require(command)
    return parser


def _command_in(words: Sequence[str]) -> str | None:
    """The first word that is no option of the program."""
    rest = iter(words)
    for word in rest:
        if word == "--socket":
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None
