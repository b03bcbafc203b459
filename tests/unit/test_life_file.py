"""How a life ended is known to the next one, and a crash loop holds off, but not for ever."""

import os
from pathlib import Path

import pytest

from bmcha.diag import life_file
from bmcha.diag.life_file import HOLD_OFF_MS_MAX, NO_WORD, STEADY_NS, LifeFile, hold_off_ms
from bmcha.ha import service_state
from bmcha.model.restart import Restart


class Lives:
    """One life after another in the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ns = 1_000_000_000

    def begin(self) -> tuple[LifeFile, Restart]:
        self.now_ns += 1_000_000_000
        life = LifeFile(str(self.folder), lambda: self.now_ns)
        return life, life.begin()


@pytest.fixture
def lives(tmp_path) -> Lives:
    return Lives(tmp_path / "state")


def test_the_first_life_has_no_past(lives) -> None:
    life, restart = lives.begin()
    assert (restart, life.fault) == (Restart(), "")


def test_an_orderly_end_leaves_nothing_to_tell(lives) -> None:
    life, _ = lives.begin()
    life.ended()
    assert lives.begin()[1] == Restart()


def test_a_failure_and_a_life_that_never_ended_are_crashes_in_a_row(lives) -> None:
    life, _ = lives.begin()
    life.failed("thread node failed")
    _, restart = lives.begin()
    assert restart == Restart(1, 2000, "thread node failed")
    # That one is killed, and the next as well.
    assert lives.begin()[1] == Restart(2, 4000, NO_WORD)
    life, restart = lives.begin()
    assert restart == Restart(3, 8000, NO_WORD)
    life.ended()
    assert lives.begin()[1] == Restart()


def test_a_crash_after_a_steady_life_is_the_first_again(lives) -> None:
    for _ in range(3):
        lives.begin()
    lives.now_ns += STEADY_NS
    assert lives.begin()[1].crashes_count == 1


def test_the_hold_off_doubles_up_to_a_bound() -> None:
    found = [hold_off_ms(count) for count in (0, 1, 2, 3, 6, 7, 8, 10**9)]
    assert found == [0, 2000, 4000, 8000, 64_000, HOLD_OFF_MS_MAX, HOLD_OFF_MS_MAX, HOLD_OFF_MS_MAX]


def test_shell_and_core_mean_the_same_by_steady() -> None:
    assert STEADY_NS == service_state.STEADY_NS


def test_a_life_before_the_kernel_started_anew_is_no_crash(lives, tmp_path, monkeypatch) -> None:
    lives.begin()
    other_boot = tmp_path / "boot_id"
    other_boot.write_text("another\n")
    monkeypatch.setattr(life_file, "KERNEL_BOOT_FILE", str(other_boot))
    assert lives.begin()[1] == Restart()


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"state": "running"}', '{"crashes": "x"}'])
def test_a_file_that_makes_no_sense_is_no_past(lives, text) -> None:
    lives.folder.mkdir()
    (lives.folder / "life.json").write_text(text)
    life, restart = lives.begin()
    assert (restart, life.fault) == (Restart(), "")


def test_a_folder_that_cannot_be_written_is_said_and_stops_nobody(tmp_path) -> None:
    (tmp_path / "state").write_text("a file, no folder")
    life, restart = Lives(tmp_path / "state").begin()
    assert restart == Restart()
    assert "Not a directory" in life.fault or "File exists" in life.fault


def test_a_disk_that_does_not_answer_costs_a_bounded_time(lives, monkeypatch) -> None:
    lives.folder.mkdir()
    os.mkfifo(lives.folder / "life.json")
    monkeypatch.setattr(life_file, "WAIT_S", 0.05)
    life, restart = lives.begin()
    assert restart == Restart()
    assert "does not answer" in life.fault
    # Lets the thread that waits go on and end.
    os.close(os.open(lives.folder / "life.json", os.O_WRONLY))
