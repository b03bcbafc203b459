"""The cases are told to the judge's log."""

from __future__ import annotations

import pytest

from rig.strategy import Chassis


@pytest.fixture(autouse=True)
def _told(request: pytest.FixtureRequest, chassis: Chassis) -> None:
    """So that the lines of a case are found in the log."""
    chassis.judge.remark(f"case {request.node.name}")
