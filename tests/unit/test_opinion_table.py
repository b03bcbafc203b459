"""The `[third_opinion]` table: what is read, and what is refused with what is allowed instead."""

from pathlib import Path

import pytest

from bmcha.config.table import ConfigProblem
from bmcha.model.settings import ThirdOpinionSettings
from tests.unit.test_config import MODULE, Folder

ADDRESS = 'address = "192.0.2.1"\n'


def module(keys: str) -> str:
    return f"{MODULE}[third_opinion]\n{keys}"


def problem(tmp_path: Path, keys: str) -> ConfigProblem:
    return Folder(tmp_path).only_problem(module(keys))


def test_without_the_table_nobody_is_asked(tmp_path: Path) -> None:
    assert Folder(tmp_path).load().node.third_opinion is None


def test_an_address_is_enough(tmp_path: Path) -> None:
    found = Folder(tmp_path).load(module(ADDRESS)).node.third_opinion
    assert found == ThirdOpinionSettings("192.0.2.1", 300, 1000, 60)


def test_every_key_is_read(tmp_path: Path) -> None:
    keys = 'address = "fe80::1%eth0"\nperiod_ms = 200\nsilent_after_ms = 900\nforbid_max_s = 0\n'
    found = Folder(tmp_path).load(module(keys)).node.third_opinion
    assert found == ThirdOpinionSettings("fe80::1%eth0", 200, 900, 0)


@pytest.mark.parametrize(
    "address",
    [
        *("switch.example", "192.0.2", "192.0.2.1:7", "", "0.0.0.0", "::", "224.0.0.1", "ff02::1"),
        *("255.255.255.255", "192.0.2.1%eth0", "[2001:db8::1]"),
    ],
)
def test_what_is_no_address_of_one_host_is_refused(tmp_path: Path, address: str) -> None:
    found = problem(tmp_path, f'address = "{address}"\n')
    assert found.key == "third_opinion.address"
    assert "numeric address of one host" in found.allowed


def test_an_address_of_a_path_is_no_third_party(tmp_path: Path) -> None:
    found = problem(tmp_path, 'address = "127.0.0.1"\n')
    assert found.key == "third_opinion.address"
    assert "a third party" in found.allowed


def test_the_address_has_to_be_there(tmp_path: Path) -> None:
    assert problem(tmp_path, "period_ms = 100\n").key == "third_opinion.address"


def test_one_lost_answer_must_not_count_as_silence(tmp_path: Path) -> None:
    found = problem(tmp_path, ADDRESS + "period_ms = 501\n")
    assert (found.key, found.value) == ("third_opinion.silent_after_ms", "1000")
    assert "at least two periods = 1002" in found.allowed


def test_it_has_to_be_known_before_silence_on_the_paths_counts(tmp_path: Path) -> None:
    found = problem(tmp_path, ADDRESS + "silent_after_ms = 1400\n")
    assert found.key == "third_opinion.silent_after_ms"
    assert "less than 1400, the slowest path's deadtime_ms less a beat" in found.allowed


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    assert problem(tmp_path, ADDRESS + "adress = 1\n").key == "third_opinion.adress"
