"""The log that the view shows: one order, no record twice, bounded."""

import re

import pytest

from bmcha.view.logbook import LINES_MAX, Logbook, log_rows
from bmcha.view.model import LogLine
from bmcha.view.spans import text_of


def line(wall_ms: int, text: str = "") -> LogLine:
    return LogLine(wall_ms, "slot 1", text or str(wall_ms))


def test_lines_stand_in_the_order_of_their_times() -> None:
    book = Logbook()
    for wall_ms in (30, 10, 20, 20, 40):
        book.add(line(wall_ms))
    assert [each.wall_ms for each in book.lines()] == [10, 20, 20, 30, 40]


def test_what_two_modules_tell_is_told_once() -> None:
    book = Logbook()
    book.add(line(1), (2, 1, 1))
    book.add(line(1), (2, 1, 1))
    book.add(line(2), (2, 1, 2))
    assert len(book) == 2


def test_the_oldest_lines_go_first() -> None:
    book = Logbook()
    for wall_ms in range(LINES_MAX + 100):
        book.add(line(wall_ms), wall_ms)
    assert len(book) == LINES_MAX
    assert book.lines()[-1].wall_ms == LINES_MAX + 99


def test_the_newest_are_shown_and_scrolling_ends_at_the_oldest() -> None:
    lines = [line(0, f"text {number}") for number in range(10)]
    assert "text 9" in text_of(log_rows(lines, 0, 80, 3)[-1])
    oldest = [text_of(row) for row in log_rows(lines, 999, 80, 3)]
    assert [text.split()[-1] for text in oldest] == ["0", "1", "2"]


@pytest.mark.parametrize("wall_ms", [10**18 - 1, -(10**18) + 1, 0])
def test_any_time_that_a_module_can_tell_is_shown(wall_ms: int) -> None:
    (row,) = log_rows([line(wall_ms, "x")], 0, 80, 1)
    assert re.match(r" \d\d:\d\d:\d\d slot 1   x$", text_of(row))
