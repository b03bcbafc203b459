"""Frames as plain text, one below the other: for a terminal that cannot place a cursor.

The same interface as `painter.Painter`. A frame every few seconds, when it is another one; keys
work where standard input is a terminal, which is given back as it was.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Sequence
from typing import Any

from bmcha.view.keys import keys_of
from bmcha.view.spans import Glyphs, Row, text_of

PERIOD_S = 5.0


class PlainPainter:
    def __init__(self, glyphs: Glyphs) -> None:
        self.glyphs = glyphs
        self._before: list[Any] | None = None
        self._last: list[str] = []
        self._due_s = 0.0

    def __enter__(self) -> PlainPainter:
        with contextlib.suppress(termios.error, OSError):
            self._before = termios.tcgetattr(sys.stdin.fileno())
            tty.setcbreak(sys.stdin.fileno())
        return self

    def __exit__(self, *_error: object) -> None:
        if self._before is not None:
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)

    def size(self) -> tuple[int, int]:
        width, height = shutil.get_terminal_size((80, 24))
        # The last line is the cursor's.
        return width - 1, height - 1

    def resize(self) -> None:
        self._due_s = 0.0

    def paint(self, rows: Sequence[Row]) -> None:
        lines = [text_of(row).rstrip() for row in rows]
        now_s = time.monotonic()
        if now_s < self._due_s or lines[1:] == self._last[1:]:
            return
        self._due_s = now_s + PERIOD_S
        self._last = lines
        print("\n".join(lines), end="\n\n", flush=True)

    def keys(self) -> list[str]:
        """Characters; every other key is one that does nothing."""
        if not select.select([sys.stdin], [], [], 0)[0]:
            return []
        pressed = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
        if pressed.strip():
            self._due_s = 0.0
        return keys_of(pressed)
