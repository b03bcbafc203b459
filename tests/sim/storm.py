"""Lives through a story: builds the world, does the deeds, lets the judge look.

What is lived is milliseconds of virtual time; what lies between two eras is told. Time may be told
when nothing can happen in it: all is healed, the roles are settled, the mirror has caught up, no
node waits for anything (`bmcha.answers.waits`), and nothing on the wires happens by chance. Nodes
know only differences of times, so a quiet stretch would end as it began, later. The rule is
checked before each jump (`_is_quiet`).
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from itertools import pairwise

from bmcha.answers.waits import waits
from bmcha.model.identity import Succession
from bmcha.model.key import NO_KEYS
from bmcha.model.moment import NS_PER_S
from bmcha.model.role import Role
from bmcha.model.settings import (
    ChassisSettings,
    Failback,
    MoveSettings,
    NodeSettings,
    ThirdOpinionSettings,
)
from tests.sim.deeds import Doer
from tests.sim.judge import Judge, Violation, is_in_order
from tests.sim.judge_picture import has_mirrored
from tests.sim.story import Era, Setup, Story
from tests.world import World
from tests.world.chassis import BOOT_MS
from tests.world.settings import KEYS

SHORTER = {"lone_start_ms": 2500, "unverified_takeover_ms": 1500}
"""Than in the unit tests: so that a story waits for it more often than not."""
SENSOR_PERIOD_MS = 700
SENSORS, FANS = 4, 2
MOVES_MS = 4000
"""A sensor that answers again, and the hold-off of a move that is configured."""
STABLE_MS = 500
"""At rest for so long before it is believed: five beats."""
LATE_MS = 10_000
"""Until a module that a reset still holds down is up, and all that stand still go on."""


@dataclass
class Outcome:
    """``lived_ms`` was simulated, ``told_ms`` jumped over."""

    violations: list[Violation] = field(default_factory=list)
    lived_ms: int = 0
    told_ms: int = 0
    deeds_count: int = 0
    eras_count: int = 0
    failures: list[str] = field(default_factory=list)


def _moves(setup: Setup) -> MoveSettings:
    return MoveSettings(
        failovers_max=setup.failovers_max,
        health_switchover_margin=setup.health_margin,
        health_switchover_hold_s=1,
        failback=Failback.PREFERRED_SLOT if setup.is_failing_back else Failback.NEVER,
        preferred_slot=1 if setup.is_failing_back else None,
        failback_hold_off_s=1,
    )


REFERENCE = ThirdOpinionSettings("192.0.2.1", period_ms=100, silent_after_ms=250, forbid_max_s=2)


def _chassis(chassis: ChassisSettings) -> ChassisSettings:
    """More to mirror, more seldom."""
    sensor, fan = chassis.sensors[0], chassis.fans[0]
    return replace(
        chassis,
        sensors=tuple(replace(sensor, name=f"t{number}") for number in range(SENSORS)),
        fans=tuple(replace(fan, name=f"fan{number}") for number in range(FANS)),
        sensor_period_ms=SENSOR_PERIOD_MS,
        sensor_stale_ms=5 * SENSOR_PERIOD_MS,
    )


def heal_bound_ms(settings: NodeSettings) -> int:
    """Boot, boot window, dead time, and whatever a claim may wait for at the longest."""
    timers = settings.timers
    ranks = len(settings.succession.slots)
    claim_ms = timers.claim_window_ms + ranks * timers.rank_delay_ms + timers.store_deadline_ms
    dead_ms = max((path.jeopardy_deadtime_ms for path in settings.paths), default=0)
    handover_ms = timers.drain_deadline_ms + timers.handover_deadline_ms
    return (
        BOOT_MS
        + timers.initdead_ms
        + dead_ms
        + timers.unverified_takeover_ms
        + 2 * (claim_ms + 500)
        + 2 * handover_ms
        + MOVES_MS
    )


class Storm:
    def __init__(self, story: Story, judge: Judge | None = None) -> None:
        self.story = story
        self.judge = judge or Judge()
        self.outcome = Outcome()
        setup = story.setup
        self.world = World(
            setup.board,
            setup.policy,
            setup.path_names,
            deadtime_ms=setup.deadtime_ms,
            seed=story.seed,
            watcher=self.judge,
            keys=KEYS if setup.is_signed else NO_KEYS,
        )
        self.judge.slots = setup.slots
        self.judge.watch(self.world)
        self.doer = Doer(self.world, self.judge, story.seed, setup.slots)
        self._set_up(setup)

    def _set_up(self, setup: Setup) -> None:
        self.world.wires.is_wire_real = setup.is_wire_real
        for module in self.world.modules.values():
            settings = module.settings
            module.settings = replace(
                settings,
                is_lone_start_allowed=setup.is_lone,
                timers=replace(settings.timers, tick_ms=setup.tick_ms, **SHORTER),
                moves=_moves(setup),
                chassis=_chassis(settings.chassis),
                third_opinion=REFERENCE if setup.has_reference else None,
            )
            if setup.is_single:
                module.settings = replace(
                    module.settings, succession=Succession(setup.slots), paths=()
                )
            module.hardware.is_powered = module.slot in setup.slots
            module.does_reference_answer = True
            module.jitter_ns = self.doer.jitter(module)
            module.sensor_milli = self._sensor_milli
            sign = 1 if module.slot == 1 else -1
            module.set_clock(sign * setup.drift_ppm, setup.ahead_s * NS_PER_S * module.slot)

    def _sensor_milli(self, index: int) -> int:
        """Never the same twice in a row: what is not mirrored is seen."""
        return 30_000 + 1000 * index + self.world.now_ms // SENSOR_PERIOD_MS % 100

    def run(self) -> Outcome:
        begun_ms = self.world.now_ms
        try:
            self._boot()
            for era in self.story.eras:
                if self.judge.violations:
                    break
                self._live(era)
        except Exception as failed:
            self.judge.blame("failure", f"{type(failed).__name__}: {failed}")
            self.outcome.failures.append(traceback.format_exc())
        outcome = self.outcome
        outcome.violations = self.judge.violations
        outcome.lived_ms = self.world.now_ms - begun_ms
        return outcome

    def _boot(self) -> None:
        self.world.boot(*self.story.setup.slots)
        self._come_to_rest()

    def _live(self, era: Era) -> None:
        self.outcome.eras_count += 1
        self.doer.begin_era(era.may_lie)
        self.judge.begin_era()
        for deed in era.deeds:
            self.world.run(deed.after_ms)
            if self.judge.violations:
                return
            if self.doer.do(deed):
                self.outcome.deeds_count += 1
                self.judge.done(deed)
                self.judge.paths_changed()
        self.world.run(1)
        self.doer.heal_all()
        self.judge.healed()
        self.judge.paths_changed()
        self._come_to_rest()
        if not self.judge.violations and self._is_quiet():
            self.outcome.told_ms += era.quiet_ms

    def _come_to_rest(self) -> None:
        """Within the bound, and then nothing moves any more."""
        world = self.world
        bound_ms = heal_bound_ms(world.modules[1].settings)
        # Who is held down by a reset, or stands still in the middle of a step, comes first.
        world.run(LATE_MS, self._do_all_run)
        end_ms = world.now_ms + bound_ms
        while True:
            world.run(max(0, end_ms - world.now_ms), self._is_at_rest)
            settled = self._changes()
            world.run(STABLE_MS)
            # What the peer says of its health is some beats old, and a move may wait for it.
            is_still = settled == self._changes() and self._is_at_rest()
            if is_still or world.now_ms >= end_ms:
                break
        settled = self._changes()
        world.run(STABLE_MS)
        # A reading may be on its way to the peer just now; or the last frame of a former life has
        # come, is believed for a dead time (`bmcha.ha.lives`), and the peer is joined anew then.
        world.run(bound_ms, self._is_at_rest)
        if settled != self._changes():
            self.judge.blame("restless", "a role moved although all is healed")
        if not world.is_over:
            self.judge.look_at_rest()

    def _changes(self) -> list[int]:
        """How often each has changed its role; another reason for the same one is no change."""
        return [
            sum(1 for (_, before), (_, after) in pairwise(module.roles) if before is not after)
            for module in self.world.modules.values()
        ]

    def _do_all_run(self) -> bool:
        """Also who was asked to stop before all was healed, and only now did."""
        for module in self.doer.modules:
            self.doer.boot(module)
        return all(
            module.life is not None
            and not module.is_stopped
            and module.life.boot_id not in self.doer.leaving
            for module in self.doer.modules
        )

    def _is_at_rest(self) -> bool:
        modules = self.doer.modules
        if not self._do_all_run() or not is_in_order([module.role for module in modules]):
            return False
        for module in modules:
            node = module.node
            if node is None or waits(node.facts, module.clock()):
                return False
            if module.role is Role.ACTIVE and len(modules) > 1 and not has_mirrored(node):
                return False
        return True

    def _is_quiet(self) -> bool:
        return self._is_at_rest() and self.world.wires.is_quiet() and not self.world.stuck


def run_story(story: Story, judge: Judge | None = None) -> Outcome:
    return Storm(story, judge).run()
