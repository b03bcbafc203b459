"""Writes seen_to_fail.txt: every rule that was broken on purpose, and what the model tells of it.

.venv/bin/python -m tests.model.seen_to_fail
"""

from __future__ import annotations

import inspect
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.model.broken_rules import BROKEN, Broken
from tests.model.checker import check

RECORD = Path(__file__).with_name("seen_to_fail.txt")
HEAD = """\
Each invariant of the model check was seen to fail on a rule that was broken on purpose
(tests/model/broken_rules.py). Below: what was broken, the invariant that the model found broken,
and the shortest story that leads there. `tests/model/test_seen_to_fail.py` finds each of them
again; the lengths may change with the rules. Written by `python -m tests.model.seen_to_fail`.

Columns: tick (a beat), who, what. An indented line is what the event above it led to.
"""


def main() -> int:
    RECORD.write_text("\n".join([HEAD, *_record()]), encoding="utf-8")
    return 0


def _record() -> Iterator[str]:
    for broken in BROKEN:
        with tempfile.TemporaryDirectory(prefix="bmcha-model-") as folder:
            found = check(broken.case, Path(folder), broken.rules)
        print(f"{broken.name}: {found}", flush=True)
        yield from (broken.name, "=" * len(broken.name))
        faults = " ".join(broken.case.kinds) or "none"
        yield f"breaks {found.broken} on {broken.case.board}, faults: {faults}"
        yield f"{len(found.story)} lines, {found.ticks} ticks, {found.states_count:,} states"
        yield f"the rule: {_rule(broken)}"
        yield ""
        yield from found.story
        yield ""


def _rule(broken: Broken) -> str:
    """The first line of what was put in the place of the rule."""
    rules = broken.rules
    if rules.decide.__module__ == "tests.model.broken_rules":
        return (inspect.getdoc(rules.decide) or "").splitlines()[0]
    if rules.claim.__module__ == "tests.model.broken_rules":
        return (inspect.getdoc(rules.claim) or "").splitlines()[0]
    return broken.name


if __name__ == "__main__":
    sys.exit(main())
