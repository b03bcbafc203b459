"""The sending half of the beat engine: what goes out on one path, and when.

Sans-I/O: it is asked what to send now (`offer`), the caller writes it and says how that went
(`note_sent`, `note_refused`). It knows no bytes, no clock and no thread, and decides nothing about
roles. Rules, in the words of docs/adr/0003-beat-engine.md: beats at absolute deadlines; at once
when urgent; nothing from a draft older than the stall limit; beat, then role, then mirror.
"""

from __future__ import annotations

from dataclasses import replace

from bmcha.model.message import (
    AGE_NEVER_NS,
    Goodbye,
    Header,
    Heartbeat,
    HeartbeatDraft,
    Message,
    Pairing,
    PathEcho,
)
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.model.record import dataclass
from bmcha.runtime.out_queue import Letter, OutQueue
from bmcha.runtime.published import DraftBoard, PublishedDraft
from bmcha.runtime.pulse_settings import PulseSettings, did_beats_go_on
from tests.world.boots import EARLY_MAX_NS, Candidates
from tests.world.echo_board import EchoBoard
from tests.world.keyring import Keyring

SEQUENCE_MASK = 0xFFFF_FFFF
SEND_TIMES_MAX = 64
"""Beats whose send time is kept: an echo older than this many beats tells no round trip."""
ECHO_MASK = 0xFFFF
"""An echo has room for so much of a sequence; more than enough to name one of the last 64."""
RETRY_NS_MAX = 10 * NS_PER_MS
"""After a refused write; short against every dead time, long against a busy loop."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """``urgent_count`` is that of the draft that a beat was made from; None: not a beat."""

    header: Header
    message: Message
    urgent_count: int | None


class PulseSender:
    def __init__(
        self,
        settings: PulseSettings,
        drafts: DraftBoard,
        echoes: EchoBoard,
        queue: OutQueue,
        now_ns: int,
        keyring: Keyring,
        candidates: Candidates,
    ) -> None:
        self._settings = settings
        self._keyring = keyring
        self._candidates = candidates
        self._drafts = drafts
        self._echoes = echoes
        self._queue = queue
        self._interval_ns = settings.interval_ms * NS_PER_MS
        self._beat_due_ns = now_ns
        self._urgent_sent_count = 0
        self._sequence = 0
        self._sent_ns: list[tuple[int, int]] = [(0, 0)] * SEND_TIMES_MAX
        self._role_letter: Letter | None = None
        self._mirror_letter: Letter | None = None
        self._line_free_ns = now_ns
        self._retry_ns = now_ns
        self._has_said_goodbye = False
        self._offered_ns = now_ns
        self._last_beat_ns: int | None = None
        self._unbroken_ns = 0
        self.tx_count = 0
        self.withheld_count = 0
        self.refused_count = 0

    @property
    def has_said_goodbye(self) -> bool:
        return self._has_said_goodbye

    def offer(self, now_ns: int) -> Outgoing | None:
        """The frame to write now; the same one is offered again until it was sent."""
        published = self._fresh_draft(now_ns)
        if published is None or self._has_said_goodbye or now_ns < self._retry_ns:
            return None
        if now_ns >= self._beat_due_ns or published.urgent_count != self._urgent_sent_count:
            return self._beat(published, now_ns)
        letter = self._letter(now_ns)
        if letter is None:
            return None
        header = self._header(letter.target_slot, published.draft.epoch)
        if isinstance(letter.message, Pairing):
            header = replace(header, sequence=0, key_id=0)
        return Outgoing(header, letter.message, None)

    def note_sent(self, outgoing: Outgoing, size_bytes: int, now_ns: int) -> None:
        self.tx_count += 1
        if not isinstance(outgoing.message, Pairing):
            self._sequence = outgoing.header.sequence
        if self._settings.line_bytes_per_s is not None:
            line_ns = size_bytes * NS_PER_S // self._settings.line_bytes_per_s
            self._line_free_ns = max(self._line_free_ns, now_ns) + line_ns
        if outgoing.urgent_count is not None:
            self._sent_ns[self._sequence % SEND_TIMES_MAX] = (self._sequence, now_ns)
            self._urgent_sent_count = outgoing.urgent_count
            self._note_beat_time(now_ns)
            self._pass_deadlines(now_ns)
        elif self._role_letter is not None:
            self._role_letter = None
            self._has_said_goodbye = isinstance(outgoing.message, Goodbye)
        else:
            self._mirror_letter = None

    def beats_went_on(self, since_ns: int, now_ns: int) -> bool:
        """From before ``since_ns`` until now, without a hole (T3)."""
        last_ns = self._last_beat_ns
        return last_ns is not None and did_beats_go_on(
            self._settings, last_ns, self._unbroken_ns, since_ns, now_ns
        )

    def _note_beat_time(self, now_ns: int) -> None:
        hole_ns = (self._settings.deadtime_ms - self._settings.interval_ms) * NS_PER_MS
        if self._last_beat_ns is None or now_ns - self._last_beat_ns > hole_ns:
            self._unbroken_ns = now_ns
        # It left after it was offered, and this thread may have stood still on either side.
        self._last_beat_ns = self._offered_ns

    def note_refused(self, now_ns: int) -> None:
        """The medium could not take it. A beat is made afresh at the next try, so it never tells
        old news; a message keeps its place."""
        self.refused_count += 1
        self._retry_ns = now_ns + min(RETRY_NS_MAX, self._interval_ns // 4)

    def sent_ns(self, echoed_sequence: int) -> int | None:
        """When the beat was sent whose sequence has these low 16 bits, if that is still known."""
        known, sent_ns = self._sent_ns[echoed_sequence % SEND_TIMES_MAX]
        is_it = known and known & ECHO_MASK == echoed_sequence & ECHO_MASK
        return sent_ns if is_it else None

    def give_up(self, outgoing: Outgoing) -> None:
        """A message that cannot be said on the wire: it is dropped, and uses no sequence."""
        if self._role_letter is not None and outgoing.message is self._role_letter.message:
            self._role_letter = None
        else:
            self._mirror_letter = None

    def due_ns(self, now_ns: int) -> int:
        """The next time at which `offer` may have something, if nobody publishes or queues."""
        published = self._drafts.current
        if self._has_said_goodbye or published is None:
            return now_ns + self._interval_ns
        if not self._is_fresh(published, now_ns):
            return self._beat_due_ns
        due_ns = self._beat_due_ns
        if self._has_role() or published.urgent_count != self._urgent_sent_count:
            due_ns = min(due_ns, now_ns)
        elif self._has_mirror():
            due_ns = min(due_ns, max(now_ns, self._line_free_ns))
        return max(due_ns, self._retry_ns)

    @property
    def has_messages(self) -> bool:
        return self._has_role() or self._has_mirror()

    def _has_role(self) -> bool:
        return self._role_letter is not None or self._queue.has_role

    def _has_mirror(self) -> bool:
        return self._mirror_letter is not None or self._queue.has_mirror

    def _fresh_draft(self, now_ns: int) -> PublishedDraft | None:
        """None while there is no draft, or only one that proves no decisions any more."""
        published = self._drafts.current
        if published is None:
            return None
        if self._is_fresh(published, now_ns):
            return published
        if now_ns >= self._beat_due_ns:
            self.withheld_count += self._pass_deadlines(now_ns)
        return None

    def _is_fresh(self, published: PublishedDraft, now_ns: int) -> bool:
        return now_ns - published.published_ns <= self._settings.stall_limit_ms * NS_PER_MS

    def _pass_deadlines(self, now_ns: int) -> int:
        """Move on to the first deadline after ``now_ns``, on the same grid; how many passed.
        Missed beats are not made good: a burst would prove no more than one beat."""
        if now_ns < self._beat_due_ns:
            return 0
        passed_count = (now_ns - self._beat_due_ns) // self._interval_ns + 1
        self._beat_due_ns += passed_count * self._interval_ns
        return passed_count

    def _letter(self, now_ns: int) -> Letter | None:
        """Role before mirror; a mirror message only on a line that has sent all before it, so
        that a beat never waits for more than one of them."""
        self._role_letter = self._role_letter or self._queue.take_role()
        if self._role_letter is not None:
            return self._role_letter
        if now_ns < self._line_free_ns:
            return None
        self._mirror_letter = self._mirror_letter or self._queue.take_mirror()
        return self._mirror_letter

    def _beat(self, published: PublishedDraft, now_ns: int) -> Outgoing:
        self._offered_ns = now_ns
        draft, echoes = self._with_echoes(published.draft, now_ns)
        heartbeat = Heartbeat(
            draft=draft,
            interval_ms=self._settings.interval_ms,
            deadtime_ms=self._settings.deadtime_ms,
            echoes=echoes,
        )
        header = self._header(self._settings.peer_slot, draft.epoch)
        return Outgoing(header, heartbeat, published.urgent_count)

    def _with_echoes(
        self, draft: HeartbeatDraft, now_ns: int
    ) -> tuple[HeartbeatDraft, tuple[PathEcho, ...]]:
        """Who has no boot in force, or none that speaks here, says in turn whom else it hears, so
        that they can prove themselves (A6)."""
        unproven, heard_ns = None, self._echoes.newest_ns()
        turn_ns = max(EARLY_MAX_NS, 2 * self._interval_ns)
        is_quiet = heard_ns is None or now_ns - heard_ns >= turn_ns
        if self._echoes.boots.in_force is None or is_quiet:
            unproven = self._candidates.turn(self._sequence, now_ns - turn_ns)
        if unproven is None:
            return draft, self._echoes.echoes(draft.echo_boot_id, now_ns)
        echoes = [PathEcho(0, AGE_NEVER_NS)] * len(self._settings.echo_limits)
        age_ns = now_ns - unproven.heard_ns
        echoes[self._settings.echo_index] = PathEcho(unproven.sequence, age_ns)
        return replace(draft, echo_boot_id=unproven.boot_id), tuple(echoes)

    def _header(self, target_slot: int, epoch: int) -> Header:
        return Header(
            chassis_id=self._settings.chassis_id,
            source_slot=self._settings.own_slot,
            target_slot=target_slot,
            boot_id=self._settings.boot_id,
            epoch=epoch,
            sequence=(self._sequence + 1) & SEQUENCE_MASK or 1,
            key_id=self._keyring.sender_id,
        )
