"""`bmcha sim-ctl` on a running sim: an action that has returned is in force."""

import json
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bmcha.image import Picture, Reader
from bmcha.sim.layout import connect_to
from bmcha.sim.rpc import RpcRefused
from tests.process.sims import (
    Sim,
    is_alive,
    kill_now,
    run_bmcha,
    running_sim,
)
from tests.waiting import WAIT_S, wait_until


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    """Every test leaves it as it found it: both modules run, nothing is broken."""
    with running_sim(tmp_path_factory.mktemp("ctl") / "a sim") as found:
        found.wait_until_ready()
        yield found


def ctl(sim: Sim, *words: str) -> "tuple[int, str, str]":
    done = run_bmcha("sim-ctl", "--dir", str(sim.layout.root), *words)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def seen(sim: Sim, slot: int, line: str) -> str:
    return (sim.layout.hw(slot) / "lines" / line).read_text().strip()


def one_holder(sim: Sim) -> bool:
    return sorted(sim.gates()) == ["open", "shut"]


def holder(sim: Sim) -> int:
    wait_until(lambda: one_holder(sim), "one module holds the outputs")
    return sim.gates().index("open") + 1


def process_state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def is_level(sim: Sim) -> bool:
    status = run_bmcha("--socket", str(sim.layout.module_socket(holder(sim))), "status", "--json")
    return bool(json.loads(status.stdout)["redundancy"]["state"] == "FULL")


def test_a_killed_module_is_dead_and_holds_nothing(sim: Sim) -> None:
    active = holder(sim)
    pid = sim.state()["slots"][str(active)]["pid"]
    code, text, _ = ctl(sim, "kill", "active")
    assert (code, text) == (0, f"module {active} is dead")
    assert not is_alive(pid)
    last = [line for line in sim.journal() if line.slot == active and line.what == "gate"][-1]
    assert last.value is False
    assert not sim.layout.pid_file(active).exists()
    assert seen(sim, active, "HEALTH") == "0"
    assert ctl(sim, "kill", str(active))[0] == 1
    assert ctl(sim, "start", str(active))[0] == 0
    wait_until(lambda: is_level(sim), "both are back")


def test_a_fault_is_written_before_its_consequences(sim: Sim) -> None:
    count = len(sim.journal())
    standby = 3 - holder(sim)
    sim.ctl("kill", str(standby))
    lines = sim.journal()[count:]
    whats = [line.what for line in lines if line.slot == standby]
    assert whats[0] == "fault"
    assert "line" in whats
    sim.ctl("start", str(standby))
    wait_until(lambda: is_level(sim), "both are back")


def test_a_stopped_module_stands_still_until_it_is_continued(sim: Sim) -> None:
    standby = 3 - holder(sim)
    pid = sim.state()["slots"][str(standby)]["pid"]
    sim.ctl("stop", "standby")
    assert process_state(pid) == "T"
    assert sim.state()["slots"][str(standby)]["stopped"] is True
    sim.ctl("cont", str(standby))
    assert process_state(pid) != "T"
    with pytest.raises(RpcRefused, match=f"module {standby} is not stopped"):
        sim.ctl("cont", str(standby))
    wait_until(lambda: is_level(sim), "both are back")


def test_a_restarted_module_is_another_process(sim: Sim) -> None:
    standby = 3 - holder(sim)
    before = sim.state()["slots"][str(standby)]["pid"]
    sim.ctl("restart", "standby")
    after = sim.state()["slots"][str(standby)]["pid"]
    assert after != before
    assert not is_alive(before)
    assert sim.layout.pid_file(standby).read_text().strip() == str(after)
    wait_until(lambda: is_level(sim), "both are back")


