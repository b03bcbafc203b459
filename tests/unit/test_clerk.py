"""The clerk's thread: jobs in order, bounded, and a pace that shows when one takes too long."""

import threading
import time

import pytest

from bmcha.diag.log import Level
from bmcha.runtime.clerk import JOBS_MAX, Clerk
from bmcha.runtime.pace import STALL_NS, Pace

S = 1_000_000_000


@pytest.fixture
def running():
    clerk = Clerk(time.monotonic_ns, lambda text, level=Level.INFO: None)
    thread = threading.Thread(target=clerk.run)
    thread.start()
    yield clerk
    clerk.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_jobs_are_done_in_the_order_in_which_they_came(running) -> None:
    done: list[int] = []
    is_over = threading.Event()
    for number in range(5):
        assert running.ask(lambda number=number: done.append(number))
    running.ask(is_over.set)
    assert is_over.wait(10)
    assert done == [0, 1, 2, 3, 4]


def test_a_job_that_fails_is_told_and_costs_nothing_else() -> None:
    told: list[tuple[str, Level]] = []
    clerk = Clerk(time.monotonic_ns, lambda text, level=Level.INFO: told.append((text, level)))

    def fail() -> None:
        raise FileNotFoundError("the folder is gone")

    clerk.ask(fail)
    clerk.ask(clerk.stop)
    clerk.run()
    ((text, level),) = told
    assert level is Level.ERROR
    assert text.startswith("a job of the clerk was given up: FileNotFoundError: the folder is gone")
    assert "in fail" in text


def test_what_does_not_fit_is_refused(running) -> None:
    is_begun, may_end = threading.Event(), threading.Event()

    def hang() -> None:
        is_begun.set()
        may_end.wait(10)

    running.ask(hang)
    assert is_begun.wait(10)
    assert [running.ask(lambda: None) for _ in range(JOBS_MAX + 1)] == [True] * JOBS_MAX + [False]
    may_end.set()


def test_a_piece_of_work_is_overdue_after_its_time_and_rest_never_is() -> None:
    now = [0]
    pace = Pace(lambda: now[0])
    now[0] = 100 * S
    assert pace.overdue_ns() == 0
    pace.begin()
    now[0] += STALL_NS
    assert pace.overdue_ns() == 0
    now[0] += 1
    assert pace.overdue_ns() == STALL_NS + 1
    pace.rest()
    assert pace.overdue_ns() == 0
    pace.begin(wait_ns=10 * S)
    now[0] += STALL_NS + 10 * S
    assert pace.overdue_ns() == 0
