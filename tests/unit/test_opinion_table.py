"""The `[third_opinion]` table: what is read, and what is refused with what is allowed instead."""

from pathlib import Path

import pytest

from bmcha.config.table import ConfigProblem
from bmcha.model.settings import ThirdOpinionSettings, Via
from tests.unit.test_config import CHASSIS, HEAD, MODULE, UDP, Folder

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


# ---- by ARP

BY_ARP = 'address = "192.0.2.1"\nvia = "arp"\n'
ETH0 = 'interface = "eth0"\n'


def test_arp_goes_over_an_interface(tmp_path: Path) -> None:
    found = Folder(tmp_path).load(module(BY_ARP + ETH0)).node.third_opinion
    assert found == ThirdOpinionSettings("192.0.2.1", 300, 1000, 60, Via.ARP, "eth0")


def test_another_way_than_these_is_refused(tmp_path: Path) -> None:
    found = problem(tmp_path, ADDRESS + 'via = "ARP"\n')
    assert (found.key, found.value) == ("third_opinion.via", '"ARP"')
    assert (found.allowed, found.remedy) == ("one of ping, arp", 'write "arp"')


def test_arp_without_an_interface_is_refused(tmp_path: Path) -> None:
    found = problem(tmp_path, BY_ARP)
    assert (found.key, found.value) == ("third_opinion.interface", "missing")
    assert found.allowed == "the name of a network interface: eth0"
    assert found.remedy == "add the line interface = … under [third_opinion]"


def test_an_interface_without_arp_is_refused(tmp_path: Path) -> None:
    found = problem(tmp_path, ADDRESS + ETH0)
    assert (found.key, found.value) == ("third_opinion.interface", '"eth0"')
    assert found.allowed == 'no interface with via = "ping"'
    assert found.remedy.startswith('write via = "arp", or take the line out')


def test_an_interface_beside_an_unknown_way_is_no_second_problem(tmp_path: Path) -> None:
    assert problem(tmp_path, ADDRESS + ETH0 + 'via = "ndp"\n').key == "third_opinion.via"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "eth0/1", "eth 0", "a-name-too-long0", "eth0\\u0000"]
)
def test_what_cannot_be_an_interface_is_refused(tmp_path: Path, name: str) -> None:
    found = problem(tmp_path, BY_ARP + f'interface = "{name}"\n')
    assert found.key == "third_opinion.interface"
    assert found.allowed == "the name of a network interface: eth0"


def test_arp_asks_nobody_with_ipv6(tmp_path: Path) -> None:
    found = problem(tmp_path, BY_ARP.replace("192.0.2.1", "2001:db8::1") + ETH0)
    assert (found.key, found.value) == ("third_opinion.address", '"2001:db8::1"')
    assert "asking by NDP is not offered" in found.allowed
    assert found.remedy == 'name an IPv4 address, or write via = "ping"'


def test_who_is_asked_are_the_reference_and_the_other_ends_of_udp_paths(tmp_path: Path) -> None:
    ipv6 = UDP.replace('"udp"', '"udp6"', 1).replace("127.0.0.1", "[::1]")
    paths = Folder(tmp_path).load(HEAD + CHASSIS + UDP + ipv6).node.paths
    by_ping = ThirdOpinionSettings("192.0.2.1", 300, 1000, 60)
    assert by_ping.asked(paths) == ("192.0.2.1", "127.0.0.1", "::1")
    by_arp = ThirdOpinionSettings("192.0.2.1", 300, 1000, 60, Via.ARP, "eth0")
    assert by_arp.asked(paths) == ("192.0.2.1", "127.0.0.1")


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    assert problem(tmp_path, ADDRESS + "adress = 1\n").key == "third_opinion.adress"
