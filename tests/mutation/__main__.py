"""`python -m tests.mutation [MODULE...]`: every mutant of the deciding code against its tests.

Each mutant runs in a process of its own: first the tests of its module, then the stories of two
nodes, until one fails. A mutant that no test notices is a survivor; tests/mutation/survivors.txt
says of each known one why it makes no difference. Exit code 1: a survivor that nobody explained,
or an explanation without its survivor. Both cores; what is done is kept in build/mutants.json, so
that a run that was broken off goes on (`--afresh` begins again).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

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
)
"""Quick ones first: most mutants are noticed at once."""
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


def known_survivors() -> dict[str, str]:
    """By mutant, why it makes no difference. A line of the file: mutant, " -- ", reason. Line
    numbers are left out, so that the file outlives edits elsewhere."""
    found = {}
    for line in KNOWN.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            mutant, _, why = line.partition(" -- ")
            found[mutant.strip()] = why.strip()
    return found


def name_of(mutant: Mutant) -> str:
    return f"{mutant.module.removeprefix('bmcha.ha.')} {mutant.kind.name}: {mutant.text}"


def is_noticed(mutant: Mutant) -> bool:
    own = f"tests/unit/test_{mutant.module.rpartition('.')[2]}.py"
    tests = [own, *STORIES] if (ROOT / own).exists() else list(STORIES)
    pytest = ("-x", "-q", "-p", "tests.mutation.plugin", "-o", CACHE)
    command = [sys.executable, "-m", "pytest", *pytest, *dict.fromkeys(tests)]
    environment = os.environ | {"BMCHA_MUTANT": f"{mutant.module}:{mutant.number}"}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, timeout=RUN_S_MAX
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1, 2):
        sys.stderr.write(done.stdout.decode(errors="replace") + done.stderr.decode())
        raise SystemExit(f"pytest ended with {done.returncode} at {mutant}")
    return done.returncode != 0


class Record:
    """Which mutants were noticed; a changed file makes all of its mutants unknown. Survivors are
    not remembered: a new test may notice them."""

    def __init__(self, is_afresh: bool) -> None:
        self._noticed: set[str] = set()
        if DONE.exists() and not is_afresh:
            self._noticed = set(json.loads(DONE.read_text()))

    def _key(self, mutant: Mutant) -> str:
        file = CODE / f"{mutant.module.rpartition('.')[2]}.py"
        return f"{sha256(file.read_bytes()).hexdigest()[:12]} {mutant.module}:{mutant.number}"

    def is_noticed(self, mutant: Mutant) -> bool:
        return self._key(mutant) in self._noticed

    def note(self, mutant: Mutant) -> None:
        self._noticed.add(self._key(mutant))
        DONE.parent.mkdir(exist_ok=True)
        DONE.write_text(json.dumps(sorted(self._noticed), indent=0))


def judge(mutant: Mutant, record: Record) -> tuple[Mutant, bool]:
    return mutant, record.is_noticed(mutant) or is_noticed(mutant)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("module", nargs="*", help="of bmcha.ha; default: all that decide")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--afresh", action="store_true", help="forget what an earlier run found")
    options = parser.parse_args()
    names = options.module or modules()
    found, record = list(all_mutants(names)), Record(options.afresh)
    begun_s, survivors = time.monotonic(), []
    with ThreadPoolExecutor(options.at_once) as pool:
        runs = pool.map(lambda mutant: judge(mutant, record), found)
        for count, (mutant, is_seen) in enumerate(runs, 1):
            if is_seen:
                record.note(mutant)
            else:
                survivors.append(mutant)
                print(f"survived  {mutant}", flush=True)
            if count % 25 == 0:
                spent_s = time.monotonic() - begun_s
                print(f"{count} of {len(found)} mutants, {spent_s:.0f} s", flush=True)
    return verdict(found, survivors)


def verdict(found: list[Mutant], survivors: list[Mutant]) -> int:
    known = known_survivors()
    alive = {name_of(mutant) for mutant in survivors}
    asked = {name_of(mutant) for mutant in found}
    unexplained = [str(mutant) for mutant in survivors if name_of(mutant) not in known]
    idle = [name for name in known if name in asked and name not in alive]
    print(f"{len(found)} mutants, {len(survivors)} survived, {len(unexplained)} unexplained")
    for line in unexplained:
        print(f"unexplained  {line}")
    for line in idle:
        print(f"explained, but noticed  {line}")
    return 1 if unexplained or idle else 0


if __name__ == "__main__":
    sys.exit(main())
