"""`bmcha bench` measures real services: that it measures what it says, not how much."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bmcha.bench import beats, chassis, image, redis
from bmcha.bench.figures import quantile
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


def mirrored(who: str) -> list[float]:
    words = [sys.executable, "-m", "bmcha.bench.mirror", json.dumps({"who": who, "seconds": 3})]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["missed"] == 0
    taken_ms: list[float] = told["samples"]
    return taken_ms


@pytest.mark.own_network
def test_a_changed_cell_is_timed_from_one_picture_to_the_other() -> None:
    taken_ms = mirrored("bmcha")
    assert len(taken_ms) >= 5
    assert quantile(taken_ms, 0.5) > 0.01, "it went over a cable"
    assert list(Path("/dev/shm").glob("bmcha-bench-*")) == []


@pytest.mark.own_network
def test_a_changed_value_is_timed_from_redis_to_its_replica() -> None:
    needs.that(redis.is_there(), redis.PROGRAM, f"apt install {redis.PACKAGE}")
    taken_ms = mirrored("redis")
    assert len(taken_ms) >= 5
    assert min(taken_ms) > 0


def test_pictures_are_read_beside_a_writer_and_none_is_torn() -> None:
    copy, share, objects = image.measure(2.0, ()).figures
    assert copy.note.startswith("0 of ") and len(copy.samples) > 10
    assert min(copy.samples) > min(share.samples) > 0
    assert min(objects.samples) > min(copy.samples)
    assert list(Path("/dev/shm").glob("bmcha-bench-*")) == []


def test_a_torn_picture_would_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last cell looked for where the writer writes nothing."""
    monkeypatch.setattr(image, "LAST", image.LAST - 64)  # nothing else is written there either
    copy, *_ = image.measure(1.0, ()).figures
    assert not copy.note.startswith("0 of ")


def test_a_redis_beside_it_is_read_too() -> None:
    needs.that(redis.is_there(), redis.PROGRAM, f"apt install {redis.PACKAGE}")
    *_, rival = image.measure(1.0, ("redis",)).figures
    assert rival.name.startswith("redis") and min(rival.samples) > 1


def test_the_virtual_chassis_is_timed_by_its_own_scenarios() -> None:
    board, scenario, text, key = chassis.SCENARIOS[0]
    figure = chassis._figure(board, scenario, text, key, 1)
    (taken_ms,) = figure.samples
    assert taken_ms > 0
    failed = chassis._figure(board, "no-such-scenario", text, key, 1)
    assert failed.samples == () and "no-such-scenario" in failed.note
