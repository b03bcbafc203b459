"""Judges the slot straps while the service runs: do they still say the slot read at the start?

The slot read at the start stays, whatever the straps say later: a role, an epoch and the meaning
of every line hang on it. Rule: one reading moves nothing, two in a row are a fault; one that is as
at the start ends it. Read by `bmcha.ha.conditions`. docs/adr/0014-strap-faults.md says why.
"""

from __future__ import annotations

from bmcha.model.event import StrapsRead


class StrapWatch:
    """``fault``: what is wrong, in a sentence; "" while nothing is."""

    def __init__(self) -> None:
        self.fault = ""
        self._is_doubted = False

    def read(self, straps: StrapsRead, own_slot: int) -> None:
        was_doubted, self._is_doubted = self._is_doubted, straps.slot != own_slot
        if not self._is_doubted:
            self.fault = ""
        elif was_doubted:
            said = straps.why or f"the slot straps say slot {straps.slot} now"
            self.fault = f"{said}; this module keeps slot {own_slot}, which it read at its start"