def test_a_module_that_is_pulled_while_it_restarts_stays_out(sim: Sim) -> None:
    standby = 3 - holder(sim)
    asked = [{"id": 1, "method": "restart"}, {"id": 2, "method": "pull"}]
    client = connect_to(sim.layout.chassis_socket, WAIT_S)
    with client, client.makefile("rb") as answers:
        # In one piece: the module has not ended when it is pulled.
        lines = [json.dumps({**each, "params": [standby]}) for each in asked]
        client.sendall("".join(f"{line}\n" for line in lines).encode())
        pulled, restarted = (json.loads(answers.readline()) for _ in asked)
    assert pulled["result"]["text"] == f"slot {standby} is empty"
    assert f"slot {standby} is empty" in restarted["error"]["message"]
    assert sim.state()["slots"][str(standby)]["alive"] is False
    sim.ctl("insert", str(standby))
    wait_until(lambda: is_level(sim), "both are back")


def test_a_pulled_module_is_absent_and_unheard_until_it_is_inserted(sim: Sim) -> None:
    active = holder(sim)
    other = 3 - active
    assert seen(sim, other, "PEER_PRES_N") == "0"
    sim.ctl("pull", str(active))
    assert seen(sim, other, "PEER_PRES_N") == "1"
    assert all(active in path["unplugged"] for path in sim.state()["paths"].values())
    with pytest.raises(RpcRefused, match=f"slot {active} is empty; insert {active} puts"):
        sim.ctl("start", str(active))
    wait_until(lambda: holder(sim) == other, "the other one takes over")
    sim.ctl("insert", str(active))
    assert seen(sim, other, "PEER_PRES_N") == "0"
    wait_until(lambda: is_level(sim), "both are back")
    socket = str(sim.layout.module_socket(active))
    status = json.loads(run_bmcha("--socket", socket, "status", "--json").stdout)
    # A service whose power was lost has not crashed.
    assert "crashed" not in {alarm["id"] for alarm in status["alarms"]}
    assert not [wait for wait in status["waits"] if "hold-off" in wait["what"]]


def test_a_module_senses_its_own_line_as_the_peer_sees_it(sim: Sim) -> None:
    active = holder(sim)
    for slot, level in ((active, "1"), (3 - active, "0")):
        assert seen(sim, slot, "ACTIVE_SENSE") == level
        assert seen(sim, 3 - slot, "PEER_ACTIVE") == level
        assert seen(sim, slot, "OUTPUTS_OPEN") == level


def test_a_forced_line_lies_to_the_peer(sim: Sim) -> None:
    standby = 3 - holder(sim)
    active = holder(sim)
    assert seen(sim, active, "PEER_HEALTH") == "1"
    sim.ctl("line", f"mm{standby}.HEALTH", "low")
    assert seen(sim, active, "PEER_HEALTH") == "0"
    sim.ctl("line", f"mm{standby}.HEALTH", "follow")
    assert seen(sim, active, "PEER_HEALTH") == "1"


def alarm_ids(sim: Sim, slot: int) -> set[str]:
    told = run_bmcha("--socket", str(sim.layout.module_socket(slot)), "status", "--json").stdout
    return {alarm["id"] for alarm in json.loads(told)["alarms"]}


def test_straps_that_change_while_the_module_runs_are_an_alarm_and_nothing_else(sim: Sim) -> None:
    active = holder(sim)
    gates_moved = sum(line.what == "gate" for line in sim.journal())
    said = ctl(sim, "line", f"mm{active}.SLOT_ID{2 - active}", "high")[1]
    assert said == f"mm{active}.SLOT_ID{2 - active} is stuck high"
    wait_until(lambda: "slot-straps-changed" in alarm_ids(sim, active), "the alarm is raised")
    sim.ctl("line", f"mm{active}.SLOT_ID{2 - active}", "follow")
    wait_until(lambda: "slot-straps-changed" not in alarm_ids(sim, active), "it is cleared")
    assert sum(line.what == "gate" for line in sim.journal()) == gates_moved


def test_a_sensor_set_by_hand_is_seen_by_both(sim: Sim) -> None:
    files = [sim.layout.hw(slot) / "hwmon/hwmon0/temp1_input" for slot in (1, 2)]
    assert ctl(sim, "set", "inlet_front", "41500")[1] == "inlet_front shows 41500"
    assert [int(file.read_text()) for file in files] == [41500, 41500]
    sim.ctl("set", "inlet_front", "auto")
    assert all(int(file.read_text()) < 30000 for file in files)


