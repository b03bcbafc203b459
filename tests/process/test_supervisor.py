"""However a service ends, its lines are down, it takes two seconds at most, and it says why."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOWERED = ["line OUTPUT_ENABLE down", "line ACTIVE down", "line HEALTH down"]


def lowered_in(said: list[str]) -> list[str]:
    """What was done to lines, in order. "stopping" is told by another thread: it may stand before,
    after or amid them."""
    return [line for line in said if line in LOWERED]


def run(behaviour: str, *signals: signal.Signals) -> tuple[int, list[str], float]:
    """Exit code, what it said, and how long it took from the first signal (or the start)."""
    command = [sys.executable, "-m", "tests.process.scripted_service", behaviour]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line.strip())
            if line == "ready\n":
                break
        begun_s = time.monotonic()
        for number in signals:
            process.send_signal(number)
        said += process.stdout.read().splitlines()
        code = process.wait(10)
    return code, said, time.monotonic() - begun_s


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number) -> None:
    code, said, took_s = run("well", number)
    assert code == 0
    assert f"stop asked by {number.name}" in said
    assert lowered_in(said) == LOWERED
    assert took_s < 1


def test_two_signals_are_one() -> None:
    code, said, _ = run("well", signal.SIGTERM, signal.SIGINT)
    assert code == 0
    assert lowered_in(said) == LOWERED


@pytest.mark.parametrize("behaviour", ["node-hangs", "node-never-ends"])
def test_a_node_that_does_not_end_is_ended_hard_with_lowered_lines(behaviour) -> None:
    code, said, took_s = run(behaviour, signal.SIGTERM)
    assert code == 1
    assert said[-6:-2] == ["let go", *LOWERED], "first, or the node could raise one again"
    assert said[-2:] == ["told: the service did not end within 1.9 s; it is ended hard", "hard end"]
    assert took_s < 2.5


def test_a_line_whose_chip_hangs_keeps_neither_the_others_up_nor_the_process_alive() -> None:
    code, said, took_s = run("line-hangs", signal.SIGTERM)
    assert code == 1
    assert lowered_in(said)[-2:] == ["line OUTPUT_ENABLE down", "line HEALTH down"]
    assert "line ACTIVE could not be lowered: its driver does not return" in said
    assert said[-1] == "hard end"
    assert took_s < 3


def test_a_thread_that_hangs_is_left_behind() -> None:
    code, said, took_s = run("thread-hangs", signal.SIGTERM)
    assert code == 0
    assert "thread worker does not end; it is left behind" in said
    assert took_s < 2


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("thread-fails", "thread worker failed: RuntimeError: the thread is broken"),
        ("node-fails", "thread node failed: RuntimeError: the core is broken"),
        ("thread-exits", "thread worker failed: SystemExit: 0"),
        ("thread-returns", "thread worker failed: it ended although nobody had asked it to"),
        ("helper-thread-fails", "thread helper failed: RuntimeError: the helper is broken"),
    ],
)
def test_whoever_fails_ends_the_service_with_exit_1_and_lowered_lines(behaviour, sentence) -> None:
    code, said, took_s = run(behaviour)
    assert code == 1
    assert any(line.startswith(sentence) for line in said)
    assert lowered_in(said) == LOWERED
    # Nothing is written about it before the outputs are shut.
    assert said.index(f"told: {sentence}") > said.index(LOWERED[-1])
    assert took_s < 2


def test_a_hangup_is_passed_on_and_ends_nothing() -> None:
    code, said, _ = run("well", signal.SIGHUP, signal.SIGHUP, signal.SIGTERM)
    assert code == 0, said
    assert "hung up" in said
    assert lowered_in(said) == LOWERED
    assert not any(line.startswith("told") for line in said)


def test_a_node_that_is_stuck_ends_the_service_and_says_where_it_hangs() -> None:
    code, said, _ = run("node-stuck")
    assert code == 1
    assert said[-1] == "hard end"
    assert lowered_in(said) == LOWERED
    (first,) = [line for line in said if line.startswith("the node does not turn")]
    assert ", called by step (scripted_service.py:" in first
    assert ", called by main (scripted_service.py:" in first
    (told,) = [line for line in said if line.startswith("told:")]
    assert told.startswith("told: thread node failed: it is stuck in wait (threading.py:")
    assert ", called by step (scripted_service.py:" in told


def test_a_thread_that_is_stuck_is_told_to_the_node_and_so_is_that_it_goes_on() -> None:
    command = [sys.executable, "-m", "tests.process.scripted_service", "thread-stalls"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        lines = iter(process.stdout.readline, "")
        assert "worker is stuck\n" in lines
        process.stdin.write("\n")
        process.stdin.flush()
        assert "worker goes on\n" in lines
        process.send_signal(signal.SIGTERM)
        assert lowered_in([line.strip() for line in lines]) == LOWERED
        assert process.wait(10) == 0
