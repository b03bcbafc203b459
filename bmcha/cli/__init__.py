"""The command line: arguments in, exit code out.

Every command is one small module of this package with an `add(commands)`; `parser` puts them
together, `text` says answers in words. Rules: a reason always goes to stderr; with --json nothing
but the object goes to stdout; everything heavy is imported by the command that needs it, so that
`bmcha status` is quick; no traceback is ever shown for something that the person at the keyboard
can mend. The entry point of the `bmcha` program is `main`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from bmcha.cli.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # A terminal without "°" still gets its line.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        try:
            return _act(words)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read has seen enough.
        _forget_output()
        return EXIT_DONE
    except OSError as error:
        # A command tells of its own files; what is left is a full disk behind a redirection.
        _forget_output()
        where = f"{error.filename}: " if error.filename else "the output cannot be written: "
        print(f"bmcha: {where}{error.strerror or error}", file=sys.stderr)
        return EXIT_FAILED


def _act(words: list[str]) -> int:
    from bmcha.cli.parser import build_parser

    if words[:1] == ["__complete"]:
        # What the shells' completion asks; an option could not stand among its words.
        from bmcha.cli.candidates import print_candidates

        return print_candidates(words[1:])
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if not words:
        build_parser([]).print_help(sys.stderr)
        return EXIT_USAGE
    args = build_parser(words).parse_args(words)
    code: int = args.run(args)
    return code


def _open_closed_streams() -> None:
    """A closed stdin, stdout or stderr (as in `bmcha status >&-`) becomes /dev/null: its number
    would else be given to the next file that is opened, and prints would go there."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _forget_output() -> None:
    """What is buffered must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
