"""What was measured: samples with a unit, and how they are told.

A distribution is told by its median, p99, largest value and count; never by a mean, which one
pause of a shared machine spoils. Knows no row and measures nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bmcha.model.record import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """``samples`` in ``unit``, in the order they were taken; ``note`` is what a reader has to
    know. No samples: it was not measured, and the note says why."""

    name: str
    unit: str
    samples: tuple[float, ...]
    note: str = ""

    @property
    def median(self) -> float:
        return quantile(self.samples, 0.5)

    @property
    def p99(self) -> float:
        return quantile(self.samples, 0.99)

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "unit": self.unit, "n": len(self.samples)}
        if self.samples:
            found |= {"median": self.median, "p99": self.p99, "p999": quantile(self.samples, 0.999)}
            found |= {"min": min(self.samples), "max": max(self.samples)}
        return found | ({"note": self.note} if self.note else {})


@dataclass(frozen=True, slots=True)
class Table:
    """One row of figures of `bmcha bench`: what belongs together."""

    name: str
    title: str
    figures: tuple[Figure, ...]


def quantile(samples: Sequence[float], share: float) -> float:
    """The sample that at least this share of all do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 1) - 1).__int__())]


def as_text(tables: Sequence[Table]) -> str:
    lines: list[str] = []
    for table in tables:
        width = max(len(each.name) for each in table.figures) if table.figures else 0
        lines += [table.title, f"  {'':{width}}  {'median':>9} {'p99':>9} {'max':>9} {'n':>7}"]
        lines += [f"  {each.name:{width}}  {_told(each)}" for each in table.figures]
        lines.append("")
    return "\n".join(lines)


def _told(figure: Figure) -> str:
    if not figure.samples:
        return figure.note
    many = (figure.median, figure.p99, max(figure.samples))
    told = " ".join(f"{_short(value):>9}" for value in many)
    note = f"  {figure.note}" if figure.note else ""
    return f"{told} {len(figure.samples):>7}  {figure.unit}{note}"


def _short(value: float) -> str:
    """Three figures that mean something."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"
