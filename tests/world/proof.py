"""Whether a signed frame is of now: the twin of native/bmcha_proof.c (docs/adr/0025, A2 to A7).

One a path; what the frame is worth then is `pulse_receiver`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable

from bmcha.model.message import Header, Heartbeat, Message
from bmcha.model.moment import NS_PER_MS
from bmcha.runtime.pulse_settings import PulseSettings
from bmcha.wire.frame import BadReason
from tests.world.boots import EARLY_MAX_NS, Boots, Candidates

LATE_MAX_NS = 500 * NS_PER_MS
"""No queue on the way holds a frame for longer."""


SPEAKER_NS = 500 * NS_PER_MS


class Proof:
    """``sent_ns`` tells when a beat of ours was sent (`PulseSender.sent_ns`). What is no frame of
    now is in ``bad_counts``, or of a boot that is just over: ``late_count``."""

    def __init__(
        self,
        settings: PulseSettings,
        boots: Boots,
        candidates: Candidates,
        sent_ns: Callable[[int], int | None],
    ) -> None:
        self._settings = settings
        self._boots = boots
        self._candidates = candidates
        self._sent_ns = sent_ns
        self._in_force: int | None = None
        self._in_force_ns = 0
        self.bad_counts: dict[BadReason, int] = {}
        self.unproven_ns: int | None = None
        self.is_speaker_new = False
        """Somebody speaks who has proved nothing, and the node does not know it yet."""
        self.late_count = 0
        self._early_ns = max(EARLY_MAX_NS, 4 * settings.interval_ms * NS_PER_MS)

    def is_of_now(self, header: Header, message: Message, heard_ns: int) -> bool:
        """It is of the boot in force, which it may just have become."""
        sent_ns = self._named_ns(message)
        self._note_succession(self._boots.in_force, heard_ns)
        if self._in_force != header.boot_id:
            if self._boots.is_past(header.boot_id):
                self._note_past(heard_ns)
                return False
            # A boot that is over named what we sent before this one's latest word.
            if sent_ns is None or not self._boots.is_newer(sent_ns):
                self.note_unproven(header, message, heard_ns)
                self._note_speaker(message, heard_ns)
                return False
            self._boots.succeed(header.boot_id, sent_ns)
            self._note_succession(header.boot_id, heard_ns)
        if sent_ns is not None:
            self._boots.prove(sent_ns)
        self._count(BadReason.REPLAYED, self._candidates.condemn(heard_ns - LATE_MAX_NS))
        return True

    def is_twin_of_now(self, header: Header, message: Heartbeat, heard_ns: int) -> bool:
        """Somebody says our slot: now, or is it one of our own frames of before?"""
        # It stays a candidate, so that our beats go on naming it: it has to know of us too.
        self.note_unproven(header, message, heard_ns)
        if message.draft.echo_boot_id != self._settings.boot_id:
            self._note_speaker(message, heard_ns)
            return False
        self._count(BadReason.UNPROVEN, self._candidates.forgive(header.boot_id) - 1)
        return True

    def note_unproven(self, header: Header, message: Message, heard_ns: int) -> None:
        sequence = header.sequence if isinstance(message, Heartbeat) else 0
        lost_count = self._candidates.note(header.boot_id, sequence, heard_ns)
        self._count(BadReason.REPLAYED, lost_count)

    def look(self, now_ns: int) -> None:
        """Twice a second: who had time enough to prove himself?"""
        self._count(BadReason.REPLAYED, self._candidates.condemn(now_ns - self._early_ns))

    def _note_speaker(self, message: Message, heard_ns: int) -> None:
        if not isinstance(message, Heartbeat) or self._boots.in_force is not None:
            return
        last_ns = self.unproven_ns
        self.is_speaker_new = last_ns is None or heard_ns - last_ns >= SPEAKER_NS
        self.unproven_ns = heard_ns

    def _note_past(self, heard_ns: int) -> None:
        if heard_ns - self._in_force_ns < LATE_MAX_NS:
            self.late_count += 1
        else:
            self._count(BadReason.REPLAYED, 1)

    def _note_succession(self, in_force: int | None, heard_ns: int) -> None:
        """On this path: since when the boot in force is."""
        if in_force is not None and in_force != self._in_force:
            self._in_force, self._in_force_ns = in_force, heard_ns
            self._count(BadReason.UNPROVEN, self._candidates.drop(in_force))

    def _named_ns(self, message: Message) -> int | None:
        """When that beat of ours left that it names here, if it is one of the last ones."""
        settings = self._settings
        if not isinstance(message, Heartbeat) or len(message.echoes) <= settings.echo_index:
            return None
        echo = message.echoes[settings.echo_index]
        if message.draft.echo_boot_id != settings.boot_id or echo.is_never:
            return None
        return self._sent_ns(echo.sequence)

    def _count(self, reason: BadReason, count: int) -> None:
        if count:
            self.bad_counts[reason] = self.bad_counts.get(reason, 0) + count
