"""What `bmcha check` says of a reference address: is it a third party, and may it be asked?"""

import json
import sys
from pathlib import Path

from tests.ports.check_desk import BOARD, HEAD, Desk, udp_path
from tests.ports.namespaces import in_namespace, needs_namespaces

KEY = "third_opinion.address"


def asking(address: str, port: int, more: str = "") -> str:
    table = f'[third_opinion]\naddress = "{address}"\n{more}'
    return udp_path(f"127.0.0.1:{port}") + table


def by_arp(interface: str) -> str:
    return f'via = "arp"\ninterface = "{interface}"\n'


def test_a_reference_that_is_this_module_itself_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    found = desk.advice(asking("127.0.0.2", desk.port))[KEY]
    assert "this module's own (loopback)" in found.value
    assert found.remedy == "name one: this one answers whatever is cut"


def test_what_it_does_is_among_what_will_be_used(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    report = desk.report(asking("127.0.0.2", desk.port))
    assert dict(report.rows)["third opinion"].startswith(
        "127.0.0.2 and the peer, pinged every 300 ms, silent after 1000; forbids a claim on silence"
    )


def test_a_user_who_may_not_ping_is_told_what_to_set(tmp_path: Path) -> None:
    needs_namespaces()
    desk = Desk(tmp_path)
    desk.put("board.toml", BOARD)
    desk.put("config.toml", HEAD + asking("192.0.2.1", desk.port))
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-m", "bmcha"]
    done = in_namespace("ip link set lo up", [*words, "check", str(desk.config)])
    said = " ".join(done.stdout.split())
    assert "cannot ask: pings are not allowed to this user" in said, done.stdout + done.stderr
    assert "until then nothing is asked and nothing is forbidden" in said


def by_arp_in(folder: Path, setup: str, interface: str, *start: str) -> dict[str, dict[str, str]]:
    """The advice about the table, by key, in a network of its own after ``setup``."""
    needs_namespaces()
    desk = Desk(folder)
    desk.put("board.toml", BOARD)
    desk.put("config.toml", HEAD + asking("192.0.2.1", desk.port, by_arp(interface)))
    words = [*start, sys.executable, "-m", "bmcha", "check", "--json", str(desk.config)]
    done = in_namespace(f"ip link set lo up; {setup}", words)
    told = json.loads(done.stdout)["advice"]
    return {each["key"]: each for each in told if each["key"].startswith("third_opinion")}


VETH = "ip link add eth0 type veth peer name far0; ip link set far0 up"


def test_arp_over_an_interface_that_is_up_is_fine(tmp_path: Path) -> None:
    for address in ("true", "ip address add 192.0.2.9/24 dev eth0"):
        (tmp_path / address[:2]).mkdir()
        setup = f"{VETH}; ip link set eth0 up; {address}"
        assert by_arp_in(tmp_path / address[:2], setup, "eth0") == {}


def test_arp_over_an_interface_that_is_not_there_or_down_is_told(tmp_path: Path) -> None:
    for number, (setup, why) in enumerate(
        (("true", "there is no such interface"), (VETH, "the interface is down"))
    ):
        (tmp_path / str(number)).mkdir()
        found = by_arp_in(tmp_path / str(number), setup, "eth0")["third_opinion.interface"]
        assert why in found["value"]
        assert "until then nothing is asked and nothing is forbidden" in found["remedy"]


def test_arp_without_the_right_is_told(tmp_path: Path) -> None:
    bounded = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    found = by_arp_in(tmp_path, f"{VETH}; ip link set eth0 up", "eth0", *bounded)
    assert "give it CAP_NET_RAW" in found["third_opinion.interface"]["value"]


def test_a_reference_that_no_arp_of_this_interface_reaches_is_told(tmp_path: Path) -> None:
    setup = f"{VETH}; ip link set eth0 up; ip address add 198.51.100.1/24 dev eth0"
    found = by_arp_in(tmp_path, setup, "eth0")[KEY]
    assert found["value"] == "192.0.2.1, outside of eth0's own network 198.51.100.0/24"
    assert "routers pass no ARP on" in found["allowed"]


def test_by_arp_is_among_what_will_be_used(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    report = desk.report(asking("127.0.0.2", desk.port, by_arp("eth0")))
    assert dict(report.rows)["third opinion"].startswith(
        "127.0.0.2 and the peer, asked by ARP on eth0 every 300 ms, silent after 1000; forbids"
    )
