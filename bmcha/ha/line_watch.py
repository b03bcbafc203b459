"""Judges a peer's PRESENCE and HEALTH lines: has a line spoken, or does it lie?

One bouncing line moves nothing. A line seen down is read again at once; down twice, the peer is
probed on every path. An answer, however late, makes it a line fault, and the line a known liar
until it rises. No answer within the probe time: the line has spoken, and stays so until it rises,
an answer comes after all (it is asked for again and again), or the peer begins a new life. An
answer may have come that this node has not looked at: who looks late, or is behind, waits on.

Pure: `Node` carries out what `wants` says.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto

from bmcha.model.event import LineLevels
from bmcha.model.moment import ns_from_ms

PROBE_AGAIN_NS = ns_from_ms(1000)
"""A probe or its answer may be lost; a peer that lives must not be taken for dead for good."""
LATE_NS = ns_from_ms(5)
"""Who looks later than that has been held up, and what it asked or was told maybe too."""


class Step(Enum):
    """Where the examination stands."""

    QUIET = auto()
    READ_AGAIN = auto()
    PROBE = auto()
    SPOKEN = auto()
    FAULT = auto()


SPEAKERS = ("presence", "health")
"""The lines that may speak of a peer's end; ACTIVE only says who holds."""


class LineWatch:
    def __init__(self, probe_ns: int) -> None:
        self.levels = LineLevels()
        self.step = Step.QUIET
        self.active_down_since_ns: int | None = None
        self.active_moved_ns: int | None = None
        self.health_down_since_ns: int | None = None
        self.has_risen = False
        """HEALTH or ACTIVE, since the peer said goodbye: somebody runs there again."""
        self.absent_ns: int | None = None
        """When PRESENCE was last read down twice in a row: nobody was in the slot then."""
        self.probe_nonce = 0
        self.probe_ns = probe_ns
        self._probe_until_ns = 0
        self._has_waited_on = False
        self._seen_down_ns = 0
        self._liars: frozenset[str] = frozenset()

    @property
    def believed(self) -> LineLevels:
        """The levels without those of known liars."""
        if not self._liars:
            return self.levels  # asked for at every step, several times
        return replace(self.levels, **dict.fromkeys(self._liars, None))

    @property
    def has_spoken(self) -> bool:
        return self.step is Step.SPOKEN

    @property
    def is_faulty(self) -> bool:
        return self.step is Step.FAULT

    @property
    def is_down(self) -> bool:
        return self.levels.presence is False or self.levels.health is False

    def read(self, levels: LineLevels, read_ns: int) -> Step | None:
        """A reading came. Returns READ_AGAIN or PROBE when `Node` has to do that now."""
        self.active_down_since_ns = _since(self.active_down_since_ns, levels.active, read_ns)
        self.health_down_since_ns = _since(self.health_down_since_ns, levels.health, read_ns)
        if None not in (levels.active, self.levels.active) and levels.active != self.levels.active:
            self.active_moved_ns = read_ns
        if levels.presence is False and self.levels.presence is False:
            self.absent_ns = read_ns
        was, now = self.levels, levels
        if (now.health and was.health is False) or (now.active and was.active is False):
            self.has_risen = True
        is_new_line_down = self._is_another_line_down(levels)
        self.levels = levels
        self._liars = frozenset(n for n in self._liars if getattr(levels, n) is False)
        if not self.is_down:
            self.step = Step.QUIET
            return None
        if self.step is Step.QUIET or (is_new_line_down and self.step is Step.FAULT):
            self.step = Step.READ_AGAIN
            self._seen_down_ns = read_ns
            return Step.READ_AGAIN
        if self.step is Step.READ_AGAIN and read_ns > self._seen_down_ns:
            self.step = Step.PROBE
            return self._probe(read_ns)
        if self.step is Step.SPOKEN and read_ns - self._probe_until_ns >= PROBE_AGAIN_NS:
            return self._probe(read_ns)
        return None

    def _probe(self, read_ns: int) -> Step:
        self.probe_nonce += 1
        self._probe_until_ns = read_ns + self.probe_ns
        self._has_waited_on = False
        return Step.PROBE

    def answered(self, nonce: int) -> None:
        """The peer's node loop answered a probe of this episode: it lives, a line lies."""
        if nonce == self.probe_nonce and self.step in (Step.PROBE, Step.SPOKEN):
            self.step = Step.FAULT
            self._liars = frozenset(n for n in SPEAKERS if getattr(self.levels, n) is False)

    def lost_touch(self) -> None:
        """Every path is silent now: a line once called a liar is examined anew."""
        if self.step is Step.FAULT:
            self.step = Step.QUIET

    def met_goodbye(self) -> None:
        self.has_risen = False

    def met_new_life(self) -> None:
        """What a line said was about the peer's former life; of this one it has to speak anew."""
        self._liars = frozenset()
        self.step = Step.QUIET

    def tick(self, now_ns: int, known_ns: int) -> None:
        """``known_ns``: what came by then is known. Who is late gives as much once, not more."""
        if self.step is not Step.PROBE or known_ns < self._probe_until_ns:
            return
        late_ns = now_ns - self._probe_until_ns
        if late_ns > LATE_NS and not self._has_waited_on:
            self._has_waited_on = True
            self._probe_until_ns = now_ns + late_ns
        else:
            self.step = Step.SPOKEN

    def deadline_ns(self) -> int | None:
        return self._probe_until_ns if self.step is Step.PROBE else None

    def _is_another_line_down(self, levels: LineLevels) -> bool:
        before = self.levels
        return (levels.presence is False and before.presence is not False) or (
            levels.health is False and before.health is not False
        )


def _since(before_ns: int | None, level: bool | None, read_ns: int) -> int | None:
    """Since when a line is down; None while it is not."""
    return None if level is not False else before_ns or read_ns
