"""`bmcha key pair` between two real services: the keys go over the serial line, and nowhere else.

Module 1 has keys and module 2 has none, as one that was exchanged in the field. The two commands
are processes, as two people would run them; some on a real terminal.
"""

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bmcha.config.key_file import read_key_file
from bmcha.hal.mac import check_of, open_mac
from tests.process.rig import Module, Wire, run_cli, two_modules
from tests.terminal import Terminal, running
from tests.waiting import wait_until
from tests.world.settings import KEYS

open_mac()
ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def pair(tmp_path: Path, wire: Wire) -> Iterator[tuple[Module, Module]]:
    with two_modules(tmp_path, wire) as (first, second):
        (second.folder / "keys").unlink()
        first.start()
        second.start()
        wait_until(lambda: first.role() == "ACTIVE", "the one with keys is ACTIVE")
        wait_until(lambda: second.role() is not None, "the other one answers")
        yield first, second


def command(module: Module, *words: str) -> list[str]:
    config = str(module.folder / "config.toml")
    return [sys.executable, "-m", "bmcha", "key", "pair", "--config", config, *words]


@contextlib.contextmanager
def comparing(module: Module, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """As a script runs it."""
    with subprocess.Popen(
        command(module, "--compare", *words),
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def number_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def type_into(process: "subprocess.Popen[str]", answer: str) -> None:
    assert process.stdin is not None
    process.stdin.write(answer + "\n")
    process.stdin.flush()


def end_of(process: "subprocess.Popen[str]", answer: str) -> tuple[int, str, str]:
    out, err = process.communicate(answer + "\n", timeout=60)
    return process.returncode, out, err


def keys_told(module: Module) -> Any:
    return module.ask()["keys"]


def is_signed(module: Module) -> bool:
    told = keys_told(module)
    (peer,) = told["peers"].values()
    is_same = peer["sends"] == told["sends"]
    return bool(told["state"] == "signed" and peer["is_heard"] and is_same)


def hears_nobody(module: Module) -> bool:
    (peer,) = keys_told(module)["peers"].values()
    return not peer["is_heard"]


def lost_count(module: Module) -> int:
    return int(module.ask("paths")["paths"]["serial"]["lost"])


def test_an_exchanged_module_gets_the_keys_and_both_hear_each_other_signed(pair) -> None:
    first, second = pair
    wait_until(lambda: hears_nobody(first), "the one with keys hears nobody")
    with comparing(first) as giver, comparing(second) as taker:
        numbers = [number_of(giver), number_of(taker)]
        assert numbers[0] == numbers[1] and len(numbers[0].replace(" ", "")) == 8
        assert not (second.folder / "keys").exists(), "before both have said yes"
        # Who has no keys hears the other one, and a dozen messages of the pairing among its beats.
        assert lost_count(second) == 0, "a pairing has no place in the sequence"
        type_into(giver, numbers[1])
        code, out, err = end_of(taker, numbers[0])
        assert code == 0, err
        assert "from slot 1: key" in " ".join(out.split())
        assert "In use now" in out
        code, out, err = end_of(giver, "")
        assert code == 0, err
        assert "Slot 2 has the keys of this module" in " ".join(out.split())
    file = second.folder / "keys"
    assert read_key_file(str(file), check_of) == read_key_file(str(first.folder / "keys"), check_of)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    wait_until(lambda: is_signed(first) and is_signed(second), "both hear each other signed")
    wait_until(lambda: first.ask()["redundancy"]["state"] == "FULL", "full redundancy")
    for module in pair:
        log = module.log()
        assert "pairing is open" in log and "pairing is shut" in log
        for key in KEYS.keys:
            assert key.secret.hex() not in log


# ---------------------------------------------------------------- on two consoles


@contextlib.contextmanager
def console(module: Module, *words: str) -> Iterator[Terminal]:
    with running(command(module, *words), 100, 30, ENVIRONMENT) as terminal:
        yield terminal


QUESTION = "Does the other module show the same number? [yes/no]"


def test_two_people_say_yes(pair) -> None:
    first, second = pair
    with console(first) as one, console(second) as other:
        one.wait_for_text(QUESTION)
        other.wait_for_text(QUESTION)
        one.press("yes\n")
        one.wait_for_text("Waiting for a yes at slot 2.")
        assert not (second.folder / "keys").exists()
        other.press("yes\n")
        assert other.wait_for_end() == 0, other.text()
        assert one.wait_for_end() == 0, one.text()
    wait_until(lambda: is_signed(first) and is_signed(second), "both hear each other signed")


@pytest.mark.parametrize("who_says_no", [0, 1])
def test_one_who_does_not_say_yes_ends_it_for_both(pair, who_says_no: int) -> None:
    with console(pair[0]) as one, console(pair[1]) as other:
        people = [one, other]
        for each in people:
            each.wait_for_text(QUESTION)
        people[1 - who_says_no].press("yes\n")
        people[who_says_no].press("y\n")
        assert people[who_says_no].wait_for_end() == 1
        assert "Nobody said yes" in people[who_says_no].text()
        assert "Nothing was changed." in people[who_says_no].text()
        assert people[1 - who_says_no].wait_for_end() == 1
        told = " ".join(people[1 - who_says_no].text().split())
        assert "It was stopped at the other module" in told
        assert "Nothing was changed." in told
    assert not (pair[1].folder / "keys").exists()
    assert all("pairing is shut" in module.log() for module in pair)


def test_ctrl_c_on_one_console_ends_it_on_the_other(pair) -> None:
    with console(pair[0]) as one, console(pair[1]) as other:
        one.wait_for_text(QUESTION)
        other.wait_for_text(QUESTION)
        one.press("\x03")
        assert one.wait_for_end() == 130
        assert "Stopped. Nothing was changed." in one.text()
        assert other.wait_for_end() == 1
        assert "It was stopped at the other module" in " ".join(other.text().split())


def test_two_modules_with_keys_are_told_so_and_nothing_is_done(pair) -> None:
    first, second = pair
    run_cli("key", "new", "--send", "--file", str(second.folder / "keys"))
    second.ask("reload")
    before = (second.folder / "keys").read_bytes()
    with comparing(first) as one, comparing(second) as other:
        for each in (one, other):
            code, out, err = end_of(each, "")
            assert (code, out) == (1, "")
            assert "Both modules have keys" in err and "Nothing was changed." in err
    assert (second.folder / "keys").read_bytes() == before


def test_what_is_typed_before_the_question_is_no_answer(pair) -> None:
    with console(pair[0]) as one:
        one.wait_for_text("within two minutes")
        one.press("yes\n")
        with comparing(pair[1]) as other:
            number_of(other)
            one.wait_for_text(QUESTION)
            one.press("no\n")
            assert one.wait_for_end() == 1
            assert "Nobody said yes" in one.text()
