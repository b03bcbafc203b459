"""`bmcha report`: what a stranger finds in it, with a service, without one, with one that hangs."""

import json
import shutil
import signal
import tarfile
from pathlib import Path

import pytest

from bmcha.diag.replay import read_recording, replay
from tests.process.rig import Module, json_of, run_cli, two_modules
from tests.waiting import wait_until


@pytest.fixture
def module(tmp_path):
    with two_modules(tmp_path) as modules:
        config = modules[0].folder / "config.toml"
        text = config.read_text()
        config.write_text(f"# password = 'hunter2hunter2'\n{text}")
        yield modules[0]


def report(module: Module, *words: str, timeout_s: float = 30) -> tuple[dict[str, str], dict]:
    """The files by name, and what the command told."""
    file = module.folder / "r.tar.gz"
    command = ("report", "--json", "--socket", module.socket, *words, str(file))
    done = run_cli(*command, timeout_s=timeout_s)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        found = {
            member.name.removeprefix("bmcha-report/"): archive.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in archive
        }
    return found, json_of(done.stdout)


def test_a_bundle_of_a_running_module_has_everything_and_no_secret(module) -> None:
    module.start()
    wait_until(module.role, "it answers")
    found, told = report(module)
    assert told["missing"] == {}
    assert sorted(found) == told["names"]
    for name in ("status", "paths", "sensors", "fans", "events", "why"):
        assert isinstance(json.loads(found[f"service/{name}.json"]), dict)
        assert found[f"service/{name}.txt"].strip()
    assert "bmcha 0" in found["versions.txt"]
    assert "bmcha" in found["logs/log"]
    assert "[chassis]" in found["config/config.toml"]
    assert "hunter2" not in "".join(found.values())
    assert "[[sensors]]" in found["config/board.toml"]
    assert "problem" in found["config/check.txt"]
    assert json.loads(found["state/life.json"])["state"] == "running"
    assert "VmRSS" in found["service/proc-status.txt"]
    _, items = read_recording(found["flight/report.jsonl"].splitlines())
    assert not list(replay(items))
    facts = json.loads(found["service/service.json"])
    assert {"clerk", "control", "lines", "store"} <= set(facts["threads"])
    readme = found["README.txt"]
    assert all(f"  {name}\n" in readme for name in found if name != "README.txt")
    assert "Missing, and why:\n  nothing" in readme


def test_without_a_service_files_are_found_by_the_configuration(module) -> None:
    module.start()
    wait_until(module.role, "it answers")
    module.signal(signal.SIGKILL)
    module.end()
    found, told = report(module, "--config", str(module.folder / "config.toml"))
    assert "service" in told["missing"]
    assert "No bmcha answers" in found["README.txt"]
    assert "config/board.toml" in found
    assert "bmcha" in found["logs/log"]
    assert json.loads(found["state/life.json"])["state"] == "running"


def test_without_service_and_configuration_there_is_still_a_bundle(module) -> None:
    found, told = report(module, "--config", "/nonexistent/config.toml")
    assert set(told["missing"]) == {"service", "config/config.toml"}
    assert "versions.txt" in found


def test_a_service_that_hangs_is_not_waited_for(module) -> None:
    module.start()
    wait_until(module.role, "it answers")
    module.signal(signal.SIGSTOP)
    # One question's time and a start of Python, not one for each question.
    found, told = report(module, "--config", str(module.folder / "config.toml"), timeout_s=15)
    assert "does not answer" in told["missing"]["service"]
    assert "logs/log" in found
    module.signal(signal.SIGCONT)


def test_a_file_that_cannot_be_written_is_said(module) -> None:
    done = run_cli(
        "report", "--socket", module.socket, str(Path(module.folder, "gone", "r.tar.gz"))
    )
    assert done.returncode == 1
    assert "No such file" in done.stderr


def test_a_service_whose_folder_is_gone_still_tells_what_it_knows(module, tmp_path) -> None:
    module.start()
    wait_until(module.role, "it answers")
    was_in = module.folder / "config.toml"
    module.socket = str(Path(module.socket).rename(tmp_path / "control.sock"))
    shutil.rmtree(module.folder)
    facts = module.ask("report")
    assert facts["files"]["config"] == str(was_in)
    assert facts["flight_file"] is None
    assert module.ask("version")["slot"] == module.slot
