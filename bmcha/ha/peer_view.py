"""What this node knows of one peer: its paths, its lines, and the last thing it said.

Answers questions with yes, no or unknown; it decides nothing. Rules:
 - a word counts only from the present life (`bmcha.ha.lives`); an older one that still arrives
   over a slow path is dropped, and so is an older word of the same life (`revision`);
 - after a Goodbye nothing of that life counts any more;
 - silence is judged over all paths: one heard path is a heard peer.
"""

from __future__ import annotations

from dataclasses import replace

from bmcha.ha.line_watch import LineWatch
from bmcha.ha.lives import Lives
from bmcha.ha.path_monitor import PathHealth, PathMonitor
from bmcha.ha.revision import is_older
from bmcha.model.identity import EPOCH_MAX
from bmcha.model.message import (
    AGE_NEVER_NS,
    Handover,
    Header,
    Heartbeat,
    HeartbeatDraft,
    PathEcho,
)
from bmcha.model.role import Role
from bmcha.model.settings import PathKind

EPOCH_BELIEVED_MAX = EPOCH_MAX - (1 << 16)
"""A takeover a minute for a month reaches 43,000. Whoever says more is broken or lies, and to
follow it would leave no number for the next claim."""


NEVER_HEARD = PathEcho(0, AGE_NEVER_NS)


