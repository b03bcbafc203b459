"""How a command talks to a running service: one place for every way in which that fails."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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


def do(client: ControlClient, method: str, params: dict[str, Any] | None = None) -> tuple[Any, int]:
    """The answer to a deed that may take its time, and the exit code: a refusal has a body too."""
    from bmcha.control_client import DEED_TIMEOUT_S, Refused

    try:
        return client.call(method, params, timeout_s=DEED_TIMEOUT_S), EXIT_DONE
    except Refused as error:
        if not isinstance(error.data, dict):
            raise
        return error.data, EXIT_FAILED


def ask(args: argparse.Namespace) -> int:
    """Runs a command that is one question: ``args.question``."""
    return connected(args.socket, lambda client: answer(client, args))


def answer(client: ControlClient, args: argparse.Namespace) -> int:
    body = client.call(args.question)
    if args.json:
        print_json(body)
    else:
        from bmcha.cli.text import RENDERERS

        try:
            lines = list(RENDERERS[args.question](body))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # As after an update of the program, before the service was restarted.
            text = (
                f"The service on {args.socket} answers in other words than this bmcha knows"
                f" ({error!r}), so it is another version: restart it, or ask with --json."
            )
            return complain(text, EXIT_FAILED)
        print_lines(lines)
    return EXIT_DONE
