"""The other nodes of the chassis, in order of succession, and what is asked of all of them.

A node has one peer today and may have more tomorrow; the role keeper asks here and never counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from bmcha.ha.evidence import evidence_of
from bmcha.ha.path_monitor import PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.ha.rule_record import PeerEvidence
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Role
from bmcha.model.settings import NodeSettings


class PeerList:
    def __init__(self, settings: NodeSettings, own_slot: int | None, now_ns: int) -> None:
        # Without a slot nobody can say who the peers are; FAULT has no use for them.
        slots = settings.succession.peers_of(own_slot) if own_slot is not None else ()
        self._settings = settings
        self._own_slot = own_slot or 0
        self._views = {slot: self._view(slot, now_ns) for slot in slots}

    def _view(self, slot: int, now_ns: int) -> PeerView:
        monitors = [PathMonitor(p, now_ns) for p in self._settings.paths if p.peer_slot == slot]
        return PeerView(slot, monitors, ns_from_ms(self._settings.timers.probe_ms), now_ns)

    def reconfigure(self, settings: NodeSettings) -> None:
        self._settings = settings
        by_name = {path.name: path for path in settings.paths}
        for peer in self:
            peer.lines.probe_ns = ns_from_ms(settings.timers.probe_ms)
            for monitor in peer.monitors:
                monitor.reconfigure(by_name[monitor.name])

    def __iter__(self) -> Iterator[PeerView]:
        return iter(self._views.values())

    def __len__(self) -> int:
        return len(self._views)

    def get(self, slot: int) -> PeerView | None:
        return self._views.get(slot)

    def evidence(
        self, held_epoch: int, now_ns: int, boot_window_ends_ns: int = 0
    ) -> tuple[PeerEvidence, ...]:
        settings, slot = self._settings, self._own_slot
        return tuple(
            evidence_of(peer, settings, slot, held_epoch, now_ns, boot_window_ends_ns)
            for peer in self
        )

    def successor(self, target_slot: int | None) -> PeerView | None:
        """The asked peer; or the first in the succession that is STANDBY, else the first."""
        if target_slot is not None:
            return self.get(target_slot)
        standby = [p for p in self if p.draft is not None and p.draft.role is Role.STANDBY]
        return next(iter(standby or self), None)

    def unhearing(self) -> PeerView | None:
        """A peer that is heard and says that it hears nothing from here."""
        return next((p for p in self if p.is_heard() and p.hears_us() is False), None)

    def unaware(self) -> list[int]:
        """Slots that cannot be told anything just now, or that do not hear it."""
        return [p.slot for p in self if not p.is_heard() or p.hears_us() is False]

    def active_slot(self) -> int | None:
        """Of a peer that is heard and says that it is ACTIVE."""
        heard = [(p.slot, p.draft) for p in self if p.is_heard()]
        return next((slot for slot, said in heard if said and said.role is Role.ACTIVE), None)

    def is_any_known(self) -> bool:
        """Somebody was heard since the start."""
        return any(peer.boot_id is not None for peer in self)

    def has_lost_one(self) -> bool:
        """A peer that was heard since the start is gone, as far as its word and its lines tell."""
        return any(peer.is_gone() for peer in self)

    def heard_boot_id(self) -> int:
        """Whose echo the beats carry; 0 before anybody was heard."""
        return next((peer.boot_id for peer in self if peer.boot_id is not None), 0)

    def slowest_interval_ns(self) -> int:
        return max((m.interval_ns for peer in self for m in peer.monitors), default=0)

    def longest_deadtime_ns(self) -> int:
        return max((m.deadtime_ns for peer in self for m in peer.monitors), default=0)

    def gap_limit_ns(self, without_paths_ns: int) -> int:
        """Two beats before the dead time, as the peer announced it, of the slowest path that works
        both ways; with none, of the fastest."""
        monitors = [monitor for peer in self for monitor in peer.monitors]
        fastest_ns = min((m.gap_limit_ns for m in monitors), default=without_paths_ns)
        working = [m.gap_limit_ns for m in monitors if m.is_heard_both_ways]
        return max(working, default=fastest_ns)

    def may_hear_us(self) -> set[str]:
        """Of each peer the paths that work both ways; where none does, those where it has not said
        that we are silent. None where it judges sooner than this node's own file says."""
        found: set[str] = set()
        for peer in self:
            hearing = [m for m in peer.monitors if m.is_heard_both_ways]
            hearing = hearing or [m for m in peer.monitors if not m.is_silent_there]
            found |= {m.name for m in hearing if m.peer_dead_ns >= m.deadtime_ns}
        return found

    def listen_anew(self, now_ns: int) -> None:
        for peer in self:
            peer.listen_anew(now_ns)

    def probe_deadline_ns(self) -> int | None:
        deadlines = [peer.lines.deadline_ns() for peer in self]
        return min((each for each in deadlines if each is not None), default=None)
