"""The live view at the sizes that it is made for, as text that a person has looked at.

After a change of the layout: BMCHA_REWRITE=1 make pytest ARGS="-k view_frames", and read the diff.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.view.frame import frame
from bmcha.view.model import Screen
from bmcha.view.spans import ASCII, UNICODE, Glyphs, text_of
from tests.golden.view_scenes import HELP, KILLED, SIM, TOP

FRAMES = Path(__file__).parent / "view"
CASES = {
    "sim-80x24": (SIM, 80, 24, UNICODE),
    "sim-200x60": (SIM, 200, 60, UNICODE),
    "killed-80x24": (KILLED, 80, 24, UNICODE),
    "killed-200x60": (KILLED, 200, 60, UNICODE),
    "killed-60x16": (KILLED, 60, 16, UNICODE),
    "killed-100x40-ascii": (KILLED, 100, 40, ASCII),
    "top-80x24": (TOP, 80, 24, UNICODE),
    "help-80x24": (HELP, 80, 24, UNICODE),
    "too-small-50x10": (SIM, 50, 10, UNICODE),
}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", CASES)
def test_a_frame_is_as_it_was_looked_at(name: str) -> None:
    screen, width, height, glyphs = CASES[name]
    shown = rendered(screen, width, height, glyphs)
    file = FRAMES / f"{name}.txt"
    if os.environ.get("BMCHA_REWRITE"):
        file.write_text(shown)
    assert shown == file.read_text()


def rendered(screen: Screen, width: int, height: int, glyphs: Glyphs) -> str:
    rows = frame(screen, width, height, glyphs)
    return "".join(f"{text_of(row).rstrip()}\n" for row in rows)
