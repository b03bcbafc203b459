"""Values as words, and words in columns, in 80 of them: what every text of the program is made of.

Rules: columns line up, every value has its unit, what is unknown is "-", and nothing that came from
outside can move the cursor.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]
Lines = Iterator[str]

WIDTH = 80
LABEL_WIDTH = 12
_UNIT_GAP = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|d|%|°C|V|A|W|rpm)\b)")
YES_NO = {True: "yes", False: "no", None: "-"}


def clean(value: object) -> str:
    """Names and texts come from files and from the peer; control characters stay out."""
    text = "-" if value is None else str(value)
    return "".join(char if char.isprintable() else "?" for char in text)


def duration(seconds: float | None) -> str:
    """Two figures are enough to act on: 340 ms, 12 s, 4 min 10 s, 3 h 12 min, 9 d 4 h."""
    if seconds is None:
        return "-"
    if 0 < seconds < 1:
        return f"{round(seconds * 1000)} ms"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    for large, large_s, small, small_s in (
        ("min", 60, "s", 1),
        ("h", 3600, "min", 60),
        ("d", 86400, "h", 3600),
    ):
        if whole < large_s * (60 if large == "min" else 24) or large == "d":
            rest = whole % large_s // small_s
            return f"{whole // large_s} {large}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def milliseconds(value_ms: int | None) -> str:
    return "0 ms" if value_ms == 0 else duration(None if value_ms is None else value_ms / 1000)


def about(value_ms: int | None) -> str:
    """For what a module itself knows to half a second only."""
    if value_ms is None:
        return "-"
    return f"~{value_ms / 1000:.1f} s" if value_ms < 10_000 else f"~{milliseconds(value_ms)}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """Columns as wide as their widest cell; a head that begins with ">" aligns to the right."""
    cells = [[head.lstrip(">") for head in heads], *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        aligned = [
            cell.rjust(width) if head.startswith(">") else cell.ljust(width)
            for head, cell, width in zip(heads, row, widths, strict=True)
        ]
        yield "  ".join(aligned).rstrip()


def wrapped(text: str, first: str = "", then: str = "") -> list[str]:
    """Lines of WIDTH, the first indented by ``first``; a number stays with its unit."""
    lines = textwrap.wrap(
        _UNIT_GAP.sub("\N{NO-BREAK SPACE}", text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_on_hyphens=False,
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def labelled(label: str, texts: Iterable[str]) -> Lines:
    """A label at the left, its texts beside it, wrapped."""
    indent = " " * LABEL_WIDTH
    first = f"{label:<{LABEL_WIDTH}}"
    for text in texts:
        yield from wrapped(text, first, indent) or [first.rstrip()]
        first = indent


def labelled_rows(label: str, rows: Iterable[str]) -> Lines:
    """The same for a table, which is as wide as it is."""
    for row in list(rows) or ["none"]:
        yield f"{label:<{LABEL_WIDTH}}{row}"
        label = ""


def indented(text: str, indent: str = "  ") -> Lines:
    yield from wrapped(clean(text), indent, "  ")
