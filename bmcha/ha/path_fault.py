"""Tells what is broken where a path is silent: own port, cable, the peer's port, its software.

A diagnosis for people, made from everything that is known when they ask; no rule reads it. Each
comes with its evidence, so that who stands at the chassis can judge it. What cannot be told apart
is said to be unknown. docs/failure-modes.md has the table. Pure; called by `bmcha.answers`.
"""

from __future__ import annotations

from enum import Enum, unique

from bmcha.ha.path_monitor import OneWay, PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.model.event import LinkSigns, PathCounts
from bmcha.model.moment import ms_from_ns, ns_from_ms
from bmcha.model.record import dataclass
from bmcha.model.settings import PathKind

SLACK_NS = ns_from_ms(150)
"""A line's way through interrupt, thread and mailbox on a busy module, and a beat's."""


@unique
class PathFault(Enum):
    """The value is what `bmcha paths` prints; ``sentence`` ends with what to do."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> PathFault:
        member = object.__new__(cls)
        member._value_ = word
        member.sentence = sentence
        return member

    NONE = "none", "The path works."
    WAITING = "waiting", "Nothing was heard yet, and it is too early to say why."
    OWN_PORT = "own port", "This module's port does not work. Mend what its message names."
    NO_CARRIER = "no carrier", "The cable is not plugged in, or the far end is without power."
    OTHER_CHASSIS = "other chassis", "The cable leads to another chassis. Follow it."
    NOT_BELIEVED = (
        "not believed",
        "Frames arrive, and not with this module's keys, or not of now. Compare `bmcha key list`.",
    )
    NOISE = "noise", "Something that is no frame fills the path. Look at cable, baud rate, ground."
    ONE_WAY = "one way", "One direction of the cable, or one end's sender or receiver, is broken."
    PEER_PORT = (
        "peer's port",
        "The peer lives, and its port for this path is not open. See its log.",
    )
    CABLE = "cable", "The cable is broken, or the port of the peer. The peer itself lives."
    PEER_ABSENT = "peer absent", "The peer's slot is empty or without power."
    PEER_LEFT = "peer left", "The peer's service was ended in order. Start it."
    PEER_PAUSED = "peer paused", "The peer's software stands still. Look at its load, restart it."
    PEER_FAILED = "peer failed", "The peer's software has ended. See its log and the flight record."
    PEER_SOFTWARE = (
        "peer's software",
        "The peer's module runs, its software says nothing. See its log, restart it.",
    )
    PEER_OR_CABLE = (
        "peer or cable",
        "The peer is dead, or the way to it is broken. This module's own network works.",
    )
    CUT_OFF = (
        "cut off",
        "This module's own network is broken, as it seems. Look at its port, cable and switch.",
    )
    UNKNOWN = "unknown", "The peer is dead, paused or cut off; nothing here tells which."


@dataclass(frozen=True, slots=True)
class Diagnosis:
    fault: PathFault
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pinged:
    """Do they answer? None: not asked, or not for long enough."""

    peer: bool | None = None
    reference: bool | None = None


@dataclass(frozen=True, slots=True)
class Symptoms:
    """All that is known where one path is silent. ``port_error`` "" when the port works;
    ``watchdog_ns`` None on a board without; ``counts`` None before the engine's first word."""

    peer: PeerView
    monitor: PathMonitor
    counts: PathCounts | None
    port_error: str
    watchdog_ns: int | None
    now_ns: int
    pinged: Pinged = Pinged()

    @property
    def signs(self) -> LinkSigns:
        return self.counts.signs if self.counts is not None else LinkSigns()

    @property
    def was_refused(self) -> bool:
        """Since the last beat on this path the kernel has said that nobody has the port open."""
        refused_ns = self.signs.refused_ns
        return refused_ns is not None and refused_ns > (self.monitor.last_heard_ns or 0)


def diagnose(of: Symptoms) -> Diagnosis:
    return _of_own_end(of) or _of_what_arrives(of) or _of_peer(of)


def _of_own_end(of: Symptoms) -> Diagnosis | None:
    if of.port_error:
        return Diagnosis(PathFault.OWN_PORT, (of.port_error,))
    if of.signs.has_carrier is False:
        return Diagnosis(PathFault.NO_CARRIER, ("the interface has no carrier",))
    return None


