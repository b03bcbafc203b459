"""`bmcha decode`: captured bytes, frame by frame."""

from __future__ import annotations

import argparse
import sys

from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE, EXIT_FAILED
from bmcha.cli.output import complain, print_lines


def add(commands: Commands) -> None:
    parser = commands.add(
        "decode",
        "show captured bytes frame by frame",
        _decode,
        examples={
            "bmcha decode capture.pcap": "what tcpdump -w wrote",
            "timeout 5 cat /dev/ttyS1 | bmcha decode": "five seconds of a serial line",
        },
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="raw serial bytes or a pcap; default stdin"
    )


def _decode(args: argparse.Namespace) -> int:
    try:
        if args.file is None:
            data = sys.stdin.buffer.read()
        else:
            with open(args.file, "rb") as captured:
                data = captured.read()
    except OSError as error:
        return complain(f"bmcha decode: {args.file}: {error.strerror}", EXIT_FAILED)
    from bmcha.wire.decode_text import dissect

    print_lines(dissect(data))
    return EXIT_DONE