def test_a_failed_fan_runs_down_and_up_again(sim: Sim) -> None:
    file = sim.layout.hw(1) / "hwmon/hwmon1/fan2_input"
    sim.ctl("fan", "2", "fail")
    wait_until(lambda: int(file.read_text()) < 500, "fan2 stands")
    sim.ctl("fan", "fan2", "ok")
    wait_until(lambda: int(file.read_text()) > 1000, "fan2 turns")


def test_a_path_cut_one_way_is_heard_one_way(sim: Sim) -> None:
    def heard() -> list[str]:
        found = []
        for slot in (1, 2):
            done = run_bmcha("--socket", str(sim.layout.module_socket(slot)), "paths", "--json")
            found.append(json.loads(done.stdout)["paths"]["udp"]["health"])
        return found

    assert ctl(sim, "cut", "udp", "--one-way", "1")[1] == "path udp drops what slot 1 sends"
    assert sim.state()["paths"]["udp"]["cut"] == [1]
    wait_until(lambda: heard() == ["ONE_WAY", "SILENT"] or heard()[0] == "ONE_WAY", "one way")
    assert ctl(sim, "heal", "udp")[1] == "path udp carries everything again"
    wait_until(lambda: heard() == ["ALIVE", "ALIVE"], "both hear again")


def path_of(sim: Sim, slot: int, name: str) -> "dict[str, Any]":
    socket = str(sim.layout.module_socket(slot))
    found = json.loads(run_bmcha("--socket", socket, "paths", "--json").stdout)
    path: dict[str, Any] = found["paths"][name]
    return path


def test_lost_datagrams_are_missed_by_their_receiver_alone(sim: Sim) -> None:
    before = [path_of(sim, slot, "udp")["lost"] for slot in (1, 2)]
    text = "path udp loses 50 % of what slot 1 sends"
    assert ctl(sim, "loss", "udp", "50", "--from", "1")[1] == text
    assert sim.state()["paths"]["udp"]["loss_percent"] == {"1": 50.0}
    wait_until(lambda: path_of(sim, 2, "udp")["lost"] > before[1] + 5, "module 2 misses some")
    assert ctl(sim, "loss", "udp", "0", "--from", "1")[0] == 0
    assert sim.state()["paths"]["udp"]["loss_percent"] == {}
    assert path_of(sim, 1, "udp")["lost"] == before[0]
    told = [line for line in sim.journal() if line.name == "loss"]
    assert [(line.what, line.slot, line.value) for line in told] == [
        ("fault", 1, "udp 50 --from 1")
    ]


def test_a_delay_makes_the_round_trip_longer(sim: Sim) -> None:
    assert ctl(sim, "delay", "udp", "150")[0] == 0
    assert sim.state()["paths"]["udp"]["delay_ms"] == {"1": 150, "2": 150}
    wait_until(lambda: path_of(sim, 1, "udp")["rtt_us"] > 290_000, "a long round trip")
    assert ctl(sim, "heal", "udp")[0] == 0
    wait_until(lambda: path_of(sim, 1, "udp")["rtt_us"] < 100_000, "a short round trip")


def test_noise_on_the_serial_line_is_damage_at_both_ends(sim: Sim) -> None:
    before = [path_of(sim, slot, "serial")["bad"] for slot in (1, 2)]
    assert ctl(sim, "noise", "serial", "5000")[0] == 0
    assert sim.state()["paths"]["serial"]["noise_bytes_per_s"] == 5000
    wait_until(
        lambda: all(
            path_of(sim, slot, "serial")["bad"] > count + 5
            for slot, count in zip((1, 2), before, strict=True)
        ),
        "damage at both ends",
    )
    assert ctl(sim, "noise", "serial", "0")[0] == 0
    wait_until(
        lambda: all(path_of(sim, slot, "serial")["health"] == "ALIVE" for slot in (1, 2)),
        "the line works again",
    )


