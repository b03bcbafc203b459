"""The beat engine of one path in Python: the readable twin of native/bmcha_pulse.c.

The simulator runs it, in virtual time; the service runs the one in C. Contract of both:
docs/adr/0003-beat-engine.md. Sans-I/O: no thread, no clock, no socket, no bytes; time and frames
are passed in, frames to send and events come out. It proves that its node decides (beats from a
fresh draft only), spares the node from beats without news, and reports silence only after
everything received was read. What silence means is the core's affair.

One turn, as native/bmcha_engine.c and the simulator take it:

    wait for bytes until pulse.due_ns(now)
    pulse.woke(now)                      how late am I?
    pulse.hear(...) for each frame       -> event or None
    while out := pulse.offer(now): write it, then note_sent or note_refused
    if pulse.is_watch_due(now): read once more without waiting, hear, pulse.judge(now) -> event
    pulse.summary(now)                   -> event twice a second
"""

from __future__ import annotations

from bmcha.model.event import (
    HeartbeatHeard,
    LinkSigns,
    MessageHeard,
    PathCounts,
    PathOverdue,
    PathSummarised,
)
from bmcha.model.key import NO_KEYS, KeySet
from bmcha.model.message import Header, Message
from bmcha.model.moment import NS_PER_MS
from bmcha.runtime.noise_meter import DATAGRAMS_PER_S, STREAM_BYTES_PER_S, NoiseMeter
from bmcha.runtime.out_queue import OutQueue, WatchOrder
from bmcha.runtime.published import DraftBoard
from bmcha.runtime.pulse_settings import PulseSettings
from bmcha.wire.frame import FORGED
from tests.world.boots import Candidates
from tests.world.echo_board import EchoBoard
from tests.world.frame_coder import Damage
from tests.world.keyring import Keyring
from tests.world.pulse_receiver import PulseReceiver, lateness_tolerated_ns
from tests.world.pulse_sender import Outgoing, PulseSender

SUMMARY_NS = 500 * NS_PER_MS
"""Two wake-ups a second and path are the node's budget when there is no news."""


