"""Maintenance as an operator has it: asked for at one module, in force on both, over by itself."""

import json
from pathlib import Path
from typing import Any

from tests.process.sims import Sim, run_bmcha, running_sim
from tests.waiting import wait_until


def ask(sim: Sim, slot: int, *words: str) -> tuple[int, str]:
    done = run_bmcha("--socket", str(sim.layout.module_socket(slot)), *words)
    return done.returncode, done.stdout + done.stderr


def status(sim: Sim, slot: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(sim, slot, "status", "--json")[1])
    return found


def test_a_killed_active_waits_for_its_restart_or_the_end_of_maintenance(tmp_path: Path) -> None:
    with running_sim(tmp_path / "sim") as sim:
        sim.wait_until_ready()
        wait_until(lambda: status(sim, 2)["role"]["state"] == "STANDBY", "module 2 is STANDBY")
        code, text = ask(sim, 2, "maintenance", "on", "--for", "600")
        assert (code, text.strip()) == (0, "failover is inhibited for 600 s")
        wait_until(lambda: status(sim, 1)["maintenance"]["is_on"], "module 1 knows of it")
        assert 590 < status(sim, 1)["maintenance"]["remaining_s"] <= 600

        sim.ctl("kill", "1")
        reason = "IN_MAINTENANCE"
        wait_until(lambda: status(sim, 2)["role"]["reason"] == reason, "module 2 holds back")
        assert sim.gates() == ["shut", "shut"]
        alarms = {each["id"]: each for each in status(sim, 2)["alarms"]}
        assert alarms["unheld-in-maintenance"]["severity"] == "CRITICAL"
        assert "bmcha maintenance off" in alarms["unheld-in-maintenance"]["text"]

        sim.ctl("start", "1")
        wait_until(lambda: sim.gates() == ["open", "shut"], "module 1 holds the chassis again")
        wait_until(lambda: status(sim, 1)["maintenance"]["is_on"], "and knows of it again")

        sim.ctl("kill", "1")
        wait_until(lambda: status(sim, 2)["role"]["reason"] == reason, "module 2 holds back")
        assert ask(sim, 2, "maintenance", "off")[0] == 0
        wait_until(lambda: sim.gates() == ["shut", "open"], "module 2 has taken it")


def test_it_ends_by_itself_and_a_wrong_time_is_refused(tmp_path: Path) -> None:
    with running_sim(tmp_path / "sim") as sim:
        sim.wait_until_ready()
        for words in (["--for", "0"], ["--for", "43201"], ["--for", "soon"]):
            code, text = ask(sim, 1, "maintenance", "on", *words)
            assert code == 2 and "1 to 43200" in text
        assert ask(sim, 1, "maintenance", "off", "--for", "5")[0] == 2
        assert ask(sim, 1, "maintenance", "on", "--for", "1")[0] == 0
        wait_until(lambda: not status(sim, 1)["maintenance"]["is_on"], "it is over")
        assert not [a for a in status(sim, 1)["alarms"] if a["id"] == "maintenance"]
