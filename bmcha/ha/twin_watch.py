"""Another module that says our slot: is it really there, and which of the two goes first?

Nothing is taken from a twin but its role, epoch and boot id, for the one question which of the
two must go. Rules: a twin counts from the second summary in a row in which the same one was heard
on a path, so that a beat of our own former life on a looped line says nothing; and while it was
heard a short time ago. docs/adr/0014-strap-faults.md has the order and its reasons.
"""

from __future__ import annotations

from bmcha.model.hearsay import Twin
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Role

FRESH_NS = ns_from_ms(1500)
"""Three summaries; or the path's dead time, if that is longer: beats may be seconds apart there."""

_STANDING = {
    Role.ACTIVE: 3,
    Role.FENCING: 2,
    Role.RELINQUISHING: 2,
    Role.STANDBY: 1,
    Role.STARTING: 0,
}
"""Who is further stays. FAULT has no claim to the slot."""


class TwinWatch:
    def __init__(self) -> None:
        self._heard: dict[str, Twin] = {}
        self._believed: dict[str, tuple[Twin, int]] = {}

    def summarised(self, path: str, twin: Twin | None, deadtime_ns: int) -> None:
        """``twin``: the last one heard on ``path``; None: none since the start."""
        if twin is None:
            return
        before = self._heard.get(path)
        self._heard[path] = twin
        fresh_ns = max(FRESH_NS, deadtime_ns)
        is_same = before is not None and before.boot_id == twin.boot_id
        if before is not None and is_same and 0 < twin.heard_ns - before.heard_ns <= fresh_ns:
            self._believed[path] = twin, fresh_ns

    def twin(self, now_ns: int) -> Twin | None:
        """The one that is there now, as of its newest beat."""
        found = [twin for twin, ns in self._believed.values() if now_ns - twin.heard_ns <= ns]
        return max(found, key=lambda twin: twin.heard_ns, default=None)

    def goes_first(self, role: Role, held_epoch: int, boot_id: int, now_ns: int) -> bool:
        """The twin has the better right to the slot than this node, which is in ``role``."""
        twin = self.twin(now_ns)
        if twin is None or twin.role not in _STANDING or role not in _STANDING:
            return False
        if twin.role is Role.ACTIVE and role is Role.ACTIVE and twin.epoch != held_epoch:
            return twin.epoch > held_epoch
        theirs, ours = _STANDING[twin.role], _STANDING[role]
        return theirs > ours or (theirs == ours and twin.boot_id < boot_id)
