"""Puts a frame on a terminal with the standard library's curses, and gives the terminal back.

The only file that knows curses. Only cells that changed are sent (curses compares), so that a view
at a serial console of 9600 baud keeps up. Styles become colours where the terminal has them and
NO_COLOR (https://no-color.org) does not forbid it, else bold and underlined.
"""

from __future__ import annotations

import contextlib
import curses
import locale
import os
import sys
from collections.abc import Mapping, Sequence

from bmcha.view.keys import OTHER, keys_of
from bmcha.view.spans import ASCII, UNICODE, Glyphs, Row, Style

ESCAPE_DELAY_MS = 25
"""Between Escape and the rest of an arrow key; curses would wait for a second."""
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")

_KEYS = {
    curses.KEY_UP: "up",
    curses.KEY_DOWN: "down",
    curses.KEY_PPAGE: "page-up",
    curses.KEY_NPAGE: "page-down",
    curses.KEY_HOME: "home",
    curses.KEY_END: "end",
}


class NoScreen(Exception):
    """This terminal cannot place a cursor. The text says which one it is."""


def check_terminal() -> None:
    """NoScreen: what curses needs is missing. Changes nothing."""
    name = os.environ.get("TERM", "")
    try:
        curses.setupterm(fd=sys.__stdout__.fileno() if sys.__stdout__ else 1)
    except curses.error as error:
        raise NoScreen(f"TERM={name}: {error}") from None
    if not curses.tigetstr("cup"):
        raise NoScreen(f"TERM={name} cannot place the cursor")


def glyphs_for(environment: Mapping[str, str]) -> Glyphs:
    """UNICODE where the locale says that the terminal shows UTF-8.

    Python itself sets LC_CTYPE to a UTF-8 locale when there is none (PEP 538), so that one alone
    does not count.
    """
    named = environment.get("LC_ALL", "")
    if not named:
        ctype = environment.get("LC_CTYPE", "")
        named = ctype if ctype and ctype not in _COERCED else environment.get("LANG", "")
    return UNICODE if named.lower().replace("-", "").endswith("utf8") else ASCII


class Painter:
    """A context manager: on entry the screen is ours, on exit it is as it was."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.glyphs = glyphs_for(environment)
        self._wants_colour = not environment.get("NO_COLOR")
        self._styles: dict[Style, int] = {}

    def __enter__(self) -> Painter:
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, "")
        curses.set_escdelay(ESCAPE_DELAY_MS)
        self._screen = curses.initscr()
        try:
            curses.noecho()
            curses.cbreak()
            self._screen.keypad(True)
            self._screen.nodelay(True)
            with contextlib.suppress(curses.error):
                curses.curs_set(0)
            self._styles = self._choose_styles()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(curses.error):
            self._screen.keypad(False)
            curses.nocbreak()
            curses.echo()
        with contextlib.suppress(curses.error):
            curses.endwin()

    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self._screen.getmaxyx()
        return width, height

    def resize(self) -> None:
        """The terminal's size has changed, or another program has drawn on it."""
        with contextlib.suppress(OSError, curses.error):
            width, height = os.get_terminal_size(sys.stdout.fileno())
            curses.resizeterm(height, width)
        self._screen.clearok(True)

    def paint(self, rows: Sequence[Row]) -> None:
        self._screen.erase()
        for y, row in enumerate(rows):
            with contextlib.suppress(curses.error):
                # The cursor cannot stand behind the last cell: the last write always complains.
                self._screen.move(y, 0)
                for text, style in row:
                    self._screen.addstr(text, self._styles[style])
        self._screen.refresh()

    def keys(self) -> list[str]:
        """What was pressed since the last time: characters, and names for other keys."""
        found: list[str] = []
        typed = ""
        while (code := self._screen.getch()) != -1:
            if code < 256:
                typed += chr(code)
            elif code != curses.KEY_RESIZE:
                found += [*keys_of(typed), _KEYS.get(code, OTHER)]
                typed = ""
        return found + keys_of(typed)

    def _choose_styles(self) -> dict[Style, int]:
        dim = curses.A_DIM if curses.tigetstr("dim") else curses.A_NORMAL
        styles = {
            Style.PLAIN: curses.A_NORMAL,
            Style.DIM: dim,
            Style.STRONG: curses.A_BOLD,
            Style.TITLE: curses.A_REVERSE,
        }
        if not (self._wants_colour and curses.has_colors()):
            return styles | {
                Style.GOOD: curses.A_NORMAL,
                Style.WARN: curses.A_BOLD,
                Style.ALARM: curses.A_BOLD | curses.A_UNDERLINE,
            }
        curses.start_color()
        background = -1
        try:
            curses.use_default_colors()
        except curses.error:
            background = curses.COLOR_BLACK
        colours = (
            (Style.GOOD, curses.COLOR_GREEN, curses.A_NORMAL),
            (Style.WARN, curses.COLOR_YELLOW, curses.A_BOLD),
            (Style.ALARM, curses.COLOR_RED, curses.A_BOLD),
        )
        for number, (style, colour, attribute) in enumerate(colours, 1):
            curses.init_pair(number, colour, background)
            styles[style] = curses.color_pair(number) | attribute
        return styles
