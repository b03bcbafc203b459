"""The invariants of two modules, looked at after every step of the world.

A violation has a name, and is kept with the time at which it was seen; nothing is raised, but
nothing happens in that world any more, and the run ends in order. What is true is taken from the
world (gates, wires, who runs), never from what a node believes; but where the rule is about what a
node heard, the node is asked. The mirror and the log have a judge of their own
(`tests.sim.judge_picture`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bmcha.model.effect import Answer, Effect, EnterRole, WriteImage
from bmcha.model.event import Event
from bmcha.model.message import Header, Heartbeat, HeartbeatDraft, Message
from bmcha.model.moment import NS_PER_MS, ns_from_ms
from bmcha.model.reading import EventCell
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy
from bmcha.runtime.mailbox import EVENTS_MAX
from bmcha.runtime.out_queue import MESSAGES_MAX
from tests.sim.judge_picture import PictureJudge
from tests.sim.story import Deed
from tests.world import Module, World
from tests.world.life import Life
from tests.world.watcher import Watcher

ASKED = (Reason.HANDOVER_ASKED, Reason.PEER_RELEASED, Reason.PEER_SAID_GOODBYE)
PROOF_BEATS = 3
"""In so many two that start together prove each other to be of now (docs/adr/0025-keys.md)."""
RESETS_MAX = 8
"""In one era: two modules that reset each other for ever do it twice a second."""


@dataclass(frozen=True, slots=True)
class Violation:
    rule: str
    at_ms: int
    text: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.at_ms} ms: {self.text}"


JITTER_MS_MAX = 300
"""Of the stories."""


class Judge(Watcher):
    """`watch` is called once, before anything boots; `begin_era` at each. ``slots``: those that
    the chassis has; every one of them has to be in order in the end."""

    slots: tuple[int, ...] = (1, 2)

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.pictures = PictureJudge(self.blame)
        self.last_beats: dict[tuple[int, str], Heartbeat] = {}
        self._claims: dict[int, Life] = {}
        self._harmed_stores: set[int] = set()
        self._steps_ns: dict[int, int] = {}
        self._dual_since_ns: int | None = None
        self._touch_since_ns: int | None = None
        self._met_since_ns: int | None = None
        self._frame_ms = self._slow_until_ns = 0
        self._resets_count = 0

    def watch(self, world: World) -> None:
        self._world = world
        self.pictures.watch(world)

    def begin_era(self) -> None:
        self._resets_count = 0

    def blame(self, rule: str, text: str) -> None:
        self.violations.append(Violation(rule, self._world.now_ms, text))
        self._world.is_over = True

    # ---- two hands

    def lines_changed(self) -> None:
        world = self._world
        if world.open_count() < 2:
            self._dual_since_ns = None
            return
        if world.board.is_gated or self._holds_on_silence():
            self.blame("two-hands", "both gates are open where that is never allowed")
        elif self._dual_since_ns is None:
            self._dual_since_ns = world.now_ns
            self.paths_changed()

    def _holds_on_silence(self) -> bool:
        """Where one may start alone, silence is trusted once, by order."""
        world = self._world
        may_be_alone = any(m.settings.is_lone_start_allowed for m in world.modules.values())
        is_bare = world.board is BoardClass.BARE
        return is_bare and world.policy is IsolationPolicy.HOLD and not may_be_alone

    def paths_changed(self) -> None:
        """After every deed and standstill: do the two hear each other, and since when? What was
        sent over a slow path is still on its way when it is quick again, and nothing overtakes it.
        """
        frame_ms = max(self._world.delay_ms.values())
        if frame_ms < self._frame_ms:
            self._slow_until_ns = self._world.now_ns + ns_from_ms(self._frame_ms + JITTER_MS_MAX)
        self._frame_ms = frame_ms
        if not self._are_in_touch():
            self._touch_since_ns = None
        elif self._touch_since_ns is None:
            self._touch_since_ns = self._world.now_ns

    def _are_in_touch(self) -> bool:
        world = self._world
        if world.now_ns < self._slow_until_ns:
            return False
        lives = [module.life for module in world.modules.values()]
        if any(life is None or life.is_frozen for life in lives):
            return False
        modules = world.modules.values()
        if any(module.is_stopped or module.is_hung or module.step_ms for module in modules):
            return False  # a slow one lets go when its step is over
        if len({module.settings.chassis_id for module in world.modules.values()}) > 1:
            return False  # neither takes the other's word
        return any(
            all(world.wires.is_clean(path, slot) for slot in (1, 2)) for path in world.path_names
        )

    def _look_at_hands(self) -> None:
        """Both hold and hear each other: for one beat and its frame, and a tick to judge it. Two
        that never heard each other's present lives have to prove first that they are of now."""
        if self._dual_since_ns is None:
            return
        self.paths_changed()
        world = self._world
        if not self._have_met():
            self._met_since_ns = None
        elif self._met_since_ns is None:
            self._met_since_ns = world.now_ns
        if self._touch_since_ns is None:
            return
        settings = world.modules[1].settings
        beat_ms = max(path.heartbeat_interval_ms for path in settings.paths)
        frame_ms = max(world.delay_ms.values())
        has_met = self._met_since_ns is not None
        limit_ms = (1 if has_met else PROOF_BEATS) * (beat_ms + frame_ms) + settings.timers.tick_ms
        since_ns = max(self._dual_since_ns, self._touch_since_ns, self._met_since_ns or 0)
        dual_ns = world.now_ns - since_ns
        if dual_ns > ns_from_ms(limit_ms):
            self.blame("two-hands-in-touch", f"for {dual_ns // NS_PER_MS} ms, {limit_ms} allowed")
            self._dual_since_ns = None

    def _have_met(self) -> bool:
        lives = [module.life for module in self._world.modules.values()]
        boots = {life.slot: life.boot_id for life in lives if life is not None}
        return all(
            view.boot_id == boots.get(view.slot)
            for life in lives
            if life is not None
            for view in life.node.roles.peers
        )

    # ---- steps

    def booted(self, life: Life) -> None:
        self._steps_ns[life.slot] = self._world.now_ns
        self.pictures.booted(life)

    def stepped(self, life: Life, event: Event, effects: Sequence[Effect]) -> None:
        """A claim is judged by what was known when it was decided: who stands still before it is
        carried out finds another world, and itself too late for it."""
        self._steps_ns[life.slot] = self._world.now_ns
        self._look_at_hands()
        for effect in effects:
            if isinstance(effect, EnterRole) and effect.role is Role.FENCING:
                self._look_at_claim(life, effect)

    def sent(self, life: Life, path: str, header: Header, message: Message) -> None:
        if not isinstance(message, Heartbeat):
            return
        self.last_beats[life.slot, path] = message
        stood_ns = self._world.now_ns - self._steps_ns[life.slot]
        timers = life.module.settings.timers
        if stood_ns > ns_from_ms(timers.stall_limit_ms + timers.tick_ms):
            text = f"slot {life.slot} beats, but has decided nothing for {stood_ns // NS_PER_MS} ms"
            self.blame("stalled-speaks", text)
        if len(life.mailbox._events) > EVENTS_MAX:
            self.blame("queue", f"slot {life.slot}: {len(life.mailbox._events)} events wait")
        queue = life.paths[path].queue
        if len(queue._role) + len(queue._mirror) > MESSAGES_MAX:
            self.blame("queue", f"slot {life.slot}: too much waits for path {path}")

    # ---- claims

    def claimed(self, life: Life, epoch: int) -> None:
        other = self._claims.get(epoch)
        if other is not None and other.slot != life.slot:
            self.blame("same-epoch", f"slots {other.slot} and {life.slot} both claim {epoch}")

    def role_entered(self, life: Life, entered: EnterRole) -> None:
        if not life.has_slot and entered.role in (Role.FENCING, Role.ACTIVE):
            self.blame("slotless", f"slot {life.slot} is {entered.role.name} without a slot")
        if entered.role is Role.ACTIVE and entered.from_role is not Role.ACTIVE:
            self._look_at_epoch(life, entered.epoch)

    def _look_at_epoch(self, life: Life, epoch: int) -> None:
        other = self._claims.setdefault(epoch, life)
        is_other = other.boot_id != life.boot_id or other.slot != life.slot
        if is_other and (other.slot != life.slot or life.slot not in self._harmed_stores):
            text = f"slot {other.slot} held {epoch}, and now slot {life.slot} does"
            self.blame("same-epoch", text)
        self.pictures.holds(life, epoch)

    def _look_at_claim(self, life: Life, entered: EnterRole) -> None:
        if entered.reason in ASKED or entered.from_role in (Role.RELINQUISHING, Role.FENCING):
            return
        peer = self._world.modules[3 - life.slot]
        is_well = peer.life is not None and not peer.is_stopped and not peer.is_hung
        is_well = is_well and not peer.step_ms  # its answers come later than a probe waits
        if not is_well or peer.role is not Role.ACTIVE or life.node is None:
            return
        is_holding = peer.hardware.is_gate_open(self._world.now_exact_ms)
        for view in life.node.roles.peers:
            if is_holding and view.is_heard() and _says(view.draft) is Role.ACTIVE:
                text = f"slot {life.slot} claims ({entered.reason.name}) though it hears an ACTIVE"
                self.blame("takes-from-the-living", text)

    def store_harmed(self, module: Module) -> None:
        """Its epoch may be older than what it claimed."""
        self._harmed_stores.add(module.slot)

    def reset(self, by_slot: int, slot: int) -> None:
        self._resets_count += 1
        if self._resets_count > RESETS_MAX:
            self.blame("mutual-reset", f"{self._resets_count} resets in one era")

    # ---- for the other judges

    def recorded(self, life: Life, record: EventCell) -> None:
        self.pictures.recorded(life, record)

    def image_written(self, life: Life, effect: WriteImage) -> None:
        self.pictures.image_written(life, effect)

    def answered(self, life: Life, answer: Answer) -> None: ...

    # ---- at the end of an era

    def done(self, deed: Deed) -> None:
        """A deed has been done."""

    def healed(self) -> None:
        """All that was broken is mended, all that was away is back."""

    def look_at_rest(self) -> None:
        """Everything is healed and has had its time."""
        world = self._world
        modules = [world.modules[slot] for slot in self.slots]
        roles = [module.role for module in modules]
        if not is_in_order(roles):
            reasons = [
                module.node.roles.machine.reason.name if module.node else "-" for module in modules
            ]
            self.blame("no-holder", f"all is healed, roles {_names(roles)}, because {reasons}")
        if world.board is not BoardClass.BARE and world.open_count() != 1:
            self.blame("no-holder", f"all is healed, {world.open_count()} gates are open")
        if len(self.slots) > 1:
            self.pictures.look_at_rest()


def is_in_order(roles: Sequence[Role | None]) -> bool:
    """One holds, every other one follows."""
    return roles.count(Role.ACTIVE) == 1 and roles.count(Role.STANDBY) == len(roles) - 1


def _says(draft: HeartbeatDraft | None) -> Role | None:
    return draft.role if draft is not None else None


def _names(roles: Sequence[Role | None]) -> str:
    return "/".join(role.name if role is not None else "-" for role in roles)