class PeerView:
    def __init__(self, slot: int, monitors: list[PathMonitor], probe_ns: int, now_ns: int) -> None:
        self.slot = slot
        self.monitors = monitors
        self.lines = LineWatch(probe_ns)
        self.boot_id: int | None = None
        self.draft: HeartbeatDraft | None = None
        self.key_id = 0
        """That its last word was signed with; 0: it was not."""
        self.has_said_goodbye = False
        self.is_fenced = False
        self.was_heard_active = False
        self.handover: Handover | None = None
        self.first_silent_ns: int | None = None
        self.listen_from_ns = now_ns
        self.unheld_since_ns: int | None = None
        self.contradiction_since_ns: int | None = None
        self.deaf_rival_since_ns: int | None = None
        self.active_line_lies_since_ns: int | None = None
        self._lives = Lives()
        self._last_path_proven: str | None = None
        self._lone_path: tuple[str, int] | None = None

    # ---- what arrives

    def accepts(self, header: Header) -> bool:
        """False: another life than the present one, one that said goodbye, or an epoch beyond
        belief. Only a heartbeat can begin a life (`meet`)."""
        is_present = header.boot_id == self.boot_id and header.epoch <= EPOCH_BELIEVED_MAX
        return is_present and not self.has_said_goodbye and not self.is_fenced

    def meet(self, header: Header, path: str, heard_ns: int) -> bool:
        """As `accepts`, for a heartbeat."""
        down = [monitor.name for monitor in self.monitors if monitor.is_down]
        if self._lives.heard(path, header.boot_id, heard_ns, down):
            self._begin_life(header.boot_id)
        return self.accepts(header)

    def hear(self, heartbeat: Heartbeat, own_boot_id: int, heard_ns: int) -> None:
        """A beat of the present life. The echo counts even when the word itself is older; one of
        another life of this node, or of none, says that this life was never heard: until then, so
        that an older one, which came over a slower path, says nothing."""
        draft = heartbeat.draft
        is_old = self.draft is not None and is_older(draft.revision, self.draft.revision)
        is_of_this_life = draft.echo_boot_id == own_boot_id
        if is_of_this_life or not is_old:
            for monitor, echo in zip(self.monitors, heartbeat.echoes, strict=False):
                monitor.told(echo if is_of_this_life else NEVER_HEARD, heard_ns)
        if is_old:
            return
        self.draft = draft
        self.was_heard_active = self.was_heard_active or draft.role is Role.ACTIVE
        if draft.role is not Role.RELINQUISHING:
            self.handover = None

    def hear_goodbye(self) -> None:
        self.has_said_goodbye = True
        self.lines.met_goodbye()
        self.draft = None
        self.handover = None

    def fenced(self, life: int | None) -> None:
        """``life`` was ended by a reset: what is still on its way from it counts no more."""
        if life != self.boot_id:
            return
        self.is_fenced = True
        self.draft = None
        self.handover = None

    def hear_handover(self, handover: Handover, epoch: int) -> None:
        """The peer's outputs and line are released: newer than any beat so far."""
        if self.draft is None or is_older(handover.revision, self.draft.revision):
            return
        self.handover = handover
        self.draft = replace(
            self.draft,
            role=Role.RELINQUISHING,
            is_holding=False,
            is_released=True,
            revision=handover.revision,
            epoch=epoch,
        )

    def _begin_life(self, boot_id: int) -> None:
        self.boot_id = boot_id
        self.draft = None
        self.handover = None
        self.has_said_goodbye = False
        self.is_fenced = False
        self.lines.met_new_life()
        for monitor in self.monitors:
            monitor.hearing_of_us = None

    def listen_anew(self, now_ns: int) -> None:
        """This node stood still: nothing it knew of the peer counts as fresh."""
        self.listen_from_ns = now_ns
        self.draft = None
        self.handover = None
        self.first_silent_ns = None
        for monitor in self.monitors:
            monitor.listen_anew(now_ns)

    def tick(self, now_ns: int) -> None:
        self._note_lone_path(now_ns)
        self._note_waits(now_ns)
        if self.is_heard():
            self.first_silent_ns = None
        elif self.first_silent_ns is None and self.is_silent(now_ns):
            self.first_silent_ns = now_ns
            self.lines.lost_touch()

    # ---- what is known

    def is_heard(self) -> bool:
        """Its word of the present life is known and a path still carries it."""
        return self.draft is not None and any(m.hears_peer() for m in self.monitors)

    @property
    def has_left(self) -> bool:
        """It said goodbye, and as far as its lines tell nobody began to run there since."""
        return self.has_said_goodbye and not self.lines.has_risen

    def is_gone(self) -> bool:
        """It was heard before, and has left, died or fallen silent."""
        has_died = self.lines.believed.health is False
        return self.boot_id is not None and (has_died or not self.is_heard())

    def is_silent(self, now_ns: int) -> bool:
        """Every path is past its dead time, and this node listened for that long."""
        if any(monitor.hears_peer() for monitor in self.monitors):
            return False
        longest_ns = max((m.deadtime_ns for m in self.monitors), default=0)
        return now_ns - self.listen_from_ns >= longest_ns

    def hears_us(self) -> bool | None:
        """False: by its own word it hears this node on no path. None: it has not said."""
        words = [m.peer_hears_us() for m in self.monitors if m.hears_peer()] + [
            m.peer_hears_us() for m in self.monitors if not m.hears_peer()
        ]
        if any(words):
            return True
        return None if any(word is None for word in words) or not words else False

    def active_line_lied_for_ns(self) -> int:
        """For how long its words, up to the last one, contradicted its ACTIVE line. One that died
        said the old thing for no longer than its line took to fall."""
        heard_ns = self.last_heard_ns()
        if self.active_line_lies_since_ns is None or heard_ns is None:
            return 0
        return max(0, heard_ns - self.active_line_lies_since_ns)

    def was_heard(self) -> bool:
        """Since the own start, whatever became of it."""
        return self.boot_id is not None

    def was_absent_since(self) -> bool:
        """Its slot was empty after its last beat: who is there now was not heard yet."""
        absent_ns, heard_ns = self.lines.absent_ns, self.last_heard_ns()
        return absent_ns is not None and (heard_ns is None or absent_ns > heard_ns)

    def last_heard_ns(self) -> int | None:
        heard = [m.last_heard_ns for m in self.monitors if m.last_heard_ns is not None]
        return max(heard, default=None)

    def has_active_line_moved(self) -> bool:
        """Since its last beat: who holds and is not heard let go at least once since."""
        moved_ns, heard_ns = self.lines.active_moved_ns, self.last_heard_ns()
        return moved_ns is not None and (heard_ns is None or moved_ns > heard_ns)

    def calls_us_silent_at_ns(self) -> int:
        """When the peer will judge this node SILENT if it hears nothing more."""
        return max((m.peer_calls_us_silent_at_ns() for m in self.monitors), default=0)

    def usable_paths(self) -> list[PathMonitor]:
        """Paths to send on, best first: ALIVE and heard over there before the rest; of those alike
        a network before a line, which a picture would fill; then in the order of the file."""

        def badness(monitor: PathMonitor) -> tuple[int, bool]:
            is_unheard = monitor.peer_hears_us() is False
            is_line = monitor.settings.kind is PathKind.SERIAL
            return 2 * (monitor.health is not PathHealth.ALIVE) + is_unheard, is_line

        heard = [m for m in self.monitors if m.hears_peer()]
        return sorted(heard, key=badness)

    # ---- waits that evidence needs

    def _note_waits(self, now_ns: int) -> None:
        """Since when nobody holds by its word, its lines contradict each other or its word, or it
        is ACTIVE and hears nothing from here."""

        def since(before_ns: int | None, is_so: bool) -> int | None:
            return (before_ns or now_ns) if is_so else None

        levels, is_heard = self.lines.believed, self.is_heard()
        is_unheld = is_heard and self._says_nothing_is_held()
        is_stuck = self.has_left and levels.active is True
        is_unclear = levels.health is False and levels.active is not False
        is_rival = is_heard and self._says(Role.ACTIVE)
        is_lying = (is_rival and levels.active is False) or (is_unheld and levels.active is True)
        self.unheld_since_ns = since(self.unheld_since_ns, is_unheld)
        self.contradiction_since_ns = since(
            self.contradiction_since_ns, is_stuck or (is_unclear and not is_heard)
        )
        self.deaf_rival_since_ns = since(
            self.deaf_rival_since_ns, is_rival and self.hears_us() is False
        )
        self.active_line_lies_since_ns = since(self.active_line_lies_since_ns, is_lying)

    def _says(self, *roles: Role) -> bool:
        return self.draft is not None and self.draft.role in roles

    def _says_nothing_is_held(self) -> bool:
        return self._says(Role.STARTING, Role.STANDBY)

    def holds_nothing(self) -> bool:
        """By its last word."""
        is_released = self.draft is not None and self.draft.is_released
        return is_released or self._says(Role.STARTING, Role.STANDBY, Role.FAULT)

    # ---- jeopardy: one path left

    def is_in_jeopardy_on(self, path: str) -> bool:
        """``path`` is the last one, and it carried a beat after the others had fallen silent."""
        return self._last_path_proven == path

    def _note_lone_path(self, now_ns: int) -> None:
        alive = [m for m in self.monitors if m.health is not PathHealth.SILENT]
        if len(self.monitors) < 2 or len(alive) != 1:
            self._lone_path = None
            if len(alive) > 1:
                self._last_path_proven = None
            return
        name = alive[0].name
        if self._lone_path is None or self._lone_path[0] != name:
            self._lone_path = (name, now_ns)
        last_ns = alive[0].last_heard_ns
        if last_ns is not None and last_ns > self._lone_path[1]:
            self._last_path_proven = name
