"""Maintenance: for a time that a person set, nobody takes the chassis unasked.

Kept by both nodes and said in every beat, so that it holds whichever of them is asked and ends by
itself on both. The newest command wins: its stamp is greater than every stamp seen. Not stored: a
chassis whose modules were both restarted is not in maintenance (docs/adr/0010-maintenance.md).
Pure; kept by `bmcha.ha.role_keeper`.
"""

from __future__ import annotations

from bmcha.ha.revision import REVISION_SPAN, is_older
from bmcha.model.effect import Answer
from bmcha.model.event import MaintenanceAsked
from bmcha.model.message import Maintenance
from bmcha.model.moment import NS_PER_S, ns_from_ms

MS_PER_S = 1000


class MaintenanceMode:
    def __init__(self) -> None:
        self.asked_by = ""
        self._stamp = 0
        self._until_ns = 0

    def asked(self, event: MaintenanceAsked, unaware: list[int], now_ns: int) -> Answer:
        """``unaware``: slots that cannot be told, or that do not hear it."""
        self._stamp = self._stamp % (REVISION_SPAN - 1) + 1
        self._until_ns = now_ns + ns_from_ms(event.for_s * MS_PER_S)
        self.asked_by = event.asked_by
        text = "failover is allowed again"
        if event.for_s:
            text = f"failover is inhibited for {event.for_s} s"
        slots = ", ".join(map(str, unaware))
        text += f"; slot {slots} cannot be told and does not know yet" if unaware else ""
        body = {"result": "done", "text": text, "remaining_s": event.for_s}
        return Answer(event.request_id, True, body)

    def heard(self, word: Maintenance | None, slot: int, heard_ns: int) -> None:
        if word is None or (self._stamp and not is_older(self._stamp, than=word.stamp)):
            return
        self._stamp = word.stamp
        self._until_ns = heard_ns + ns_from_ms(word.remaining_s * MS_PER_S)
        self.asked_by = f"slot {slot}"

    def is_on(self, now_ns: int) -> bool:
        return now_ns < self._until_ns

    def remaining_s(self, now_ns: int) -> int:
        """Rounded up; 0 when it is off."""
        return -(-max(0, self._until_ns - now_ns) // NS_PER_S)

    def word(self, now_ns: int) -> Maintenance | None:
        """What the beats say of it; None before there ever was one."""
        return Maintenance(self._stamp, self.remaining_s(now_ns)) if self._stamp else None
