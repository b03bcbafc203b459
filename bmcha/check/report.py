"""The answer of `bmcha check`, for people and as JSON.

For people: what will be used and the rule for a silent peer first, then advice, then the problems
by file, and their count as the last line, which is what a terminal shows at the end.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

from bmcha.check.finding import Finding
from bmcha.check.silent_peer import SilentPeerRule
from bmcha.check.summary import Row
from bmcha.config.table import plain
from bmcha.model.record import dataclass

WIDTH_MIN: Final = 60
WIDTH_MAX: Final = 100
KEY_WIDTH_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class Report:
    """``notes``: what could not be looked at, and why."""

    file: str
    kind: str
    title: str
    problems: Sequence[Finding]
    advice: Sequence[Finding]
    rule: SilentPeerRule | None
    rows: Sequence[Row]
    notes: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "file": self.file,
            "kind": self.kind,
            "count": len(self.problems),
            "problems": [each.as_dict() for each in self.problems],
            "advice": [each.as_dict() for each in self.advice],
            "silent_peer": self.rule.as_dict() if self.rule is not None else None,
            "uses": [{"what": what, "how": plain(how)} for what, how in self.rows],
            "notes": list(self.notes),
        }

    def as_text(self, width: int) -> str:
        width = max(WIDTH_MIN, min(width, WIDTH_MAX))
        lines = [plain(self.title), ""]
        lines += self._used(width)
        for note in self.notes:
            lines += [*_wrapped(note, width, "  "), ""]
        lines += _section("Advice", self.advice, width)
        lines += _section("Problems", self.problems, width)
        return "\n".join([*lines, count_text(len(self.problems))])

    def _used(self, width: int) -> Iterator[str]:
        if self.rows:
            yield "What will be used"
            label_width = max(len(what) for what, _ in self.rows) + 2
            for what, how in self.rows:
                yield from _wrapped(plain(how), width, f"  {what:<{label_width}}")
            yield ""
        if self.rule is not None:
            yield f"If the peer falls silent: {self.rule.name}"
            yield from _wrapped(plain(self.rule.why), width, "  ")
            for sentence in self.rule.sentences:
                yield from _wrapped(sentence, width, "  - ")
            yield ""


def count_text(count: int) -> str:
    return "no problems" if not count else f"{count} problem{'s' if count > 1 else ''}"


def _section(title: str, findings: Sequence[Finding], width: int) -> Iterator[str]:
    if not findings:
        return
    yield title
    for file in dict.fromkeys(finding.file for finding in findings):
        yield f"  {plain(near_name(file))}"
        groups: dict[tuple[str, str], list[Finding]] = {}
        for finding in findings:
            if finding.file == file:
                groups.setdefault((finding.allowed, finding.remedy), []).append(finding)
        for group in groups.values():
            yield from _group(group, width)
    yield ""


def _group(group: Sequence[Finding], width: int) -> Iterator[str]:
    """Findings that have the same remedy."""
    key_width = min(KEY_WIDTH_MAX, max(len(plain(each.key)) for each in group))
    for each in group:
        key = plain(each.key)
        if len(key) > key_width:
            yield f"    {key}"
            key = ""
        yield from _wrapped(plain(each.value), width, f"    {key:<{key_width}}  ")
    for label, text in (("allowed", group[0].allowed), ("do", group[0].remedy)):
        yield from _wrapped(plain(text), width, f"      {label:<9}")


def _wrapped(text: str, width: int, head: str) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]


def near_name(file: str) -> str:
    """From where the reader stands, if that is shorter."""
    try:
        near = os.path.relpath(file)
    except (OSError, ValueError):
        return file
    return near if len(near) < len(file) and not near.startswith("../..") else file
