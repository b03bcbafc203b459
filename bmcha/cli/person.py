"""Who answers the question of `bmcha key pair`: a person at a terminal, or a script's next line.

Reads the descriptor itself, so that whoever waits for an answer can do something else meanwhile.
"""

from __future__ import annotations

import os
import select
import sys
import termios

LINE_BYTES_MAX = 200


class Person:
    """``has_number``: the answer is the other module's number; else yes or no."""

    def __init__(self, has_number: bool) -> None:
        self._has_number = has_number
        self._fd = sys.stdin.fileno()
        self._typed = b""
        self._is_asked = False

    def ask(self) -> None:
        is_terminal = os.isatty(self._fd)
        if is_terminal:
            # What was typed before the number was shown was no answer to it.
            termios.tcflush(self._fd, termios.TCIFLUSH)
        question = "Does the other module show the same number? [yes/no] "
        if self._has_number:
            question = "The number that the other module shows: " if is_terminal else ""
        print(question, end="", file=sys.stderr, flush=True)
        self._is_asked = bool(question)

    def leave(self) -> None:
        """The question is not open any more: what is told next begins on a line of its own."""
        if self._is_asked:
            print(file=sys.stderr, flush=True)

    def answer(self, within_s: float) -> str | None:
        """None: not yet. An end of the input, or a line without one, is an empty answer."""
        if not select.select([self._fd], [], [], within_s)[0]:
            return None
        data = os.read(self._fd, LINE_BYTES_MAX)
        self._typed += data
        line, end, _ = self._typed.partition(b"\n")
        if not end and data and len(self._typed) < LINE_BYTES_MAX:
            return None
        return line.decode(errors="replace").strip() if end else ""
