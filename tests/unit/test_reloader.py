"""Reading the configuration again: who is told what, in which order, and who is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from bmcha.config import Config, load_config
from bmcha.model.effect import Answer
from bmcha.model.event import Event, SettingsReloaded
from bmcha.runtime.reloader import Reloader
from tests.process.rig import BOARD, CONFIG


class Bench:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "config.toml"
        text = CONFIG.format(image="/x", peer=2, local=1001, remote=1002, device="/dev/ttyS1")
        self.file.write_text(text)
        (folder / "board.toml").write_text(BOARD)
        self.events: list[Event] = []
        self.answers: list[Answer] = []
        self.applied: list[Config] = []
        self.said: list[str] = []
        self.notified: list[str] = []
        self.is_full = False
        self.reloader = Reloader(
            self.read(),
            self.read,
            self.applied.append,
            self.post,
            self.answers.append,
            lambda text, *_: self.said.append(text),
            self.notified.append,
        )

    def read(self) -> Config:
        return load_config(str(self.file), version="1", firmware_level=1, layout_id=1)

    def post(self, event: Event) -> bool:
        self.events.append(event)
        return not self.is_full

    def edit(self, old: str, new: str) -> None:
        self.file.write_text(self.file.read_text().replace(old, new, 1))


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def test_the_node_is_given_what_changes_and_answers_itself(bench) -> None:
    bench.edit("hold_off_ms = 100", "hold_off_ms = 200")
    bench.reloader.reload(5, "control")
    (event,) = bench.events
    assert isinstance(event, SettingsReloaded)
    assert (event.request_id, event.asked_by) == (5, "control")
    assert event.settings == bench.read().node
    assert bench.answers == []
    assert bench.applied == [bench.reloader.config]
    # What was in use then is what the next one is compared with.
    bench.reloader.reload(None, "SIGHUP")
    assert bench.events[-1] == replace(event, request_id=None, asked_by="SIGHUP", changes=())


def test_a_bad_file_changes_nothing_and_every_problem_is_told(bench) -> None:
    before = bench.reloader.config
    bench.edit("hold_off_ms = 100", "hold_off_ms = -1\nx = 1")
    bench.reloader.reload(5, "control")
    assert (bench.events, bench.applied, bench.reloader.config) == ([], [], before)
    (answer,) = bench.answers
    assert not answer.is_done
    assert [problem["key"] for problem in answer.body["problems"]] == [
        "timers.hold_off_ms",
        "timers.x",
    ]
    assert all(
        any(problem["text"] == line for line in bench.said) for problem in answer.body["problems"]
    )
    bench.reloader.reload(None, "SIGHUP")
    assert len(bench.answers) == 1


def test_a_node_that_has_no_room_keeps_everything_as_it_was(bench) -> None:
    before = bench.reloader.config
    bench.is_full = True
    bench.edit("hold_off_ms = 100", "hold_off_ms = 200")
    bench.reloader.reload(5, "control")
    assert (bench.applied, bench.reloader.config) == ([], before)
    assert "nothing was changed" in bench.answers[0].body["text"]


@pytest.mark.parametrize("value", ["200", "-1"])
def test_the_service_manager_hears_of_the_beginning_and_the_end(bench, value) -> None:
    bench.edit("hold_off_ms = 100", f"hold_off_ms = {value}")
    bench.reloader.reload(None, "SIGHUP")
    first, last = bench.notified
    assert first.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert last == "READY=1"
