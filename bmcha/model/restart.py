"""How the former life of this service ended, as far as it matters to the next."""

from __future__ import annotations

from bmcha.model.record import dataclass


@dataclass(frozen=True, slots=True)
class Restart:
    """``crashes_count``: ends in a row that were no orderly ones, 0 for none; ``why``: the last.
    For ``hold_off_ms`` from the start no role is claimed."""

    crashes_count: int = 0
    hold_off_ms: int = 0
    why: str = ""
