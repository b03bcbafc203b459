"""For all tests: a skip is a failure where CI asks for it, and Hypothesis keeps to build/.

A test that lacks a package or a right calls something in tests/needs.py, which skips it with the
command that would help. With BMCHA_NO_SKIP=1 in the environment every skip, of a test or of a whole
file, is a failure: CI has installed what there is to install, so a skip there is a gap.
A test marked `vm` is run by `make vm-ports` and deselected everywhere else; one marked `long` runs
with --long only (`make scenarios`); one marked `own_network` is run by another test, which makes
that network.
"""

import os
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import configuration, settings

from tests.patient_popen import PatientPopen

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell begins what it runs in the background, and every child would ignore Ctrl-C too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

subprocess.Popen = PatientPopen  # type: ignore[misc]

configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / "build" / "hypothesis")
# No deadline: a shared machine may pause for longer than any example takes.
settings.register_profile("developer", deadline=None)
# The same examples every time, so that a change fails because of what it changes.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bmcha")
    group.addoption("--seeds", type=int, default=300, help="how many storms (tests/sim)")
    group.addoption("--from-seed", type=int, default=0, help="the first storm's seed")
    group.addoption(
        "--long", action="store_true", help="what `make test` leaves to `make scenarios`"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unwanted = set() if "BMCHA_VM" in os.environ else {"vm"}
    unwanted |= set() if config.getoption("--long") else {"long"}
    unwanted |= set() if "BMCHA_IN_OWN_NETWORK" in os.environ else {"own_network"}
    elsewhere = [i for i in items if any(mark.name in unwanted for mark in i.iter_markers())]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


def _is_skip_forbidden() -> bool:
    return os.environ.get("BMCHA_NO_SKIP", "") not in ("", "0")


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    # An expected failure is reported as skipped too, but it has run.
    if report.skipped and _is_skip_forbidden() and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, but BMCHA_NO_SKIP is set: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(report)
    return report
