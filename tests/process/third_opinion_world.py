"""Two real services, each in a network of its own, and a switch between them that answers.

Run inside a user and network namespace, where it is root (`tests.process.test_third_opinion`):

    python -m tests.process.third_opinion_world FOLDER cut|cut-active|kill ping|arp

It prints one JSON line: what was seen. Each module has one udp path over the switch and no other,
so that the one cable of a module carries its path and its questions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.process.rig import BOARD, Module
from tests.waiting import wait_until

SWITCH = "10.9.0.254"
ADDRESSES = {1: "10.9.0.1", 2: "10.9.0.2"}
FORBID_S = 4
VIAS = {"ping": "", "arp": 'via = "arp"\ninterface = "eth0"\n'}
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""However this process ends, what it started does not outlive it."""
CONFIG = """
board = "board.toml"
hw_root = "hw"
state_dir = "store"
key_file = "keys"
control_socket = "control.sock"
image_name = "/bmcha-opinion-{pid}-mm{slot}"
log_file = "log"

[chassis]
id = 4711
succession = [1, 2]

[timers]
initdead_ms = 1600
hold_off_ms = 100

[third_opinion]
address = "{switch}"
forbid_max_s = {forbid_s}
{via}

[[paths]]
name = "udp"
kind = "udp"
peer = {peer}
local = "{local}:7000"
remote = "{remote}:7000"
heartbeat_interval_ms = 50
warntime_ms = 500
deadtime_ms = 1500
"""


def run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


class Network:
    """A process that does nothing but hold a network; a cable leads from it to the switch."""

    def __init__(self, slot: int) -> None:
        self.port = f"port{slot}"
        self.holder = subprocess.Popen(
            [*ENDS_WITH_US, "unshare", "--net", "sh", "-c", "echo; exec sleep 600"],
            stdout=subprocess.PIPE,
        )
        assert self.holder.stdout is not None
        self.holder.stdout.readline()
        pid = str(self.holder.pid)
        run(*("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", pid))
        run("ip", "link", "set", self.port, "master", "switch", "up")
        self.prefix = [*ENDS_WITH_US, "nsenter", "--target", pid, "--net"]
        run(*self.prefix, "ip", "address", "add", f"{ADDRESSES[slot]}/24", "dev", "eth0")
        run(*self.prefix, "ip", "link", "set", "eth0", "up")
        run(*self.prefix, "ip", "link", "set", "lo", "up")

    def cut(self) -> None:
        """The cable falls out at the switch: the module's own end keeps its address."""
        run("ip", "link", "set", self.port, "nomaster")

    def close(self) -> None:
        self.holder.kill()
        self.holder.wait()


class Placed(Module):
    """A service in its network."""

    def __init__(self, folder: Path, slot: int, network: Network) -> None:
        super().__init__(folder, slot)
        self.prefix = network.prefix

    def told(self) -> dict[str, Any]:
        status, paths = self.ask(), self.ask("paths")["paths"]["udp"]
        return {
            "role": status["role"]["state"],
            "reason": status["role"]["reason"],
            "alarms": sorted(alarm["id"] for alarm in status["alarms"]),
            "severities": {alarm["id"]: alarm["severity"] for alarm in status["alarms"]},
            "diagnosis": paths["diagnosis"]["fault"],
            "pinged": paths["pinged"],
        }


def make_switch() -> None:
    run("ip", "link", "add", "switch", "type", "bridge")
    run("ip", "address", "add", f"{SWITCH}/24", "dev", "switch")
    run("ip", "link", "set", "switch", "up")
    # A port that was taken out of the switch is not answered for its address any more.
    Path("/proc/sys/net/ipv4/conf/all/arp_ignore").write_text("1")


def place(folder: Path, slot: int, network: Network, via: str) -> Placed:
    module = Placed(folder / f"mm{slot}", slot, network)
    config = CONFIG.format(
        pid=network.holder.pid,
        slot=slot,
        switch=SWITCH,
        forbid_s=FORBID_S,
        via=VIAS[via],
        peer=3 - slot,
        local=ADDRESSES[slot],
        remote=ADDRESSES[3 - slot],
    )
    module.make(BOARD, config)
    return module


def story(what: str, modules: dict[int, Placed], networks: dict[int, Network]) -> dict[str, Any]:
    for module in modules.values():
        module.start()
    wait_until(lambda: modules[1].role() == "ACTIVE", "slot 1 holds the chassis")
    wait_until(lambda: modules[2].role() == "STANDBY", "slot 2 follows")
    wait_until(lambda: _is_all_well(modules[2]), "reference and peer answer slot 2, no alarm")
    before = modules[2].told()
    if what == "cut":
        networks[2].cut()
        wait_until(lambda: modules[2].told()["reason"] == "CUT_OFF", "slot 2 is cut off")
        during = modules[2].told()
        wait_until(lambda: modules[2].role() == "ACTIVE", "its patience ends")
        return {"before": before, "during": during, "first": modules[1].told()["role"]}
    if what == "cut-active":
        networks[1].cut()
        wait_until(lambda: "cut-off" in modules[1].told()["alarms"], "slot 1 is named cut off")
        wait_until(lambda: modules[2].role() == "ACTIVE", "slot 2 takes over, as ever")
        return {"before": before, "during": modules[1].told(), "first": modules[1].told()["role"]}
    modules[1].close()
    wait_until(lambda: modules[2].role() == "ACTIVE", "slot 2 takes over")
    # A refusal is counted twice a second.
    wait_until(lambda: modules[2].told()["diagnosis"] == "peer failed", "the port is refused")
    return {"before": before, "during": modules[2].told(), "first": None}


def _is_all_well(module: Placed) -> bool:
    told = module.told()
    return not told["alarms"] and bool(told["pinged"] == {"peer": True, "reference": True})


def main() -> None:
    folder, what, via = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    make_switch()
    networks = {slot: Network(slot) for slot in (1, 2)}
    modules = {slot: place(folder, slot, networks[slot], via) for slot in (1, 2)}
    try:
        print(json.dumps(story(what, modules, networks)))
    finally:
        for module in modules.values():
            module.close()
        for network in networks.values():
            network.close()


if __name__ == "__main__":
    main()
