"""Judges one path to one peer: ALIVE, LATE or SILENT, and whether it works one way only.

Knows a path's own timers and nothing of roles. It never reads a clock and never waits: the beat
engine reports news and overdue watches, this turns them into a judgement, `Node` asks for the
next watch. Rules:
 - a path that was declared SILENT counts again after ``recovery_beats_min`` beats in a row, so
   that a bouncing cable does not bounce the redundancy state; a peer is *heard* from the first;
 - a path's silence is its own: interval, warn and dead time are per path;
 - what the peer says of hearing us (its echo) is judged with the same warn time.
"""

from __future__ import annotations

from enum import Enum, unique

from bmcha.model.event import PathCounts
from bmcha.model.message import PathEcho
from bmcha.model.moment import ns_from_ms
from bmcha.model.record import dataclass
from bmcha.model.settings import PathSettings

FOREIGN_FRESH_NS = ns_from_ms(3000)
FORGED_FRESH_NS = ns_from_ms(60_000)
"""Long enough to be seen by who looks once a minute."""
"""Six summaries: so long after its last frame a module of another chassis counts as there."""


@unique
class PathHealth(Enum):
    ALIVE = "ALIVE"
    LATE = "LATE"
    SILENT = "SILENT"


@unique
class OneWay(Enum):
    """TX: what we send is lost. RX: what the peer sends is lost."""

    TX = "tx"
    RX = "rx"


@dataclass(frozen=True, slots=True)
class HearingOfUs:
    """The peer's echo for this path, as of ``said_ns``. ``age_ns`` None: it never heard us."""

    said_ns: int
    age_ns: int | None


