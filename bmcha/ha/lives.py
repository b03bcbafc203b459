"""Which life of a peer is its present one. A restart brings a new boot id, and those have no order.

Each path delivers in order, so on each path the last boot id heard is the newest there. Paths are
of unlike speed: after a restart, or in the buffers of a node that stood still, one path may still
bring an older life than another already has. So a life is believed when every path that is heard
agrees on it, or when the paths that do not have brought nothing for a while.

A path may swap two frames all the same, and what looked newer was the last word of the dead. Then
the living one goes on to speak, alone, and is believed again: nobody is unheard for good.
"""

from __future__ import annotations

from collections.abc import Collection

from bmcha.model.moment import ns_from_ms
from bmcha.model.record import dataclass

AGREEMENT_NS = ns_from_ms(700)
"""A path without news is known by its summary, twice a second: one of them, with room."""
LEFT_BEHIND_MAX = 16
"""More restarts than this within one path's delay do not happen."""


@dataclass(slots=True)
class _OnPath:
    boot_id: int
    first_ns: int
    last_ns: int


class Lives:
    def __init__(self) -> None:
        self.present: int | None = None
        self._on_path: dict[str, _OnPath] = {}
        self._left_behind: dict[tuple[str, int], int] = {}
        """Path and boot id, and since when it speaks there again; -1: it does not. Oldest first."""

    def heard(self, path: str, boot_id: int, heard_ns: int, down: Collection[str]) -> bool:
        """A beat came. ``down``: paths that are judged SILENT, whose word is old. Returns whether
        another life is the present one from now on."""
        known = self._on_path.get(path)
        if known is not None and (path, boot_id) in self._left_behind:
            if not self._speaks_alone(path, boot_id, known, heard_ns):
                return False
            del self._left_behind[path, boot_id]
        if known is None or known.boot_id != boot_id:
            if known is not None:
                self._leave_behind(path, known.boot_id)
            self._on_path[path] = _OnPath(boot_id, heard_ns, heard_ns)
        else:
            known.last_ns = max(known.last_ns, heard_ns)
        if boot_id == self.present or not self._is_believed(boot_id, heard_ns, down):
            return False
        self.present = boot_id
        return True

    def _leave_behind(self, path: str, boot_id: int) -> None:
        self._left_behind[path, boot_id] = -1
        if len(self._left_behind) > LEFT_BEHIND_MAX:
            del self._left_behind[next(iter(self._left_behind))]

    def _speaks_alone(self, path: str, boot_id: int, known: _OnPath, heard_ns: int) -> bool:
        """For longer than late frames arrive, and nothing came of the one that followed it."""
        since_ns = self._left_behind[path, boot_id]
        if since_ns <= known.last_ns:
            since_ns = self._left_behind[path, boot_id] = heard_ns
        return heard_ns - since_ns >= AGREEMENT_NS

    def _is_believed(self, boot_id: int, now_ns: int, down: Collection[str]) -> bool:
        ours = [each.first_ns for each in self._on_path.values() if each.boot_id == boot_id]
        since_ns = min(ours)
        return all(
            each.last_ns < since_ns and now_ns - since_ns >= AGREEMENT_NS
            for path, each in self._on_path.items()
            if each.boot_id != boot_id and path not in down
        )
