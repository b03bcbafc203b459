"""`make model`: the large bound, one line a search; the story of whatever is found.

Exit code 1 when an invariant is broken or a search could not be finished.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.model.cases import LARGE, SMALL
from tests.model.checker import KINDS, Case, ModelTrouble, check

SECONDS_MAX = 3 * 3600


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make model", description=__doc__)
    parser.add_argument("--small", action="store_true", help="only what `make test` searches")
    parser.add_argument("--board", help="only cases of this board")
    parser.add_argument("--faults", type=int, help="one search of your own, with KIND …")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    chosen = parser.parse_args(arguments)
    if chosen.faults is not None:
        cases: Sequence[Case] = (
            Case(chosen.board or "gated", chosen.faults, tuple(chosen.kinds or KINDS)),
        )
    else:
        cases = [c for c in (SMALL if chosen.small else LARGE) if chosen.board in (None, c.board)]
    try:
        results = [_search(case) for case in cases]
    except ModelTrouble as trouble:
        print(f"make model: {trouble}", file=sys.stderr)
        return 1
    return 0 if all(results) else 1


def _search(case: Case) -> bool:
    with tempfile.TemporaryDirectory(prefix="bmcha-model-") as folder:
        found = check(case, Path(folder), seconds_max=SECONDS_MAX)
    print(found, flush=True)
    for line in found.story:
        print(f"    {line}")
    return found.is_whole and not found.broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
