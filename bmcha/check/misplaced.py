"""A key that is unknown where it stands, and known elsewhere, is told where it belongs.

Asks the outlines of both files. Called by `bmcha.check.run`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bmcha.check.finding import Finding
from bmcha.config.outlines import FILES, outline, walk

UNKNOWN: Final = "an unknown key"
PLACES_MAX: Final = 3
"""A name that stands in many tables (name, zone) says nothing about where it belongs."""


def with_better_remedies(findings: Iterable[Finding], kind: str) -> list[Finding]:
    return [_better(each, kind) if each.value == UNKNOWN else each for each in findings]


def _better(finding: Finding, kind: str) -> Finding:
    table, _, name = finding.key.rpartition(".")
    within = _within(kind, table, name)
    if within is not None:
        return replace(finding, remedy=f"write {within[1]} under [{within[0]}]")
    if "(the nearest name)" in finding.allowed:
        return finding
    here = table.partition("[")[0]
    for file in (kind, *(each for each in FILES if each != kind)):
        places = list(_places(file, name))
        if not places or len(places) > PLACES_MAX or here in [each.strip("[]") for each in places]:
            continue
        where = " or ".join(each or "the top, above the first [table]," for each in places)
        of_file = "" if file == kind else f" of the {'board' if file == 'board' else 'module'} file"
        return replace(finding, remedy=f"move it to {where}{of_file}".rstrip(","))
    return finding


def _within(kind: str, table: str, name: str) -> tuple[str, str] | None:
    """``chassis_id`` at the top is the key ``id`` of the table ``chassis``."""
    if table:
        return None
    for path, _, _ in walk(outline(kind)):
        if len(path) > 1 and "_".join(path) == name.replace("-", "_"):
            return ".".join(path[:-1]), path[-1]
    return None


def _places(file: str, name: str) -> Iterable[str]:
    for path, key, _ in walk(outline(file)):
        if path[-1] == name and key.inner is None:
            above = ".".join(path[:-1])
            is_list = _is_list(file, path[:-1])
            yield (f"[[{above}]]" if is_list else f"[{above}]") if above else ""


def _is_list(file: str, path: tuple[str, ...]) -> bool:
    return any(
        found == path and any(facts.kind == "tables" for facts in key.facts)
        for found, key, _ in walk(outline(file))
    )
