"""Writes the tables of every reason and every refusal into docs/operator.md.

The rest of that page is written by hand; a table stands between two marks and is replaced whole.
Run as ``python -m bmcha.cli.operator_page docs/operator.md``, as `make docs` does; a test keeps the
page equal to what this writes. Nothing in the service imports it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bmcha.model.role import Reason, Refusal

REASONS, REFUSALS = "reasons", "refusals"


def with_tables(page: str) -> str:
    """The page with its tables written anew."""
    for name, table in ((REASONS, _reasons()), (REFUSALS, _refusals())):
        first, last = marks(name)
        before, _, rest = page.partition(first)
        _, found, after = rest.partition(last)
        if not found:
            raise ValueError(f"the page has no {first} with a {last} below it")
        page = f"{before}{first}\n\n" + "\n".join(table) + f"\n\n{last}{after}"
    return page


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: generated from bmcha/model/role.py -->", f"<!-- end of {name} -->"


def _reasons() -> list[str]:
    rows = [
        [f"`{each.name}`", each.sentence, each.remedy or "Nothing."]
        for each in sorted(Reason, key=_name)
    ]
    return _table(["Reason", "What it means", "What to do"], rows)


def _refusals() -> list[str]:
    rows = [
        [f"`{each.name}`", each.sentence, each.remedy, "yes" if each.yields_to_force else "no"]
        for each in sorted(Refusal, key=_name)
    ]
    return _table(["Refusal", "What it means", "What to do", "Yields to --force"], rows)


def _name(word: Reason | Refusal) -> str:
    """The order in which somebody looks a word up."""
    return word.name


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruler = f"|{'---|' * len(head)}"
    return [_row(head), ruler, *(_row(cells) for cells in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(file: Path) -> None:
    page = file.read_text(encoding="utf-8")
    file.write_text(with_tables(page), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
