"""`bmcha lockout clear`: the role may move again, after it has moved too often."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bmcha.cli.asking import connected
from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE
from bmcha.cli.output import print_json, print_lines

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient


def add(commands: Commands) -> None:
    parser = commands.add(
        "lockout",
        "let the role move again after too many failovers",
        _lockout,
        examples={"bmcha lockout clear": "the count of failovers begins anew, on both modules"},
        asks_service=True,
        more="After policy.failovers_max failovers within policy.failovers_window_s the role "
        "moves no more unless it must: no switchover without --force, no takeover on silence "
        "alone. The alarm locked-out says so. First find out what made it move: `bmcha events`.",
    )
    parser.add_argument("deed", metavar="clear", choices=["clear"], help="end it")


def _lockout(args: argparse.Namespace) -> int:
    return connected(args.socket, lambda client: _clear(client, args))


def _clear(client: ControlClient, args: argparse.Namespace) -> int:
    from bmcha.cli.text.columns import indented

    body = client.call("lockout-clear")
    if args.json:
        print_json(body)
    else:
        print_lines(indented(body["text"], ""))
    return EXIT_DONE
