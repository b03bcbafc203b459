"""`bmcha replay`: the steps of a flight recorder's file, taken once more."""

from __future__ import annotations

import argparse

from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE, EXIT_FAILED
from bmcha.cli.output import complain, print_lines


def add(commands: Commands) -> None:
    parser = commands.add(
        "replay",
        "take a flight recorder's steps again",
        _replay,
        examples={
            "bmcha replay flight-crash.jsonl": "does the node decide today as it did then?",
        },
        more="Every event goes through this version's node once more, on any machine; nothing is "
        "driven. Exit code 1 when a step ends otherwise than it did then, or fails.",
    )
    parser.add_argument(
        "file", metavar="FILE", help="flight-*.jsonl of state_dir, or flight/*.jsonl of a report"
    )


def _replay(args: argparse.Namespace) -> int:
    from bmcha.diag.replay import NotARecording, tell_replay

    try:
        is_same, lines = tell_replay(args.file)
    except OSError as error:
        return complain(f"bmcha replay: {args.file}: {error.strerror}", EXIT_FAILED)
    except NotARecording as error:
        return complain(f"bmcha replay: {args.file}: {error}", EXIT_FAILED)
    print_lines(lines)
    return EXIT_DONE if is_same else EXIT_FAILED