class Pulse:
    """``fault`` says why the port cannot be used; the caller sets it, summaries carry it."""

    def __init__(
        self,
        settings: PulseSettings,
        drafts: DraftBoard,
        echoes: EchoBoard,
        queue: OutQueue,
        now_ns: int,
        keys: KeySet = NO_KEYS,
    ) -> None:
        self.settings = settings
        self.fault = ""
        self._queue = queue
        self.keyring = Keyring(settings, keys)
        candidates = Candidates()
        self._sender = PulseSender(
            settings, drafts, echoes, queue, now_ns, self.keyring, candidates
        )
        self._receiver = PulseReceiver(
            settings, echoes, self._sender.sent_ns, self.keyring, candidates
        )
        self._lateness_tolerated_ns = lateness_tolerated_ns(settings)
        self._damage = Damage()
        self._signs = LinkSigns()
        is_stream = settings.line_bytes_per_s is not None
        self._noise = NoiseMeter(STREAM_BYTES_PER_S if is_stream else DATAGRAMS_PER_S)
        self._expected_ns = now_ns
        self._summary_due_ns = now_ns + SUMMARY_NS

    @property
    def has_said_goodbye(self) -> bool:
        return self._sender.has_said_goodbye

    @property
    def has_messages(self) -> bool:
        """Something waits to be sent, apart from beats."""
        return self._sender.has_messages

    @property
    def odd_counts(self) -> dict[str, int]:
        """What should stay 0 and has no place in the summary; for the log."""
        return {
            "frames not for this path": self._receiver.ignored_count + self._damage.foreign_count,
            "frames heard twice or too late": self._receiver.repeated_count,
            "writes that the port refused": self._sender.refused_count,
            "mirror messages dropped": self._queue.dropped_count,
        }

    def due_ns(self, now_ns: int, can_send: bool = True) -> int:
        """Call again at this time at the latest; being called later counts as own lateness. While
        nothing can be sent (``can_send`` False: no port), what is to be sent is no reason to."""
        self._look(now_ns)
        self._take_watch_order()
        due_ns = self._summary_due_ns
        if can_send:
            due_ns = min(due_ns, self._sender.due_ns(now_ns))
        watch_due_ns = self._receiver.watch.due_ns(self._receiver.last_heard_ns)
        if watch_due_ns is not None:
            due_ns = min(due_ns, watch_due_ns)
        self._expected_ns = max(now_ns, due_ns)
        return due_ns

    def woke(self, now_ns: int) -> None:
        self._look(now_ns)
        self._take_watch_order()

    def hear(
        self, header: Header, message: Message, heard_ns: int
    ) -> HeartbeatHeard | MessageHeard | None:
        event = self._receiver.hear(header, message, heard_ns)
        proof = self._receiver.proof
        if proof.is_speaker_new:
            proof.is_speaker_new = False
            self._summary_due_ns = heard_ns
        return event

    def is_summary_due(self, now_ns: int) -> bool:
        """Time for `note_link`, and then `summary`."""
        return now_ns >= self._summary_due_ns

    def note_link(self, damage: Damage, signs: LinkSigns) -> None:
        """What came since boot and is never life, and what the port says: shown, not judged."""
        self._damage, self._signs = damage, signs

    def offer(self, now_ns: int) -> Outgoing | None:
        return self._sender.offer(now_ns)

    def note_sent(self, outgoing: Outgoing, size_bytes: int, now_ns: int) -> None:
        self._sender.note_sent(outgoing, size_bytes, now_ns)

    def note_refused(self, now_ns: int) -> None:
        self._sender.note_refused(now_ns)

    def give_up(self, outgoing: Outgoing) -> None:
        self._sender.give_up(outgoing)

    def beats_went_on(self, since_ns: int, now_ns: int) -> bool:
        return self._sender.beats_went_on(since_ns, now_ns)

    def is_watch_due(self, now_ns: int) -> bool:
        self._look(now_ns)
        due_ns = self._receiver.watch.due_ns(self._receiver.last_heard_ns)
        return due_ns is not None and now_ns >= due_ns

    def judge(self, looked_ns: int) -> PathOverdue | None:
        return self._receiver.judge(looked_ns)

    def summary(self, now_ns: int) -> PathSummarised | None:
        if not self.is_summary_due(now_ns):
            return None
        damage = self._damage
        self._noise.sample(damage.noise_count + self._signs.unread_count, now_ns)
        self._summary_due_ns += ((now_ns - self._summary_due_ns) // SUMMARY_NS + 1) * SUMMARY_NS
        receiver, sender = self._receiver, self._sender
        receiver.proof.look(now_ns)
        unproven = receiver.proof.bad_counts
        forged_count = sum(unproven.get(reason, 0) for reason in FORGED)
        return PathSummarised(
            path=self.settings.path,
            header=receiver.last_header,
            heartbeat=receiver.last_heartbeat,
            last_heard_ns=receiver.last_heard_ns,
            counts=PathCounts(
                rx_count=receiver.rx_count,
                tx_count=sender.tx_count,
                lost_count=receiver.lost_count,
                bad_count=damage.bad_count,
                forged_count=damage.forged_count + forged_count,
                withheld_count=sender.withheld_count,
                rtt_us=receiver.rtt_us,
                bad_counts=(
                    *damage.bad_counts,
                    *((reason.name, count) for reason, count in unproven.items()),
                ),
                noise_per_s=self._noise.per_s,
                is_noisy=self._noise.is_noisy,
                foreign_count=damage.foreign_count + receiver.ignored_count,
                foreign_chassis_id=damage.foreign_chassis_id,
                twin=receiver.twin,
                unproven_ns=receiver.proof.unproven_ns,
                signs=self._signs,
            ),
            fault=self.fault,
        )

    def _take_watch_order(self) -> None:
        order: WatchOrder | None = self._queue.take_watch()
        if order is not None:
            self._receiver.arm(order)

    def _look(self, now_ns: int) -> None:
        """Measure own lateness against the time promised, or against the last look: from then on
        the engine waits for nothing, so time that passed was taken from it."""
        late_ns = now_ns - self._expected_ns
        if late_ns > self._lateness_tolerated_ns:
            self._receiver.watch.grant(late_ns)
        self._expected_ns = now_ns
