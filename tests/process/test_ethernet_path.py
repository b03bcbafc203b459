"""Two real services on a virtual cable, in a network without a single IP address."""

import re
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bmcha.model.ethernet import ETHER_TYPE
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


def test_without_an_address_they_find_each_other_by_the_key_and_speak_to_nobody_else(
    tmp_path: Path, cable: EthernetRig
) -> None:
    with two_modules(tmp_path) as modules:
        for module, interface in zip(modules, ("eth0", "far0"), strict=True):
            config = module.folder / "config.toml"
            path = (
                f'name = "wire"\nkind = "ethernet"\npeer = {3 - module.slot}\n'
                f'interface = "{interface}"\n'
            )
            config.write_text(UDP.sub(path, config.read_text()))
        first, second = modules
        with raw_socket("eth0") as heard:
            first.start()
            wait_until(lambda: heard_targets(heard) == {BROADCAST}, "it speaks to all")
            second.start()
            wait_until(lambda: wires_are("ALIVE", first, second), "the cable is ALIVE")
            learned = {mac_of(EthernetRig.FAR_MAC), mac_of(EthernetRig.NEAR_MAC)}
            wait_until(lambda: heard_targets(heard) == learned, "they speak to each other alone")
            second.signal(signal.SIGKILL)
            second.end()
            wait_until(lambda: heard_targets(heard) == {BROADCAST}, "a silent peer may be another")


BROADCAST = b"\xff" * 6


def mac_of(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


@contextmanager
def raw_socket(interface: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHER_TYPE)) as opened:
        opened.bind((interface, 0x0003))
        opened.setblocking(False)
        yield opened


def heard_targets(opened: socket.socket) -> set[bytes]:
    """To whom beats went in a while from now on, both ways."""
    with suppress(BlockingIOError):
        while opened.recv(2048):
            pass
    found = set()
    end_s = time.monotonic() + 0.3
    while (left_s := end_s - time.monotonic()) > 0:
        if select.select([opened], [], [], left_s)[0]:
            frame = opened.recv(2048)
            if frame[12:14] == ETHER_TYPE.to_bytes(2, "big"):
                found.add(frame[:6])
    return found
