"""Which life of a peer is its present one. A restart brings a new boot id, and those have no order.

Each path delivers in order, so on each path the last boot id heard is the newest there. Paths are
of unlike speed: after a restart, or in the buffers of a node that stood still, one path may still
bring an older life than another already has. So a life is believed when every path that is heard
agrees on it, or when the paths that do not have brought nothing for a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from bmcha.model.moment import ns_from_ms

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
        self._left_behind: deque[tuple[str, int]] = deque(maxlen=LEFT_BEHIND_MAX)

    def heard(self, path: str, boot_id: int, heard_ns: int, down: Collection[str]) -> bool:
        """A beat came. ``down``: paths that are judged SILENT, whose word is old. Returns whether
        another life is the present one from now on."""
        if (path, boot_id) in self._left_behind:
            return False
        known = self._on_path.get(path)
        if known is None or known.boot_id != boot_id:
            if known is not None:
                self._left_behind.append((path, known.boot_id))
            self._on_path[path] = _OnPath(boot_id, heard_ns, heard_ns)
        else:
            known.last_ns = max(known.last_ns, heard_ns)
        if boot_id == self.present or not self._is_believed(boot_id, heard_ns, down):
            return False
        self.present = boot_id
        return True

    def _is_believed(self, boot_id: int, now_ns: int, down: Collection[str]) -> bool:
        if self.present is None:
            return True
        ours = [each.first_ns for each in self._on_path.values() if each.boot_id == boot_id]
        since_ns = min(ours)
        return all(
            each.last_ns < since_ns and now_ns - since_ns >= AGREEMENT_NS
            for path, each in self._on_path.items()
            if each.boot_id != boot_id and path not in down
        )
