"""The fence: resetting a silent peer that seems to hold the chassis, and seeing that it was reset.

Stagger, read the lines once more, give one pulse, look for its effect; whether to fence at all is
`bmcha.ha.role_rules`, which is asked again up to the pulse. The fence is *verified* when the reset
line's own sense rises, a line of the peer that was up falls, or the peer speaks in a new life. It
is *needless* when the peer speaks in the same life and holds nothing. Neither for long, the claim
goes on with an alarm (docs/adr/0011-fencing-and-lease.md). Pure; called by `bmcha.ha.taking`.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum, auto

from bmcha.model.event import LineLevels
from bmcha.model.moment import ns_from_ms
from bmcha.model.record import dataclass
from bmcha.model.settings import TimerSettings

STAGGER_NS = ns_from_ms(20)
"""A place later in the succession waits this much longer: two that fence at once must not both be
reset. Longer than a pulse takes to let the other's lines fall."""
LOOK_AGAIN_NS = ns_from_ms(20)
"""An edge that was not told must not be waited for."""
PULSE_AGAIN_NS = ns_from_ms(1000)
"""A pulse that nobody saw is given again; longer than any reset circuit holds a module."""


class Step(Enum):
    WAIT = auto()
    LOOK = auto()
    PULSE = auto()
    VERIFIED = auto()
    NEEDLESS = auto()
    UNVERIFIED = auto()


class _Phase(Enum):
    STAGGERED = auto()
    LOOKING = auto()
    PULSED = auto()


@dataclass(slots=True)
class Fence:
    """``rank``: the own place in the succession. ``life``: the peer's boot id before the reset;
    None: it was never heard."""

    slot: int
    rank: int
    timers: TimerSettings
    begun_ns: int
    life: int | None = None
    _phase: _Phase = _Phase.STAGGERED
    _before: LineLevels = field(default_factory=LineLevels)
    _looked_ns: int = 0
    _first_pulse_ns: int = 0
    _last_pulse_ns: int = 0

    @property
    def is_pending(self) -> bool:
        """No pulse was given yet."""
        return self._phase is not _Phase.PULSED

    def tick(self, now_ns: int) -> Step:
        if self._phase is _Phase.STAGGERED:
            if now_ns < self._staggered_until_ns():
                return Step.WAIT
            self._phase = _Phase.LOOKING
            return self._look(now_ns)
        if self._phase is _Phase.PULSED:
            if now_ns - self._first_pulse_ns >= ns_from_ms(self.timers.unverified_takeover_ms):
                return Step.UNVERIFIED
            if now_ns - self._last_pulse_ns >= PULSE_AGAIN_NS:
                self._last_pulse_ns = now_ns
                return Step.PULSE
        return self._look(now_ns) if now_ns - self._looked_ns >= LOOK_AGAIN_NS else Step.WAIT

    def looked(self, levels: LineLevels, read_ns: int) -> Step:
        """A reading of the peer's lines. The first one after the stagger gives the pulse."""
        if self._phase is _Phase.LOOKING and read_ns >= self._looked_ns:
            self._phase = _Phase.PULSED
            self._before = levels
            self._first_pulse_ns = self._last_pulse_ns = self._looked_ns = read_ns
            return Step.PULSE
        if self._phase is _Phase.PULSED and self._shows_reset(levels):
            return Step.VERIFIED
        return Step.WAIT

    def heard(self, life: int | None, holds_nothing: bool) -> Step:
        """The peer's last word is of ``life``, a new one if it began with the reset.
        ``holds_nothing``: the word is fresh, and says so."""
        if self.is_pending:
            return Step.WAIT
        if life != self.life:
            return Step.VERIFIED
        return Step.NEEDLESS if holds_nothing else Step.WAIT

    def deadline_ns(self) -> int:
        """When `tick` should be called at the latest."""
        if self._phase is _Phase.STAGGERED:
            return self._staggered_until_ns()
        return self._looked_ns + LOOK_AGAIN_NS

    def gives_up_ns(self) -> int | None:
        """When the claim goes on although no reset was seen; None before the first pulse."""
        if self.is_pending:
            return None
        return self._first_pulse_ns + ns_from_ms(self.timers.unverified_takeover_ms)

    def _staggered_until_ns(self) -> int:
        return self.begun_ns + self.rank * STAGGER_NS

    def _look(self, now_ns: int) -> Step:
        self._looked_ns = now_ns
        return Step.LOOK

    def _shows_reset(self, now: LineLevels) -> bool:
        before = self._before
        return (
            (before.reset is False and now.reset is True)
            or (before.active is True and now.active is False)
            or (before.health is True and now.health is False)
        )
