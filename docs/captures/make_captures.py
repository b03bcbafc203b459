"""Makes the README's pictures from the real program: `make captures`.

Runs `bmcha sim` on a pty, presses keys, waits for what a person would wait for, and draws the
screen. Nothing is drawn by hand.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from docs.captures.svg_screen import picture  # noqa: E402
from tests.terminal import Terminal, running  # noqa: E402

BMCHA = [sys.executable, "-m", "bmcha"]


PICTURES = (
    ("sim-80x24", "bmcha sim in 80 columns: a path was cut and the ACTIVE killed", 80, 24, {}),
    ("sim-80x24-mono", "the same without colour", 80, 24, {"NO_COLOR": "1"}),
    ("sim-200x60", "bmcha sim in 200 columns: a path was cut and the ACTIVE killed", 200, 60, {}),
)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        for name, title, columns, lines, environment in PICTURES:
            command = [*BMCHA, "sim", "--dir", f"{folder}/{name}"]
            with running(command, columns, lines, environment) as terminal:
                play(terminal)
                save(terminal, name, title)
                terminal.press("q")
                terminal.wait_for_end()
    return 0


def play(terminal: Terminal) -> None:
    """A path is cut and stays so, then the ACTIVE's process is killed. Where there is room for
    more: what is known three seconds later, and a sensor that got too warm meanwhile."""
    terminal.wait_for(lambda: terminal.text().count("FULL") == 2, "both modules are level")
    terminal.read(12)
    terminal.press("e")
    terminal.wait_for_text("SILENT")
    terminal.press("k")
    terminal.wait_for_text("module 2 holds")
    if terminal.screen.lines < 30:
        terminal.read(0.4)
        return
    terminal.press("t")
    terminal.wait_for_text("alarm: sensor")
    terminal.wait_for_text("no answer for 3 s")
    terminal.read(1)


def save(terminal: Terminal, name: str, title: str) -> None:
    path = HERE / f"{name}.svg"
    path.write_text(picture(terminal.screen, title))
    print(f"{path.name}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    sys.exit(main())
