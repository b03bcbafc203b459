"""`bmcha maintenance on [--for S]|off`: for a while nobody takes the chassis unasked."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bmcha.cli.asking import connected
from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE
from bmcha.cli.output import print_json, print_lines

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient

FOR_S_DEFAULT = 30 * 60
FOR_S_MAX = 12 * 60 * 60
"""As `bmcha.model.event.MAINTENANCE_S_MAX`, which would cost an import."""


def add(commands: Commands) -> None:
    parser = commands.add(
        "maintenance",
        "keep the role where it is, for a time",
        _maintenance,
        examples={
            "bmcha maintenance on --for 600": "no failover for ten minutes, whatever happens",
            "bmcha maintenance off": "failover is allowed again, at once",
        },
        asks_service=True,
        more="Both modules learn of it, whichever is asked, and it ends by itself. Meanwhile an "
        "alarm says so. A switchover that a person asks for is still done.",
    )
    parser.add_argument("switch", metavar="on|off", choices=["on", "off"], help="begin it, or end")
    parser.add_argument(
        "--for",
        dest="for_s",
        metavar="S",
        type=_seconds,
        help=f"with on: how many seconds, up to {FOR_S_MAX} (default: {FOR_S_DEFAULT})",
    )
    parser.set_defaults(refuse=parser.error)


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= FOR_S_MAX:
        allowed = f"allowed are whole seconds from 1 to {FOR_S_MAX} (12 hours)"
        raise argparse.ArgumentTypeError(f"{text!r}: {allowed}")
    return int(text)


def _maintenance(args: argparse.Namespace) -> int:
    if args.switch == "off" and args.for_s is not None:
        args.refuse("--for goes with on only")
    return connected(args.socket, lambda client: _ask_for_it(client, args))


def _ask_for_it(client: ControlClient, args: argparse.Namespace) -> int:
    from bmcha.cli.text.columns import indented

    for_s = (args.for_s or FOR_S_DEFAULT) if args.switch == "on" else 0
    body = client.call("maintenance", {"for_s": for_s})
    if args.json:
        print_json(body)
    else:
        print_lines(indented(body["text"], ""))
    return EXIT_DONE
