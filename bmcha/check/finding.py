"""What a check finds: a value somewhere in a file, what is allowed there, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from bmcha.config import ConfigProblem
from bmcha.config.table import plain
from bmcha.model.record import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """``is_advice``: it will run, but somebody may be sorry one day; not counted."""

    file: str
    key: str
    value: str
    allowed: str
    remedy: str
    is_advice: bool = False

    def as_dict(self) -> dict[str, str]:
        return {
            "file": self.file,
            "key": plain(self.key),
            "value": plain(self.value),
            "allowed": plain(self.allowed),
            "remedy": plain(self.remedy),
        }


def from_problems(problems: Iterable[ConfigProblem]) -> list[Finding]:
    return [
        Finding(each.file, each.key, each.value, each.allowed, each.remedy) for each in problems
    ]


def listed(names: Iterable[str], nothing: str = "none", names_max: int = 8) -> str:
    """Names for a sentence; of many only the first ones."""
    found = list(names)
    if not found:
        return nothing
    more = f" and {len(found) - names_max} more" if len(found) > names_max else ""
    return ", ".join(found[:names_max]) + more
