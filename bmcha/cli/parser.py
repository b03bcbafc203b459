"""The argument parser, put together from the command modules, grouped by what a person wants.

A new command: a module of this package with `add(commands)`, and its line in GROUPS. Called by
`main` for one command line, of which only the one module is imported, and by the generators of
completions and man pages for everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from bmcha import __version__
from bmcha.cli.commands import Commands, HelpFormatter, Parser, add_socket

GROUPS = {
    "Ask a module": {
        **dict.fromkeys(("status", "paths", "sensors", "fans", "why"), "questions"),
        "events": "events",
        "top": "top",
        "report": "report",
    },
    "Tell a module": {
        "switchover": "switchover",
        "maintenance": "maintenance",
        "lockout": "lockout",
        "drill": "drill",
        "reload": "reload",
    },
    "Set up a module": {
        "check": "check",
        "key": "key",
        "run": "run",
        "completion": "completion",
    },
    "Without hardware, on the bench": {"sim": "sim", "sim-ctl": "sim"},
    "For developers": {
        "bench": "bench",
        "decode": "decode",
        "replay": "replay",
        "layout": "layout",
    },
}
"""Title → command → the module of this package that adds it."""
NAMES = tuple(name for group in GROUPS.values() for name in group)
EXIT_CODES = """\
exit codes:
  0    done
  1    refused or failed; the reasons are printed
  2    wrong words, or a bad configuration
  3    no service answers
  130  ended by Ctrl-C, before it was done"""


def build_parser(words: Sequence[str]) -> Parser:
    """The parser for a command line. Ends the program where there is no such command."""
    wanted = _command_in(words)
    parser, _ = whole_parser(words, wanted if wanted in NAMES else None)
    if wanted is not None and wanted not in NAMES:
        parser.error(_no_command(wanted))
    return parser


def whole_parser(
    words: Sequence[str] | None = None, wanted: str | None = None
) -> tuple[Parser, Commands]:
    """The parser with all commands, or with those of ``wanted``'s module alone.

    Without ``words`` every argument of every command is there, whatever that has to import.
    """
    parser = Parser(
        prog="bmcha",
        usage="bmcha [--socket PATH] COMMAND ...",
        description="High availability for the management modules of a blade chassis.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"bmcha {__version__}")
    add_socket(parser)
    commands = Commands(parser, words)
    for title, group in GROUPS.items():
        commands.start_group(title)
        for module in dict.fromkeys(group.values()):
            if wanted is None or group.get(wanted) == module:
                import_module(f"bmcha.cli.{module}").add(commands)
    parser.description = f"{parser.description}\n\n{commands.overview()}"
    parser.epilog = f"{EXIT_CODES}\n\n`bmcha COMMAND --help` says more, with examples."
    return parser, commands


def _command_in(words: Sequence[str]) -> str | None:
    """The first word that is no option of the program; None where help is asked for before it."""
    rest = iter(words)
    for word in rest:
        if word in ("-h", "--help"):
            return None
        if word == "--socket":
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def _no_command(word: str) -> str:
    import difflib

    nearest = difflib.get_close_matches(word, NAMES, n=1)
    return f"there is no command {word!r}" + (f"; did you mean {nearest[0]!r}?" if nearest else "")
