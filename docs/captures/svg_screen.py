"""A terminal emulator's screen as an SVG picture, small enough for a README.

Text stays text (it can be selected and searched); rules, bars and marks are drawn as shapes, so
that the picture is the same whatever fonts there are. Knows nothing of bmcha.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.4, 18, 14
MARGIN = 14
BACKGROUND, FOREGROUND, FAINT = "#11151c", "#d5dae3", "#7f8a9c"
STRONG = "#ffffff"
COLOURS = {"green": "#5ccf7a", "brown": "#f0c35a", "red": "#ff6b62"}
"""By the emulator's names; it calls yellow brown."""


class Look(NamedTuple):
    """What a run of cells has in common."""

    colour: str
    is_bold: bool
    is_underlined: bool
    is_reverse: bool


class Run(NamedTuple):
    column: int
    text: str
    look: Look


def picture(screen: Any, title: str) -> str:
    """``screen``: a `pyte.Screen` that marks faint text as italics."""
    width = screen.columns * CELL_WIDTH + 2 * MARGIN
    height = screen.lines * CELL_HEIGHT + 2 * MARGIN
    body = "\n".join(
        part
        for number in range(screen.lines)
        for run in _runs(screen.buffer[number], screen.columns)
        for part in _drawn(run, number)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-size="{FONT_SIZE}" '
        'font-family="DejaVu Sans Mono, Menlo, Consolas, Liberation Mono, monospace" '
        'xml:space="preserve">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>\n'
        f"{body}\n</svg>\n"
    )


def _runs(cells: Any, columns: int) -> Iterator[Run]:
    """Neighbours that look alike and are drawn alike; blank ones are left out."""
    column = 0
    while column < columns:
        look, kind = _look(cells[column]), _kind(cells[column].data)
        end = column + 1
        while end < columns and _look(cells[end]) == look and _kind(cells[end].data) == kind:
            end += 1
        text = "".join(cells[each].data for each in range(column, end))
        if text.strip() or look.is_reverse:
            yield Run(column, text, look)
        column = end


def _look(cell: Any) -> Look:
    colour = COLOURS.get(cell.fg, STRONG if cell.bold else FAINT if cell.italics else FOREGROUND)
    return Look(colour, cell.bold, cell.underscore, cell.reverse)


_SHAPES = "│─┬┴┼█░●▲■○"


def _kind(char: str) -> str:
    """Each shape by itself, all other text together."""
    return char if char in _SHAPES else ""


def _drawn(run: Run, row: int) -> Iterator[str]:
    left, top = MARGIN + run.column * CELL_WIDTH, MARGIN + row * CELL_HEIGHT
    width = len(run.text) * CELL_WIDTH
    look = run.look
    if look.is_reverse:
        yield _rect(left, top, width, CELL_HEIGHT, FOREGROUND)
        look = look._replace(colour=BACKGROUND)
    if run.text[0] in _SHAPES:
        yield from _shapes(run.text, left, top, look.colour)
        return
    extra = ' font-weight="bold"' if look.is_bold else ""
    extra += ' text-decoration="underline"' if look.is_underlined else ""
    # Each group of words for itself: how several spaces are drawn differs between viewers.
    for words in re.finditer(r"\S+(?: \S+)*", run.text):
        x = left + words.start() * CELL_WIDTH
        length = len(words[0]) * CELL_WIDTH
        yield (
            f'<text x="{x:.1f}" y="{top + 13.5:g}" fill="{look.colour}"{extra} '
            f'textLength="{length:.1f}">{escape(words[0])}</text>'
        )


def _shapes(text: str, left: float, top: float, colour: str) -> Iterator[str]:
    """A run of one and the same sign."""
    char, width = text[0], len(text) * CELL_WIDTH
    middle_x, middle_y = left + CELL_WIDTH / 2, top + CELL_HEIGHT / 2
    if char in "─┬┴┼":
        yield _rect(left, middle_y - 0.5, width, 1, colour)
    if char in "│┬┴┼":
        high = top if char != "┬" else middle_y
        low = top + CELL_HEIGHT if char != "┴" else middle_y
        yield _rect(middle_x - 0.5, high, 1, low - high, colour)
    if char in "█░":
        shade = "" if char == "█" else ' opacity=".35"'
        yield _rect(left, top + 5, width - 1, CELL_HEIGHT - 10, colour, shade)
    for number in range(len(text)):
        x = middle_x + number * CELL_WIDTH
        if char == "●":
            yield f'<circle cx="{x:.1f}" cy="{middle_y:g}" r="3.6" fill="{colour}"/>'
        elif char == "○":
            ring = f'fill="none" stroke="{colour}" stroke-width="1.2"'
            yield f'<circle cx="{x:.1f}" cy="{middle_y:g}" r="3.2" {ring}/>'
        elif char == "■":
            yield _rect(x - 3.4, middle_y - 3.4, 6.8, 6.8, colour)
        elif char == "▲":
            points = _points(
                ((x, middle_y - 4), (x + 4.2, middle_y + 3.4), (x - 4.2, middle_y + 3.4))
            )
            yield f'<polygon points="{points}" fill="{colour}"/>'


def _points(corners: Iterable[Sequence[float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _rect(x: float, y: float, width: float, height: float, colour: str, extra: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:g}"'
    return f'<rect {place} fill="{colour}"{extra}/>'
