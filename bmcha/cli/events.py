"""`bmcha events [--follow]`: the chassis log, and what is news."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING

from bmcha.cli.asking import answer, ask, connected
from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE
from bmcha.cli.output import print_lines

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient


def add(commands: Commands) -> None:
    parser = commands.add(
        "events",
        "the chassis log",
        _events,
        examples={
            "bmcha events": "what happened, the latest last",
            "bmcha events --follow": "the same, and then what happens; end it with Ctrl-C",
        },
        asks_service=True,
    )
    parser.add_argument("--follow", action="store_true", help="go on with what happens, and roles")
    parser.set_defaults(question="events")


def _events(args: argparse.Namespace) -> int:
    if not args.follow:
        return ask(args)
    with contextlib.suppress(KeyboardInterrupt):
        return connected(args.socket, lambda client: _follow(client, args))
    return EXIT_DONE


def _follow(client: ControlClient, args: argparse.Namespace) -> int:
    """With --json one object a line, news only; else the log so far, and then the news."""
    from bmcha.cli.text.history import event_lines, role_lines

    client.start_following()
    if not args.json:
        answer(client, args)
    for method, params in client.news():
        if args.json:
            print(json.dumps({"method": method, "params": params}, ensure_ascii=False))
        elif method == "role":
            print_lines(role_lines(params, time.time()))
        elif method == "event":
            print_lines(event_lines(params))
        sys.stdout.flush()
    return EXIT_DONE
