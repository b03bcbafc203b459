"""What `bmcha check` says of an ethernet path: can it be opened, and does it lead elsewhere?"""

import json
import sys
from pathlib import Path

import pytest

from tests.ports.check_desk import BOARD, HEAD, Desk
from tests.ports.namespaces import in_namespace, needs_namespaces

PATH = """
[[paths]]
name = "wire"
kind = "ethernet"
peer = 2
interface = "eth0"
remote_mac = "02:00:00:00:00:02"
heartbeat_interval_ms = 100
warntime_ms = 500
deadtime_ms = 1500
"""
VETH = "ip link add eth0 type veth peer name far0; ip link set far0 up; ip link set eth0 up"
INTERFACE, REMOTE_MAC = "paths[0].interface", "paths[0].remote_mac"


def told_in(folder: Path, setup: str, *start: str) -> dict[str, dict[str, str]]:
    """What is wrong with the path, by key, in a network of its own after ``setup``."""
    needs_namespaces()
    desk = Desk(folder)
    desk.put("board.toml", BOARD)
    desk.put("config.toml", HEAD + PATH)
    words = [*start, sys.executable, "-m", "bmcha", "check", "--json", str(desk.config)]
    done = in_namespace(f"ip link set lo up; {setup}", words)
    told = json.loads(done.stdout)["problems"]
    return {each["key"]: each for each in told if each["key"].startswith("paths[0]")}


def test_a_path_over_an_interface_without_an_address_is_fine(tmp_path: Path) -> None:
    assert told_in(tmp_path, VETH) == {}


def test_an_interface_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = told_in(tmp_path, "true")[INTERFACE]
    assert "there is no such interface; see `ip link` for those there are" in found["value"]
    assert found["remedy"] == "see to it; until then the path is silent"


def test_a_user_without_the_right_is_told(tmp_path: Path) -> None:
    bounded = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    assert "give it CAP_NET_RAW" in told_in(tmp_path, VETH, *bounded)[INTERFACE]["value"]


NOWHERE = PATH.replace("eth0", "nowhere0")
"""An interface that only a folder of ours knows."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    found.put("sys/class/net/nowhere0/address", "02:00:00:00:00:01\n")
    found.put("sys/class/net/nowhere0/operstate", "up\n")
    return found


def test_the_own_address_as_the_peers_is_told(desk: Desk) -> None:
    found = desk.problems(NOWHERE.replace("00:02", "00:01"))[REMOTE_MAC]
    assert found.value == '"02:00:00:00:00:01", the address of nowhere0 itself'
    assert found.remedy == "read it at the peer: `ip -br link`"
    assert REMOTE_MAC not in desk.problems(NOWHERE)


def test_an_interface_that_is_down_is_told(desk: Desk) -> None:
    assert INTERFACE not in desk.advice(NOWHERE)
    desk.put("sys/class/net/nowhere0/operstate", "down\n")
    found = desk.advice(NOWHERE)[INTERFACE]
    assert found.value == "nowhere0, which is down"
    assert found.remedy.startswith("plug the cable in, or `ip link set nowhere0 up`")


def test_a_port_of_a_bridge_is_told(desk: Desk) -> None:
    assert INTERFACE not in {
        key for key, each in desk.problems(NOWHERE).items() if "bridge" in each.value
    }
    desk.put("sys/class/net/nowhere0/brport/state", "3\n")
    report = desk.report(NOWHERE)
    (found,) = [each for each in report.problems if "bridge" in each.value]
    assert (found.key, found.remedy) == (INTERFACE, "name the bridge, or take the port out of it")


def test_an_mtu_that_is_too_small_is_told(desk: Desk) -> None:
    key = "paths[0].frame_bytes_max"
    desk.put("sys/class/net/nowhere0/mtu", "1202\n")
    assert key not in desk.problems(NOWHERE)
    desk.put("sys/class/net/nowhere0/mtu", "1201\n")
    found = desk.problems(NOWHERE)[key]
    assert (found.value, found.allowed) == ("1200, on nowhere0 with an MTU of 1201", "at most 1199")


def test_two_paths_over_one_interface_share_it(desk: Desk) -> None:
    second = NOWHERE.replace('"wire"', '"wire2"').replace("00:02", "00:03")
    found = desk.problems(NOWHERE + second)["paths"]
    assert found.value == "wire and wire2 both need the network interface nowhere0"


def test_it_is_among_what_will_be_used(desk: Desk) -> None:
    rows = dict(desk.report(NOWHERE).rows)
    told = "ethernet, nowhere0 to 02:00:00:00:00:02; a beat every 100 ms"
    assert rows["path wire"].startswith(told)
