"""Text in terminal cells: nothing that comes from outside can move the cursor or a column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmcha.view.cells import clean, cut, duration, fill, width_of, wrap
from bmcha.view.spans import ASCII, UNICODE, Span, ascii_of, fit, row_width, text_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[31mb", "a?[31mb"),
        ("tab\tline\nfeed\r", "tab?line?feed?"),
        ("e\u0301", "é"),
        ("q\u0301", "q"),
        ("zero\u200bwidth", "zero?width"),
        ("温度", "温度"),
        ("hot \U0001f525", "hot ?"),
        ("\u231a", "?"),
        ("\udc80", "?"),
        ("right\u202eleft", "right?left"),
    ],
)
def test_a_text_is_cleaned(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_east_asian_letters_are_two_cells_wide() -> None:
    assert width_of("温度 24") == 7


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("status", 6, "status"), ("status", 5, "stat…"), ("温度計", 5, "温度…"), ("温度計", 4, "温…")],
)
def test_a_cut_text_says_so(text: str, width: int, shown: str) -> None:
    assert cut(text, width, "…") == shown


@given(st.text(), st.integers(0, 40))
def test_a_filled_text_has_exactly_its_width(text: str, width: int) -> None:
    assert width_of(fill(clean(text), width, "…")) == width


@given(st.text(), st.integers(2, 40))
def test_wrapped_lines_fit(text: str, width: int) -> None:
    lines = wrap(clean(text), width)
    assert lines
    assert all(width_of(line) <= width for line in lines)


@given(st.lists(st.text(), max_size=5), st.integers(0, 60), st.sampled_from([UNICODE, ASCII]))
def test_a_row_fits_exactly_whatever_it_holds(texts: list[str], width: int, glyphs: object) -> None:
    chosen = ASCII if glyphs is ASCII else UNICODE
    row = fit([Span(text) for text in texts], width, chosen)
    assert row_width(row) == width
    assert text_of(row).isprintable()
    if chosen is ASCII:
        assert text_of(row).isascii()


def test_ascii_keeps_the_width() -> None:
    assert ascii_of("24 °C – 温") == "24  C - ??"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0, "0 s"),
        (0.34, "340 ms"),
        (0.9996, "0 s"),
        (59, "59 s"),
        (250, "4m10s"),
        (3 * 3600 + 720, "3h12m"),
        (86400 * 9 + 4 * 3600, "9d4h"),
        (-0.5, "0 ms"),
    ],
)
def test_a_duration_is_short(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown
