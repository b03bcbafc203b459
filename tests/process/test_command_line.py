"""The command line against a running sim: names that TAB offers, and a module that stands still."""

import json
from collections.abc import Iterator

import pytest

from tests.process.sims import Sim, run_bmcha, running_sim
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    with running_sim(tmp_path_factory.mktemp("command-line") / "a sim") as found:
        found.wait_until_ready()
        yield found


def offered(*words: str) -> list[str]:
    done = run_bmcha("__complete", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (("cut", ""), ["udp", "serial", "all"]),
        (("cut", "udp", "--one-way", ""), ["1", "2", "active", "standby"]),
        (("kill", "a"), ["active"]),
        (("line", "mm1.H"), ["mm1.HEALTH"]),
        (("line", "mm1.HEALTH", ""), ["high", "low", "follow"]),
        (("set", "inlet_"), ["inlet_front", "inlet_rear"]),
        (("fan", "fan1"), ["fan1"]),
        (("set", "inlet_front", ""), ["auto"]),
    ],
)
def test_tab_offers_what_the_running_sim_has(sim: Sim, action, words) -> None:
    assert offered("sim-ctl", "--dir", str(sim.layout.root), *action) == words


def test_tab_offers_the_slots_that_the_module_knows(sim: Sim) -> None:
    socket = str(sim.layout.module_socket(1))
    wait_until(
        lambda: offered("switchover", "--socket", socket, "--to", "") == ["1", "2"],
        "both slots are offered",
    )


def test_a_stopped_module_is_reported_with_its_process(sim: Sim) -> None:
    pid = sim.state()["slots"]["2"]["pid"]
    sim.ctl("stop", "2")
    try:
        told = run_bmcha("status", "--json", "--socket", str(sim.layout.module_socket(2)))
    finally:
        sim.ctl("cont", "2")
    assert (told.returncode, told.stdout) == (3, "")
    assert f"its process {pid} is stopped; `kill -CONT {pid}` lets it go on" in told.stderr


def test_maintenance_asked_on_one_module_is_known_to_both(sim: Sim) -> None:
    sockets = [str(sim.layout.module_socket(slot)) for slot in (1, 2)]
    asked = run_bmcha("maintenance", "on", "--for", "600", "--socket", sockets[0])
    assert (asked.returncode, asked.stdout) == (0, "failover is inhibited for 600 s\n")
    wait_until(lambda: all(is_in_maintenance(socket) for socket in sockets), "both know")
    ended = run_bmcha("maintenance", "off", "--json", "--socket", sockets[1])
    assert json.loads(ended.stdout)["result"] == "done"
    wait_until(lambda: not any(is_in_maintenance(socket) for socket in sockets), "it is over")


def test_a_drill_proves_paths_and_lines_and_names_what_fails(sim: Sim) -> None:
    socket = str(sim.layout.module_socket(1))

    def drilled(*words: str) -> tuple[int, dict[str, bool]]:
        ended = run_bmcha("drill", *words, "--json", "--socket", socket)
        return ended.returncode, {i["what"]: i["ok"] for i in json.loads(ended.stdout)["items"]}

    wait_until(lambda: drilled()[0] == 0, "everything is proven")
    code, items = drilled("udp")
    assert (code, items) == (0, {"path udp to slot 2": True})
    sim.ctl("cut", "udp", "--one-way", "2")
    try:
        code, items = drilled()
        assert code == 1 and not items["path udp to slot 2"]
        assert items["path serial to slot 2"]
        told = run_bmcha("drill", "udp", "--socket", socket)
        assert told.stdout.startswith("FAILED  path udp to slot 2")
    finally:
        sim.ctl("heal", "udp")
    refused = run_bmcha("drill", "usb", "--socket", socket)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("There is no such path.")


def test_a_lock_out_is_cleared_by_a_command_and_said_so(sim: Sim) -> None:
    socket = str(sim.layout.module_socket(1))
    cleared = run_bmcha("lockout", "clear", "--socket", socket)
    told = "nothing was locked out; failovers are counted anew\n"
    assert (cleared.returncode, cleared.stdout) == (0, told)
    assert json.loads(run_bmcha("status", "--json", "--socket", socket).stdout)["lockout"] == {
        "is_locked": False,
        "why": "",
        "since_s": None,
        "failovers": 0,
        "failovers_max": 10,
        "failovers_window_s": 3600,
    }


def is_in_maintenance(socket: str) -> bool:
    told = json.loads(run_bmcha("status", "--json", "--socket", socket).stdout)
    return "maintenance" in {wait["what"] for wait in told["waits"]}
