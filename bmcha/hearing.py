"""What comes over the paths, taken to both halves of the node.

Finds the peer that a frame is from, drops what is not of its present life, and tells the roles
and the chassis what it means for them; asks the engines for the next watch of each path. Decides
nothing about roles. Called by `bmcha.node` only, within one step.
"""

from __future__ import annotations

from bmcha.answers.facts import Facts
from bmcha.ha.path_monitor import PathHealth, PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.model.effect import Effect, SendMessage, WatchPath
from bmcha.model.event import HeartbeatHeard, MessageHeard, PathOverdue, PathSummarised
from bmcha.model.message import (
    Delta,
    DeltaAck,
    Goodbye,
    Handover,
    Header,
    Heartbeat,
    MirrorJoin,
    Pairing,
    Probe,
    ProbeReply,
)
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Role, Severity

UNPROVEN_NS = ns_from_ms(500)
"""The engine tells it twice a second."""


class Hearing:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._roles = facts.roles
        self._chassis = facts.chassis
        self._effects: list[Effect] = []
        self._armed: dict[str, int | None] = {}
        self._path_health: dict[str, PathHealth] = {}
        self._monitors: dict[str, tuple[PeerView, PathMonitor]] = {
            monitor.name: (peer, monitor) for peer in facts.roles.peers for monitor in peer.monitors
        }

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    # ---- beats

    def heartbeat(self, event: HeartbeatHeard) -> None:
        if event.path not in self._monitors:
            return
        if self._hear(event.path, event.header, event.heartbeat, event.heard_ns):
            self._monitors[event.path][1].heard(event.heard_ns, event.beats_in_row)

    def summarised(self, event: PathSummarised, now_ns: int) -> None:
        self._facts.counts[event.path] = event.counts
        self._facts.port_faults[event.path] = event.fault
        if event.path not in self._monitors:
            return
        monitor = self._monitors[event.path][1]
        monitor.counted(event.counts, now_ns)
        if event.counts.unproven_ns is not None:
            until_ns = event.counts.unproven_ns + UNPROVEN_NS + monitor.deadtime_ns
            self._roles.own.unproven_until_ns = max(until_ns, self._roles.own.unproven_until_ns)
        twins = self._roles.own.twins
        twins.summarised(event.path, event.counts.twin, monitor.deadtime_ns)
        heard_ns, header, heartbeat = event.last_heard_ns, event.header, event.heartbeat
        if heard_ns is None or header is None or heartbeat is None:
            return
        is_new = monitor.last_heard_ns is None or heard_ns > monitor.last_heard_ns
        monitor.summarised(heard_ns)
        is_accepted = is_new and self._hear(event.path, header, heartbeat, heard_ns)
        if is_accepted and not monitor.hears_peer():
            # The beats that were reported were not believed then; this one has others before it.
            monitor.heard(heard_ns, monitor.settings.recovery_beats_min)

    def overdue(self, event: PathOverdue, now_ns: int) -> None:
        if event.path not in self._monitors:
            return
        peer, monitor = self._monitors[event.path]
        is_last = peer.is_in_jeopardy_on(event.path)
        monitor.overdue(event.last_heard_ns, now_ns, is_last)
        self._armed[event.path] = None

    def _hear(self, path: str, header: Header, heartbeat: Heartbeat, heard_ns: int) -> bool:
        """A new life of the peer has nothing of the picture, whatever the former one had."""
        peer, monitor = self._monitors[path]
        former_boot_id = peer.boot_id
        is_accepted = header.source_slot == peer.slot and peer.meet(header, path, heard_ns)
        if peer.boot_id is not None and peer.boot_id != former_boot_id:
            self._chassis.peer_met(peer.boot_id)
        if is_accepted:
            monitor.announced(heartbeat.deadtime_ms)
            peer.key_id = header.key_id
            peer.hear(heartbeat, self._facts.boot_id, heard_ns)
            self._roles.maintenance.heard(heartbeat.draft.maintenance, peer.slot, heard_ns)
            self._chassis.receiver.level_at(heartbeat.draft.mirror_sequence, heard_ns)
        return is_accepted

    # ---- messages

    def message(self, event: MessageHeard, now_ns: int) -> None:
        peer = self._known(event.path, event.header)
        if peer is None:
            return
        match event.message:
            case Probe(nonce=nonce):
                self._effects.append(SendMessage(event.path, peer.slot, ProbeReply(nonce)))
            case ProbeReply(nonce=nonce):
                peer.lines.answered(nonce)
                self._roles.drill.replied(event.path, nonce, event.heard_ns)
            case Goodbye():
                peer.hear_goodbye()
                self._chassis.record(Severity.INFO, "goodbye", f"slot {peer.slot} left", now_ns)
            case Handover():
                if event.header.epoch >= self._roles.seen_epoch:
                    peer.hear_handover(event.message, event.header.epoch)
            case MirrorJoin():
                self._mirror_join(event.message, peer, now_ns)
            case Delta():
                self._delta(event, event.message, peer, now_ns)
            case DeltaAck():
                self._chassis.peer_acked(event.message, now_ns)
            case Heartbeat():
                pass  # heartbeats come as HeartbeatHeard
            case Pairing():
                pass  # never: `bmcha.runtime.pairing_desk` has it before the node

    def _known(self, path: str, header: Header) -> PeerView | None:
        """The peer whose present life this message is from."""
        known = self._monitors.get(path)
        if known is None or header.source_slot != known[0].slot:
            return None
        return known[0] if known[0].accepts(header) else None

    def _mirror_join(self, join: MirrorJoin, peer: PeerView, now_ns: int) -> None:
        if self._roles.machine.role is Role.ACTIVE and not self._chassis.peer_joined(
            join, peer.boot_id or 0
        ):
            text = f"slot {peer.slot} has another image layout ({join.layout_id:08x})"
            self._chassis.record(Severity.MAJOR, "mirror-refused", text, now_ns)

    def _delta(self, event: MessageHeard, delta: Delta, peer: PeerView, now_ns: int) -> None:
        """A writer whose epoch is older than one already seen is stale: refused."""
        if event.header.epoch < self._roles.seen_epoch:
            self._chassis.receiver.refused_count += 1
            return
        ack = self._chassis.delta_heard(delta, event.header.epoch, now_ns)
        if ack is not None:
            self._chassis.send(event.path, peer.slot, ack)

    # ---- what follows from a changed path

    def log_paths(self, now_ns: int) -> None:
        for name, (peer, monitor) in self._monitors.items():
            before = self._path_health.get(name)
            if before is monitor.health:
                continue
            self._path_health[name] = monitor.health
            if before is not None and PathHealth.LATE not in (before, monitor.health):
                text = f"path {name} to slot {peer.slot} is {monitor.health.value}"
                self._chassis.record(Severity.INFO, "path", text, now_ns)

    def arm_watches(self) -> None:
        for name, (peer, monitor) in self._monitors.items():
            wanted_ns = monitor.next_watch_ns(peer.is_in_jeopardy_on(name))
            if wanted_ns is not None and wanted_ns != self._armed.get(name):
                self._effects.append(WatchPath(name, wanted_ns))
                self._armed[name] = wanted_ns
