"""Reading the configuration again: who is told what, in which order, and who is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from bmcha.config import Config, load_config
from bmcha.model.effect import Answer
from bmcha.model.event import Event, SettingsReloaded
from bmcha.model.key import NO_KEYS, KeySet
from bmcha.runtime.key_desk import KeyDesk
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
        self.keys = NO_KEYS
        self.is_full = False
        self.is_refusing = False
        self.reloader = Reloader(
            self.read(),
            self.read,
            KeyDesk(self.read_keys, NO_KEYS),
            self.applied.append,
            self.post,
            self.answers.append,
            lambda text, *_: self.said.append(text),
            self.notified.append,
        )

    def read(self) -> Config:
        return load_config(str(self.file), version="1", firmware_level=1, layout_id=1)

    def read_keys(self) -> KeySet:
        return self.keys

    def post(self, event: Event) -> bool:
        """The node: it adopts what it is given, in its own time, unless it refuses."""
        self.events.append(event)
        if self.is_full:
            return False
        assert isinstance(event, SettingsReloaded)
        if not self.is_refusing:
            self.reloader.adopted(event.number)
        return True

    def reload(self, request_id: int | None, asked_by: str, is_forced: bool = False) -> None:
        self.reloader.reload(request_id, asked_by, is_forced)
        self.reloader.catch_up()

    def edit(self, old: str, new: str) -> None:
        self.file.write_text(self.file.read_text().replace(old, new, 1))


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def test_the_node_is_given_what_changes_and_answers_itself(bench) -> None:
    bench.edit("hold_off_ms = 100", "hold_off_ms = 200")
    bench.reload(5, "control")
    (event,) = bench.events
    assert isinstance(event, SettingsReloaded)
    assert (event.request_id, event.asked_by) == (5, "control")
    assert event.settings == bench.read().node
    assert bench.answers == []
    assert bench.applied == [bench.reloader.config]
    # What was in use then is what the next one is compared with.
    bench.reload(None, "SIGHUP")
    assert bench.events[-1] == replace(
        event, request_id=None, asked_by="SIGHUP", changes=(), number=2
    )


def test_what_the_node_refuses_is_not_in_use_and_is_offered_again(bench) -> None:
    before = bench.reloader.config
    bench.is_refusing = True
    bench.edit("hold_off_ms = 100", "hold_off_ms = 200")
    bench.reload(5, "control")
    assert (bench.applied, bench.reloader.config) == ([], before)
    bench.is_refusing = False
    bench.reload(6, "control", is_forced=True)
    first, second = bench.events
    assert first.changes == second.changes != ()
    assert (first.is_forced, second.is_forced) == (False, True)
    assert bench.reloader.config.node == second.settings


def test_what_the_node_adopts_late_is_in_use_before_the_next_is_compared(bench) -> None:
    bench.is_refusing = True
    bench.edit("hold_off_ms = 100", "hold_off_ms = 200")
    bench.reload(5, "control")
    bench.reloader.adopted(bench.events[-1].number)
    bench.is_refusing = False
    bench.reload(6, "control")
    assert bench.events[-1].changes == ()
    assert len(bench.applied) == 2


def test_a_bad_file_changes_nothing_and_every_problem_is_told(bench) -> None:
    before = bench.reloader.config
    bench.edit("hold_off_ms = 100", "hold_off_ms = -1\nx = 1")
    bench.reload(5, "control")
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
    bench.reload(None, "SIGHUP")
    assert len(bench.answers) == 1


def test_a_node_that_has_no_room_keeps_everything_as_it_was(bench) -> None:
    before = bench.reloader.config
    bench.is_full = True
    bench.edit("hold_off_ms = 100", "hold_off_ms = 200")
    bench.reload(5, "control")
    assert (bench.applied, bench.reloader.config) == ([], before)
    assert "nothing was changed" in bench.answers[0].body["text"]


@pytest.mark.parametrize("value", ["200", "-1"])
def test_the_service_manager_hears_of_the_beginning_and_the_end(bench, value) -> None:
    bench.edit("hold_off_ms = 100", f"hold_off_ms = {value}")
    bench.reload(None, "SIGHUP")
    first, last = bench.notified
    assert first.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert last == "READY=1"
