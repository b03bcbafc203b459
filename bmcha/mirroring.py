"""Whom to mirror, and what goes to whom over which path.

Finds the holder that a node which does not hold follows, and gives the chassis half the best path
to each peer, with what it can carry; what is in a delta is `bmcha.chassis.mirror_sender`'s. Called
by `bmcha.node` only, within one step.
"""

from __future__ import annotations

from bmcha.answers.facts import Facts
from bmcha.chassis.mirror_sender import PathRoom
from bmcha.ha.path_monitor import PathMonitor
from bmcha.model.role import Role
from bmcha.model.settings import PathKind

FRAME_OVERHEAD_BYTES = 72
"""Header, MAC, checksum, stuffing and the delta's own fields; see docs/protocol.md."""
UDP_BYTES_PER_S = 10_000_000  # Only bounds the wait before a delta is repeated.


class Mirroring:
    def __init__(self, facts: Facts) -> None:
        self._roles = facts.roles
        self._chassis = facts.chassis

    def follow(self, now_ns: int) -> None:
        """Whoever is heard ACTIVE while this node is not."""
        leader = None
        if self._roles.machine.role is not Role.ACTIVE:
            for peer in self._roles.peers:
                draft = peer.draft
                if peer.is_heard() and draft is not None and draft.role is Role.ACTIVE:
                    leader = (peer.slot, peer.boot_id or 0, draft.epoch)
        if self._roles.machine.role not in (Role.ACTIVE, Role.FENCING, Role.RELINQUISHING):
            self._chassis.follow(leader, now_ns)

    def send(self, now_ns: int) -> None:
        for peer in self._roles.peers:
            usable = peer.usable_paths()
            if not usable:
                continue
            best = usable[0]
            join = self._chassis.join_due(now_ns)
            if join is not None:
                self._chassis.send(best.name, peer.slot, join)
            for delta in self._chassis.deltas_due(_room(best), now_ns):
                self._chassis.send(best.name, peer.slot, delta)

    @property
    def is_in_step(self) -> bool:
        """Nothing is under way or waits to go, in the direction of this node's role."""
        chassis = self._chassis
        if not len(self._roles.peers):
            return True
        return chassis.is_drained if chassis.is_holding else chassis.is_following


def _room(monitor: PathMonitor) -> PathRoom:
    settings = monitor.settings
    is_line = settings.kind is PathKind.SERIAL
    speed = settings.line.bytes_per_s if is_line else UDP_BYTES_PER_S
    return PathRoom(settings.name, settings.frame_bytes_max - FRAME_OVERHEAD_BYTES, speed)
