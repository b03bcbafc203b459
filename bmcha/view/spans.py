"""What a frame is made of: rows of spans, a span being cleaned text in one style.

Styles are meanings, not colours: the painter decides what a terminal can show of them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, unique
from typing import NamedTuple

from bmcha.view.cells import clean, cut, width_of


@unique
class Style(Enum):
    PLAIN = "plain"
    DIM = "dim"
    """Labels, rules, limits: there to be found, not to be read."""
    STRONG = "strong"
    GOOD = "good"
    WARN = "warn"
    ALARM = "alarm"
    TITLE = "title"
    """The first row, the footer's keys."""


class Span(NamedTuple):
    text: str
    style: Style = Style.PLAIN


Row = list[Span]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Signs that a terminal can show. Each state has a shape of its own, so that nothing is told
    by colour alone."""

    good: str
    warn: str
    alarm: str
    none: str
    bar: str
    track: str
    upright: str
    rule: str
    tee_down: str
    tee_up: str
    cross: str
    ellipsis: str
    degree: str

    def of(self, style: Style) -> str:
        return {Style.GOOD: self.good, Style.WARN: self.warn, Style.ALARM: self.alarm}.get(
            style, self.none
        )


# All but the ellipsis are in the fonts of text consoles (code page 437).
UNICODE = Glyphs("●", "▲", "■", "○", "█", "░", "│", "─", "┬", "┴", "┼", "…", "°")
ASCII = Glyphs("+", "!", "X", "-", "#", ".", "|", "-", "+", "+", "+", "..", "")


def row_width(row: Iterable[Span]) -> int:
    return sum(width_of(span.text) for span in row)


def fit(row: Iterable[Span], width: int, glyphs: Glyphs, fill: Style = Style.PLAIN) -> Row:
    """Exactly ``width`` cells: cut with an ellipsis, or filled with spaces."""
    fitted: Row = []
    left = width
    for text, style in row:
        shown = clean(text)
        if glyphs is ASCII and not shown.isascii():
            shown = ascii_of(shown)
        used = width_of(shown)
        if used > left:
            shown = cut(shown, left, glyphs.ellipsis)
            used = width_of(shown)
            fitted.append(Span(shown, style))
            left -= used
            break
        fitted.append(Span(shown, style))
        left -= used
    if left > 0:
        fitted.append(Span(" " * left, fill))
    return fitted


def ascii_of(text: str) -> str:
    """One sign a cell, whatever it was."""
    return "".join(
        char if char.isascii() else {"–": "-", "…": ".", "°": " "}.get(char, "?" * width_of(char))
        for char in text
    )


def beside(left: Iterable[Span], right: Iterable[Span], width: int, glyphs: Glyphs) -> Row:
    """``left`` and ``right`` at the two ends of a row; the left one gives way."""
    end = list(right)
    room = width - row_width(end)
    return [*fit(left, max(0, room), glyphs), *fit(end, min(width, row_width(end)), glyphs)]


def text_of(row: Iterable[Span]) -> str:
    return "".join(span.text for span in row)
