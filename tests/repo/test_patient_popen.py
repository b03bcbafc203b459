"""What is tried twice when a process starts, and what is not."""

import errno
import subprocess
import sys
from typing import Any

import pytest

from tests.patient_popen import PatientPopen

STARTS = [sys.executable, "-c", "print('started')"]


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Error numbers that the next starts are refused with, in turn."""
    waiting: list[int] = []
    start = PatientPopen.__mro__[1].__init__  # type: ignore[misc]

    def refuse_or_start(self: Any, *args: Any, **kwargs: Any) -> None:
        if waiting:
            raise OSError(waiting.pop(0), "refused")
        start(self, *args, **kwargs)

    monkeypatch.setattr(PatientPopen.__mro__[1], "__init__", refuse_or_start)
    return waiting


def test_every_test_starts_its_processes_so() -> None:
    assert subprocess.Popen is PatientPopen


def test_a_bad_address_is_tried_once_more(refusals: list[int]) -> None:
    refusals.append(errno.EFAULT)
    assert subprocess.check_output(STARTS) == b"started\n"


@pytest.mark.parametrize("refused", [[errno.EFAULT, errno.EFAULT], [errno.EACCES], [errno.ENOENT]])
def test_any_other_refusal_is_told(refusals: list[int], refused: list[int]) -> None:
    refusals += refused
    with pytest.raises(OSError, match="refused"):
        subprocess.check_output(STARTS)
