"""The receiving half of the beat engine: what counts as life on one path, what is news, and when
the path's watch has run out.

Sans-I/O: frames come in decoded, with their time of arrival. It judges no peer and knows no role;
it only spares the node from hearing the same thing a hundred times a second. The rules are those
of docs/adr/0003-beat-engine.md, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable

from bmcha.model.event import HeartbeatHeard, MessageHeard, PathOverdue
from bmcha.model.hearsay import Twin
from bmcha.model.message import (
    AGE_NEVER_NS,
    Header,
    Heartbeat,
    HeartbeatDraft,
    Message,
    Pairing,
    PathEcho,
)
from bmcha.model.moment import NS_PER_MS
from bmcha.runtime.out_queue import WatchOrder
from bmcha.runtime.pulse_settings import EchoLimits, PulseSettings
from bmcha.wire.frame import judge_address, says_own_slot
from tests.world.boots import Candidates
from tests.world.echo_board import EchoBoard, LastHeard
from tests.world.keyring import Keyring
from tests.world.proof import LATE_MAX_NS, Proof

SEQUENCE_MODULUS = 1 << 32
NS_PER_US = 1000
# The draft's fields whose change wakes the node. The others move with every beat or are read
# when something else is news; the twice-a-second summary brings them.
NEWS_FIELDS = (
    *("revision", "epoch", "role", "reason", "is_holding", "is_released"),
    *("will_claim_on_silence", "health", "firmware_level"),
)


def draft_news(draft: HeartbeatDraft) -> tuple[object, ...]:
    return tuple(getattr(draft, name) for name in NEWS_FIELDS)


def echo_level(echo: PathEcho, limits: EchoLimits) -> int:
    """0 fresh, 1 late, 2 silent, 3 never: a change of level is news, another age is not."""
    if echo.is_never:
        return 3
    return (echo.age_ns > limits.late_after_ns) + (echo.age_ns > limits.silent_after_ns)


class SequenceGuard:
    """Tells new frames from repeated ones, and counts what is missing between them.

    Sequences are compared modulo 2^32, so that the count may wrap after a year of uptime.
    """

    def __init__(self) -> None:
        self._boot_id: int | None = None
        self._former_boot_id: int | None = None
        self._sequence = 0
        self._new_ns = 0
        self.lost_count = 0
        self.repeated_count = 0

    def is_late(self, header: Header, heard_ns: int) -> bool:
        """Of frames that nobody signed: of a sender that restarted, a frame of the boot id before
        was late. If it is the present one that falls silent meanwhile, its own word was the late
        one, and the boot id before is heard again."""
        is_other = header.boot_id != self._boot_id
        is_former = is_other and header.boot_id == self._former_boot_id
        if is_former and heard_ns - self._new_ns < LATE_MAX_NS:
            self.repeated_count += 1
            return True
        return False

    def is_new(self, header: Header, heard_ns: int) -> bool:
        is_other = header.boot_id != self._boot_id
        ahead_count = (header.sequence - self._sequence) % SEQUENCE_MODULUS
        if is_other:
            self._former_boot_id, self._boot_id = self._boot_id, header.boot_id
        elif ahead_count == 0 or ahead_count >= SEQUENCE_MODULUS // 2:
            self.repeated_count += 1
            return False
        else:
            self.lost_count += ahead_count - 1
        self._sequence, self._new_ns = header.sequence, heard_ns
        return True


class Watch:
    """Judges silence. Time in which the engine itself was late is granted to the peer."""

    def __init__(self) -> None:
        self._order: WatchOrder | None = None
        self._granted_ns = 0
        self._is_reported = False

    def arm(self, order: WatchOrder, is_ever_heard: bool) -> None:
        if not is_ever_heard:
            # It counts from now; lateness of before is none of its business.
            self._granted_ns = 0
        self._order = order
        self._is_reported = False

    def heard(self) -> None:
        self._granted_ns = 0
        self._is_reported = False

    def grant(self, lateness_ns: int) -> None:
        self._granted_ns += lateness_ns

    def due_ns(self, last_heard_ns: int | None) -> int | None:
        """When this watch runs out; None: no watch, or it is reported already."""
        if self._order is None or self._is_reported:
            return None
        since_ns = self._order.armed_ns if last_heard_ns is None else last_heard_ns
        return since_ns + self._order.silent_after_ns + self._granted_ns

    def report(self) -> None:
        self._is_reported = True


class PulseReceiver:
    """``sent_ns`` tells when a beat of ours was sent (`PulseSender.sent_ns`)."""

    def __init__(
        self,
        settings: PulseSettings,
        echoes: EchoBoard,
        sent_ns: Callable[[int], int | None],
        keyring: Keyring,
        candidates: Candidates,
    ) -> None:
        self._settings = settings
        self._echoes = echoes
        self._keyring = keyring
        self.proof = Proof(settings, echoes.boots, candidates, sent_ns)
        self._sent_ns = sent_ns
        self._guard = SequenceGuard()
        self._news: tuple[object, ...] = ()
        # A path counts as overdue until beats were heard, at boot too.
        self._beats_in_row = 0
        self.watch = Watch()
        self.last_header: Header | None = None
        self.last_heartbeat: Heartbeat | None = None
        self.last_heard_ns: int | None = None
        self.rtt_us: int | None = None
        self.rx_count = 0
        self.bad_count = 0
        self.ignored_count = 0
        self.twin: Twin | None = None

    @property
    def lost_count(self) -> int:
        return self._guard.lost_count

    @property
    def repeated_count(self) -> int:
        return self._guard.repeated_count + self.proof.late_count

    def hear(
        self, header: Header, message: Message, heard_ns: int
    ) -> HeartbeatHeard | MessageHeard | None:
        """None: not for us, not new, or no news."""
        settings = self._settings
        if isinstance(message, Pairing):
            return self._hear_pairing(header, message, heard_ns)
        if judge_address(header, settings.chassis_id, settings.own_slot, settings.peer_slot):
            self._hear_other(header, message, heard_ns)
            return None
        if not self._is_to_be_heard(header, message, heard_ns):
            return None
        self.rx_count += 1
        if not isinstance(message, Heartbeat):
            return MessageHeard(settings.path, header, message, heard_ns)
        return self._hear_beat(header, message, heard_ns)

    def _hear_pairing(self, header: Header, message: Pairing, heard_ns: int) -> MessageHeard | None:
        """Neither life nor a word of the node: R10."""
        settings = self._settings
        is_others = judge_address(
            header, settings.chassis_id, settings.own_slot, settings.peer_slot
        )
        is_stream = settings.line_bytes_per_s is not None
        if is_others or not is_stream or not self._keyring.takes_pairing(heard_ns):
            self.ignored_count += 1
            return None
        self.rx_count += 1
        return MessageHeard(settings.path, header, message, heard_ns)

    def _hear_other(self, header: Header, message: Message, heard_ns: int) -> None:
        """None of the peer's: counted. Who says our slot and is not ourselves, by an echo, is a
        twin."""
        settings = self._settings
        is_ours = says_own_slot(header, settings.chassis_id, settings.own_slot)
        if is_ours and header.boot_id != settings.boot_id and isinstance(message, Heartbeat):
            is_signed = self._keyring.vouches(header)
            if is_signed and not self.proof.is_twin_of_now(header, message, heard_ns):
                return
            self.twin = Twin(header.boot_id, message.draft.role, header.epoch, heard_ns)
        self.ignored_count += 1

    def _is_to_be_heard(self, header: Header, message: Message, heard_ns: int) -> bool:
        if self._keyring.vouches(header):
            is_of_now = self.proof.is_of_now(header, message, heard_ns)
            return is_of_now and self._guard.is_new(header, heard_ns)
        if self._guard.is_late(header, heard_ns):
            return False
        return self._guard.is_new(header, heard_ns)

    def arm(self, order: WatchOrder) -> None:
        self.watch.arm(order, self.last_heard_ns is not None)

    def judge(self, looked_ns: int) -> PathOverdue | None:
        """``looked_ns`` was taken before the last read, which left nothing unread: a beat that
        came in time is never overlooked because this thread was slow."""
        due_ns = self.watch.due_ns(self.last_heard_ns)
        if due_ns is None or looked_ns < due_ns:
            return None
        self.watch.report()
        self._beats_in_row = 0
        return PathOverdue(self._settings.path, self.last_heard_ns)

    def _hear_beat(
        self, header: Header, heartbeat: Heartbeat, heard_ns: int
    ) -> HeartbeatHeard | None:
        settings = self._settings
        self.watch.heard()
        self._beats_in_row += 1
        self.last_header, self.last_heartbeat, self.last_heard_ns = header, heartbeat, heard_ns
        heard = LastHeard(header.boot_id, header.sequence, heard_ns)
        self._echoes.note(settings.echo_index, heard)
        echoes = self._echoes_of_this_boot(heartbeat)
        self._measure_round_trip(echoes, heard_ns)
        news = (
            header.boot_id,
            header.epoch,
            heartbeat.interval_ms,
            heartbeat.deadtime_ms,
            *draft_news(heartbeat.draft),
            # Not strict: the number of paths is the sender's word, not ours.
            *(echo_level(*pair) for pair in zip(echoes, settings.echo_limits, strict=False)),
        )
        is_news = news != self._news or self._beats_in_row <= settings.recovery_beats_min
        self._news = news
        if not is_news:
            return None
        return HeartbeatHeard(settings.path, header, heartbeat, heard_ns, self._beats_in_row)

    def _echoes_of_this_boot(self, heartbeat: Heartbeat) -> tuple[PathEcho, ...]:
        """An echo of another boot of ours says nothing about this one."""
        if heartbeat.draft.echo_boot_id == self._settings.boot_id:
            return heartbeat.echoes
        return tuple(PathEcho(0, AGE_NEVER_NS) for _ in heartbeat.echoes)

    def _measure_round_trip(self, echoes: tuple[PathEcho, ...], heard_ns: int) -> None:
        if self._settings.echo_index >= len(echoes):
            return
        echo = echoes[self._settings.echo_index]
        sent_ns = None if echo.is_never else self._sent_ns(echo.sequence)
        if sent_ns is not None:
            self.rtt_us = max(0, heard_ns - sent_ns - echo.age_ns) // NS_PER_US


def lateness_tolerated_ns(settings: PulseSettings) -> int:
    """A quarter of a beat: less is the timer's own jitter and would only stretch dead times."""
    return settings.interval_ms * NS_PER_MS // 4
