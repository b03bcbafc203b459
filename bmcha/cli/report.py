"""`bmcha report [FILE]`: everything that somebody far away needs to understand a module, packed.

Asks the service, if one answers, and reads files: what the service has, what it left behind, and
what the machine says. Whatever cannot be had is named in README.txt with the reason; nothing here
waits for a service that hangs any longer than for one question.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE, EXIT_FAILED
from bmcha.cli.output import complain, print_json

if TYPE_CHECKING:
    from bmcha.diag.bundle import Bundle

CONFIG_DEFAULT = "/etc/bmcha/config.toml"
LIBRARIES = ("pyserial", "python-periphery", "posix-ipc", "construct")
FLIGHT_CAUSES = ("crash", "fault", "report")
TEXT_WIDTH = 80
BASES_MAX = 8

README = """\
A support bundle of bmcha, the high-availability service of a blade chassis' management module.
It was made at {when} by bmcha {version}. No passwords or keys are in it: in the
configuration they are replaced by "(removed)", by the names of their keys.

service/      what the running service said: each question as text (.txt) and as JSON (.json)
  status      role, peer, paths, redundancy, mirror, waits, alarms: begin here
  why         why the role is what it is, and what it was before
  events      the chassis log of both modules
  paths sensors fans
  service     the process: versions, threads, memory and limits as the kernel tells them
config/       the module's file, its board file with those it inherits from, and what
              `bmcha check` finds in them
logs/         the service's log: UTC, seconds since the kernel started, level, text
flight/       the flight recorder: each event that the node was given and what it did, one
              JSON object a line, times in ns since the kernel started. "crash" and "fault" were
              written when those happened, "report" for this bundle; ".1" is the one before.
              `bmcha replay FILE` steps it again.
state/        how the last life of the service ended, and how often it crashed in a row
versions.txt  of bmcha, Python, the kernel and libraries, on the machine that packed this

In it:
{names}

Missing, and why:
{missing}
"""


def add(commands: Commands) -> None:
    parser = commands.add(
        "report",
        "pack everything for support into one file",
        _report,
        examples={
            "bmcha report": "bmcha-report-DATE.tar.gz, in the current folder",
            "bmcha report --config /etc/bmcha/config.toml /tmp/r.tar.gz": "no service runs",
        },
        asks_service=True,
        more="""Status, configuration without secrets, logs, flight recorder and versions, with a
        README.txt for who has never seen bmcha. It works without a service too, and says what is
        missing then. The file is readable by its owner only.""",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="the archive, a .tar.gz")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"the module's file, where no service tells it (default: {CONFIG_DEFAULT})",
    )


def _report(args: argparse.Namespace) -> int:
    from bmcha.diag.bundle import Bundle

    now_s = int(time.time())
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
    file = args.file or f"bmcha-report-{stamp}.tar.gz"
    bundle = Bundle("bmcha-report")
    facts = _ask_service(bundle, args.socket)
    _take_files(bundle, args.config, facts)
    _take_versions(bundle)
    _take_readme(bundle, now_s)
    try:
        bundle.write(file, now_s)
    except OSError as error:
        return complain(f"bmcha report: {file}: {error.strerror or error}", EXIT_FAILED)
    if args.json:
        print_json({"file": file, "names": bundle.names, "missing": bundle.missing})
        return EXIT_DONE
    for name, why in bundle.missing.items():
        print(f"not in it: {name} ({why})", file=sys.stderr)
    print(file)
    return EXIT_DONE


def _ask_service(bundle: Bundle, socket: str) -> dict[str, Any]:
    """Every question's answer; {} where nobody answers. After the first silence none is asked."""
    from bmcha.cli.text import RENDERERS
    from bmcha.control_client import ControlClient, NoService, Refused

    try:
        with ControlClient(socket) as client:
            for name, render in RENDERERS.items():
                body = client.call(name)
                bundle.add_text(f"service/{name}.json", _json(body))
                try:
                    bundle.add_text(f"service/{name}.txt", "\n".join([*render(body), ""]))
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    why = f"the service is another version than this program: {error!r}"
                    bundle.missing[f"service/{name}.txt"] = why
            facts: dict[str, Any] = client.call("report")
            bundle.add_text("service/service.json", _json(facts))
            for name, text in facts.get("proc", {}).items():
                bundle.add_text(f"service/proc-{name}.txt", text)
            return facts
    except (NoService, Refused) as error:
        bundle.missing["service"] = str(error)
        return {}