def test_a_failed_supply_is_seen_as_an_alarm_and_leaves_its_load_to_the_other(sim: Sim) -> None:
    files = [sim.layout.hw(1) / f"hwmon/hwmon{number}/curr1_input" for number in (2, 3)]
    before = int(files[1].read_text())
    assert ctl(sim, "psu", "1", "fail")[1] == "psu1 gives nothing"
    assert (sim.layout.hw(1) / "power/psu1_good").read_text().strip() == "0"
    assert int(files[0].read_text()) == 0
    assert int(files[1].read_text()) > 1.8 * before
    wait_until(lambda: "supply-psu1-failed" in alarms(sim), "the alarm of the supply")
    with pytest.raises(RpcRefused, match="psu2 is the last supply that works"):
        sim.ctl("psu", "psu2", "fail")
    assert ctl(sim, "psu", "psu1", "ok")[0] == 0
    wait_until(lambda: "supply-psu1-failed" not in alarms(sim), "the end of the alarm")


def alarms(sim: Sim) -> "set[str]":
    socket = str(sim.layout.module_socket(holder(sim)))
    status = json.loads(run_bmcha("--socket", socket, "status", "--json").stdout)
    return {alarm["id"] for alarm in status["alarms"]}


def test_a_blade_draws_what_it_is_told_and_nothing_when_it_is_off(sim: Sim) -> None:
    file = sim.layout.hw(2) / "hwmon/hwmon5/power3_input"
    assert ctl(sim, "blade", "3", "load", "200")[1] == "blade3 draws 200 W"
    assert int(file.read_text()) == 200_000_000
    assert ctl(sim, "blade", "blade3", "off")[1] == "blade3 is off"
    assert int(file.read_text()) == 0
    assert sim.state()["blades"][2] == {"name": "blade3", "on": False, "power_milliwatt": 0}
    ctl(sim, "blade", "3", "on")
    ctl(sim, "blade", "3", "load", "125")
    assert int(file.read_text()) == 125_000_000


def test_a_slow_sensor_answers_nobody_until_it_is_well(sim: Sim) -> None:
    file = sim.layout.hw(1) / "hwmon/hwmon0/temp4_input"
    assert ctl(sim, "sensor", "exhaust_rear", "slow")[1] == "exhaust_rear answers nobody"
    fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        os.read(fd, 10)
    os.close(fd)
    wait_until(lambda: "sensor-exhaust_rear-unreadable" in alarms(sim), "the alarm of the sensor")
    assert ctl(sim, "sensor", "exhaust_rear", "ok")[0] == 0
    assert int(file.read_text()) > 20_000
    wait_until(lambda: "sensor-exhaust_rear-unreadable" not in alarms(sim), "it is read again")


