"""What is wrong with this node and its redundancy now, as alarm conditions. Pure."""

from __future__ import annotations

from enum import Enum, unique

from bmcha.ha.flap_limiter import CLEAR_COMMAND
from bmcha.ha.path_monitor import OneWay, PathHealth, PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_keeper import RoleKeeper
from bmcha.model.moment import ns_from_ms
from bmcha.model.record import dataclass
from bmcha.model.role import Reason, Role, Severity
from bmcha.model.settings import BoardClass, PathKind

Condition = tuple[str, Severity, str]


@unique
class RedundancyState(Enum):
    FULL = "FULL"
    DEGRADED = "DEGRADED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Redundancy:
    state: RedundancyState
    reasons: tuple[str, ...]


def redundancy_of(keeper: RoleKeeper, is_mirror_synced: bool) -> Redundancy:
    """FULL: the peer could take over this instant and nothing stands in its way."""
    reasons: list[str] = []
    for peer in keeper.peers:
        if not peer.is_heard() or peer.draft is None:
            reasons.append(f"slot {peer.slot} is not heard")
            return Redundancy(RedundancyState.LOST, tuple(reasons))
        if peer.draft.role is Role.FAULT:
            return Redundancy(RedundancyState.LOST, (f"slot {peer.slot} is in FAULT",))
        for monitor in peer.monitors:
            if monitor.health is PathHealth.SILENT:
                reasons.append(f"path {monitor.name} is silent")
        if peer.lines.is_faulty:
            reasons.append(f"a line from slot {peer.slot} lies")
        if peer.draft.role is Role.STARTING:
            reasons.append(f"slot {peer.slot} is starting")
    if not len(keeper.peers):
        return Redundancy(RedundancyState.LOST, ("no other slot is configured",))
    if not is_mirror_synced:
        reasons.append("the mirror is not synced")
    state = RedundancyState.DEGRADED if reasons else RedundancyState.FULL
    return Redundancy(state, tuple(reasons))


ACTIVE_LINE_LAG_NS = ns_from_ms(1000)
"""A word and a line change within milliseconds of each other; a second apart, one of them lies."""


ISOLATED = (
    *(Reason.ISOLATED, Reason.LINE_FAULT_SUSPECTED),
    *(Reason.HELD_BY_POLICY, Reason.ACTIVE_LINE_UNREADABLE, Reason.OTHER_CHASSIS),
)
"""A STANDBY that hears nobody and may not claim."""


def conditions_of(keeper: RoleKeeper, store_fault: str, now_ns: int) -> list[Condition]:
    found = _of_role(keeper) + _of_maintenance(keeper, now_ns) + _of_lockout(keeper)
    is_settled = now_ns - keeper.machine.since_ns >= ACTIVE_LINE_LAG_NS
    if keeper.machine.role is Role.ACTIVE and keeper.own.active_sense is False and is_settled:
        text = "the own ACTIVE line is driven and does not rise: the peer cannot see who holds"
        found.append(("own-active-line-fault", Severity.MAJOR, text))
    if keeper.own.straps.fault:
        found.append(("slot-straps-changed", Severity.MAJOR, keeper.own.straps.fault))
    twin = keeper.own.twins.twin(now_ns)
    if twin is not None:
        text = f"another module says that it is in slot {keeper.own_slot} too, {twin.role.name}"
        found.append(("duplicate-slot", Severity.MAJOR, f"{text}: the straps of one are wrong"))
    found += _of_opinions(keeper, now_ns) + _of_keys(keeper, now_ns)
    if store_fault:
        found.append(("store-failed", Severity.MAJOR, f"not stored: {store_fault}"))
    for peer in keeper.peers:
        if peer.lines.is_faulty:
            text = f"a line from slot {peer.slot} is down, but its node answers"
            found.append((f"line-fault-slot{peer.slot}", Severity.MINOR, text))
        if peer.active_line_lied_for_ns() >= ACTIVE_LINE_LAG_NS:
            text = f"the ACTIVE line of slot {peer.slot} says another thing than its node"
            found.append((f"active-line-fault-slot{peer.slot}", Severity.MAJOR, text))
        found += _of_foreign(peer, now_ns)
        for monitor in peer.monitors:
            found += _of_path(monitor, now_ns)
        left = [m for m in peer.monitors if not m.is_down]
        # Late is left too: the alarm must not end just before the last path does.
        is_one_left = len(left) == 1 and left[0].health is not PathHealth.SILENT
        if len(peer.monitors) > 1 and is_one_left:
            text = f"one path to slot {peer.slot} is left"
            found.append(("redundancy-degraded", Severity.MINOR, text))
        if not left:
            found.append(("peer-lost", Severity.MAJOR, f"slot {peer.slot} is not heard"))
    return found


def _of_role(keeper: RoleKeeper) -> list[Condition]:
    role, reason = keeper.machine.role, keeper.machine.reason
    if role is Role.FAULT:
        return [("own-fault", Severity.CRITICAL, reason.advice)]
    if reason in ISOLATED:
        return [("isolated", Severity.MAJOR, reason.sentence)]
    if keeper.own.is_unverified and role in (Role.FENCING, Role.ACTIVE):
        text = "took the chassis although a line of the peer says that it is held"
        return [("unverified-takeover", Severity.CRITICAL, text)]
    return []