class PathMonitor:
    def __init__(self, settings: PathSettings, now_ns: int) -> None:
        self.settings = settings
        self.health = PathHealth.SILENT
        self.last_heard_ns: int | None = None
        self.hearing_of_us: HearingOfUs | None = None
        self.proven_ns: int | None = None
        """When both directions were last known to work."""
        self.noise_per_s = 0
        """What comes and is no frame, while it is more than a path may have; else 0."""
        self._foreign_count = 0
        self._foreign: tuple[int, int] | None = None
        self._forged_count = self._forged_ns = 0
        self._has_been_silent = False
        self._is_recovering = False
        self._alive_since_ns = now_ns
        self._armed_ns = now_ns
        self._engine_heard_ns: int | None = None
        self._interval_ns = ns_from_ms(settings.heartbeat_interval_ms)
        self._warn_ns = ns_from_ms(settings.warntime_ms)
        self._dead_ns = ns_from_ms(settings.deadtime_ms)
        self._jeopardy_ns = ns_from_ms(settings.jeopardy_deadtime_ms)
        self.peer_dead_ns = self._dead_ns
        """After which silence the peer judges us here: its own announced word, once it is heard."""

    def reconfigure(self, settings: PathSettings) -> None:
        """This node's own judgement alone; what was announced to the peer stays."""
        self.settings = settings
        self._warn_ns = ns_from_ms(settings.warntime_ms)
        self._jeopardy_ns = ns_from_ms(settings.jeopardy_deadtime_ms)

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def deadtime_ns(self) -> int:
        return self._dead_ns

    @property
    def interval_ns(self) -> int:
        return self._interval_ns

    def heard(self, heard_ns: int, beats_in_row: int) -> None:
        """A beat came. ``beats_in_row`` as in `HeartbeatHeard`."""
        self.last_heard_ns = max(heard_ns, self.last_heard_ns or 0)
        self._engine_heard_ns = heard_ns
        is_back = self.health is PathHealth.SILENT and self._has_been_silent
        self._is_recovering = is_back and beats_in_row < self.settings.recovery_beats_min
        if not self._is_recovering:
            if self.health is PathHealth.SILENT:
                self._alive_since_ns = heard_ns
            self.health = PathHealth.ALIVE

    def summarised(self, last_heard_ns: int | None) -> None:
        """The engine's periodic word: only moves the time of the last beat."""
        self._engine_heard_ns = last_heard_ns
        if last_heard_ns is not None:
            self.last_heard_ns = max(last_heard_ns, self.last_heard_ns or 0)

    def counted(self, counts: PathCounts, now_ns: int) -> None:
        """The engine's counters: do noise or a module of another chassis come here?"""
        self.noise_per_s = counts.noise_per_s if counts.is_noisy else 0
        if counts.forged_count > self._forged_count:
            self._forged_count, self._forged_ns = counts.forged_count, now_ns
        has_spoken = counts.foreign_count > self._foreign_count
        self._foreign_count = counts.foreign_count
        if has_spoken and counts.foreign_chassis_id is not None:
            self._foreign = (counts.foreign_chassis_id, now_ns)

    def has_forged(self, now_ns: int) -> bool:
        """Sound frames came of late that the peer of now did not say."""
        return self._forged_count > 0 and now_ns - self._forged_ns <= FORGED_FRESH_NS

    def foreign_chassis_id(self, now_ns: int) -> int | None:
        """Of the module of another chassis that speaks here; None: none does now."""
        if self._foreign is None or now_ns - self._foreign[1] > FOREIGN_FRESH_NS:
            return None
        return self._foreign[0]

    def overdue(self, last_heard_ns: int | None, now_ns: int, is_last_path: bool) -> None:
        """The watch ran out. The last path of a peer known to live waits the jeopardy time."""
        self.summarised(last_heard_ns)
        dead_ns = self._jeopardy_ns if is_last_path else self._dead_ns
        silent_ns = self.silent_for_ns(now_ns)
        if silent_ns >= dead_ns:
            self.health = PathHealth.SILENT
            self._has_been_silent = True
            self._is_recovering = False
        elif silent_ns >= self._warn_ns and self.health is PathHealth.ALIVE:
            self.health = PathHealth.LATE

    def next_watch_ns(self, is_last_path: bool) -> int | None:
        """For which silence the engine shall report next; None: nothing more to report.

        The engine counts from its own last beat; time that was granted to the peer since
        (`listen_anew`) is added.
        """
        if self.is_down:
            return None
        limit_ns = self._jeopardy_ns if is_last_path else self._dead_ns
        if self.health is PathHealth.ALIVE:
            limit_ns = self._warn_ns
        if self._engine_heard_ns is None or self.last_heard_ns is None:
            return limit_ns
        return limit_ns + self.last_heard_ns - self._engine_heard_ns

    def silent_for_ns(self, now_ns: int) -> int:
        since_ns = self._armed_ns if self.last_heard_ns is None else self.last_heard_ns
        return max(0, now_ns - since_ns)

    def listen_anew(self, now_ns: int) -> None:
        """This node stood still: its lateness must not count against the peer."""
        if self.health is PathHealth.LATE:
            self.health = PathHealth.ALIVE
        self._armed_ns = now_ns
        if self.last_heard_ns is not None:
            self.last_heard_ns = now_ns
        self.hearing_of_us = None

    def hears_peer(self) -> bool:
        """The peer is heard here; a path that recovers is heard before it is ALIVE again."""
        return self.health is not PathHealth.SILENT or self._is_recovering

    def told(self, echo: PathEcho, said_ns: int) -> None:
        """The peer said, on any path, what it hears of us on this one. When it heard us last only
        moves on: a word by which that was much earlier came over a slower path."""
        known = self.hearing_of_us
        if known is not None and known.age_ns is not None and not echo.is_never:
            is_overtaken = said_ns - echo.age_ns < known.said_ns - known.age_ns - self._warn_ns
            if is_overtaken:
                return
        self.hearing_of_us = HearingOfUs(said_ns, None if echo.is_never else echo.age_ns)
        if self.last_heard_ns is not None and not echo.is_never:
            self.prove(min(self.last_heard_ns, said_ns - echo.age_ns))

    def prove(self, at_ns: int) -> None:
        self.proven_ns = max(at_ns, self.proven_ns or 0)

    def peer_hears_us(self) -> bool | None:
        """None: it has not said yet. The limit is the warn time, as for our own hearing."""
        hearing = self.hearing_of_us
        if hearing is None:
            return None
        return hearing.age_ns is not None and hearing.age_ns < self._warn_ns

    @property
    def is_silent_there(self) -> bool:
        """By the peer's last word it hears nothing of us here."""
        hearing = self.hearing_of_us
        return hearing is not None and (
            hearing.age_ns is None or hearing.age_ns >= self.peer_dead_ns
        )

    def announced(self, deadtime_ms: int) -> None:
        self.peer_dead_ns = ns_from_ms(deadtime_ms)

    def peer_calls_us_silent_at_ns(self) -> int:
        """When the peer, hearing nothing more, will judge this path SILENT."""
        hearing = self.hearing_of_us
        if hearing is None:
            return self._armed_ns + self.peer_dead_ns
        age_ns = self.peer_dead_ns if hearing.age_ns is None else hearing.age_ns
        return hearing.said_ns + max(0, self.peer_dead_ns - age_ns)

    @property
    def gap_limit_ns(self) -> int:
        """How long this node may stand still before the peer may judge it silent here."""
        return self.peer_dead_ns - 2 * self._interval_ns

    @property
    def is_heard_both_ways(self) -> bool:
        return self.health is PathHealth.ALIVE and self.peer_hears_us() is not False

    @property
    def is_down(self) -> bool:
        """Judged SILENT, and no beat has come back yet. A path that was never heard counts from
        its first dead time on."""
        return self._has_been_silent and not self.hears_peer()

    def one_way(self, now_ns: int) -> OneWay | None:
        """Only what has lasted: one end heard the other for a warn time beyond what the other end
        heard last. A cut both ways, a recovery or a restart looks alike for a moment."""
        hearing = self.hearing_of_us
        if hearing is None or now_ns - hearing.said_ns > self._dead_ns:
            return None
        hears_us = self.peer_hears_us()
        heard_us_ns = None if hearing.age_ns is None else hearing.said_ns - hearing.age_ns
        if self.is_down:
            silent_since_ns = self.last_heard_ns or self._armed_ns
            is_proven = heard_us_ns is not None and heard_us_ns - silent_since_ns >= self._warn_ns
            return OneWay.RX if hears_us and is_proven else None
        if self.health is not PathHealth.ALIVE or self.last_heard_ns is None or hears_us:
            return None
        is_steady = now_ns - self._alive_since_ns >= self._dead_ns
        is_proven = heard_us_ns is None or self.last_heard_ns - heard_us_ns >= self._warn_ns
        return OneWay.TX if is_steady and is_proven else None