def _of_what_arrives(of: Symptoms) -> Diagnosis | None:
    one_way = of.monitor.one_way(of.now_ns)
    if one_way is OneWay.TX:
        return Diagnosis(PathFault.ONE_WAY, ("the peer is heard here and hears nothing from here",))
    if one_way is OneWay.RX:
        return Diagnosis(
            PathFault.ONE_WAY, ("the peer hears this module here, its own beats lack",)
        )
    if of.monitor.hears_peer():
        return Diagnosis(PathFault.NONE)
    counts = of.counts
    if counts is not None and counts.foreign_chassis_id is not None and not of.peer.is_heard():
        seen = f"beats of chassis {counts.foreign_chassis_id} arrive"
        return Diagnosis(PathFault.OTHER_CHASSIS, (seen,))
    if of.monitor.has_forged(of.now_ns):
        seen = "frames arrive that the peer of now did not sign"
        return Diagnosis(PathFault.NOT_BELIEVED, (seen,))
    if counts is not None and counts.is_noisy:
        unit = "bytes" if of.monitor.settings.kind is PathKind.SERIAL else "datagrams"
        seen = f"{counts.noise_per_s} {unit} a second that are no frames"
        return Diagnosis(PathFault.NOISE, (seen,))
    if of.monitor.last_heard_ns is None and not of.monitor.is_down:
        return Diagnosis(PathFault.WAITING)
    return None


def _of_peer(of: Symptoms) -> Diagnosis:
    """This path is silent, and nothing at this end says why."""
    peer, levels = of.peer, of.peer.lines.levels
    if peer.is_heard():
        heard_on = ", ".join(m.name for m in peer.monitors if m.hears_peer())
        evidence: tuple[str, ...] = (f"the peer is heard on {heard_on}",)
        if of.was_refused:
            return Diagnosis(PathFault.PEER_PORT, (*evidence, _refusal(of)))
        if of.pinged.peer and of.monitor.settings.kind is PathKind.UDP:
            told = "its address answers: network and cable work"
            return Diagnosis(PathFault.PEER_PORT, (*evidence, told))
        if of.monitor.settings.kind is PathKind.ETHERNET:
            evidence = (*evidence, "unless its address here is not remote_mac")
        return Diagnosis(PathFault.CABLE, evidence)
    if peer.has_left:
        return Diagnosis(PathFault.PEER_LEFT, ("it said goodbye",))
    if levels.presence is False:
        return Diagnosis(PathFault.PEER_ABSENT, ("its PRESENCE line is down",))
    if of.was_refused:
        return Diagnosis(PathFault.PEER_FAILED, (_refusal(of),))
    if levels.health is False:
        return _of_fallen_health(of)
    if levels.health is True:
        seen = "its HEALTH line is up: its node loop feeds its watchdog"
        return Diagnosis(PathFault.CABLE, (seen, "every path is silent"))
    return _of_pings(of.pinged)


def _of_pings(pinged: Pinged) -> Diagnosis:
    """Every path is silent, no line tells of the peer's software: what do third parties say?"""
    silent = "every path is silent"
    if pinged.peer:
        return Diagnosis(PathFault.PEER_SOFTWARE, (silent, "its address answers"))
    if pinged.reference:
        told = "the reference answers"
        if pinged.peer is False:
            told = f"{told}, the peer's address does not"
        return Diagnosis(PathFault.PEER_OR_CABLE, (silent, told))
    if pinged.reference is False and pinged.peer is False:
        told = "neither the reference nor the peer's address answers"
        return Diagnosis(PathFault.CUT_OFF, (silent, told))
    return Diagnosis(PathFault.UNKNOWN, (silent, "no line tells of its software"))


def _of_fallen_health(of: Symptoms) -> Diagnosis:
    """A process that ends releases its lines at once; one that stands still keeps them until its
    watchdog runs out."""
    heard = [m.last_heard_ns for m in of.peer.monitors if m.last_heard_ns is not None]
    fell_ns, watchdog_ns = of.peer.lines.health_down_since_ns, of.watchdog_ns
    if not heard or fell_ns is None or watchdog_ns is None:
        return Diagnosis(PathFault.UNKNOWN, ("its HEALTH line is down since before it was heard",))
    after_ns = max(0, fell_ns - max(heard))
    told = f"its HEALTH line fell {ms_from_ns(after_ns)} ms after its last beat"
    beat_ns = min(monitor.interval_ns for monitor in of.peer.monitors)
    is_like_death = after_ns <= beat_ns + SLACK_NS
    is_like_watchdog = after_ns >= watchdog_ns - SLACK_NS
    if is_like_watchdog and not is_like_death:
        return Diagnosis(PathFault.PEER_PAUSED, (told, "as its watchdog does, not as a death"))
    if is_like_death and not is_like_watchdog:
        return Diagnosis(PathFault.PEER_FAILED, (told, "as a death does, not as its watchdog"))
    return Diagnosis(PathFault.UNKNOWN, (told, "as after a death and as after a standstill"))


def _refusal(of: Symptoms) -> str:
    ago_ms = ms_from_ns(of.now_ns - (of.signs.refused_ns or 0))
    return f"its port was refused {ago_ms} ms ago: its module runs, nobody has the port open"
