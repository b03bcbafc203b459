"""The log: what the modules recorded, what was done by hand, what the chassis saw, in one order.

`Logbook` gathers, `log_rows` draws; one line an entry, the newest at the bottom. Pure.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Sequence

from bmcha.view.cells import width_of
from bmcha.view.model import LogLine, Tone
from bmcha.view.spans import Row, Span, Style

LINES_MAX = 500
WIDE_FROM = 100
WHO_WIDTH = 8

_STYLES = {
    Tone.PLAIN: Style.PLAIN,
    Tone.ROLE: Style.STRONG,
    Tone.GOOD: Style.GOOD,
    Tone.WARN: Style.WARN,
    Tone.ALARM: Style.ALARM,
    Tone.DEED: Style.STRONG,
    Tone.TRUTH: Style.DIM,
}


class Logbook:
    """In the order of the wall clock; what both modules tell is told once."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=LINES_MAX)
        self._known: dict[Hashable, None] = {}

    def add(self, line: LogLine, key: Hashable = None) -> None:
        """``key`` names the record, None: it has no other copy."""
        if key is not None:
            if key in self._known:
                return
            self._known[key] = None
            while len(self._known) > 4 * LINES_MAX:
                del self._known[next(iter(self._known))]
        later: list[LogLine] = []
        while self._lines and self._lines[-1].wall_ms > line.wall_ms:
            later.append(self._lines.pop())
        self._lines.append(line)
        self._lines.extend(reversed(later))

    def lines(self) -> tuple[LogLine, ...]:
        return tuple(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def log_rows(lines: Sequence[LogLine], scrolled: int, width: int, height: int) -> list[Row]:
    """The newest that fit, or those before the last ``scrolled`` ones."""
    back = min(max(0, scrolled), max(0, len(lines) - height))
    end = len(lines) - back
    return [_row(line, width) for line in lines[max(0, end - height) : end]]


def _row(line: LogLine, width: int) -> Row:
    style = _STYLES[line.tone]
    who = line.who[:WHO_WIDTH]
    is_deed = line.tone is Tone.DEED
    return [
        Span(f" {_time(line.wall_ms, width >= WIDE_FROM)} ", Style.DIM),
        Span(who, Style.TITLE if is_deed else Style.DIM),
        Span(" " * (WHO_WIDTH + 1 - width_of(who))),
        Span(line.text, style),
    ]


def _time(wall_ms: int, is_wide: bool) -> str:
    shown = time.strftime("%H:%M:%S", time.localtime(wall_ms / 1000))
    return shown + (f".{wall_ms % 1000:03d}" if is_wide else "")
