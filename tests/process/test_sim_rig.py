"""`bmcha sim` as a command: directories, names, endings, and what goes to stdout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bmcha.sim.layout import RigLayout, connect_to
from tests.process.sims import SCENARIO_S, leftovers_of, run_bmcha, running_sim
from tests.waiting import wait_until


def test_two_sims_at_once_know_nothing_of_each_other(tmp_path: Path) -> None:
    with running_sim(tmp_path / "one") as one, running_sim(tmp_path / "two") as two:
        one.wait_until_ready()
        two.wait_until_ready()
        one.ctl("kill", "active")
        wait_until(lambda: one.gates() == ["shut", "open"], "the first sim fails over")
        assert two.gates() == ["open", "shut"]
        assert not [line for line in two.journal() if line.what == "fault"]


def test_a_long_directory_with_spaces_works(tmp_path: Path) -> None:
    root = tmp_path / "a directory" / ("deep " * 20).strip() / ("deeper " * 20).strip() / "the end"
    assert len(str(root)) > 250
    with running_sim(root) as sim:
        sim.wait_until_ready()
        status = run_bmcha("--socket", str(sim.layout.module_socket(1)), "status", "--json")
        assert json.loads(status.stdout)["role"]["state"] == "ACTIVE"
        assert run_bmcha("sim-ctl", "--dir", str(root), "kill", "2").returncode == 0
    assert sim.leftovers() == []


def test_everything_is_where_the_contract_says(tmp_path: Path) -> None:
    with running_sim(tmp_path / "dots.and(brackets)") as sim:
        sim.wait_until_ready()
        for slot in (1, 2):
            module = sim.layout.root / f"mm{slot}"
            shm = f"/bmcha-dots.and_brackets_-mm{slot}"
            assert (module / "shm").read_text().strip() == shm
            assert Path("/dev/shm" + shm).exists()
            pid = int((module / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            assert command[-3:-1] == [b"--config", os.fsencode(module / "config.toml")]
            assert (module / "hw/straps/SLOT_ID0").read_text() == f"{slot & 1}\n"
            for name in ("store", "log", "control.sock"):
                assert (module / name).exists()
    assert (sim.layout.root / "chassis/journal.jsonl").exists()


def test_a_second_sim_in_the_same_directory_is_refused_by_name(tmp_path: Path) -> None:
    with running_sim(tmp_path / "same") as sim:
        sim.wait_until_ready()
        done = run_bmcha("sim", "--headless", "--duration", "5", "--dir", str(tmp_path / "same"))
        assert done.returncode == 1
        assert "/bmcha-same-mm1" in done.stderr
        assert sim.gates() == ["open", "shut"]


def test_shared_memory_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    layout = RigLayout(tmp_path / f"taken-{os.getpid()}")
    file = layout.shm_file(2)
    with file.open("wb") as held:
        done = run_bmcha("sim", "--headless", "--duration", "5", "--dir", str(layout.root))
        held.flush()
    assert done.returncode == 1
    assert f"{layout.shm_name(2)} is in use by process {os.getpid()}" in done.stderr
    assert file.exists()
    # Its holder is gone: what it left is in nobody's way.
    done = run_bmcha("sim", "--headless", "--duration", "1", "--dir", str(layout.root))
    assert done.returncode == 0, done.stderr
    assert not file.exists()


def test_a_kept_directory_can_be_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        with running_sim(tmp_path / "kept") as sim:
            sim.wait_until_ready()
            count = len([line for line in sim.journal() if line.what == "gate" and line.value])
            assert count == 1  # the journal is of this run alone


def test_duration_ends_it(tmp_path: Path) -> None:
    words = ("sim", "--headless", "--duration", "2", "--dir", str(tmp_path / "short"))
    done = run_bmcha(*words, timeout_s=SCENARIO_S / 4)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "Ends by itself after 2 s; Ctrl-C ends it now."
    assert leftovers_of(RigLayout(tmp_path / "short")) == []


def test_headless_json_is_one_object_with_the_places(tmp_path: Path) -> None:
    root = tmp_path / "places"
    done = run_bmcha("sim", "--headless", "--json", "--duration", "1", "--dir", str(root))
    places = json.loads(done.stdout)
    assert places["dir"] == str(root)
    assert places["mm1"] == str(root / "mm1/control.sock")
    assert done.stdout.count("\n") == 1


def test_a_scenario_that_duration_cuts_short_has_failed(tmp_path: Path) -> None:
    done = run_bmcha("sim", "--scenario", "kill-active", "--json", "--duration", "2")
    assert done.returncode == 1
    assert json.loads(done.stdout)["why"][0] == "ended by --duration before the last step"


def test_a_verdict_that_is_missing_is_told_in_words_too() -> None:
    done = run_bmcha("sim", "--scenario", "kill-active", "--duration", "2")
    assert done.returncode == 1
    ending = "no verdict, ended by --duration before the last step"
    assert done.stdout.splitlines()[-1] == f"kill-active on gated: {ending}"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--scenario", "no-such"], "unknown scenario 'no-such'; there are: cold-start, cut-"),
        (["--board", "moon"], "unknown board 'moon'; there are: gated, reset, lease, bare"),
        (["--duration", "-1"], "--duration -1: allowed are more than 0"),
        (["--duration", "nan"], "--duration nan: allowed are more than 0"),
    ],
)
def test_words_that_make_no_sense_are_told_what_does(words: list[str], sentence: str) -> None:
    done = run_bmcha("sim", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_scenario_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("never dual\nat 5 explode\n")
    done = run_bmcha("sim", "--scenario", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{file}:2: unknown action 'explode'" in done.stderr


def test_a_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_bmcha("sim", "--headless", "--dir", str(tmp_path / "file" / "sim"))
    assert done.returncode == 1
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_too_long_for_shared_memory_is_a_sentence(tmp_path: Path) -> None:
    done = run_bmcha("sim", "--headless", "--dir", str(tmp_path / ("x" * 250)))
    assert done.returncode == 1
    assert "has room for 240" in done.stderr


def test_modules_are_children_of_no_terminal(tmp_path: Path) -> None:
    with running_sim(tmp_path / "session") as sim:
        sim.wait_until_ready()
        assert all(os.getsid(pid) == pid for pid in sim.pids())


def test_a_client_that_does_not_read_does_not_slow_the_chassis(tmp_path: Path) -> None:
    with running_sim(tmp_path / "slow") as sim:
        sim.wait_until_ready()
        lazy = connect_to(sim.layout.chassis_socket, 5)
        request = {"jsonrpc": "2.0", "id": 1, "method": "state", "params": []}
        lazy.sendall((json.dumps(request) + "\n").encode() * 300)
        assert sim.gates() == ["open", "shut"]
        lazy.close()
        assert sim.gates() == ["open", "shut"]


def test_nonsense_on_the_control_socket_is_answered(tmp_path: Path) -> None:
    with running_sim(tmp_path / "nonsense") as sim:
        sim.wait_until_ready()
        client = connect_to(sim.layout.chassis_socket, 5)
        with client, client.makefile("rb") as answers:
            client.sendall(b'rubbish\n[]\n{"id": 3}\n{"id": 4, "method": "cut", "params": {}}\n')
            codes = [json.loads(answers.readline())["error"]["code"] for _ in range(4)]
        assert codes == [-32700, -32600, -32600, -32602]


def test_the_story_is_told_without_a_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bmcha", "sim"], capture_output=True, text=True, timeout=SCENARIO_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for sentence in (
        "Ctrl-C ends it now.",
        "Module 1 is ACTIVE",
        "Path udp is cut.",
        "Path udp carries everything again.",
        "Module 1 is killed with SIGKILL.",
        "A planned switchover is asked for.",
        "from the kill to the survivor's first output",
        "All went as told.",
    ):
        assert sentence in done.stdout
