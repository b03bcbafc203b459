"""What the chassis side tells the role side at each step: all that the two halves share."""

from __future__ import annotations

from bmcha.model.message import Progress
from bmcha.model.record import dataclass


@dataclass(frozen=True, slots=True)
class ChassisWord:
    """``health`` is 0 to 100, ``mirror_sequence`` the last delta sent or applied,
    ``failovers_ns`` when each failover was that the log knows and that counts."""

    is_mirror_synced: bool
    is_mirror_drained: bool
    mirror_sequence: int
    progress: Progress
    health: int
    failovers_ns: tuple[int, ...] = ()
