"""What may stand where the cursor is: the answer to TAB, found by walking the parser.

Three shells ask the same question (`bmcha __complete WORD...`, see `completion`), so the parser is
walked here once, and not by a script for each. How an argument is completed follows from what it
is called in the help: FILE is a file, `on|off` are two words, SLOT and PATH are asked of the module
or the sim that runs. Never says anything but candidates, and waits for nobody for long.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from bmcha.cli import live_names
from bmcha.cli.commands import Parser, help_of
from bmcha.cli.exit_codes import EXIT_DONE
from bmcha.cli.parser import NAMES, whole_parser

FILES = ":files"
FOLDERS = ":folders"
"""Instead of candidates: the shell knows files better."""

Candidates = Iterator[tuple[str, str]]
"""(word, what it means)."""


def print_candidates(words: Sequence[str]) -> int:
    """``words`` are those behind the program's name; the last is the one to complete."""
    *before, typed = words or [""]
    for word, meaning in candidates(before, typed):
        if word in (FILES, FOLDERS):
            print(word)
        elif word.startswith(typed):
            print(f"{word}\t{meaning}" if meaning else word)
    return EXIT_DONE


def candidates(before: Sequence[str], typed: str) -> Candidates:
    """All of them; whoever shows them compares them with what is typed."""
    try:
        yield from _of_program(list(before), typed)
    except SystemExit:
        return  # The words before make no sense, so nothing can follow.


def _of_program(before: list[str], typed: str) -> Candidates:
    at = next((at for at, word in enumerate(before) if word in NAMES), None)
    if at is not None:
        yield from _of_command(before[at], before, before[at + 1 :], typed)
        return
    parser, commands = whole_parser([])
    if before and before[-1] == "--socket":
        yield FILES, ""
    elif typed.startswith("-"):
        yield from _options(parser, before)
    else:
        for group in commands.groups.values():
            yield from ((name, command.summary) for name, command in group.items())


def _of_command(name: str, words: list[str], behind: list[str], typed: str) -> Candidates:
    """``words`` is everything before the one to complete, ``behind`` what follows the command."""
    _, commands = whole_parser(words, name)
    command = next(group[name] for group in commands.groups.values() if name in group)
    positionals = [action for action in command.arguments() if not action.option_strings]
    options = {word: action for action in command.arguments() for word in action.option_strings}
    takes_rest = any(action.nargs == argparse.REMAINDER for action in positionals)
    given: list[str] = []
    rest = iter(behind)
    for word in rest:
        if word in options and not (takes_rest and given):
            if options[word].nargs != 0 and next(rest, None) is None:
                yield from _of_argument(options[word], words)
                return
        elif (takes_rest and given) or not word.startswith("-"):
            given.append(word)
    if takes_rest and (given or not typed.startswith("-")):
        yield from live_names.of_action(given, _value_of(words, "--dir"))
    elif typed.startswith("-"):
        yield from _options(command, behind)
    elif len(given) < len(positionals):
        yield from _of_argument(positionals[len(given)], words)


def _options(parser: Parser, given: Sequence[str]) -> Candidates:
    for action in parser.arguments():
        if not set(action.option_strings).intersection(given):
            yield from (
                (word, help_of(action)) for word in action.option_strings if word.startswith("--")
            )


def _of_argument(action: argparse.Action, words: Sequence[str]) -> Candidates:
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if action.choices is not None:
        yield from ((str(choice), "") for choice in action.choices)
    elif metavar == "FILE" or "--socket" in action.option_strings:
        yield FILES, ""
    elif metavar == "DIR":
        yield FOLDERS, ""
    elif metavar == "NAME|FILE":
        yield from live_names.scenarios()
        yield FILES, ""
    elif metavar == "SLOT":
        yield from live_names.slots(_value_of(words, "--socket"))
    elif metavar == "PATH":
        yield from live_names.paths(_value_of(words, "--socket"))
    elif "|" in metavar:
        yield from ((word, "") for word in metavar.split("|") if word.islower())


def _value_of(words: Sequence[str], option: str) -> str | None:
    """What was given for an option, as `--dir X` or `--dir=X`."""
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word == option:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None
