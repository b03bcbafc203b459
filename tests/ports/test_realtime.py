"""Locked memory and chosen processors: granted, refused with what would help, never fatal."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bmcha.config.realtime_table import RealtimeSettings
from bmcha.hal.port import PortError
from bmcha.hal.realtime import require_cpus, require_lockable, require_priority, run_on
from tests import needs
from tests.ports.check_desk import HEAD, Desk, udp_path
from tests.unit.test_config import MODULE, Folder

CODE = """
import sys, resource
from bmcha.hal.port import PortError
from bmcha.hal.realtime import lock_memory, require_priority, run_on
{more}
try:
    {call}
except PortError as error:
    sys.exit(str(error))
for line in open("/proc/self/status"):
    if line.startswith(("VmLck", "Cpus_allowed_list")):
        print(line.strip())
"""


def told(call: str, more: str = "", *start: str) -> subprocess.CompletedProcess[str]:
    words = [*start, sys.executable, "-c", CODE.format(call=call, more=more)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def with_limit(limit: str) -> str:
    """For a process that may lock by its limit alone."""
    return f"resource.setrlimit(resource.RLIMIT_MEMLOCK, ({limit}, {limit}))"


WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def may_lock() -> bool:
    try:
        require_lockable()
    except PortError:
        return False
    return True


def may_have_priority() -> bool:
    try:
        require_priority(1)
    except PortError:
        return False
    return True


def test_memory_stays_where_it_is() -> None:
    needs.that(may_lock(), "to lock memory", "ulimit -l unlimited")
    done = told("lock_memory()")
    locked = dict(line.split(":", 1) for line in done.stdout.splitlines())["VmLck"]
    assert int(locked.split()[0]) > 1000, done


def test_a_limit_is_told_and_nothing_is_locked() -> None:
    done = told("lock_memory()", with_limit("1 << 20"), *as_nobody())
    assert done.stderr.strip() == (
        "memory cannot be locked: this user may lock 1024 KiB; set LimitMEMLOCK=infinity in its"
        " unit, or `ulimit -l unlimited` before it is started"
    )


def as_nobody() -> tuple[str, ...]:
    return WITHOUT_RIGHTS if os.geteuid() == 0 else ()


def test_it_runs_on_the_processors_that_were_named() -> None:
    cpu = min(os.sched_getaffinity(0))
    done = told(f"run_on(({cpu},))")
    assert f"Cpus_allowed_list:\t{cpu}" in done.stdout.splitlines(), done


def test_processors_that_are_not_there_are_told_and_all_are_used() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(PortError, match=r"processors 0?.*1023: this process may run on .* only"):
        run_on((min(before), 1023))
    assert os.sched_getaffinity(0) == before
    require_cpus(tuple(before))


def test_a_priority_that_is_not_granted_is_told() -> None:
    done = told("require_priority(6)", "", "prlimit", "--rtprio=0", *as_nobody())
    assert done.stderr.strip() == (
        "real-time priority 6: Operation not permitted; set LimitRTPRIO=6 or more in its unit, or"
        " give it CAP_SYS_NICE"
    )


def test_a_priority_is_tried_and_given_back() -> None:
    needs.that(may_have_priority(), "real-time priority", "CAP_SYS_NICE, or ulimit -r 49")
    require_priority(49)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_the_table_is_read(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.load().service.realtime == RealtimeSettings(False, (), None)
    table = "[realtime]\nlock_memory = true\ncpus = [1, 0]\npriority = 20\n"
    assert folder.load(MODULE + table).service.realtime == RealtimeSettings(True, (1, 0), 20)


@pytest.mark.parametrize(
    ("line", "key", "allowed"),
    [
        ("cpus = []", "realtime.cpus", "a list of 1 to 64 whole numbers from 0 to 1023"),
        ("cpus = [0, 0]", "realtime.cpus", "each processor once"),
        ("cpus = [-1]", "realtime.cpus", "whole numbers from 0 to 1023"),
        ("cpus = 1", "realtime.cpus", "a list of 1 to 64"),
        ("lock_memory = 1", "realtime.lock_memory", "true or false"),
        ("priority = 50", "realtime.priority", "1 to 49"),
        ("nice = 1", "realtime.nice", "priority"),
    ],
)
def test_what_it_may_say_is_told(tmp_path: Path, line: str, key: str, allowed: str) -> None:
    found = Folder(tmp_path).only_problem(f"{MODULE}[realtime]\n{line}\n")
    assert found.key == key
    assert allowed in str(found)


def test_a_check_says_what_the_system_will_refuse(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.report()
    asked = "[realtime]\nlock_memory = true\ncpus = [1023]\npriority = 7\n"
    asked += udp_path(f"127.0.0.1:{desk.port}")
    desk.config.write_text(HEAD + asked)
    limited = ("prlimit", f"--memlock={1 << 20}", "--rtprio=0", *as_nobody())
    words = [*limited, sys.executable, "-m", "bmcha", "check", "--json", str(desk.config)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    found = {each["key"]: each for each in json.loads(done.stdout)["advice"]}
    assert "this user may lock 1024 KiB" in found["realtime.lock_memory"]["value"]
    assert "processors 1023: this process may run on" in found["realtime.cpus"]["value"]
    assert "priority 7: Operation not permitted" in found["realtime.priority"]["value"]
    remedy = "see to it; until then the service runs without it"
    assert found["realtime.cpus"]["remedy"] == remedy


def test_it_is_among_what_will_be_used(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    path = udp_path(f"127.0.0.1:{desk.port}")
    assert "realtime" not in dict(desk.report(path).rows)
    told = desk.report(f"[realtime]\nlock_memory = true\ncpus = [0, 1]\npriority = 9\n{path}").rows
    assert dict(told)["realtime"] == (
        "memory stays in memory; runs on processors 0, 1 only; beats with real-time priority 9"
    )
