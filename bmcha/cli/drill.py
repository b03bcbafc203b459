"""`bmcha drill [PATH]`: prove that paths carry both ways and that lines read as they should."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bmcha.cli.asking import connected, do
from bmcha.cli.commands import Commands
from bmcha.cli.output import print_json, print_lines

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient


def add(commands: Commands) -> None:
    parser = commands.add(
        "drill",
        "prove that paths and lines work, without moving anything",
        _drill,
        examples={
            "bmcha drill": "each path is probed, each line read back",
            "bmcha drill serial": "the path serial alone",
        },
        asks_service=True,
        more="The other module has to answer a probe on each path within a second, which proves "
        "both directions. Each line is read and compared with what it should say. Nobody is reset "
        "and no role moves. Exit code 1: something failed, and is named.",
    )
    parser.add_argument("path", metavar="PATH", nargs="?", help="this path only, and no line")


def _drill(args: argparse.Namespace) -> int:
    return connected(args.socket, lambda client: _ask_for_it(client, args))


def _ask_for_it(client: ControlClient, args: argparse.Namespace) -> int:
    body, code = do(client, "drill", {"path": args.path})
    if args.json:
        print_json(body)
        return code
    from bmcha.cli.text.history import drill_lines

    lines = drill_lines(body)
    if body["result"] == "refused":
        print("\n".join(lines), file=sys.stderr)
    else:
        print_lines(lines)
    return code
