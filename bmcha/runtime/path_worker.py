"""The thread of one path: opens the link, turns the beat engine, posts its events.

Only this thread touches the link, but for `wake`. A port that fails is closed, named as the
path's fault in the next summary, and opened again with growing pauses; the engine turns on
meanwhile, so that silence is reported and counted all the same. No decision is made here: bytes
and time go into `Pulse`, frames and events come out. See docs/adr/0003-beat-engine.md.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Flag

from bmcha.hal.port import Link, PortError
from bmcha.model.event import Event
from bmcha.model.message import Heartbeat
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.runtime.frame_coder import FrameCoder
from bmcha.runtime.pace import Pace
from bmcha.runtime.pulse import Pulse
from bmcha.runtime.pulse_sender import Outgoing
from bmcha.runtime.worker import Clock, Post
from bmcha.wire.frame import Address

BACKOFF_MIN_NS = 100 * NS_PER_MS
BACKOFF_MAX_NS = 2000 * NS_PER_MS
WRITES_PER_TURN_MAX = 32
"""Then it reads again: a snapshot on the way out must not delay a beat on the way in."""
RETRY_NS = 5 * NS_PER_MS
ODD_NS = 60 * NS_PER_S
"""Counts that should not grow are logged so often at most: a bad cable must not fill the log."""
REST_NS = 3 * NS_PER_MS
"""After a turn that brought noise: then a turn finds much of it at once, and a flood costs a
bounded part of one core. The kernel's buffers hold more than comes in that time (550 datagrams,
68 KB of a line), and a beat that is due or urgent ends the rest."""
CALM_CHUNKS_MAX = 8
"""More datagrams in one turn than a peer sends, even if each of them is sound."""
GOODBYE_NS_MAX = 200 * NS_PER_MS
"""How long a stopping path tries to send what is left."""


class PathWorker:
    def __init__(
        self,
        pulse: Pulse,
        link: Link,
        post: Post,
        clock: Clock,
        log: Callable[[str], None],
    ) -> None:
        self.name = f"path {pulse.settings.path}"
        self._pulse = pulse
        self._link = link
        self._coder = FrameCoder(link.is_stuffed, _address(pulse))
        self._post = post
        self._clock = clock
        self._log = log
        self._is_open = False
        self._backoff_ns = BACKOFF_MIN_NS
        self._reopen_ns = 0
        self._stopped = Flag()
        self._woken = Flag()
        self._odd_counts = pulse.odd_counts
        self._odd_due_ns = 0
        self.pace = Pace(clock)

    def wake(self) -> None:
        """From the node's thread: there is something to send."""
        self._woken.set()
        self._link.wake()

    def stop(self) -> None:
        self._stopped.set()
        self.wake()

    def run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._turn()
            self._send_what_is_left()
        finally:
            if self._is_open:
                self._link.close()

    def _turn(self) -> None:
        self._reopen_if_due()
        now_ns = self._clock()
        wait_ns = max(0, self._pulse.due_ns(now_ns, self._is_open) - now_ns)
        self.pace.begin(wait_ns)
        chunks = self._read(wait_ns)
        self._woken.clear()
        now_ns = self._clock()
        self._pulse.woke(now_ns)
        is_noise = self._hear(chunks, now_ns)
        self._send(WRITES_PER_TURN_MAX)
        self._judge()
        self._summarise()
        if is_noise:
            self._rest()

    def _rest(self) -> None:
        now_ns = self._clock()
        rest_ns = min(REST_NS, self._pulse.due_ns(now_ns, self._is_open) - now_ns)
        if rest_ns > 0:
            # Also ended by a wake that came since the turn's read: what it is about is done first.
            self._woken.wait(rest_ns / NS_PER_S)

    def _reopen_if_due(self) -> None:
        now_ns = self._clock()
        if self._is_open or now_ns < self._reopen_ns:
            return
        try:
            self._link.open()
        except PortError as error:
            self._note_fault(str(error))
            return
        self._is_open = True
        self._coder.drop_tail()

    def _note_works(self) -> None:
        """Not said by opening alone: there are ports that open and fail at the first byte."""
        if self._pulse.fault:
            self._log(f"{self.name}: the port is back")
        self._pulse.fault = ""

    def _note_fault(self, why: str) -> None:
        if why != self._pulse.fault:
            self._log(f"{self.name}: {why}")
        self._pulse.fault = why
        self._reopen_ns = self._clock() + self._backoff_ns
        self._backoff_ns = min(BACKOFF_MAX_NS, self._backoff_ns * 2)

    def _lose(self, error: PortError) -> None:
        self._link.close()
        self._is_open = False
        self._note_fault(str(error))

    def _read(self, wait_ns: int) -> list[bytes]:
        """Waits on the link; while there is none, on the flag that `wake` sets."""
        if not self._is_open:
            wait_ns = min(wait_ns, max(0, self._reopen_ns - self._clock()))
            self._woken.wait(wait_ns / NS_PER_S)
            self._woken.clear()
            return []
        try:
            return self._link.read(wait_ns / NS_PER_S)
        except PortError as error:
            self._lose(error)
            return []

    def _hear(self, chunks: list[bytes], heard_ns: int) -> bool:
        """True: there was noise among it."""
        if not chunks:
            return False
        self._note_works()
        frames = self._coder.decode(chunks, heard_ns)
        for header, message in frames:
            # Only a port that brought something whole has proved to work.
            self._backoff_ns = BACKOFF_MIN_NS
            self._report(self._pulse.hear(header, message, heard_ns))
        return self._coder.was_noise or len(chunks) > CALM_CHUNKS_MAX

    def _send(self, writes_max: int) -> None:
        for _ in range(writes_max):
            if not self._is_open:
                return
            outgoing = self._pulse.offer(self._clock())
            if outgoing is None or not self._write(outgoing):
                return

    def _write(self, outgoing: Outgoing) -> bool:
        try:
            data = self._coder.encode(outgoing.header, outgoing.message, self._clock())
        except ValueError as error:
            if isinstance(outgoing.message, Heartbeat):
                raise  # A node that cannot say a beat must end, so that the peer takes over.
            self._log(f"{self.name}: {error}; the message is dropped")
            self._pulse.give_up(outgoing)
            return True
        try:
            is_taken = self._link.write(data)
        except PortError as error:
            self._pulse.note_refused(self._clock())
            self._lose(error)
            return False
        if is_taken:
            self._note_works()
            self._pulse.note_sent(outgoing, len(data), self._clock())
        else:
            self._pulse.note_refused(self._clock())
        return is_taken

    def _judge(self) -> None:
        looked_ns = self._clock()
        if not self._pulse.is_watch_due(looked_ns):
            return
        # Drain before declare: what came while this thread was busy is heard first.
        chunks = self._read(0) if self._is_open else []
        self._hear(chunks, self._clock())
        self._report(self._pulse.judge(looked_ns))

    def _summarise(self) -> None:
        if not self._pulse.is_summary_due(self._clock()):
            return
        self._pulse.note_link(self._coder.damage, self._link.signs())
        self._report(self._pulse.summary(self._clock()))
        odd_counts, now_ns = self._pulse.odd_counts, self._clock()
        if odd_counts != self._odd_counts and now_ns >= self._odd_due_ns:
            self._odd_due_ns = now_ns + ODD_NS
            grown = [
                f"{what}: {count}"
                for what, count in odd_counts.items()
                if count != self._odd_counts[what]
            ]
            self._log(f"{self.name}: {', '.join(grown)}")
            self._odd_counts = odd_counts

    def _report(self, event: Event | None) -> None:
        if event is not None and not self._post(event):
            self._log(f"{self.name}: the node is overrun, {type(event).__name__} was refused")

    def _send_what_is_left(self) -> None:
        """A goodbye that waits for its line still goes out, if it can in a short time."""
        end_ns = self._clock() + GOODBYE_NS_MAX
        while self._is_open and self._clock() < end_ns and not self._pulse.has_said_goodbye:
            self._send(WRITES_PER_TURN_MAX)
            if not self._pulse.has_messages:
                return
            # The time is spent on the link, so that a stream gets its bytes out.
            self._read(RETRY_NS)


def _address(pulse: Pulse) -> Address:
    settings = pulse.settings
    return Address(settings.chassis_id, settings.own_slot, settings.peer_slot)
