"""The shape that all commands share: help, examples, --socket, --json, and how a mistake is told.

Knows no command. A command module calls `Commands.add` for each of its commands and gets the
argparse parser to add its own arguments to.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from bmcha.cli.exit_codes import EXIT_USAGE

SOCKET_DEFAULT = "/run/bmcha/control.sock"
Command = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """argparse, except that a mistake is told by the command in which it was made."""

    summary = ""
    """One line, of a command."""

    def arguments(self) -> list[argparse.Action]:
        """Options and positionals that a person may give, in order."""
        return [action for action in self._actions if action.help != argparse.SUPPRESS]

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"not understood: {' '.join(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(
            EXIT_USAGE,
            f"{self.format_usage()}{self.prog}: {message}\n`{self.prog} --help` says more.\n",
        )


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Breaks nothing that somebody may want to copy: a scenario's name, an example's line."""

    def __init__(self, prog: str) -> None:
        # argparse would ask shutil, which costs the service 600 kB for as long as it runs.
        super().__init__(prog, width=_terminal_columns() - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        return "".join(
            f"{indent}{line if line.startswith(' ') else textwrap.fill(line, width)}\n"
            for line in text.splitlines()
        )

    def _metavar_formatter(
        self, action: argparse.Action, default_metavar: str
    ) -> Callable[[int], tuple[str, ...]]:
        if action.metavar is None and action.choices is not None:
            shown = "|".join(map(str, action.choices))
            return lambda size: (shown,) * size
        return super()._metavar_formatter(action, default_metavar)

    def _split_lines(self, text: str, width: int) -> list[str]:
        import textwrap

        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


class Commands:
    """The commands of the program, in groups."""

    def __init__(self, parser: Parser, words: Sequence[str] | None) -> None:
        # With `prog`, argparse need not lay out a usage line to find it (3 ms).
        self._subparsers = parser.add_subparsers(
            prog=parser.prog, metavar="COMMAND", required=True, help=argparse.SUPPRESS
        )
        self._words = words
        self.groups: dict[str, dict[str, Parser]] = {}
        """Title → command → its parser."""
        self._group: dict[str, Parser] = {}

    def start_group(self, title: str) -> None:
        self._group = self.groups.setdefault(title, {})

    def add(
        self,
        name: str,
        help: str,
        run: Command | None = None,
        *,
        examples: Mapping[str, str],
        asks_service: bool = False,
        has_json: bool | None = None,
        more: str = "",
    ) -> Parser:
        """A new command's parser. ``help`` is one line, ``more`` further paragraphs.

        ``examples``: a command line → what it does. ``asks_service`` adds --socket and --json
        (the latter unless ``has_json`` is False).
        """
        parser = self._subparsers.add_parser(
            name,
            help=help,
            description="\n\n".join(
                " ".join(each.split())
                for each in (f"{help[0].upper()}{help[1:]}.", *more.split("\n\n"))
                if each
            ),
            epilog=example_text(examples),
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )
        parser.summary = help
        self._group[name] = parser
        if run is not None:
            parser.set_defaults(run=run)
        if asks_service:
            add_socket(parser, argparse.SUPPRESS)
        if asks_service if has_json is None else has_json:
            parser.add_argument(
                "--json", action="store_true", help="print one JSON object, nothing else"
            )
        return parser

    def is_asked_for(self, name: str) -> bool:
        """Whether a command's arguments are worth a heavy import: it, or everything, is wanted."""
        return self._words is None or name in self._words

    def overview(self) -> str:
        """All commands by group, as `bmcha --help` shows them."""
        width = max(len(name) for group in self.groups.values() for name in group)
        blocks = [
            "\n".join(
                [
                    f"{title}:",
                    *(f"  {name:<{width}}  {each.summary}" for name, each in group.items()),
                ]
            )
            for title, group in self.groups.items()
            if group
        ]
        return "\n\n".join(blocks)


def add_socket(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Before the command or behind it; where it is not given it must not undo the other place."""
    parser.add_argument(
        "--socket",
        metavar="PATH",
        default=(os.environ.get("BMCHA_SOCKET") or SOCKET_DEFAULT) if default is None else default,
        help=f"the service's control socket (BMCHA_SOCKET, default {SOCKET_DEFAULT})",
    )


def _terminal_columns() -> int:
    """As shutil.get_terminal_size."""
    with contextlib.suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", ""))) > 0:
            return columns
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if (columns := os.get_terminal_size(sys.__stdout__.fileno()).columns) > 0:  # type: ignore[union-attr]
            return columns
    return 80


def help_of(action: argparse.Action) -> str:
    """An argument's help as people read it."""
    return (action.help or "") % {"default": action.default, "prog": "bmcha"}


def example_text(examples: Mapping[str, str]) -> str:
    lines = ["example:" if len(examples) == 1 else "examples:"]
    for command, what in examples.items():
        lines += [f"  {command}", f"      {what}"]
    return "\n".join(lines)
