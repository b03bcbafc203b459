"""`bmcha switchover`: hand the chassis over to the other module, if nothing speaks against it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bmcha.cli.asking import connected, do
from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE
from bmcha.cli.output import print_json, print_lines

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient


def add(commands: Commands) -> None:
    parser = commands.add(
        "switchover",
        "hand the chassis over to the other module",
        _switchover,
        examples={
            "bmcha switchover": "the other module shall be ACTIVE",
            "bmcha switchover --to 1": "module 1 shall be ACTIVE",
        },
        asks_service=True,
    )
    parser.add_argument("--to", type=_slot, metavar="SLOT", help="who shall be ACTIVE")
    parser.add_argument(
        "--force",
        action="store_true",
        help="though health, mirror, hold-off or lock-out speak against it",
    )


def _slot(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 255:
        raise argparse.ArgumentTypeError(f"{text!r} is no slot; slots are 1 to 255")
    return int(text)


def _switchover(args: argparse.Namespace) -> int:
    return connected(args.socket, lambda client: _ask_for_it(client, args))


def _ask_for_it(client: ControlClient, args: argparse.Namespace) -> int:
    from bmcha.cli.text.history import switchover_lines

    body, code = do(client, "switchover", {"to": args.to, "force": args.force})
    if args.json:
        print_json(body)
    elif code == EXIT_DONE:
        print_lines(switchover_lines(body))
    else:
        print("\n".join(switchover_lines(body)), file=sys.stderr)
    return code
