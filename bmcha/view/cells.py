"""Text measured in terminal cells: cleaned, cut and filled so that a layout cannot break.

Everything drawn passes `clean` once. Rules: no control character survives; no character whose
width terminals disagree about; a cut text ends with the ellipsis of its glyph set. Pure.
"""

from __future__ import annotations

import functools
import unicodedata

UNSURE = "?"
"""Stands for what cannot be shown, one cell wide."""


@functools.lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """Printable, of known width. Joined characters are taken apart and their marks left out."""
    if text.isascii() and text.isprintable():
        return text
    composed = unicodedata.normalize("NFC", text)
    return "".join(map(_shown, composed))


def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Mn":
        return ""
    # Pictures and what is newer than a terminal's tables are one cell here and two there.
    is_disputed = category in ("Mc", "Me", "Cn", "Co") or ord(char) > 0xFFFF
    is_picture = category == "So" and unicodedata.east_asian_width(char) in "WF"
    return UNSURE if is_disputed or is_picture or not char.isprintable() else char


@functools.lru_cache(maxsize=4096)
def width_of(text: str) -> int:
    """Cells of a cleaned text."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def cut(text: str, width: int, ellipsis: str) -> str:
    """Not wider than ``width``; where something is left out it says so."""
    if width_of(text) <= width:
        return text
    room = width - len(ellipsis)
    if room <= 0:
        return ellipsis[: max(0, width)]
    kept, used = "", 0
    for char in text:
        used += width_of(char)
        if used > room:
            break
        kept += char
    return kept + ellipsis


def fill(text: str, width: int, ellipsis: str) -> str:
    """Exactly ``width`` cells, from the left."""
    shown = cut(text, width, ellipsis)
    return shown + " " * (width - width_of(shown))


def wrap(text: str, width: int) -> list[str]:
    """Lines of whole words; a word longer than a line is broken. At least one line."""
    lines, line = [], ""
    for word in text.split():
        if line and width_of(line) + 1 + width_of(word) <= width:
            line += " " + word
            continue
        if line:
            lines.append(line)
        while width_of(word) > width:
            head = cut(word, width, "")
            if not head:
                break
            lines.append(head)
            word = word[len(head) :]
        line = word
    return [*lines, line] if line or not lines else lines


def duration(seconds: float | None) -> str:
    """Short, for a column: 340 ms, 12 s, 4m10s, 3h12m, 9d4h. Whole seconds stay seconds."""
    if seconds is None:
        return "-"
    if isinstance(seconds, float) and seconds < 0.9995:
        return f"{max(0, round(seconds * 1000))} ms"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    for large, large_s, small, small_s in (("m", 60, "s", 1), ("h", 3600, "m", 60)):
        if whole < large_s * (60 if large == "m" else 24):
            return f"{whole // large_s}{large}{whole % large_s // small_s:02d}{small}"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"