def _of_keys(keeper: RoleKeeper, now_ns: int) -> list[Condition]:
    keys = keeper.settings.keys
    if keeper.own.hears_unproven_only(keeper.peers, now_ns):
        text = "beats are signed in the peer's name and do not show that they are of now: it hears"
        text += " nothing from here, or they are replayed; nothing is claimed while they come"
        return [("peer-unproven", Severity.CRITICAL, text)]
    if not keys.accepts:
        text = "frames are not signed: who can write to a path can speak as the peer"
        for peer in keeper.peers:
            if peer.is_heard() and peer.key_id:
                more = f"slot {peer.slot} signs its own and will not hear this module"
                return [("keys-missing", Severity.MAJOR, f"{text}; {more}: `bmcha key pair`")]
        return [("keys-missing", Severity.MINOR, f"{text}; `bmcha key new` makes a key")]
    if keys.accepts_unsigned:
        text = "frames that nobody signed are believed until `bmcha key rotate` has ended that"
        return [("unsigned-accepted", Severity.MINOR, text)]
    return []


def _of_opinions(keeper: RoleKeeper, now_ns: int) -> list[Condition]:
    settings, opinions = keeper.settings.third_opinion, keeper.own.opinions
    found: list[Condition] = []
    if settings is None:
        return found
    if keeper.machine.reason is Reason.CUT_OFF:
        found.append(("cut-off", Severity.CRITICAL, Reason.CUT_OFF.advice))
    elif keeper.is_cut_off(now_ns):
        found.append(("cut-off", Severity.MAJOR, _cut_off_text(keeper)))
    if opinions.fault:
        text = f"the reference {settings.address} cannot be asked: {opinions.fault}"
        found.append(("reference-silent", Severity.MINOR, text))
    elif opinions.answers(settings.address, settings, now_ns) is False:
        text = f"the reference {settings.address} does not answer"
        found.append(("reference-silent", Severity.MINOR, text))
    return found


def _cut_off_text(keeper: RoleKeeper) -> str:
    text = "this module's own network seems broken: paths and reference fell silent together"
    if keeper.machine.role is not Role.ACTIVE:
        return text
    text += "; it goes on holding the chassis"
    is_bare = keeper.settings.board_class is BoardClass.BARE
    return f"{text}, and the peer may have taken it too" if is_bare else text


def _of_maintenance(keeper: RoleKeeper, now_ns: int) -> list[Condition]:
    if not keeper.maintenance.is_on(now_ns):
        return []
    told = [peer.draft for peer in keeper.peers if peer.is_heard() and peer.draft is not None]
    is_alone = any(not (draft.maintenance and draft.maintenance.remaining_s) for draft in told)
    text = f"failover is inhibited, asked by {keeper.maintenance.asked_by}"
    text += "; the other module does not know of it" if is_alone else ""
    found = [("maintenance", Severity.MINOR, text)]
    if keeper.machine.reason is Reason.IN_MAINTENANCE:
        text = "nobody is known to hold the chassis: end maintenance with `bmcha maintenance off`"
        found.append(("unheld-in-maintenance", Severity.CRITICAL, text))
    return found


def _of_lockout(keeper: RoleKeeper) -> list[Condition]:
    if not keeper.flaps.is_locked:
        return []
    text = f"the role moves no more unless it must: {keeper.flaps.why}"
    found = [("locked-out", Severity.MAJOR, f"{text}; `{CLEAR_COMMAND}` ends it")]
    if keeper.machine.reason is Reason.LOCKED_OUT:
        text = f"nobody is known to hold the chassis: find out why, then `{CLEAR_COMMAND}`"
        found.append(("unheld-locked-out", Severity.CRITICAL, text))
    return found


def _of_foreign(peer: PeerView, now_ns: int) -> list[Condition]:
    for monitor in peer.monitors:
        chassis_id = monitor.foreign_chassis_id(now_ns)
        if chassis_id is not None:
            text = f"the module in slot {peer.slot} belongs to chassis {chassis_id}"
            return [("foreign-chassis", Severity.MAJOR, f"{text}: nothing is taken from it")]
    return []


def _of_path(monitor: PathMonitor, now_ns: int) -> list[Condition]:
    name = monitor.name
    found: list[Condition] = []
    if monitor.noise_per_s:
        unit = "bytes" if monitor.settings.kind is PathKind.SERIAL else "datagrams"
        text = f"noise on path {name}: {monitor.noise_per_s} {unit} a second that are no frames"
        found.append((f"path-{name}-noise", Severity.MINOR, text))
    if monitor.has_forged(now_ns):
        text = f"path {name} brings frames that the peer of now did not say: `bmcha paths {name}`"
        found.append((f"path-{name}-forged", Severity.MAJOR, text))
    one_way = monitor.one_way(now_ns)
    if one_way is not None:
        lost = "what we send is lost" if one_way is OneWay.TX else "what the peer sends is lost"
        text = f"path {name} works one way only: {lost}"
        found.append((f"path-{name}-one-way", Severity.MINOR, text))
    elif monitor.is_down:
        text = f"nothing is heard on path {name}"
        found.append((f"path-{name}-silent", Severity.MINOR, text))
    return found
