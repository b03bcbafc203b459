"""Two real `bmcha run`: who is ACTIVE, and how a service begins and ends."""

import os
import signal
import socket

import pytest

from tests.process.rig import Module, json_of, roles, run_cli, two_modules
from tests.waiting import wait_until


@pytest.fixture
def pair(tmp_path):
    with two_modules(tmp_path) as modules:
        yield modules


@pytest.fixture
def running(pair):
    for module in pair:
        module.start()
    settle(*pair)
    return pair


def settle(active: Module, standby: Module) -> None:
    wait_until(lambda: roles(active, standby) == ["ACTIVE", "STANDBY"], "one ACTIVE, one STANDBY")
    wait_until(lambda: active.ask()["redundancy"]["state"] == "FULL", "full redundancy")


def test_two_modules_agree_and_hear_each_other_on_both_paths(running) -> None:
    first, second = running

    def paths(module: Module) -> list[dict]:
        return list(module.ask("paths")["paths"].values())

    def are_good() -> bool:
        both = paths(first) + paths(second)
        return all(path["health"] == "ALIVE" and path["rtt_us"] is not None for path in both)

    wait_until(are_good, "both paths are ALIVE at both ends and know their round trip")
    wait_until(lambda: first.get("hwmon/pwm1") > 0, "the ACTIVE drives the fan")
    assert first.get("lines/OUTPUT_ENABLE") == 1
    assert second.get("lines/OUTPUT_ENABLE") == 0
    assert second.get("hwmon/pwm1") == 0


def test_a_killed_active_is_replaced_and_comes_back_as_standby(running) -> None:
    first, second = running
    first.signal(signal.SIGKILL)
    first.end()
    wait_until(lambda: second.role() == "ACTIVE", "the survivor is ACTIVE")
    assert second.get("lines/OUTPUT_ENABLE") == 1
    # Socket and image of the dead process are in the way of nobody.
    first.start()
    settle(second, first)


def test_sigterm_to_the_active_hands_over_and_ends_it(running) -> None:
    first, second = running
    first.signal(signal.SIGTERM)
    code, output = first.end()
    assert (code, output) == (0, "")
    assert first.get("lines/OUTPUT_ENABLE") == 0
    # By word, not by silence: the dead time is not waited for.
    wait_until(lambda: second.role() == "ACTIVE", "the other has taken over", 1)
    assert not os.path.exists(first.socket)
    assert not (first.folder / "pid").exists()


def test_a_lone_service_ends_by_a_signal_too(pair) -> None:
    first, _ = pair
    first.start()
    wait_until(first.role, "it answers")
    first.signal(signal.SIGINT)
    assert first.end()[0] == 0


def test_an_active_that_is_stopped_alone_leaves_its_fan_at_full_speed(running) -> None:
    first, second = running
    second.signal(signal.SIGTERM)
    assert second.end()[0] == 0
    wait_until(lambda: 0 < first.get("hwmon/pwm1") < 255, "the ACTIVE drives the fan")
    first.signal(signal.SIGTERM)
    assert first.end()[0] == 0
    assert first.get("hwmon/pwm1") == 255
    assert second.get("hwmon/pwm1") == 0, "no other fan was touched"


def test_the_command_line_switches_over_and_tells_about_it(running) -> None:
    first, second = running
    # Forced, because the last role change is younger than the hold-off.
    done = run_cli("switchover", "--socket", first.socket, "--to", "2", "--force")
    assert done.returncode == 0, done.stderr
    settle(second, first)
    refused = run_cli("--socket", second.socket, "switchover", "--to", "2", "--json")
    assert refused.returncode == 1
    assert json_of(refused.stdout)["refusals"][0]["id"] == "ALREADY_THERE"
    why = run_cli("why", BMCHA_SOCKET=second.socket)
    assert "ACTIVE since" in why.stdout


def test_every_question_has_an_answer_for_people_and_for_programs(pair) -> None:
    first, _ = pair
    first.start()
    wait_until(first.role, "it answers")
    for command in ("status", "paths", "sensors", "fans", "events", "why"):
        told = run_cli(command, "--socket", first.socket)
        assert (told.returncode, told.stderr) == (0, ""), command
        assert all(len(line) <= 80 for line in told.stdout.splitlines()), command
        as_json = run_cli(command, "--json", "--socket", first.socket)
        assert isinstance(json_of(as_json.stdout), dict), command


