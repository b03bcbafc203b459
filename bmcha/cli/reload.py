"""`bmcha reload`: the service reads its configuration again; what can change does."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from bmcha.cli.asking import connected, do
from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_FAILED, EXIT_USAGE
from bmcha.cli.output import print_json, print_lines

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient


def add(commands: Commands) -> None:
    parser = commands.add(
        "reload",
        "read the configuration again, without a restart",
        _reload,
        examples={"bmcha reload": "after a limit, a fan curve or a timer was edited"},
        asks_service=True,
        more="""A file with a mistake changes nothing; `bmcha check` finds all of them beforehand.
        Of a sound file everything that can change does, at once; what needs a restart is named, and
        what is in use stays. The same as SIGHUP and `systemctl reload`.

        An ACTIVE module that hears no other one refuses new limits, fan curves and sensor settings:
        the other may hold the chassis, too. --force overrides that.

        Exit code 0: everything that differs is in use now. 1: something needs a restart, or it was
        refused. 2: the file has a mistake.""",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="though this module is ACTIVE and hears no other one",
    )


def _reload(args: argparse.Namespace) -> int:
    return connected(args.socket, lambda client: _ask_for_it(client, args))


def _ask_for_it(client: ControlClient, args: argparse.Namespace) -> int:
    body, code = reloaded(client, args.force)
    if args.json:
        print_json(body)
    else:
        print_reload(body)
    return code


def reloaded(client: ControlClient, is_forced: bool) -> tuple[dict[str, Any], int]:
    """The service's answer, and the exit code that it stands for."""
    body, code = do(client, "reload", {"force": is_forced})
    if body.get("needs_restart"):
        code = EXIT_FAILED
    elif body.get("problems"):
        code = EXIT_USAGE
    return body, code


def print_reload(body: dict[str, Any]) -> None:
    if "refusals" in body:
        lines = [f"bmcha: {body['text']}", *(f"  {each['text']}" for each in body["refusals"])]
        print("\n".join(lines), file=sys.stderr)
    elif "problems" in body:
        lines = [*(problem["text"] for problem in body["problems"]), f"bmcha: {body['text']}"]
        print("\n".join(lines), file=sys.stderr)
    else:
        print_lines(_lines(body))


def _lines(body: dict[str, Any]) -> list[str]:
    changed, refused = body["changed"], body["needs_restart"]
    if not changed and not refused:
        return ["Nothing in the files differs from what is in use."]
    lines = []
    if changed:
        lines += ["In use now:", *(f"  {_change(each)}" for each in changed)]
    if refused:
        lines.append("Not in use, the old value stays:")
        lines += [f"  {_change(each)}: {each['why']}" for each in refused]
    return lines


def _change(change: dict[str, str]) -> str:
    return f"{change['key']}  {change['old']} -> {change['new']}  ({change['file']})"
