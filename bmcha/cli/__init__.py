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

from bmcha.cli.exit_codes import EXIT_DONE, EXIT_INTERRUPTED, EXIT_USAGE


def main(argv: Sequence[str] | None = None) -> int:
    from bmcha.cli.parser import build_parser

    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # A terminal without "°" still gets its line.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
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
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read has seen enough. What is buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
