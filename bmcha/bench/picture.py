"""Draws distributions as SVG: for each figure the share of samples that lie below, over
milliseconds.

Text and lines only; no library draws, none has to be there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from bmcha.bench.figures import Figure, Table, quantile

WIDTH: Final = 760
LEFT, RIGHT, TOP = 260, 30, 44
ROW: Final = 26
BAR: Final = 8
_STYLE: Final = (
    "text{font:12px sans-serif;fill:#222}.title{font-weight:bold}.axis{stroke:#bbb}"
    ".range{fill:#9db8d9}.dot{fill:#1f4e8c;fill-opacity:.35}.middle{stroke:#b3261e;stroke-width:2}"
)


def as_svg(table: Table) -> str:
    """One row a figure: every sample a dot, the range up to p99 a bar, the median a line."""
    figures = [each for each in table.figures if each.samples and each.unit == "ms"]
    most = max((max(each.samples) for each in figures), default=1.0) or 1.0
    height = TOP + ROW * max(1, len(figures)) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="12" y="22">{escape(table.title)}, ms</text>',
    ]
    bottom = TOP + ROW * len(figures)
    for value in ticks(most):
        x = _x(value, most)
        parts.append(f'<line class="axis" x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{bottom}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{value:g}</text>')
    for row, figure in enumerate(figures):
        parts += _row(figure, TOP + ROW * row + ROW // 2, most)
    return "\n".join((*parts, "</svg>", ""))


def ticks(most: float) -> Sequence[float]:
    """Four to ten round values from 0 to ``most``."""
    scale = 10.0 ** math.floor(math.log10(most))
    step = next(scale * each for each in (2, 1, 0.5, 0.2, 0.1) if most / (scale * each) >= 4)
    return [round(step * at, 9) for at in range(math.floor(most / step + 1e-9) + 1)]


def _row(figure: Figure, y: int, most: float) -> list[str]:
    low, high = _x(min(figure.samples), most), _x(quantile(figure.samples, 0.99), most)
    middle = _x(figure.median, most)
    dots = [
        f'<circle class="dot" cx="{_x(each, most)}" cy="{y}" r="3"/>' for each in figure.samples
    ]
    return [
        f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(figure.name)}</text>',
        f'<rect class="range" x="{low}" y="{y - BAR // 2}" '
        f'width="{max(1.0, round(high - low, 1))}" height="{BAR}"/>',
        *dots,
        f'<line class="middle" x1="{middle}" y1="{y - 9}" x2="{middle}" y2="{y + 9}"/>',
    ]


def _x(value: float, most: float) -> float:
    return round(LEFT + value / most * (WIDTH - LEFT - RIGHT), 1)
