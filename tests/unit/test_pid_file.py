"""The file with the process id: written, taken away, and no device is."""

import os
from pathlib import Path

import pytest

from bmcha.runtime.pid_file import pid_file


def test_it_is_there_while_the_service_runs(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with pid_file(str(file)):
        assert file.read_text() == f"{os.getpid()}\n"
    assert not file.exists()


def test_none_is_none() -> None:
    with pid_file(None):
        pass


def test_one_that_is_gone_already_is_no_trouble(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with pid_file(str(file)):
        file.unlink()


def test_a_device_is_refused_and_stays() -> None:
    with (
        pytest.raises(OSError, match="no regular file; name another one") as refused,
        pid_file("/dev/null"),
    ):
        pass
    assert refused.value.filename == "/dev/null"
    assert os.path.exists("/dev/null")
