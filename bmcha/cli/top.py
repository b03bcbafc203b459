"""`bmcha top`: the live view of one or more modules."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bmcha.cli.asking import connected
from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE, EXIT_NO_SERVICE

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient


def add(commands: Commands) -> None:
    parser = commands.add(
        "top",
        "the live view of one or more modules, in a terminal",
        _run,
        examples={
            "bmcha top": "this module, and what it knows of its peer",
            "bmcha top --socket a.sock --socket b.sock": "two modules side by side",
            "COLUMNS=100 LINES=40 bmcha top | cat": "one frame as text, for a report",
        },
        more="q quits, ? tells of the keys. NO_COLOR=1 in the environment forbids colour.",
    )
    parser.add_argument(
        "--socket",
        metavar="PATH",
        action="append",
        dest="sockets",
        help="a service's control socket; may be given more than once",
    )


def _run(args: argparse.Namespace) -> int:
    from bmcha.view.top import run_top

    sockets = args.sockets or [args.socket]
    code = run_top(sockets)
    if code == EXIT_NO_SERVICE:
        for socket in sockets:
            connected(socket, _greet)
    return code


def _greet(client: ControlClient) -> int:
    """Asks something, so that who does not answer is told with the reason."""
    client.call("version")
    return EXIT_DONE
