"""One chassis for all cases; what they measured is told at the end and kept beside the logs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import host
from rig.resources import Image
from rig.strategy import Chassis

ROOT = Path(__file__).parents[1]
FIGURES = pytest.StashKey[dict[str, float]]()
EXIT_LACKS = 3
"""As hil-tests/run.sh ends where this machine lacks something."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--image", type=Path, default=ROOT / "build" / "hil" / "image")
    parser.addoption("--logs", type=Path, default=ROOT / "build" / "hil" / "logs")


@pytest.fixture(scope="session")
def chassis(request: pytest.FixtureRequest) -> Iterator[Chassis]:
    lacks = host.complaint()
    if lacks:
        pytest.exit(f"skipped: {lacks}", EXIT_LACKS)
    logs: Path = request.config.getoption("--logs")
    logs = logs / time.strftime("%Y%m%d-%H%M%S")
    found = Chassis(Image(request.config.getoption("--image")), logs)
    print(f"logs: {logs}")
    yield found
    found.close()
    kept = request.config.stash.get(FIGURES, {})
    (logs / "figures.json").write_text(json.dumps(kept, indent=1) + "\n")


class Figures:
    def __init__(self, kept: dict[str, float]) -> None:
        self._kept = kept

    def note(self, name: str, value: float) -> None:
        """The name ends with the unit."""
        self._kept[name] = round(value, 1)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    return Figures(request.config.stash.setdefault(FIGURES, {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for name, value in config.stash.get(FIGURES, {}).items():
        terminalreporter.write_line(f"{name:60} {value:10.1f}")
