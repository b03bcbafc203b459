"""The claim: how a node takes the chassis, always in the same order.

Store the new epoch; raise the own ACTIVE line; wait until it is seen up (where the board senses
it) and for the settle time; read the peers' ACTIVE lines afresh; open the outputs. Two nodes that
claim at once each raise before they look, so at least one sees the other. Then the later in the
succession lets go at once, and the earlier waits for that; if the other line does not fall, it
belongs to a holder, and the earlier lets go too. Without lines the stored epoch opens; where
silence means hold, once the peers have answered it.

Pure: it says what to do next, `Node` does it. A store that does not answer delays the claim
by ``store_deadline_ms`` and no more: fans do not wait for a disk.
"""

from __future__ import annotations

from enum import Enum, auto

from bmcha.model.moment import ns_from_ms
from bmcha.model.record import dataclass
from bmcha.model.settings import TimerSettings

SENSE_DEADLINE_NS = ns_from_ms(250)
"""A line driver answers in microseconds; a sense that is silent for this long is broken, and a
broken sense must not keep a chassis without a holder."""
CONTEST_NS = ns_from_ms(250)
"""How long the earlier in the succession waits for the other claim to be dropped: ten ticks."""

LOOK_AGAIN_NS = ns_from_ms(20)
"""A reading that fails, or that shows no change and is not told, must not end the looking."""


class Step(Enum):
    STORE = auto()
    RAISE = auto()
    LOOK = auto()
    LISTEN = auto()
    OPEN = auto()
    LET_GO = auto()
    WAIT = auto()


class _Phase(Enum):
    STORING = auto()
    SETTLING = auto()
    LOOKING = auto()
    LISTENING = auto()
    DONE = auto()


@dataclass(slots=True)
class Claim:
    """One claim of ``epoch``. ``is_first``: no peer is earlier in the succession."""

    epoch: int
    is_first: bool
    has_lines: bool
    is_active_line_doubted: bool
    timers: TimerSettings
    begun_ns: int
    _phase: _Phase = _Phase.STORING
    _settled_ns: int = 0
    _raised_ns: int = 0
    _looked_ns: int = 0

    def begin(self) -> Step:
        return Step.STORE

    def stored(self, epoch: int, now_ns: int) -> Step:
        """The store answered, or has failed and cannot be waited for."""
        if self._phase is not _Phase.STORING or epoch != self.epoch:
            return Step.WAIT
        if not self.has_lines:
            self._phase = _Phase.LISTENING
            return Step.LISTEN
        self._phase = _Phase.SETTLING
        self._raised_ns = now_ns
        self._settled_ns = now_ns + ns_from_ms(self.timers.line_settle_ms)
        return Step.RAISE

    @property
    def is_listening(self) -> bool:
        """No line can tell: the epoch is stored, and only an answer may be awaited."""
        return self._phase is _Phase.LISTENING

    def answered(self) -> Step:
        """No peer owes an answer (any more)."""
        if not self.is_listening:
            return Step.WAIT
        self._phase = _Phase.DONE
        return Step.OPEN

    def tick(self, own_active: bool | None, now_ns: int) -> Step:
        if self._phase is _Phase.STORING:
            if now_ns - self.begun_ns < ns_from_ms(self.timers.store_deadline_ms):
                return Step.WAIT
            return self.stored(self.epoch, now_ns)
        if self._phase is _Phase.LOOKING and now_ns - self._looked_ns >= LOOK_AGAIN_NS:
            self._looked_ns = now_ns
            return Step.LOOK
        if self._phase is not _Phase.SETTLING:
            return Step.WAIT
        if own_active is False and now_ns - self._raised_ns < SENSE_DEADLINE_NS:
            return Step.WAIT
        if now_ns < self._settled_ns:
            return Step.WAIT
        self._phase = _Phase.LOOKING
        self._settled_ns = self._looked_ns = now_ns
        return Step.LOOK

    def looked(self, is_peer_active: bool, read_ns: int) -> Step:
        """A reading of the peers' lines; only one taken after `Step.LOOK` counts."""
        if self._phase is not _Phase.LOOKING or read_ns < self._settled_ns:
            return Step.WAIT
        if not is_peer_active or self.is_active_line_doubted:
            self._phase = _Phase.DONE
            return Step.OPEN
        if self.is_first and read_ns - self._settled_ns < CONTEST_NS:
            return Step.WAIT
        self._phase = _Phase.DONE
        return Step.LET_GO

    def deadline_ns(self) -> int | None:
        """When `tick` should be called at the latest."""
        if self._phase is _Phase.STORING:
            return self.begun_ns + ns_from_ms(self.timers.store_deadline_ms)
        return self._settled_ns if self._phase is _Phase.SETTLING else None
