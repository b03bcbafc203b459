"""The virtual chassis's own knowledge as rows: who holds the outputs, what is broken by hand.

In a wide frame a column of its own, else one row between the modules and the readings. Pure.
"""

from __future__ import annotations

from bmcha.view.cells import clean, duration, wrap
from bmcha.view.model import SlotTruth, Truth
from bmcha.view.spans import Glyphs, Row, Span, Style

SLOT_WIDTH = 12
NAME_WIDTH = 16


def holder_span(truth: Truth, of: str, glyphs: Glyphs) -> Span:
    """Whose gate is open."""
    holders = [str(slot.slot) for slot in truth.slots if slot.is_open]
    if len(holders) == 1:
        return Span(f"{glyphs.good} module {holders[0]} holds{of}", Style.GOOD)
    if holders:
        return Span(f"{glyphs.alarm} BOTH hold{of}", Style.ALARM)
    return Span(f"{glyphs.warn} nobody holds{of}", Style.WARN)


def truth_row(truth: Truth, glyphs: Glyphs) -> Row:
    """Everything in one row, the least important last: it may be cut."""
    dual = f"both open {_ms(truth.dual_ms)}"
    row = [
        Span(" chassis  ", Style.DIM),
        holder_span(truth, "", glyphs),
        Span(f"  outage {_ms(truth.outage_ms)}"),
        Span(f"  {dual}", Style.ALARM if truth.dual_ms > 0 else Style.PLAIN),
    ]
    if truth.disturbed:
        row.append(Span(f"  broken: {', '.join(truth.disturbed)}", Style.WARN))
    return row


def truth_rows(truth: Truth, width: int, glyphs: Glyphs) -> list[Row]:
    rows: list[Row] = [[holder_span(truth, " the outputs", glyphs)]]
    facts = (
        ("outage", f"{_ms(truth.outage_ms)} the longest, nobody held the outputs"),
        ("both open", f"{_ms(truth.dual_ms)} in all"),
        (
            "failover",
            "none yet"
            if truth.failover_ms is None
            else f"{_ms(truth.failover_ms)}, fault to first output",
        ),
    )
    for name, text in facts:
        is_bad = name == "both open" and truth.dual_ms > 0
        style = Style.ALARM if is_bad else Style.PLAIN
        rows.append([Span(name.ljust(NAME_WIDTH), Style.DIM), Span(text, style)])
    rows.append([Span(" " * NAME_WIDTH)])
    rows[-1] += [Span(f"slot {slot.slot}".ljust(SLOT_WIDTH), Style.DIM) for slot in truth.slots]
    rows.append([Span("process".ljust(NAME_WIDTH), Style.DIM), *map(_life, truth.slots)])
    rows.append([Span("gate".ljust(NAME_WIDTH), Style.DIM), *map(_gate, truth.slots)])
    names = list(dict.fromkeys(line.name for slot in truth.slots for line in slot.lines))
    for name in names:
        cells = [_line(slot, name) for slot in truth.slots]
        rows.append([Span(clean(name).ljust(NAME_WIDTH)[:NAME_WIDTH], Style.DIM), *cells])
    broken = ", ".join(truth.disturbed) or "nothing"
    style = Style.WARN if truth.disturbed else Style.PLAIN
    lines = wrap(clean(broken), max(1, width - NAME_WIDTH))
    for number, line in enumerate(lines):
        label = "" if number else "broken by hand"
        rows.append([Span(label.ljust(NAME_WIDTH), Style.DIM), Span(line, style)])
    return rows


def _life(slot: SlotTruth) -> Span:
    style = Style.PLAIN if slot.life == "running" else Style.ALARM
    return Span(slot.life.ljust(SLOT_WIDTH), style)


def _gate(slot: SlotTruth) -> Span:
    word = "open" if slot.is_open else "shut"
    return Span(word.ljust(SLOT_WIDTH), Style.GOOD if slot.is_open else Style.PLAIN)


def _line(slot: SlotTruth, name: str) -> Span:
    found = next((line for line in slot.lines if line.name == name), None)
    if found is None:
        return Span("-".ljust(SLOT_WIDTH), Style.DIM)
    word = "up" if found.is_up else "down"
    if found.is_forced:
        return Span(f"stuck {word}".ljust(SLOT_WIDTH), Style.WARN)
    return Span(word.ljust(SLOT_WIDTH), Style.PLAIN if found.is_up else Style.DIM)


def _ms(value_ms: float) -> str:
    return f"{value_ms:.0f} ms" if value_ms < 10_000 else duration(value_ms / 1000)
