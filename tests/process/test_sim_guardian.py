"""However a sim ends, nothing stays: no process, shared memory, socket or temporary directory."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bmcha.sim.estate import Guardian
from tests.process.sims import (
    BMCHA,
    Sim,
    children_of,
    is_alive,
    kill_now,
    running_sim,
)
from tests.waiting import WAIT_S, wait_until


def assert_nothing_stays(sim: Sim, pids: list[int]) -> None:
    wait_until(lambda: not any(map(is_alive, pids)), f"processes {pids} are gone")
    wait_until(lambda: not sim.leftovers(), f"{sim.leftovers()} are gone")


def test_sigkill_of_the_rig_with_a_module_stopped(tmp_path: Path) -> None:
    with running_sim(tmp_path / "killed") as sim:
        sim.wait_until_ready()
        sim.ctl("stop", "1")
        pids = [*sim.pids(), *children_of(sim.process.pid)]
        assert len(set(pids)) == 3  # two modules and the guardian
        kill_now(sim.process.pid)
        sim.process.wait(WAIT_S)
        assert_nothing_stays(sim, pids)
    assert sim.layout.journal.exists()


def test_sigkill_of_the_rig_while_it_starts(tmp_path: Path) -> None:
    with running_sim(tmp_path / "early") as sim:
        wait_until(lambda: children_of(sim.process.pid), "the guardian is there")
        pids = children_of(sim.process.pid)
        kill_now(sim.process.pid)
        sim.process.wait(WAIT_S)
        assert_nothing_stays(sim, pids)


def test_a_temporary_directory_goes_too(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*BMCHA, "sim", "--headless"],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    root = wait_until(lambda: next(tmp_path.glob("bmcha-sim-*"), None), "the directory is made")
    sim = Sim(process, root)
    sim.wait_until_ready()
    pids = sim.pids()
    sim.ctl("stop", "2")
    kill_now(process.pid)
    process.wait(WAIT_S)
    assert_nothing_stays(sim, pids)
    wait_until(lambda: not root.exists(), "the directory is gone")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: int) -> None:
    with running_sim(tmp_path / "ended") as sim:
        sim.wait_until_ready()
        pids = [*sim.pids(), *children_of(sim.process.pid)]
        sim.process.send_signal(number)
        assert sim.process.wait(WAIT_S) == 0
        # At once, not soon: the rig waits for its guardian.
        assert not any(map(is_alive, pids))
        assert sim.leftovers() == []
    assert (sim.layout.module(1) / "log").exists()


def test_a_signal_ends_it_with_a_module_stopped(tmp_path: Path) -> None:
    with running_sim(tmp_path / "ended") as sim:
        sim.wait_until_ready()
        sim.ctl("stop", "1")
        pids = sim.pids()
        sim.process.terminate()
        assert sim.process.wait(WAIT_S) == 0
        assert not any(map(is_alive, pids))
        assert sim.leftovers() == []


def test_the_guardian_ignores_what_ends_a_terminal() -> None:
    reader, writer = os.pipe()
    guardian = Guardian(reader)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(guardian.pid, number)
    assert is_alive(guardian.pid)
    guardian.close()
    os.close(reader)
    os.close(writer)
    assert not is_alive(guardian.pid)


def test_the_guardian_kills_what_was_registered_and_what_carries_its_token(
    tmp_path: Path,
) -> None:
    reader, writer = os.pipe()
    guardian = Guardian(reader)
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    known = subprocess.Popen(sleep)
    marked = subprocess.Popen(sleep, env={**os.environ, "BMCHA_SIM_RIG": guardian.token})
    other = subprocess.Popen(sleep, env={**os.environ, "BMCHA_SIM_RIG": "another rig's"})
    known.send_signal(signal.SIGSTOP)
    guardian.watch_process(known.pid)
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "file").touch()
    (tmp_path / "deep" / "link").symlink_to(tmp_path)
    (tmp_path / "kept").touch()
    guardian.watch_dir(tmp_path / "deep")
    guardian.close()
    os.close(reader)
    os.close(writer)
    assert known.wait(WAIT_S) == marked.wait(WAIT_S) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait(WAIT_S)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
