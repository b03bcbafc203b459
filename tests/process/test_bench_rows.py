"""`bmcha bench` measures real services: that it measures what it says, not how much."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bmcha.bench import beats
from bmcha.bench.rivals import RIVALS
from tests import needs

FAULTS = ["SIGKILL", "SIGSTOP", "all paths cut", "one path cut"]


def figures(module: str, **asked: Any) -> dict[str, Any]:
    words = [sys.executable, "-m", f"bmcha.bench.{module}", json.dumps(asked)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return {each["name"]: each for each in json.loads(done.stdout)}


@pytest.mark.own_network
def test_each_fault_is_a_failover_but_the_loss_of_one_path() -> None:
    found = figures("failover", who="bmcha", faults=FAULTS, profile="default", count=1, priority=0)
    for fault in FAULTS[:3]:
        (taken_ms,) = found[fault]["samples"]
        assert taken_ms > 300, "not before the dead time, less a beat and the jitter"
    assert list(Path("/dev/shm").glob("bmcha-bench-*")) == [], "nothing is left behind"
    assert found["one path cut"]["samples"] == []
    assert found["one path cut"]["note"] == "0 failovers after 1 cuts: there must be none"


@pytest.mark.own_network
@pytest.mark.parametrize("who", RIVALS)
def test_another_ones_failover_is_measured_in_the_same_way(who: str) -> None:
    rival = RIVALS[who]
    needs.that(rival.is_there, rival.program, f"apt install {rival.package}")
    faults = ["SIGKILL", "all paths cut"]
    found = figures("failover", who=who, faults=faults, profile="default", count=1, priority=0)
    for fault in faults:
        (taken_ms,) = found[fault]["samples"]
        assert taken_ms > 150


@pytest.mark.own_network
def test_a_steady_pair_is_watched_and_weighed() -> None:
    found = figures("steady", who="bmcha", profile="default", seconds=2, priority=0)
    assert found["both held"]["samples"] == [0.0]
    assert 5 < found["resident"]["samples"][0] < 100


def test_beats_are_timed_and_wake_python_for_summaries_alone() -> None:
    late, *_, woken, processor = beats.measure(1.0).figures
    assert len(late.samples) > 100
    assert min(late.samples) >= 0
    assert len(woken.samples) == len(processor.samples) == 2
    assert all(rate <= 3 for rate in woken.samples)
