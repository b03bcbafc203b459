"""`bmcha run`: one module's service, in the foreground."""

from __future__ import annotations

import argparse
import shlex

from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_FAILED, EXIT_USAGE
from bmcha.cli.output import complain


def add(commands: Commands) -> None:
    parser = commands.add(
        "run",
        "one module's service, in the foreground",
        _run,
        examples={"bmcha run --config /etc/bmcha/config.toml": "as systemd starts it"},
    )
    parser.add_argument("--config", metavar="FILE", required=True, help="the module's config.toml")


def _run(args: argparse.Namespace) -> int:
    from bmcha.config import ConfigError

    try:
        from bmcha.app import CannotRun, run_service
    except ImportError as error:
        if "_native" not in str(error):
            raise
        text = f"the C part of bmcha cannot be loaded ({error}); build it with: make build"
        return complain(text, EXIT_FAILED)
    try:
        return run_service(args.config)
    except ConfigError as error:
        more = (
            f"`bmcha check {shlex.quote(args.config)}` says what to do about it, and looks further."
        )
        return complain(f"{error}\n{more}", EXIT_USAGE)
    except CannotRun as error:
        return complain(f"bmcha run: {error}", EXIT_FAILED)