def _take_files(bundle: Bundle, asked: str | None, facts: dict[str, Any]) -> None:
    files = dict(facts.get("files", {}))
    config_file = asked or files.get("config") or CONFIG_DEFAULT
    if not files or asked is not None:
        files = _files_of(config_file)
    _take_config(bundle, config_file)
    if files.get("log"):
        bundle.add_file("logs/log", files["log"])
        _add_if_there(bundle, "logs/log.1", f"{files['log']}.1")
    if files.get("state_dir"):
        _take_state(bundle, files["state_dir"])


def _files_of(config_file: str) -> dict[str, Any]:
    """As the service tells them; {} where the configuration cannot be read."""
    from bmcha.config import ConfigError
    from bmcha.config.module_file import read_config

    try:
        found = read_config(config_file, version="", firmware_level=0, layout_id=0)
    except ConfigError:
        return {}
    service = found.config.service
    return {"log": service.log_file, "state_dir": service.state_dir}


def _take_config(bundle: Bundle, config_file: str) -> None:
    from bmcha.diag.redaction import redacted

    if not bundle.add_file("config/config.toml", config_file, redacted):
        return
    for name, file in _boards(config_file):
        bundle.add_file(f"config/{name}", file, redacted)
    from bmcha.check.run import Options, check_file

    # What the machine says is the service's to ask: it has the devices open.
    report = check_file(config_file, Options(is_offline=True))
    bundle.add_text("config/check.txt", report.as_text(TEXT_WIDTH) + "\n")


def _boards(config_file: str) -> Iterator[tuple[str, str]]:
    """The board file and its bases: a name for the bundle, and the file."""
    from bmcha.config import ConfigError, find_board
    from bmcha.config.board_file import read_toml

    try:
        board = read_toml(config_file).get("board")
        folder = os.path.dirname(os.path.abspath(config_file))
        file = find_board(board, folder) if isinstance(board, str) else None
        for number in range(BASES_MAX):
            if file is None:
                return
            yield ("board.toml" if number == 0 else f"board-base-{number}.toml"), file
            base = read_toml(file).get("inherit")
            file = os.path.join(os.path.dirname(file), base) if isinstance(base, str) else None
    except ConfigError:
        return


def _take_state(bundle: Bundle, state_dir: str) -> None:
    from bmcha.diag.flight_file import flight_file

    bundle.add_file("state/life.json", os.path.join(state_dir, "life.json"))
    for cause in FLIGHT_CAUSES:
        file = flight_file(state_dir, cause)
        _add_if_there(bundle, f"flight/{cause}.jsonl", file)
        _add_if_there(bundle, f"flight/{cause}.jsonl.1", f"{file}.1")


def _add_if_there(bundle: Bundle, name: str, file: str) -> None:
    """Most modules have no such file, and nothing is wrong with that."""
    if os.path.lexists(file):
        bundle.add_file(name, file)


def _take_versions(bundle: Bundle) -> None:
    from importlib import metadata

    from bmcha import __version__

    lines = [f"bmcha {__version__}", f"Python {sys.version}", " ".join(os.uname())]
    for library in LIBRARIES:
        try:
            lines.append(f"{library} {metadata.version(library)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{library} is not installed")
    bundle.add_text("versions.txt", "\n".join([*lines, ""]))
    bundle.add_file("os-release.txt", os.path.realpath("/etc/os-release"))


def _take_readme(bundle: Bundle, now_s: int) -> None:
    from bmcha import __version__

    missing = [f"  {name}: {why}" for name, why in bundle.missing.items()]
    text = README.format(
        when=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s)),
        version=__version__,
        names="\n".join(f"  {name}" for name in bundle.names),
        missing="\n".join(missing) or "  nothing",
    )
    bundle.add_text("README.txt", text)


def _json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
