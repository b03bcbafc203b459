"""TAB: what is offered where, and three real shells that ask for it."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bmcha.cli import main
from bmcha.cli.candidates import FILES, FOLDERS, candidates
from bmcha.cli.parser import NAMES
from bmcha.sim.action_words import ACTION_NAMES
from bmcha.sim.board_plan import BOARD_FILES
from bmcha.sim.scenario import shipped_scenarios
from tests import needs
from tests.process.rig import run_cli

NO_SERVICE = ("--socket", "/no/such.sock")


def offered(line: str) -> list[str]:
    """The candidates at the end of a command line; a space at its end begins a new word."""
    *before, typed = line.split(" ")
    return [word for word, _ in candidates([word for word in before if word], typed)]


def test_the_first_word_is_a_command() -> None:
    assert offered("") == list(NAMES)


def test_a_command_s_options_are_offered_once_each() -> None:
    assert {"--to", "--force", "--json", "--socket"} <= set(offered("switchover --"))
    assert "--force" not in offered("switchover --force --")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("completion ", ["bash", "zsh", "fish"]),
        ("--socket ", [FILES]),
        ("status --socket ", [FILES]),
        ("run --config ", [FILES]),
        ("decode ", [FILES]),
        ("sim --dir ", [FOLDERS]),
        ("sim --board ", list(BOARD_FILES)),
        ("sim --scenario ", [*shipped_scenarios(), FILES]),
        ("sim-ctl --dir ", [FOLDERS]),
        ("sim-ctl --dir /no/such ", list(ACTION_NAMES)),
        ("sim-ctl --dir /no/such line mm1.HEALTH ", ["high", "low", "follow"]),
        ("sim-ctl --dir /no/such cut udp ", ["--one-way"]),
        ("sim-ctl --dir /no/such cut udp --one-way ", ["active", "standby"]),
        ("sim-ctl --dir /no/such kill ", ["active", "standby"]),
        ("sim-ctl --dir /no/such kill active ", []),
        ("sim --duration ", []),
        ("status nonsense ", []),
        (f"switchover {' '.join(NO_SERVICE)} --to ", []),
    ],
)
def test_a_word_is_offered_where_it_makes_sense(line, words) -> None:
    assert offered(line) == words


def test_only_what_begins_as_typed_is_printed_with_its_meaning(capsys) -> None:
    assert main(["__complete", "sw"]) == 0
    word, meaning = capsys.readouterr().out.rstrip("\n").split("\t")
    assert word == "switchover"
    assert "hand the chassis over" in meaning


def test_nonsense_before_the_cursor_offers_nothing_and_says_nothing(capsys) -> None:
    assert main(["__complete", "sim-ctl", "--dir", "x", "nonsense", ""]) == 0
    assert capsys.readouterr() == ("", "")


# ---------------------------------------------------------------- real shells


@pytest.fixture
def script(tmp_path: Path, monkeypatch) -> Path:
    """The folder with the scripts of all shells; `bmcha` itself is on the path."""
    program = tmp_path / "bin" / "bmcha"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bmcha "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("HOME", str(tmp_path))
    for shell in ("bash", "zsh", "fish"):
        printed = run_cli("completion", shell)
        assert printed.returncode == 0
        (tmp_path / shell).write_text(printed.stdout)
    return tmp_path


def typed_into(argv: list[str], setup: str, line: str, awaited: str) -> str:
    """What a shell shows on a terminal when ``line`` is typed, up to ``awaited``."""
    near, far = pty.openpty()
    environment = os.environ | {"TERM": "dumb", "PS1": "", "INPUTRC": "/dev/null"}
    with subprocess.Popen(
        argv, stdin=far, stdout=far, stderr=far, env=environment, start_new_session=True
    ) as shell:
        os.close(far)
        try:
            os.write(near, f"{setup}; printf 'rea''dy\\n'\n".encode())
            read_until(near, "ready\r")
            os.write(near, line.encode())
            return read_until(near, awaited)
        finally:
            shell.kill()
            os.close(near)


def read_until(fd: int, awaited: str, timeout_s: float = 30) -> str:
    shown, end_s = "", time.monotonic() + timeout_s
    while awaited not in shown:
        ready, _, _ = select.select([fd], [], [], max(0, end_s - time.monotonic()))
        assert ready, f"{awaited!r} was not shown; but: {shown!r}"
        shown += os.read(fd, 4096).decode(errors="replace")
    return shown


def test_bash_completes_a_command_and_its_option(script) -> None:
    argv = ["bash", "--norc", "--noprofile", "-i"]
    setup = f"source {script}/bash"
    typed_into(argv, setup, "bmcha swi\t", "bmcha switchover ")
    typed_into(argv, setup, "bmcha switchover --fo\t", "--force ")


def test_bash_completes_files_with_spaces(script) -> None:
    (script / "a chassis").mkdir()
    setup = f"source {script}/bash; cd {script}"
    argv = ["bash", "--norc", "--noprofile", "-i"]
    typed_into(argv, setup, "bmcha sim --dir a\\ ch\t", "a\\ chassis/")


def test_zsh_completes_a_command_and_its_option(script) -> None:
    argv = [needs.program("zsh", package="zsh"), "-f", "-i"]
    setup = f"autoload -U compinit; compinit -u -d {script}/dump; source {script}/zsh"
    typed_into(argv, setup, "bmcha swi\t", "tchover ")
    typed_into(argv, setup, "bmcha completion f\t", "ish ")


def test_fish_completes_with_the_meaning_of_each_word(script) -> None:
    fish = needs.program("fish", package="fish")
    asked = [fish, "--no-config", "-c", f"source {script}/fish; complete -C 'bmcha s'"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    words = dict(line.split("\t", 1) for line in told.stdout.splitlines())
    assert list(words) == sorted(name for name in NAMES if name.startswith("s"))
    assert words["switchover"] == "hand the chassis over to the other module"
