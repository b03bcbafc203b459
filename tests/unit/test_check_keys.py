"""`bmcha check` on keys: the file's own problems, what is missing, and what will be used."""

import os
from pathlib import Path

import pytest

from bmcha.check import key_checks
from bmcha.check.finding import Finding
from bmcha.check.report import Report
from bmcha.check.run import Options, check_file
from bmcha.config.key_file import write_key_file
from bmcha.hal.mac import check_of, open_mac
from bmcha.hal.port import PortError
from bmcha.model.key import Key, KeySet, KeyState
from tests import needs
from tests.ports.check_desk import HEAD, Desk, udp_path

FIRST, SECOND = bytes(range(1, 33)), bytes(range(101, 133))
WITH_KEYS = 'key_file = "keys.toml"\n' + HEAD


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "state").mkdir()
    return Desk(tmp_path)


@pytest.fixture
def library() -> None:
    try:
        open_mac()
    except PortError as error:
        needs.that(False, f"libsodium ({error})", "apt install libsodium23")


def write(desk: Desk, *states: str, accepts_unsigned: bool = False) -> Path:
    file = desk.folder / "keys.toml"
    keys = tuple(
        Key(number, KeyState(state), secret, 0)
        for number, (state, secret) in enumerate(zip(states, (FIRST, SECOND), strict=False), 1)
    )
    write_key_file(str(file), KeySet(keys, accepts_unsigned))
    return file


def row(report: Report) -> str:
    return dict(report.rows)["keys"]


def advice_of(report: Report) -> list[Finding]:
    """But for that a desk has one path only."""
    return [each for each in report.advice if each.key != "paths"]


def text(report: Report) -> str:
    return report.as_text(100) + str(report.as_dict())


def test_without_a_key_file_it_is_told_that_nothing_is_signed(desk: Desk) -> None:
    report = desk.report()
    assert (report.problems, advice_of(report)) == ([], [])
    assert row(report) == "none: frames are not signed, and every frame is believed"


def test_a_key_file_that_is_not_there_is_an_advice_with_what_makes_one(desk: Desk) -> None:
    report = desk.report(head=WITH_KEYS)
    assert report.problems == []
    (advice,) = advice_of(report)
    assert advice.key == "key_file"
    assert f"{desk.folder}/keys.toml, which is not there" in advice.value
    assert "`bmcha key new`" in advice.remedy and "`bmcha key pair`" in advice.remedy
    assert row(report).startswith(f"none in {desk.folder}/keys.toml: frames are not signed")


def test_a_key_file_without_keys_is_the_same_advice(desk: Desk) -> None:
    write(desk)
    (advice,) = advice_of(desk.report(head=WITH_KEYS))
    assert "without a key" in advice.value


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("states", "accepts_unsigned", "told"),
    [
        (("send",), False, ["1 signs, check {0}"]),
        (
            *(("accept",), True),
            ["1 is accepted, check {0}", "not signed yet", "unsigned frames are accepted too"],
        ),
        (("send", "accept"), False, ["1 signs, check {0}", "2 is accepted, check {1}"]),
    ],
)
def test_keys_are_told_by_number_state_and_check_alone(
    desk: Desk, states: tuple[str, ...], accepts_unsigned: bool, told: list[str]
) -> None:
    write(desk, *states, accepts_unsigned=accepts_unsigned)
    report = desk.report(head=WITH_KEYS)
    assert (report.problems, advice_of(report)) == ([], [])
    checks = [f"{check_of(each):08x}" for each in (FIRST, SECOND)]
    assert [part for part in told if part.format(*checks) not in row(report)] == []
    assert len(row(report).split("; ")) == len(told)
    assert FIRST.hex() not in text(report) and SECOND.hex() not in text(report)


def test_what_is_wrong_with_the_key_file_is_told_as_its_problem(desk: Desk) -> None:
    file = write(desk, "send", "send")
    file.chmod(0o644)
    problem = desk.problems(head=WITH_KEYS)["the file"]
    assert (problem.file, problem.value) == (str(file), "mode 0644")
    assert problem.remedy == f"chmod 600 {file}"
    file.chmod(0o600)
    report = desk.report(head=WITH_KEYS)
    assert [each.key for each in report.problems] == ["keys[1].state"]
    assert FIRST.hex() not in text(report) and SECOND.hex() not in text(report)
    assert row(report) == f"in {file}"


def test_keys_without_libsodium_are_a_problem_and_a_file_without_keys_is_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise PortError("libsodium cannot be opened: no such file; install it (Debian)")

    monkeypatch.setattr(key_checks, "open_mac", missing)
    assert desk.problems(head=WITH_KEYS) == {}
    write(desk, "send")
    problem = desk.problems(head=WITH_KEYS)["key_file"]
    assert "libsodium cannot be opened: no such file" in problem.value
    assert "apt install libsodium23" in problem.remedy
    write(desk, "send", "send")
    assert list(desk.problems(head=WITH_KEYS)) == ["keys[1].state"]


@pytest.mark.usefixtures("library")
def test_keys_that_are_demanded_and_not_used_are_an_advice(desk: Desk) -> None:
    file = write(desk, "accept")
    (advice,) = advice_of(desk.report(head=WITH_KEYS))
    assert (advice.file, advice.key) == (str(file), "keys")
    assert "`bmcha key rotate`" in advice.remedy


@pytest.mark.usefixtures("library")
def test_for_root_a_file_that_the_service_cannot_read_is_an_advice(desk: Desk) -> None:
    needs.that(os.geteuid() == 0, "to give files away", "run it as root")
    file = write(desk, "send")
    os.chown(desk.folder / "state", 4711, -1)
    (advice,) = advice_of(desk.report(head=WITH_KEYS))
    assert advice.remedy == f"if the service runs as 4711: chown 4711 {file}"
    os.chown(file, 4711, -1)
    report = desk.report(head=WITH_KEYS)
    assert (report.problems, advice_of(report)) == ([], [])


def test_on_another_machine_keys_are_not_looked_at(desk: Desk) -> None:
    write(desk, "send", "send").chmod(0o666)
    desk.config.write_text(WITH_KEYS + udp_path(f"127.0.0.1:{desk.port}"))
    desk.put("board.toml", 'name = "d"\nclass = "bare"\n[straps]\nbits = [{ file = "ID0" }]\n')
    report = check_file(str(desk.config), Options(is_offline=True))
    assert report.problems == []
    assert row(report) == f"in {desk.folder}/keys.toml"


def test_a_key_file_with_a_wrong_name_is_told_once(desk: Desk) -> None:
    head = WITH_KEYS.replace("keys.toml", "config.toml")
    assert list(desk.problems(head=head)) == ["key_file"]
