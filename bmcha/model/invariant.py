"""Checks that stay on in production.

``assert`` vanishes under ``python -O``; a broken invariant of this service must end the process,
because then the peer takes over, while a node that goes on with a wrong picture does harm.
"""

from __future__ import annotations


class InvariantBroken(RuntimeError):
    """Something that cannot be has happened; the process ends with this sentence."""


def check(holds: bool, sentence: str) -> None:
    if not holds:
        raise InvariantBroken(sentence)
