"""`bmcha check` reads straps that are files, and says what is wrong with the slot; and with files
of the service in places that no file can have."""

from pathlib import Path

import pytest

from tests.ports.check_desk import BOARD, HEAD, Desk, udp_path

TWO_BITS = BOARD.replace('{ file = "ID0" }', '{ file = "ID0" }, { file = "ID1" }')
PROVED = TWO_BITS + 'parity = { file = "PARITY" }\nparity_is = "even"\n'


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_slot_that_the_straps_say_is_told(desk: Desk) -> None:
    report = desk.report()
    assert report.problems == []
    assert dict(report.rows)["slot"].startswith("1 now: straps ID0")


def test_a_file_that_is_meant_for_the_other_module_is_told_as_the_service_tells_it(
    desk: Desk,
) -> None:
    desk.put("hw/ID0", "0\n")
    desk.put("hw/ID1", "1\n")
    (key, problem), *others = desk.problems(board=TWO_BITS).items()
    assert (key, problem.value, others) == ("paths[0].peer", "2", [])
    assert "for the module in the other slot, perhaps" in problem.remedy


def test_a_slot_that_the_succession_does_not_name_is_told(desk: Desk) -> None:
    head = HEAD.replace("[1, 2]", "[3, 2]")
    problem = desk.problems(head=head)["chassis.succession"]
    assert problem.value == "3, 2"
    assert "slot 1 (by its straps)" in problem.allowed


def test_straps_that_say_no_slot_are_told(desk: Desk) -> None:
    desk.put("hw/ID0", "0\n")
    assert desk.problems()["straps"].value.endswith("say slot 0")


def test_straps_that_contradict_their_proof_are_told(desk: Desk) -> None:
    desk.put("hw/ID1", "0\n")
    desk.put("hw/PARITY", "0\n")
    found = desk.problems(board=PROVED)
    assert "contradicts even parity" in found["straps"].value
    desk.put("hw/PARITY", "1\n")
    assert desk.problems(board=PROVED) == {}


def test_a_strap_that_cannot_be_read_is_told_once(desk: Desk) -> None:
    desk.put("hw/ID0", "x\n")
    assert list(desk.problems()) == ["straps.bits[0].file"]


def test_a_pid_file_that_would_take_a_device_away_is_told(desk: Desk) -> None:
    head = 'pid_file = "/dev/null"\n' + HEAD
    problem = desk.problems(udp_path(f"127.0.0.1:{desk.port}"), head=head)["pid_file"]
    assert problem.value == "/dev/null, which is a character device"


def test_a_state_dir_in_proc_is_told_to_root_as_well(desk: Desk) -> None:
    problem = desk.problems(head=HEAD.replace('"state"', '"/proc/bmcha"'))["state_dir"]
    assert problem.value == "/proc/bmcha, on /proc (proc), where no files can be made"
