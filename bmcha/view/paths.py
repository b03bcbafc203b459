"""The paths of one module as rows: health, round trip, loss, and what is broken. Pure.

Called by `bmcha.view.columns`.
"""

from __future__ import annotations

from collections.abc import Sequence

from bmcha.view.cells import clean, duration, fill, width_of
from bmcha.view.labels import WIDE_FROM, known, label_width, plain
from bmcha.view.model import PathShown
from bmcha.view.spans import Glyphs, Row, Span, Style

_FIELDS = (("round trip", 12), ("loss", 8), ("heard", 9), ("lost", 8), ("bad", 7))
_NARROW_FIELDS = (("rtt", 8), ("loss", 6), ("heard", 6))
"""Of a path, the most telling first, with the cells that each takes."""
_HEALTH_STYLES = {
    "ALIVE": Style.GOOD,
    "LATE": Style.WARN,
    "ONE_WAY": Style.WARN,
    "SILENT": Style.ALARM,
}


def path_rows(paths: Sequence[PathShown], width: int, glyphs: Glyphs) -> list[Row]:
    """A head and a row each; as many columns as there is room for."""
    longest = max((width_of(clean(path.name)) for path in paths), default=0)
    name_width = max(label_width(width) - 1, min(16, longest))
    fields = _FIELDS if width >= WIDE_FROM else _NARROW_FIELDS
    left = width - name_width - 10
    shown = []
    for head, field_width in fields:
        if field_width <= left:
            shown.append((head, field_width))
            left -= field_width
    row = [Span("path".ljust(name_width), Style.DIM), Span("   health ", Style.DIM)]
    rows: list[Row] = [row + [Span(head.rjust(size), Style.DIM) for head, size in shown]]
    said = {""}
    for path in paths:
        style = _HEALTH_STYLES.get(path.health, Style.WARN)
        row = [
            Span(fill(clean(path.name), name_width, glyphs.ellipsis)),
            Span(f" {glyphs.of(style)} ", style),
            Span(_health_word(path).ljust(7)[:7], style),
            *_path_cells(path, shown, glyphs),
        ]
        rows.append(row)
        told = "" if path.health in ("ALIVE", "LATE") else _sentence(path, width)
        if told not in said:
            said.add(told)
            room = width - name_width - 1
            rows += [
                [Span(" " * (name_width + 1)), *line] for line in plain(told, room, Style.PLAIN)
            ]
    return rows


def _sentence(path: PathShown, width: int) -> str:
    """What to do about it: once for all paths that suffer from the same, and only in a wide
    column; but what this module's own port says always."""
    return path.port_fault or (path.broken_text if width >= WIDE_FROM else "")


def _health_word(path: PathShown) -> str:
    """ONE_WAY and which way fails."""
    failing = {"tx": "TX LOST", "rx": "RX LOST"}.get(path.one_way or "")
    return failing or path.health or "-"


def _path_cells(path: PathShown, fields: Sequence[tuple[str, int]], glyphs: Glyphs) -> Row:
    """Where nothing is heard there is no round trip and no loss, but room for what is broken."""
    is_heard = path.health in ("ALIVE", "LATE", "ONE_WAY")
    rtt_ms = None if path.rtt_us is None else path.rtt_us / 1000
    heard_s = None if path.last_heard_ms is None else path.last_heard_ms / 1000
    loss = path.loss_percent if is_heard else None
    trip = "-"
    if rtt_ms is not None and is_heard:
        trip = f"{rtt_ms:.1f} ms" if rtt_ms >= 0.05 else "<0.1 ms"
    cells = {
        "round trip": trip,
        "rtt": trip,
        "loss": "-" if loss is None else f"{loss:.1f} %" if 0 < loss < 9.95 else f"{loss:.0f} %",
        # Tenths: a module tells when it last heard to half a second anyway.
        "heard": "-"
        if heard_s is None
        else f"{heard_s:.1f} s"
        if heard_s < 60
        else duration(heard_s),
        "lost": known(path.lost),
        "bad": known(path.bad),
    }
    if is_heard or not path.broken:
        return [Span(cells[head].rjust(size)) for head, size in fields]
    room = sum(size for _, size in fields[:2])
    word = fill(f"  {clean(path.broken)}", room, glyphs.ellipsis)
    return [Span(word, Style.WARN), *(Span(cells[head].rjust(size)) for head, size in fields[2:])]
