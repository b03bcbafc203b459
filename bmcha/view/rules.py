"""Columns side by side below a titled rule, the upright rules between them joined cleanly. Pure.

Called by `bmcha.view.frame`.
"""

from __future__ import annotations

from collections.abc import Sequence

from bmcha.view.cells import clean, width_of
from bmcha.view.spans import Glyphs, Row, Span, Style, fit

Places = frozenset[int]
"""Cells, counted from the left, in which an upright rule stands."""


def equal_widths(width: int, count: int) -> list[int]:
    """Equal parts with one cell between each two; the first ones get what is left over."""
    room = width - (count - 1)
    return [room // count + (place < room % count) for place in range(count)]


def places_of(widths: Sequence[int]) -> Places:
    """Where the upright rules between columns of these widths stand."""
    ends = [sum(widths[: number + 1]) + number for number in range(len(widths) - 1)]
    return frozenset(ends)


def titled_rule(names: Sequence[str], widths: Sequence[int], above: Places, glyphs: Glyphs) -> Row:
    """One row; ``above``: the upright rules that come down to it and may end here."""
    below = places_of(widths)
    titles: dict[int, tuple[str, int]] = {}
    start = 0
    for name, width in zip(names, widths, strict=True):
        text = clean(name)
        titles[start + 1] = (text, min(width - 2, width_of(text) + 2))
        start += width + 1
    row: Row = []
    place, end = 0, sum(widths) + len(widths) - 1
    while place < end:
        if place in titles:
            text, size = titles[place]
            row += fit([Span(f" {text} ", Style.STRONG)], size, glyphs)
            place += size
            continue
        row.append(Span(_joint(place, above, below, glyphs), Style.DIM))
        place += 1
    return merged(row)


def _joint(place: int, above: Places, below: Places, glyphs: Glyphs) -> str:
    if place in above:
        return glyphs.cross if place in below else glyphs.tee_up
    return glyphs.tee_down if place in below else glyphs.rule


def merged(row: Row) -> Row:
    """Neighbours of one style as one span: fewer writes, and smaller pictures."""
    found: Row = []
    for span in row:
        if found and found[-1].style is span.style:
            found[-1] = Span(found[-1].text + span.text, span.style)
        else:
            found.append(span)
    return found


def side_by_side(stacks: Sequence[list[Row]], widths: Sequence[int], glyphs: Glyphs) -> list[Row]:
    """As many rows as the highest column, with an upright rule between each two."""
    rows = []
    for number in range(max(map(len, stacks))):
        row: Row = []
        for place, (each, width) in enumerate(zip(stacks, widths, strict=True)):
            if place:
                row.append(Span(glyphs.upright, Style.DIM))
            mine = each[number] if number < len(each) else []
            row += fit([Span(" "), *mine], width, glyphs)
        rows.append(row)
    return rows