def test_a_full_disk_stops_files_and_nothing_else(sim: Sim) -> None:
    standby = 3 - holder(sim)
    assert ctl(sim, "disk", "standby", "full")[1] == f"the disk of module {standby} is full"
    state = sim.state()["slots"][str(standby)]
    assert state["disk_full"] is True
    assert resource.prlimit(state["pid"], resource.RLIMIT_FSIZE)[0] == 64
    assert ctl(sim, "disk", str(standby), "ok")[0] == 0
    assert resource.prlimit(state["pid"], resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert sim.state()["slots"][str(standby)]["disk_full"] is False


def image(sim: Sim, slot: int) -> Picture:
    with Reader((sim.layout.module(slot) / "shm").read_text().strip()) as reader:
        return reader.read()


def test_a_module_of_another_chassis_gets_and_gives_nothing(sim: Sim) -> None:
    wait_until(lambda: is_level(sim), "both are there")
    active = holder(sim)
    standby = 3 - active
    sim.ctl("pull", str(standby))
    before = image(sim, active)
    sim.ctl("insert", str(standby), "--chassis", "9")
    assert sim.state()["slots"][str(standby)]["chassis_id"] == 9
    wait_until(lambda: "foreign-chassis" in alarms(sim), "the alarm of the foreign module")
    socket = str(sim.layout.module_socket(standby))
    status = json.loads(run_bmcha("--socket", socket, "status", "--json").stdout)
    assert status["node"]["chassis_id"] == 9
    assert (status["mirror"]["state"], status["mirror"]["sequence"]) == ("NONE", 0)
    assert image(sim, standby).sensors == []
    after = image(sim, active)
    assert after.header.epoch == before.header.epoch
    assert [cell.name for cell in after.sensors] == [cell.name for cell in before.sensors]
    sim.ctl("pull", str(standby))
    sim.ctl("insert", str(standby))
    assert sim.state()["slots"][str(standby)]["chassis_id"] == 4711
    wait_until(lambda: is_level(sim), "both are back")


def test_a_write_of_the_standby_is_refused_and_changes_nothing(sim: Sim) -> None:
    standby = 3 - holder(sim)
    (sim.layout.hw(standby) / "hwmon/hwmon1/pwm3").write_text("11\n")
    wait_until(
        lambda: [
            line
            for line in sim.journal()
            if (line.what, line.slot, line.name, line.value) == ("refused", standby, "fan3", 11)
        ],
        "the write is refused",
    )
    assert sim.state()["fans"][2]["pwm"] != 11


def test_an_applied_write_is_an_output(sim: Sim) -> None:
    active = holder(sim)
    lines = [line for line in sim.journal() if line.what == "output" and line.slot == active]
    assert {line.name for line in lines} == {f"fan{number}" for number in range(1, 7)}
    assert all(0 <= line.value <= 255 for line in lines)


def test_the_state_is_told_to_people_and_programs(sim: Sim) -> None:
    code, text, _ = ctl(sim, "state")
    assert code == 0
    assert text.startswith(f"board virtual-gated, {sim.layout.root}")
    assert "gate open" in text
    state = json.loads(ctl(sim, "state", "--json")[1])
    assert set(state["slots"]) == {"1", "2"}
    assert set(state["paths"]) == {"udp", "serial"}


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["explode"], 2, "unknown action 'explode'; there are: cut, loss, delay, noise, heal"),
        (["loss", "udp", "500"], 2, "loss udp '500': allowed are 0 to 100 percent"),
        (["cut", "ethernet"], 2, "unknown path 'ethernet'; there are: udp, serial, all"),
        (["kill", "7"], 2, "unknown slot '7'; allowed are: 1, 2, active, standby"),
        (["kill"], 2, "write kill SLOT"),
        ([], 2, "an action is missing"),
        (["start", "1"], 1, "module 1 runs already, as process"),
        (["insert", "2"], 1, "slot 2 holds a module already; pull it first"),
    ],
)
def test_a_refusal_is_a_sentence(sim: Sim, words: list[str], code: int, sentence: str) -> None:
    found, text, error = ctl(sim, *words)
    assert (found, text) == (code, "")
    assert sentence in error


def test_without_a_sim_there_is_no_service(tmp_path: Path) -> None:
    done = run_bmcha("sim-ctl", "--dir", str(tmp_path), "state")
    assert done.returncode == 3
    assert f"no sim runs in {tmp_path}" in done.stderr


def test_a_module_that_ends_by_itself_is_a_fault_of_its_own(tmp_path: Path) -> None:
    with running_sim(tmp_path / "sim", "--respawn") as sim:
        sim.wait_until_ready()
        before = sim.state()["slots"]["2"]["pid"]
        kill_now(before)
        wait_until(
            lambda: sim.state()["slots"]["2"]["pid"] not in (None, before), "it is started again"
        )
        faults = [line for line in sim.journal() if line.what == "fault"]
        assert [(line.slot, line.name, line.value) for line in faults] == [
            (2, "ended", f"signal {int(signal.SIGKILL)}")
        ]