def test_a_port_that_is_taken_is_a_fault_of_the_path_and_mends_by_itself(pair) -> None:
    first, second = pair
    port = int(first.folder.joinpath("config.toml").read_text().split('local = "127.0.0.1:')[1][:5])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.0.1", port))
        first.start()
        second.start()
        wait_until(lambda: roles(first, second) == ["ACTIVE", "STANDBY"], "roles by serial alone")
        fault = wait_until(lambda: first.ask("paths")["paths"]["udp"]["fault"], "a fault is shown")
        assert str(port) in fault
    settle(first, second)


def test_a_second_service_on_the_same_configuration_is_refused_in_a_sentence(pair) -> None:
    first, _ = pair
    first.start()
    wait_until(first.role, "it answers")
    second = run_cli("run", "--config", str(first.folder / "config.toml"))
    assert second.returncode == 1
    assert "another bmcha listens" in second.stderr
    assert "Traceback" not in second.stderr
    assert first.role() is not None


def test_a_bad_configuration_ends_with_exit_2_file_key_and_why(pair) -> None:
    config = pair[0].folder / "config.toml"
    config.write_text(config.read_text().replace("deadtime_ms = 1500", "deadtime_ms = 15"))
    ended = run_cli("run", "--config", str(config))
    assert ended.returncode == 2
    assert str(config) in ended.stderr
    assert "deadtime_ms" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_unreadable_straps_are_a_fault_and_a_silent_module(pair) -> None:
    first, second = pair
    first.set("straps/SLOT_ID0", 7)
    first.start()
    second.start()
    wait_until(lambda: roles(first, second) == ["FAULT", "ACTIVE"], "the other one runs")
    assert first.ask()["node"]["slot"] is None
    first.signal(signal.SIGTERM)
    assert first.end()[0] == 0


def take_the_first_ones_slot(second: Module) -> None:
    """Its straps say slot 1, and its configuration is for that one."""
    second.set("straps/SLOT_ID0", 1)
    second.set("straps/SLOT_ID1", 0)
    config = second.folder / "config.toml"
    config.write_text(config.read_text().replace("peer = 1", "peer = 2"))


def alarm_ids(module: Module) -> set[str]:
    return {alarm["id"] for alarm in module.ask()["alarms"]}


def test_of_two_in_one_slot_that_start_together_one_runs_and_the_other_is_in_fault(pair) -> None:
    take_the_first_ones_slot(pair[1])
    for module in pair:
        module.start()
    wait_until(lambda: set(roles(*pair)) == {"ACTIVE", "FAULT"}, "one of them runs")
    wait_until(
        lambda: all("duplicate-slot" in alarm_ids(module) for module in pair), "both tell of it"
    )
    loser = next(module for module in pair if module.role() == "FAULT")
    assert loser.ask()["role"]["reason"] == "DUPLICATE_SLOT"
    assert loser.get("lines/OUTPUT_ENABLE") == 0


def test_who_holds_the_chassis_stays_beside_a_newcomer_in_its_slot(pair) -> None:
    first, second = pair
    take_the_first_ones_slot(second)
    first.start()
    wait_until(lambda: first.role() == "ACTIVE", "the first one runs")
    second.start()
    wait_until(lambda: second.role() == "FAULT", "the newcomer is in fault")
    wait_until(lambda: "duplicate-slot" in alarm_ids(first), "the holder tells of it")
    assert first.role() == "ACTIVE"
    assert "own-fault" in alarm_ids(second)


def test_the_service_manager_is_told(pair, tmp_path) -> None:
    first, _ = pair
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = address
        try:
            first.start()
        finally:
            del os.environ["NOTIFY_SOCKET"]
        told = [manager.recv(4096).decode()]
        while "READY=1" not in told:
            told.append(manager.recv(4096).decode())
        first.signal(signal.SIGTERM)
        while "STOPPING=1" not in told:
            told.append(manager.recv(4096).decode())
        first.end()


def test_a_stopped_service_that_goes_on_says_nothing_stale(running) -> None:
    first, second = running
    first.signal(signal.SIGSTOP)
    wait_until(lambda: second.role() == "ACTIVE", "the survivor is ACTIVE")
    first.set("hwmon/pwm1", 7)
    first.signal(signal.SIGCONT)
    settle(second, first)
    assert first.get("hwmon/pwm1") == 7
    assert first.get("lines/OUTPUT_ENABLE") == 0


def test_a_service_whose_socket_file_was_removed_still_ends_in_order(running) -> None:
    first, _ = running
    os.unlink(first.socket)
    first.signal(signal.SIGTERM)
    assert first.end()[0] == 0
