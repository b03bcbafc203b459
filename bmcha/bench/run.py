"""Runs the rows of `bmcha bench`, one after the other, within a budget of time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final

from bmcha.bench import beats, chassis, codec, failover, image, mirror, steady
from bmcha.bench.figures import Table
from bmcha.bench.pair import DEFAULT, FAST
from bmcha.bench.rivals import RIVALS
from bmcha.model.record import dataclass

BUDGET_S: Final = 600.0
FULL_S: Final = 3600.0
PRIORITY: Final = beats.PRIORITY
SHARES: Final = {
    "beats": 0.12,
    "failover": 0.43,
    "chassis": 0.12,
    "steady": 0.25,
    "mirror": 0.05,
    "image": 0.02,
    "codec": 0.01,
}
"""Of the budget, where all rows run; fewer rows share it in the same proportion."""
ROWS: Final = tuple(SHARES)


@dataclass(frozen=True, slots=True)
class Wishes:
    rows: tuple[str, ...] = ROWS
    against: tuple[str, ...] = ()
    budget_s: float = BUDGET_S


def run(wishes: Wishes, say: Callable[[str], None]) -> list[Table]:
    """In the order of `ROWS`. ``say`` is told what comes next."""
    priority = PRIORITY if beats.may_have(PRIORITY) else 0
    whole = sum(SHARES[row] for row in wishes.rows)
    tables: list[Table] = []
    for row in ROWS:
        if row not in wishes.rows:
            continue
        budget_s = wishes.budget_s * SHARES[row] / whole
        say(f"{row}: about {budget_s:.0f} s")
        tables += _tables(row, budget_s, wishes.against, priority)
    return tables


def _tables(row: str, budget_s: float, against: Sequence[str], priority: int) -> list[Table]:
    if row == "beats":
        return [beats.measure(budget_s)]
    if row == "chassis":
        return [chassis.measure(budget_s)]
    if row == "mirror":
        return [mirror.measure(budget_s, against)]
    if row == "image":
        return [image.measure(budget_s, against)]
    if row == "codec":
        return [codec.measure(budget_s)]
    against = [each for each in against if each in RIVALS]
    if row == "failover":
        return failover.measure(budget_s, (DEFAULT.name, FAST.name), against, priority)
    each_s = budget_s / 2 / (1 + len(against))
    return [
        steady.measure(max(5.0, each_s), profile.name, against, priority)
        for profile in (DEFAULT, FAST)
    ]


def to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
