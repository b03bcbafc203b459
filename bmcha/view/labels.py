"""What the columns of the view are put together from: labels, states, wrapped text. Pure."""

from __future__ import annotations

from bmcha.view.cells import clean, wrap
from bmcha.view.spans import Glyphs, Row, Span, Style

WIDE_FROM = 50
"""Cells of a column from which on words need no shortening."""
LABEL_WIDTH, WIDE_LABEL_WIDTH = 8, 11


def label_width(width: int) -> int:
    return WIDE_LABEL_WIDTH if width >= WIDE_FROM else LABEL_WIDTH


def label(text: str, width: int) -> Span:
    """``width``: the column's."""
    size = label_width(width)
    return Span(text.ljust(size)[:size], Style.DIM)


def state(style: Style, word: str, glyphs: Glyphs) -> Row:
    return [Span(f"{glyphs.of(style) if style is not Style.STRONG else glyphs.none} {word}", style)]


def plain(text: str, width: int, style: Style) -> list[Row]:
    return [[Span(line, style)] for line in wrap(clean(text), width)]


def indented(text: str, width: int, style: Style) -> list[Row]:
    size = label_width(width)
    return [[Span(" " * size), Span(line, style)] for line in wrap(clean(text), width - size)]


def known(value: int | None) -> str:
    return "-" if value is None else str(value)
