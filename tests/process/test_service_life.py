"""A real service through bad days: settings read again, crashes of every kind, and what is left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bmcha.diag.replay import read_recording, replay
from bmcha.hal.port import PortError
from bmcha.hal.realtime import require_lockable
from tests import needs
from tests.process.rig import Module, json_of, roles, run_cli, two_modules
from tests.waiting import wait_until


@pytest.fixture
def pair(tmp_path):
    with two_modules(tmp_path) as modules:
        yield modules


@pytest.fixture
def lone(pair) -> Module:
    """A module that runs alone: nobody else is started."""
    first: Module = pair[0]
    edit(first, "config.toml", "[timers]", "[policy]\nlone = true\n[timers]\nlone_start_ms = 100")
    return first


def edit(module: Module, name: str, old: str, new: str) -> None:
    file = module.folder / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


def reload(module: Module, *words: str) -> tuple[int, str, str]:
    done = run_cli("reload", "--socket", module.socket, *words)
    return done.returncode, done.stdout, done.stderr


def alarms(module: Module) -> dict[str, str]:
    return {alarm["id"]: alarm["text"] for alarm in module.ask()["alarms"]}


# ---- settings read again


def test_a_reload_changes_what_can_change_and_names_the_rest(lone) -> None:
    lone.start()
    wait_until(lambda: lone.role() == "ACTIVE", "ACTIVE")
    assert reload(lone) == (0, "Nothing in the files differs from what is in use.\n", "")
    edit(lone, "board.toml", "high_milli = 45000", "high_milli = 29000")
    code, told, _ = reload(lone)
    assert code == 0
    assert f"sensors[0].high_milli  45000 -> 29000  ({lone.folder}/board.toml)" in told
    wait_until(lambda: "sensor-inlet-limit" in alarms(lone), "the new limit is judged by")

    edit(lone, "config.toml", "initdead_ms = 1600", "initdead_ms = 1700")
    edit(lone, "board.toml", "high_milli = 29000", "high_milli = 45000")
    code, told, _ = reload(lone, "--json")
    body = json_of(told)
    assert code == 1
    assert [each["key"] for each in body["changed"]] == ["sensors[0].high_milli"]
    (refused,) = body["needs_restart"]
    assert refused == {
        "file": "config.toml",
        "key": "timers.initdead_ms",
        "old": "1600",
        "new": "1700",
        "why": "needs a restart",
    }
    wait_until(lambda: "sensor-inlet-limit" not in alarms(lone), "the old limit is back")
    assert lone.role() == "ACTIVE"


def test_a_holder_that_hears_nobody_refuses_a_new_limit_and_takes_it_with_force(pair) -> None:
    first, second = pair
    first.start()
    second.start()
    wait_until(lambda: first.role() == "ACTIVE", "ACTIVE")
    wait_until(lambda: second.role() == "STANDBY", "STANDBY")
    second.signal(signal.SIGKILL)
    wait_until(lambda: "peer-lost" in alarms(first), "the peer is lost")
    edit(first, "board.toml", "high_milli = 45000", "high_milli = 29000")
    code, told, complaint = reload(first)
    assert (code, told) == (1, "")
    assert complaint.startswith("bmcha: reload refused, nothing was changed\n  This module holds")
    assert "use --force" in complaint
    assert json_of(reload(first, "--json")[1])["refusals"][0]["id"] == "ISOLATED"
    assert first.ask("sensors")["sensors"][0]["high_milli"] == 45000
    code, told, _ = reload(first, "--force")
    assert code == 0 and "sensors[0].high_milli  45000 -> 29000" in told
    assert reload(first) == (0, "Nothing in the files differs from what is in use.\n", "")


def test_a_hangup_reloads_and_a_bad_file_changes_nothing_and_ends_nothing(lone) -> None:
    lone.start()
    wait_until(lambda: lone.role() == "ACTIVE", "ACTIVE")
    edit(lone, "config.toml", "hold_off_ms = 100", "hold_off_ms = 77")
    lone.signal(signal.SIGHUP)
    wait_until(lambda: "timers.hold_off_ms: 100 -> 77" in lone.log(), "the change is in the log")

    edit(lone, "config.toml", "hold_off_ms = 77", "hold_off_ms = -1\nholdoff = 3")
    edit(lone, "board.toml", "high_milli = 45000", "high_milli = 29000")
    lone.signal(signal.SIGHUP)
    wait_until(lambda: "2 problems; nothing was changed" in lone.log(), "the problems are told")
    assert "timers.holdoff: value is an unknown key" in lone.log()
    code, told, complaint = reload(lone)
    assert (code, told) == (2, "")
    assert "timers.hold_off_ms: value is -1" in complaint
    assert complaint.endswith("config.toml has 2 problems; nothing was changed\n")
    assert lone.role() == "ACTIVE"
    assert lone.ask("sensors")["sensors"][0]["high_milli"] == 45000
    lone.signal(signal.SIGTERM)
    assert lone.end()[0] == 0


def test_the_log_follows_its_own_settings(lone) -> None:
    edit(lone, "config.toml", "[policy]", '[log]\nlevel = "warning"\n[policy]')
    lone.start()
    wait_until(lambda: lone.role() == "ACTIVE", "ACTIVE")
    assert "ACTIVE now" not in lone.log()
    edit(lone, "config.toml", 'level = "warning"', 'level = "info"')
    assert reload(lone)[0] == 0
    run_cli("maintenance", "on", "--for", "5", "--socket", lone.socket)
    wait_until(lambda: "maintenance" in lone.log(), "an ordinary line is written now")


# ---- lives that end badly


def life(module: Module) -> dict:
    found: dict = json.loads((module.folder / "store/life.json").read_text())
    return found


def start_broken(module: Module, part: str) -> None:
    """As `Module.start`, with a part that breaks once the file BREAK is there."""
    module.process = subprocess.Popen(
        [sys.executable, "-m", "tests.process.broken_service", part, "config.toml"],
        cwd=module.folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("path", "thread path udp failed: ZeroDivisionError: a driver that nobody has seen before"),
        ("node", "thread node failed: bmcha.model.invariant.InvariantBroken: two and two are four"),
        ("store", "thread store failed: MemoryError: no room for a record"),
    ],
)
def test_an_unforeseen_failure_shuts_the_outputs_says_why_and_leaves_a_recording(
    lone, part, sentence
) -> None:
    start_broken(lone, part)
    wait_until(lambda: lone.role() == "ACTIVE", "ACTIVE")
    wait_until(lambda: lone.get("lines/OUTPUT_ENABLE") == 1, "the outputs are open")
    (lone.folder / "BREAK").touch()
    if part == "store":
        run_cli("maintenance", "on", "--for", "5", "--socket", lone.socket)
    code, output = lone.end()
    assert code == 1
    assert sentence in output
    assert lone.get("lines/OUTPUT_ENABLE") == 0
    log = lone.log()
    assert f" error {sentence} | Traceback" in log
    assert log.splitlines()[-1].endswith("bmcha ended with exit 1")
    assert life(lone) | {"state": "failed", "why": sentence} == life(lone)

    lines = (lone.folder / "store/flight-crash.jsonl").read_text().splitlines()
    header, items = read_recording(lines)
    assert (header["why"], header["slot"]) == (sentence, 1)
    assert header["settings"]["chassis_id"] == 4711
    # Stepped again, by a node that is not broken, it comes to the same end.
    assert not list(replay(items))
    assert json.loads(lines[-1]) == {"end": len(lines) - 1}
    if part == "node":
        assert json.loads(lines[-2])["is_open"] is True

    (lone.folder / "BREAK").unlink()
    lone.start()
    wait_until(lone.role, "it answers")
    assert sentence in alarms(lone)["crashed"]
    (wait,) = [each for each in lone.ask("why")["waits"] if "hold-off" in each["what"]]
    assert sentence in wait["what"]
    wait_until(lambda: lone.role() == "ACTIVE", "it gets going again", 30)


def test_a_crashed_active_is_replaced_at_once_and_comes_back_as_standby(pair) -> None:
    first, second = pair
    start_broken(first, "node")
    second.start()
    wait_until(lambda: roles(first, second) == ["ACTIVE", "STANDBY"], "both roles")
    (first.folder / "BREAK").touch()
    assert first.end()[0] == 1
    wait_until(lambda: second.role() == "ACTIVE", "the other one has it")
    (first.folder / "BREAK").unlink()
    first.start()
    wait_until(lambda: roles(first, second) == ["STANDBY", "ACTIVE"], "it stands by, no hold-off")


def test_a_killed_module_holds_off_longer_with_each_time_and_says_so(lone) -> None:
    for count in (1, 2):
        lone.start()
        wait_until(lambda: lone.role() == "ACTIVE", "ACTIVE", 30)
        lone.signal(signal.SIGKILL)
        lone.end()
        assert life(lone) | {"state": "running", "crashes": count - 1} == life(lone)
    lone.start()
    wait_until(lone.role, "it answers")
    why = lone.ask("why")
    (wait,) = [each for each in why["waits"] if each["what"].startswith("hold-off after a crash")]
    assert "it ended without a word" in wait["what"]
    assert 0 < wait["remaining_ms"] <= 4000
    assert why["role"] == "STARTING"
    wait_until(lambda: "crashed" in alarms(lone), "an alarm tells it")
    assert alarms(lone)["crashed"].startswith("the service crashed 2 times in a row")
    assert "crashed 2 times in a row, claims nothing for 4 s" in lone.log()
    wait_until(lambda: lone.role() == "ACTIVE", "it gets going all the same", 30)
    # An orderly end forgives.
    lone.signal(signal.SIGTERM)
    assert lone.end()[0] == 0
    assert (life(lone)["state"], life(lone)["why"]) == ("ended", "")
    lone.start()
    wait_until(lone.role, "it answers")
    assert "crashed" not in alarms(lone)


def test_a_fault_in_c_code_leaves_the_stacks_of_all_threads_in_the_log(lone) -> None:
    lone.start()
    wait_until(lambda: lone.role() == "ACTIVE", "ACTIVE")
    lone.signal(signal.SIGSEGV)
    assert lone.end()[0] == -signal.SIGSEGV
    log = lone.log()
    assert "Fatal Python error: Segmentation fault" in log
    assert "node_loop.py" in log
    assert life(lone)["state"] == "running"


def test_a_module_that_cannot_read_its_slot_leaves_its_flight_recorder(pair) -> None:
    first, _ = pair
    (first.folder / "hw/straps/SLOT_ID0").unlink()
    first.start()
    wait_until(lambda: first.role() == "FAULT", "FAULT")
    file = first.folder / "store/flight-fault.jsonl"
    wait_until(file.exists, "the flight recorder's file")
    header, items = read_recording(file.read_text().splitlines())
    assert header["why"] == "The slot straps cannot be read; without a slot no role is safe."
    assert not list(replay(items))
    assert Path(file).stat().st_mode & 0o777 == 0o600
    os.unlink(file)


# ---- what the system may refuse


REALTIME = "[realtime]\nlock_memory = true\ncpus = [{cpus}]\n\n[timers]"


def test_what_the_system_refuses_is_logged_and_the_service_runs_without_it(lone) -> None:
    edit(lone, "config.toml", "[timers]", REALTIME.format(cpus=1023))
    lone.prefix = ["prlimit", f"--memlock={1 << 20}"]
    if os.geteuid() == 0:
        lone.prefix += ["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"]
    lone.start()
    wait_until(lambda: lone.role() == "ACTIVE", "ACTIVE")
    assert "memory cannot be locked: this user may lock 1024 KiB; set LimitMEMLOCK" in lone.log()
    assert "processors 1023: this process may run on" in lone.log()


def test_a_service_stays_in_memory_and_on_its_processor(lone) -> None:
    needs.that(may_lock_memory(), "to lock memory", "ulimit -l unlimited")
    cpu = min(os.sched_getaffinity(0))
    edit(lone, "config.toml", "[timers]", REALTIME.format(cpus=cpu))
    lone.start()
    wait_until(lambda: lone.role() == "ACTIVE", "ACTIVE")
    own = status_of(f"/proc/{lone.process.pid}/status")
    assert int(own["VmLck"].split()[0]) > 1000
    threads = Path(f"/proc/{lone.process.pid}/task").glob("*/status")
    assert {status_of(thread)["Cpus_allowed_list"] for thread in threads} == {str(cpu)}


def may_lock_memory() -> bool:
    try:
        require_lockable()
    except PortError:
        return False
    return True


def status_of(file: str | Path) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in Path(file).read_text().splitlines())
    return {name: value.strip() for name, value in pairs}
