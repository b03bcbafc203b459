"""The command line: arguments in, exit code out.

Exit codes: 0 done, 1 refused or failed, 2 usage or bad configuration, 3 no service; a reason
always goes to stderr, and with --json nothing but the object goes to stdout. Everything heavy is
imported by the command that needs it, so that `bmcha status` is quick. No traceback is ever shown
for something that the person at the keyboard can mend.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bmcha import __version__

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_SERVICE = 3
EXIT_INTERRUPTED = 130

SOCKET_DEFAULT = "/run/bmcha/control.sock"
QUESTIONS = {
    "status": "role, peer, paths, redundancy, mirror, waits and alarms",
    "paths": "the heartbeat paths in detail",
    "sensors": "temperatures, voltages, currents and powers with their limits",
    "fans": "speeds and drive of the fans",
    "why": "why the role is what it is, and what it was before",
}
Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # A terminal without "°" still gets its line.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        args = _parser(words).parse_args(words)
        command: Command = args.run
        code = command(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read has seen enough. What is buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bmcha",
        description="High availability for the management modules of a blade chassis.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"bmcha {__version__}")
    _add_socket(parser, os.environ.get("BMCHA_SOCKET") or SOCKET_DEFAULT)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_service_commands(commands)
    _add_offline_commands(commands)
    _add_sim_commands(commands, words)
    return parser


def _add_socket(parser: argparse.ArgumentParser, default: str) -> None:
    """Before the command or behind it; where it is not given it must not undo the other place."""
    parser.add_argument(
        "--socket",
        metavar="PATH",
        default=default,
        help=f"the service's control socket (BMCHA_SOCKET, default {SOCKET_DEFAULT})",
    )


def _add_service_commands(commands: Any) -> None:
    shared = argparse.ArgumentParser(add_help=False)
    _add_socket(shared, argparse.SUPPRESS)
    shared.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    for name, text in QUESTIONS.items():
        question = commands.add_parser(name, help=text, parents=[shared])
        question.set_defaults(run=_ask, question=name)
    events = commands.add_parser("events", help="the chassis log", parents=[shared])
    events.add_argument("--follow", action="store_true", help="go on with what happens, and roles")
    events.set_defaults(run=_events, question="events")
    switchover = commands.add_parser(
        "switchover", help="hand the chassis over to the other module", parents=[shared]
    )
    switchover.add_argument("--to", type=_slot, metavar="SLOT", help="who shall be ACTIVE")
    switchover.add_argument(
        "--force", action="store_true", help="though health, mirror or hold-off speak against it"
    )
    switchover.set_defaults(run=_switchover)


def _slot(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 255:
        raise argparse.ArgumentTypeError(f"{text!r} is no slot; slots are 1 to 255")
    return int(text)


def _add_offline_commands(commands: Any) -> None:
    run = commands.add_parser("run", help="one module's service, in the foreground")
    run.add_argument("--config", metavar="FILE", required=True, help="the module's config.toml")
    run.set_defaults(run=_run)
    decode = commands.add_parser("decode", help="show captured bytes frame by frame")
    decode.add_argument(
        "file", metavar="FILE", nargs="?", help="raw serial bytes or a pcap; default stdin"
    )
    decode.set_defaults(run=_decode)
    layout = commands.add_parser("layout", help="the shared memory's layout")
    layout.add_argument(
        "--c-header", action="store_true", required=True, help="as a C header for other programs"
    )
    layout.set_defaults(run=_layout)


def _add_sim_commands(commands: Any, words: Sequence[str]) -> None:
    """The simulator declares its own arguments, and is imported only when it is asked for."""
    sim = commands.add_parser("sim", help="two modules on a virtual chassis")
    ctl = commands.add_parser("sim-ctl", help="break and mend things on a running sim")
    if "sim" in words:
        from bmcha.sim.entry import add_sim_arguments, run_sim

        add_sim_arguments(sim)
        sim.set_defaults(run=run_sim)
    if "sim-ctl" in words:
        from bmcha.sim.entry import add_sim_ctl_arguments, run_sim_ctl

        add_sim_ctl_arguments(ctl)
        ctl.set_defaults(run=run_sim_ctl)


# ------------------------------------------------------------ commands to a running service


def _connected(socket: str, talk: Callable[[ControlClient], int]) -> int:
    from bmcha.control_client import ControlClient, NoService, Refused

    try:
        with ControlClient(socket) as client:
            return talk(client)
    except NoService as error:
        return _complain(str(error), EXIT_NO_SERVICE)
    except Refused as error:
        return _complain(f"bmcha: {error}", EXIT_FAILED)


def _ask(args: argparse.Namespace) -> int:
    return _connected(args.socket, lambda client: _answer(client, args))


def _answer(client: ControlClient, args: argparse.Namespace) -> int:
    body = client.call(args.question)
    if args.json:
        _print_json(body)
    else:
        from bmcha.cli_text import RENDERERS

        _print_lines(RENDERERS[args.question](body))
    return EXIT_DONE


def _events(args: argparse.Namespace) -> int:
    if not args.follow:
        return _ask(args)
    with contextlib.suppress(KeyboardInterrupt):
        return _connected(args.socket, lambda client: _follow(client, args))
    return EXIT_DONE


def _follow(client: ControlClient, args: argparse.Namespace) -> int:
    """With --json one object a line, news only; else the log so far, and then the news."""
    from bmcha.cli_text import event_lines, role_lines

    client.start_following()
    if not args.json:
        _answer(client, args)
    for method, params in client.news():
        if args.json:
            print(json.dumps({"method": method, "params": params}, ensure_ascii=False))
        elif method == "role":
            _print_lines(role_lines(params, time.time()))
        elif method == "event":
            _print_lines(event_lines(params))
        sys.stdout.flush()
    return EXIT_DONE


def _switchover(args: argparse.Namespace) -> int:
    from bmcha.cli_text import switchover_lines
    from bmcha.control_client import Refused

    def talk(client: ControlClient) -> int:
        try:
            body = client.call("switchover", {"to": args.to, "force": args.force})
            code = EXIT_DONE
        except Refused as error:
            if not isinstance(error.data, dict):
                raise
            body, code = error.data, EXIT_FAILED
        if args.json:
            _print_json(body)
        elif code == EXIT_DONE:
            _print_lines(switchover_lines(body))
        else:
            print("\n".join(switchover_lines(body)), file=sys.stderr)
        return code

    return _connected(args.socket, talk)


# ------------------------------------------------------------ commands without a service


def _run(args: argparse.Namespace) -> int:
    from bmcha.config import ConfigError

    try:
        from bmcha.app import CannotRun, run_service
    except ImportError as error:
        if "_native" not in str(error):
            raise
        text = f"the C part of bmcha cannot be loaded ({error}); build it with: make build"
        return _complain(text, EXIT_FAILED)
    try:
        return run_service(args.config)
    except ConfigError as error:
        return _complain(str(error), EXIT_USAGE)
    except CannotRun as error:
        return _complain(f"bmcha run: {error}", EXIT_FAILED)


def _decode(args: argparse.Namespace) -> int:
    try:
        if args.file is None:
            data = sys.stdin.buffer.read()
        else:
            with open(args.file, "rb") as captured:
                data = captured.read()
    except OSError as error:
        return _complain(f"bmcha decode: {args.file}: {error.strerror}", EXIT_FAILED)
    from bmcha.wire.decode_text import dissect

    _print_lines(dissect(data))
    return EXIT_DONE


def _layout(_: argparse.Namespace) -> int:
    from bmcha.wire.generate import image_header

    print(image_header(), end="")
    return EXIT_DONE


def _complain(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_json(body: Any) -> None:
    print(json.dumps(body, ensure_ascii=False, indent=2))
