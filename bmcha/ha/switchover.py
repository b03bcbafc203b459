"""The planned switchover: every reason not to, and the progress of a handover.

`refusals` is pure and returns *all* reasons, so that an operator at night mends them in one go.
`Handover` progress: drain the mirror, release, hand over, confirm; unconfirmed, `role_rules`
decides about taking back.
"""

from __future__ import annotations

from enum import Enum, auto

from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_machine import RoleMachine
from bmcha.model.effect import Answer
from bmcha.model.moment import NS_PER_MS, ms_from_ns, ns_from_ms
from bmcha.model.record import dataclass
from bmcha.model.role import Reason, Refusal, Role
from bmcha.model.settings import NodeSettings, TimerSettings

YIELDS = (Reason.RELEASED_UNHEARD, Reason.LEASE_OVER)
"""Letting go for a peer that cannot be asked: once, until it hears this node again."""
REPEAT_NS = ns_from_ms(50)
"""The Handover is repeated until confirmed: a lost frame costs 50 ms, not the handover."""


@dataclass(frozen=True, slots=True)
class SwitchoverInputs:
    """``target_slot`` None: whichever peer is STANDBY."""

    role: Role
    own_slot: int
    slots: tuple[int, ...]
    target_slot: int | None
    is_stopping: bool
    is_held_off: bool
    is_peer_heard: bool
    peer_hears_us: bool | None
    peer_role: Role | None
    peer_health: int
    own_health: int
    peer_health_line: bool | None
    is_mirror_synced: bool
    is_locked_out: bool = False


def inputs_of(
    machine: RoleMachine,
    own_slot: int,
    slots: tuple[int, ...],
    target_slot: int | None,
    peer: PeerView | None,
    word: ChassisWord,
    now_ns: int,
) -> SwitchoverInputs:
    """``peer`` is the one that would take over; None: there is none."""
    draft = peer.draft if peer is not None and peer.is_heard() else None
    return SwitchoverInputs(
        role=machine.role,
        own_slot=own_slot,
        slots=slots,
        target_slot=target_slot,
        is_stopping=False,
        is_held_off=machine.is_held_off(now_ns),
        is_peer_heard=draft is not None,
        peer_hears_us=peer.hears_us() if peer is not None else None,
        peer_role=draft.role if draft is not None else None,
        peer_health=draft.health if draft is not None else 0,
        own_health=word.health,
        peer_health_line=peer.lines.levels.health if peer is not None else None,
        is_mirror_synced=word.is_mirror_synced,
    )


def refusals(i: SwitchoverInputs, is_forced: bool) -> frozenset[Refusal]:
    """All reasons against it; empty means yes. ``is_forced`` drops those that yield to force."""
    found = _refusals_of_asking(i) or _refusals_of_peer(i)
    if is_forced:
        return frozenset(r for r in found if not r.yields_to_force)
    return frozenset(found)


def _refusals_of_asking(i: SwitchoverInputs) -> set[Refusal]:
    """What makes every other question pointless."""
    if i.target_slot is not None and i.target_slot not in i.slots:
        return {Refusal.NO_SUCH_SLOT}
    if i.role in (Role.FENCING, Role.RELINQUISHING):
        return {Refusal.STOPPING if i.is_stopping else Refusal.CHANGE_UNDER_WAY}
    if i.role is not Role.ACTIVE:
        is_there = i.peer_role is Role.ACTIVE and i.target_slot not in (None, i.own_slot)
        return {Refusal.ALREADY_THERE} if is_there else {Refusal.NOT_ACTIVE}
    if i.target_slot == i.own_slot:
        return {Refusal.ALREADY_THERE}
    return set()


def _refusals_of_peer(i: SwitchoverInputs) -> set[Refusal]:
    found = set()
    if i.is_stopping:
        found.add(Refusal.STOPPING)
    if i.is_held_off:
        found.add(Refusal.ROLE_TOO_FRESH)
    if i.is_locked_out:
        found.add(Refusal.LOCKED_OUT)
    if i.peer_health_line is False:
        found.add(Refusal.PEER_HEALTH_LINE_DOWN)
    if not i.is_peer_heard:
        found.add(Refusal.PEER_NOT_HEARD)
        return found
    if i.peer_hears_us is False:
        found.add(Refusal.PEER_DOES_NOT_HEAR)
    if i.peer_role is not Role.STANDBY:
        found.add(Refusal.PEER_NOT_STANDBY)
    if i.peer_health < i.own_health:
        found.add(Refusal.PEER_UNHEALTHY)
    if not i.is_mirror_synced:
        found.add(Refusal.MIRROR_NOT_SYNCED)
    return found


