"""How a command talks to a running service: one place for every way in which that fails."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from bmcha.cli.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_NO_SERVICE
from bmcha.cli.output import complain, print_json, print_lines

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient


def connected(socket: str, talk: Callable[[ControlClient], int]) -> int:
    """The exit code of ``talk``, or of what kept it from talking."""
    from bmcha.control_client import ControlClient, NoService, Refused

    try:
        with ControlClient(socket) as client:
            return talk(client)
    except NoService as error:
        return complain(str(error), EXIT_NO_SERVICE)
    except Refused as error:
        return complain(f"bmcha: {error}", EXIT_FAILED)


def ask(args: argparse.Namespace) -> int:
    """Runs a command that is one question: ``args.question``."""
    return connected(args.socket, lambda client: answer(client, args))


def answer(client: ControlClient, args: argparse.Namespace) -> int:
    body = client.call(args.question)
    if args.json:
        print_json(body)
    else:
        from bmcha.cli.text import RENDERERS

        print_lines(RENDERERS[args.question](body))
    return EXIT_DONE
