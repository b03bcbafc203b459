"""`python -m tests.mutation [MODULE...]`: every mutant of the deciding code against its tests.

Each mutant runs in a fork of its own: first the tests of its module, then the stories of two
nodes, until one fails. A mutant that no test notices is a survivor; tests/mutation/survivors.txt
says of each known one why it makes no difference. Exit code 1: a survivor that nobody explained,
or an explanation without its survivor. Both cores; what is done is kept in build/mutants.json, so
that a run that was broken off goes on (`--afresh` begins again).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.mutation.forks import Forks
from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
CODE = ROOT / "bmcha" / "ha"
NOT_DECIDING = {"__init__", "open_evidence", "role_machine_doc", "role_rules_doc"}
STORIES = (
    "tests/unit/test_role_rules_doc.py",
    "tests/unit/test_reasons.py",
    "tests/unit/test_role_keeper.py",
    "tests/unit/test_maintenance.py",
    "tests/unit/test_two_nodes.py",
    "tests/unit/test_role_rules.py",
    "tests/unit/test_fencing_and_lease_stories.py",
    "tests/unit/test_node.py",
    "tests/unit/test_answers.py",
    "tests/unit/test_answered_claim.py",
)
TESTS_ELSEWHERE = {
    "role_keeper": ("role_keeper_parts",),
    "verdicts": ("role_rules_doc", "role_rules"),
    "role_rules": ("role_rules_doc",),
    "rule_record": ("role_rules_doc",),
}
"""By module, the files that tell of it beside test_MODULE.py. They are asked first."""
RUN_S_MAX = 400
"""All tests of one mutant; one that hangs is noticed by that."""
CACHE = "cache_dir=build/mutation_cache"
"""Not that of whoever runs tests meanwhile."""
DONE = ROOT / "build" / "mutants.json"
KNOWN = Path(__file__).with_name("survivors.txt")


def modules() -> list[str]:
    return sorted(file.stem for file in CODE.glob("*.py") if file.stem not in NOT_DECIDING)


def all_mutants(names: list[str]) -> Iterator[Mutant]:
    for name in names:
        yield from mutants_of(f"bmcha.ha.{name}", (CODE / f"{name}.py").read_text())


def known_survivors() -> list[tuple[str, str]]:
    """Each mutant, and why it makes no difference. A line of the file: mutant, " -- ", reason.
    Line numbers are left out, so that the file outlives edits elsewhere; of several mutants with
    the same text one line explains one."""
    found = []
    for line in KNOWN.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            mutant, _, why = line.partition(" -- ")
            found.append((mutant.strip(), why.strip()))
    return found


def name_of(mutant: Mutant) -> str:
    return f"{mutant.module.removeprefix('bmcha.ha.')} {mutant.kind.name}: {mutant.text}"


def own_tests(name: str) -> list[str]:
    """The files that tell of this module."""
    stems = (name, *TESTS_ELSEWHERE.get(name, ()))
    files = [f"tests/unit/test_{stem}.py" for stem in stems]
    return [each for each in files if (ROOT / each).exists()]


def tests_of(names: list[str]) -> list[str]:
    """Of these modules, and the stories."""
    return [*dict.fromkeys([*(each for name in names for each in own_tests(name)), *STORIES])]


def is_own(mutant: Mutant, file: Path) -> bool:
    return file in [ROOT / each for each in own_tests(mutant.module.rpartition(".")[2])]


class Record:
    """Which mutants were noticed; a changed file makes all of its mutants unknown. Survivors are
    not remembered: a new test may notice them."""

    def __init__(self, file: Path, is_afresh: bool) -> None:
        self._file = file
        self._noticed: set[str] = set()
        if file.exists() and not is_afresh:
            self._noticed = set(json.loads(file.read_text()))

    def _key(self, mutant: Mutant) -> str:
        file = CODE / f"{mutant.module.rpartition('.')[2]}.py"
        return f"{sha256(file.read_bytes()).hexdigest()[:12]} {mutant.module}:{mutant.number}"

    def is_noticed(self, mutant: Mutant) -> bool:
        return self._key(mutant) in self._noticed

    def note(self, mutant: Mutant) -> None:
        self._noticed.add(self._key(mutant))
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(json.dumps(sorted(self._noticed), indent=0))


class Run:
    """What became of each mutant."""

    def __init__(self, found: list[Mutant], record: Record) -> None:
        self.record = record
        self.survivors: list[Mutant] = []
        self.open = [mutant for mutant in found if not record.is_noticed(mutant)]
        self._count = len(found) - len(self.open)
        self._whole_count, self._begun_s = len(found), time.monotonic()

    def tell(self, mutant: Mutant, is_noticed: bool) -> None:
        if is_noticed:
            self.record.note(mutant)
        else:
            self.survivors.append(mutant)
            print(f"survived  {mutant}", flush=True)
        self._count += 1
        if self._count % 25 == 0:
            spent_s = time.monotonic() - self._begun_s
            print(f"{self._count} of {self._whole_count} mutants, {spent_s:.0f} s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("module", nargs="*", help="of bmcha.ha; default: all that decide")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--afresh", action="store_true", help="forget what an earlier run found")
    parser.add_argument("--record", type=Path, default=DONE, help="what was noticed before")
    parser.add_argument("--tests", action="append", help="run these files only")
    options = parser.parse_args()
    names = options.module or modules()
    found = list(all_mutants(names))
    run = Run(found, Record(options.record, options.afresh))
    forks = Forks(run.open, run.tell, is_own, options.at_once, RUN_S_MAX)
    words = ["-s", "-q", "-x", "-o", CACHE]
    code = pytest.main([*words, *(options.tests or tests_of(names))], plugins=[forks])
    if code != pytest.ExitCode.OK:
        return 2
    return verdict(found, run.survivors)


def verdict(found: list[Mutant], survivors: list[Mutant]) -> int:
    asked = {name_of(mutant) for mutant in found}
    idle = Counter(name for name, _ in known_survivors() if name in asked)
    unexplained = []
    for mutant in survivors:
        if idle[name_of(mutant)]:
            idle[name_of(mutant)] -= 1
        else:
            unexplained.append(str(mutant))
    print(f"{len(found)} mutants, {len(survivors)} survived, {len(unexplained)} unexplained")
    for line in unexplained:
        print(f"unexplained  {line}")
    for line in idle.elements():
        print(f"explained, but noticed  {line}")
    return 1 if unexplained or idle.total() else 0


if __name__ == "__main__":
    sys.exit(main())