class Act(Enum):
    WAIT = auto()
    RELEASE = auto()
    SEND = auto()


@dataclass(slots=True)
class Relinquishing:
    """How the chassis is being let go.

    ``reason``: SWITCHOVER_ASKED and STOP_ASKED drain and hand over; RELEASED_UNHEARD and LEASE_OVER
    release at once and wait for the peer's claim. ``take_back_after_ns`` counts from the release.
    """

    reason: Reason
    target_slot: int
    nonce: int
    begun_ns: int
    timers: TimerSettings
    take_back_after_ns: int
    request_id: int | None = None
    is_goodbye_due: bool = False
    released_ns: int | None = None
    _last_sent_ns: int = 0

    @property
    def is_released(self) -> bool:
        return self.released_ns is not None

    @property
    def hands_over(self) -> bool:
        return self.reason not in YIELDS

    def due(self, is_drained: bool, now_ns: int) -> Act:
        if self.released_ns is None:
            # What was drained before the change does not hold the record of the change itself.
            is_drained = is_drained and now_ns > self.begun_ns
            deadline_ns = self.begun_ns + ns_from_ms(self.timers.drain_deadline_ms)
            is_time = not self.hands_over or is_drained or now_ns >= deadline_ns
            return Act.RELEASE if is_time else Act.WAIT
        if self.hands_over and now_ns - self._last_sent_ns >= REPEAT_NS:
            self._last_sent_ns = now_ns
            return Act.SEND
        return Act.WAIT

    def is_take_back_due(self, now_ns: int) -> bool:
        if self.released_ns is None or self.is_goodbye_due:
            return False
        return now_ns - self.released_ns >= self.take_back_after_ns

    def is_goodbye_time(self, now_ns: int) -> bool:
        """A stopping node does not wait longer than this for the peer to confirm."""
        if not self.is_goodbye_due or self.released_ns is None:
            return False
        return now_ns - self.released_ns >= ns_from_ms(self.timers.handover_deadline_ms)


def begin(
    reason: Reason,
    peer: PeerView | None,
    settings: NodeSettings,
    request_id: int | None,
    now_ns: int,
) -> Relinquishing:
    """``peer`` None: nobody is there to take it."""
    return Relinquishing(
        reason=reason,
        target_slot=peer.slot if peer is not None else 0,
        nonce=(now_ns // NS_PER_MS) & 0xFFFF_FFFF,
        begun_ns=now_ns,
        timers=settings.timers,
        take_back_after_ns=take_back_after_ns(reason, settings, peer),
        request_id=request_id,
        is_goodbye_due=reason is Reason.STOP_ASKED,
    )


def take_back_after_ns(reason: Reason, settings: NodeSettings, peer: PeerView | None) -> int:
    """With a line that tells who holds, the handover's deadline; else twice the dead time. A peer
    that waits for the lease to end claims as soon as the line falls: the time of one claim."""
    timers = settings.timers
    if reason is Reason.LEASE_OVER:
        claim_ms = timers.store_deadline_ms + 2 * timers.line_settle_ms
        return ns_from_ms(timers.claim_window_ms + claim_ms)
    deadline_ns = ns_from_ms(timers.handover_deadline_ms)
    if settings.has_active or peer is None:
        return deadline_ns
    return max(deadline_ns, 2 * max((m.deadtime_ns for m in peer.monitors), default=0))


def refused(request_id: int, found: frozenset[Refusal], active_slot: int | None) -> Answer:
    """``active_slot``: the peer that says it is ACTIVE, whom the operator has to ask."""
    texts = {each: each.advice for each in sorted(found, key=lambda each: int(each.value))}
    if Refusal.NOT_ACTIVE in found and active_slot is not None:
        told = Refusal.NOT_ACTIVE.advice.removesuffix(".")
        texts[Refusal.NOT_ACTIVE] = f"{told}: slot {active_slot}."
    listed = [{"id": each.name, "text": text} for each, text in texts.items()]
    body = {"result": "refused", "text": "switchover refused", "refusals": listed}
    return Answer(request_id, False, body)


def ended(relinquishing: Relinquishing, is_done: bool, epoch: int, now_ns: int) -> Answer:
    """The answer to whoever asked for the switchover, done or failed."""
    failed = Refusal.HANDOVER_FAILED
    done = f"slot {relinquishing.target_slot} is ACTIVE"
    body = {
        "result": "done" if is_done else "failed",
        "text": done if is_done else failed.advice,
        "refusals": [] if is_done else [{"id": failed.name, "text": failed.advice}],
        "epoch": epoch,
        "took_ms": ms_from_ns(now_ns - relinquishing.begun_ns),
    }
    return Answer(relinquishing.request_id or 0, is_done, body)
