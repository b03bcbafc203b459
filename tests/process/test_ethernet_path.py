"""Two real services on a virtual cable, in a network without a single IP address."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports.far_ends import EthernetRig, ip
from tests.process.rig import Module, roles, two_modules
from tests.waiting import wait_until

pytestmark = pytest.mark.own_network
ENDS = (("eth0", EthernetRig.FAR_MAC), ("far0", EthernetRig.NEAR_MAC))
UDP = re.compile(r'name = "udp".*?(?=heartbeat)', re.DOTALL)


@pytest.fixture
def cable() -> Iterator[EthernetRig]:
    found = EthernetRig()
    yield found
    found.close()


@pytest.fixture
def running(tmp_path: Path, cable: EthernetRig) -> Iterator[tuple[Module, Module]]:
    with two_modules(tmp_path) as modules:
        ip("address", "flush", "dev", "lo")
        for module, (interface, remote_mac) in zip(modules, ENDS, strict=True):
            config = module.folder / "config.toml"
            path = (
                f'name = "wire"\nkind = "ethernet"\npeer = {3 - module.slot}\n'
                f'interface = "{interface}"\nremote_mac = "{remote_mac}"\n'
            )
            config.write_text(UDP.sub(path, config.read_text()))
            module.start()
        first, second = modules
        wait_until(lambda: roles(first, second) == ["ACTIVE", "STANDBY"], "one ACTIVE, one STANDBY")
        wait_until(lambda: first.ask()["redundancy"]["state"] == "FULL", "full redundancy")
        yield modules
    ip("address", "add", "127.0.0.1/8", "dev", "lo")


def wires_are(health: str, *modules: Module) -> bool:
    return all(wire(module)["health"] == health for module in modules)


def wire(module: Module) -> Any:
    return module.ask("paths")["paths"]["wire"]


def test_they_hear_each_other_and_a_kill_is_a_takeover(running: tuple[Module, Module]) -> None:
    first, second = running
    wait_until(lambda: wires_are("ALIVE", first, second), "the cable is ALIVE at both ends")
    wait_until(lambda: wire(first)["rtt_us"] is not None, "the round trip is known")
    first.signal(signal.SIGKILL)
    first.end()
    wait_until(lambda: second.role() == "ACTIVE", "the survivor is ACTIVE")
    first.start()
    wait_until(lambda: roles(first, second) == ["STANDBY", "ACTIVE"], "it is back as STANDBY")
    wait_until(lambda: wires_are("ALIVE", first, second), "and heard on the cable")


def test_an_interface_that_bounces_moves_no_role(running: tuple[Module, Module]) -> None:
    first, second = running
    ip("link", "set", "eth0", "down")
    wait_until(lambda: wires_are("SILENT", first, second), "the cable is SILENT at both ends")
    assert [wire(module)["diagnosis"]["fault"] for module in running] == ["no carrier"] * 2
    ip("link", "set", "eth0", "up")
    wait_until(lambda: wires_are("ALIVE", first, second), "it is ALIVE again")
    assert roles(first, second) == ["ACTIVE", "STANDBY"]


def test_an_interface_that_is_made_anew_is_opened_anew(
    running: tuple[Module, Module], cable: EthernetRig
) -> None:
    first, second = running
    cable.close()
    wait_until(lambda: wires_are("SILENT", first, second), "the cable is SILENT at both ends")
    wait_until(lambda: "there is no such interface" in first.log(), "the log says why")
    cable.lay()
    wait_until(lambda: wires_are("ALIVE", first, second), "it is ALIVE again")
    wait_until(lambda: "the port is back" in first.log(), "and the log says so")
    assert roles(first, second) == ["ACTIVE", "STANDBY"]
