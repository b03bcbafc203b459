"""What of a wire is broken just now, and what becomes of the bytes on their way.

Pure: no descriptor and no clock; time is told. Everything random comes from generators of its own,
one a direction, so that the same seed loses the same bytes of the same traffic. Rules:

- Datagrams are lost whole, each by chance. Of a stream runs of bytes are lost, as by a receiver
  whose FIFO overran, so that frames are damaged and not missing.
- Delay keeps the order: nothing overtakes what was sent before it, also while the delay changes.
- What is still under way when a wire is cut, or a slot unplugged, does not arrive.
- Noise is random bytes: between and inside the frames of a stream, as datagrams of its own on a
  network, where a damaged one would not have passed its checksum.

Used by `bmcha.sim.wires`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import field
from random import Random

from bmcha.model.record import dataclass

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
LOST_RUN_BYTES = 16
"""Mean length: the receive FIFO of a 16550 UART."""
WAITING_BYTES_MAX = 4 << 20
"""Per direction: ten seconds of a busy network. More is lost, as in a full queue."""
NOISE_PERIOD_NS = 10 * NS_PER_MS
NOISE_DATAGRAM_BYTES_MAX = 200
LINE_BYTES_PER_S = 11_520
"""115200 baud, ten bits a byte: how long a frame is on the line, exposed to noise."""


@dataclass(slots=True)
class WireFaults:
    """State of one wire. The keys of ``loss_percent`` and ``delay_ms`` are senders."""

    cut_senders: set[int] = field(default_factory=set)
    unplugged: set[int] = field(default_factory=set)
    deaf: set[int] = field(default_factory=set)
    """Slots without a process: nobody takes what is sent to them. What a process sent just
    before its end is still under way and arrives."""
    loss_percent: dict[int, float] = field(default_factory=dict)
    delay_ms: dict[int, int] = field(default_factory=dict)
    noise_bytes_per_s: int = 0

    def drops(self, sender: int, receiver: int) -> bool:
        is_broken = sender in self.cut_senders or bool(self.unplugged & {sender, receiver})
        return is_broken or receiver in self.deaf

    def answers_for(self, missing: int, asker: int) -> bool:
        """A host without the process answers that nobody is there, and the answer comes back."""
        slots = {missing, asker}
        return missing in self.deaf and not slots & (self.unplugged | self.cut_senders)

    def heal(self) -> None:
        """Of what was done to the wire nothing is left; who is plugged in is not its affair."""
        self.cut_senders.clear()
        self.loss_percent.clear()
        self.delay_ms.clear()
        self.noise_bytes_per_s = 0


class Loss:
    """Which of the bytes of one direction survive."""

    def __init__(self, random: Random, is_stream: bool) -> None:
        self._random = random
        self._is_stream = is_stream
        self._is_losing = False
        self._run_bytes_left = 0

    def survivors(self, data: bytes, percent: float) -> bytes:
        """``data`` is one datagram, or the next bytes of a stream. b"": all is lost."""
        if percent <= 0:
            self._run_bytes_left = 0  # the next loss begins with a fresh run
            self._is_losing = False
            return data
        if percent >= 100:
            return b""
        if not self._is_stream:
            return b"" if self._random.random() * 100 < percent else data
        return self._survivors_of_stream(data, percent / 100)

    def _survivors_of_stream(self, data: bytes, share: float) -> bytes:
        kept = bytearray()
        place = 0
        while place < len(data):
            if self._run_bytes_left == 0:
                self._begin_run(share)
            run = data[place : place + self._run_bytes_left]
            if not self._is_losing:
                kept += run
            self._run_bytes_left -= len(run)
            place += len(run)
        return bytes(kept)

    def _begin_run(self, share: float) -> None:
        """Lost and kept runs in turn; the first is as likely lost as any byte is."""
        self._is_losing = not self._is_losing
        mean = float(LOST_RUN_BYTES)
        if not self._is_losing:
            mean = LOST_RUN_BYTES * (1 - share) / share
        self._run_bytes_left = 1 + int(self._random.expovariate(1 / mean))


class Delay:
    """What is under way in one direction, first sent first."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0

    def send(self, data: bytes, delay_ms: int, now_ns: int) -> None:
        if self._waiting_bytes + len(data) > WAITING_BYTES_MAX:
            return
        due_ns = now_ns + delay_ms * NS_PER_MS
        if self._waiting:
            due_ns = max(due_ns, self._waiting[-1][0])
        self._waiting.append((due_ns, data))
        self._waiting_bytes += len(data)

    def arrived(self, now_ns: int) -> list[bytes]:
        found = []
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, data = self._waiting.popleft()
            self._waiting_bytes -= len(data)
            found.append(data)
        return found

    def due_ns(self) -> int | None:
        return self._waiting[0][0] if self._waiting else None

    def forget(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0


class Noise:
    """What one receiver hears that nobody sent."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._owed_bytes = 0.0
        self._told_ns: int | None = None

    def grown(self, bytes_per_s: int, now_ns: int) -> bytes:
        """The noise since the last call."""
        told_ns, self._told_ns = self._told_ns, now_ns
        if not bytes_per_s or told_ns is None:
            self._owed_bytes = 0.0
            if not bytes_per_s:
                self._told_ns = None
            return b""
        # After a stall there is a period's worth: noise does not catch up.
        elapsed_ns = min(now_ns - told_ns, 10 * NOISE_PERIOD_NS)
        self._owed_bytes += bytes_per_s * elapsed_ns / NS_PER_S
        count = max(0, int(self._owed_bytes))
        self._owed_bytes -= count
        return self._random.randbytes(count)

    def mixed_into(self, data: bytes, bytes_per_s: int) -> bytes:
        """A frame of a stream with the noise that came while it was on the line."""
        expected = len(data) * min(2.0, bytes_per_s / LINE_BYTES_PER_S)
        count = int(expected + self._random.random())
        if not count:
            return data
        self._owed_bytes -= count
        places = sorted(self._random.randrange(len(data) + 1) for _ in range(count))
        mixed = bytearray()
        begin = 0
        for place in places:
            mixed += data[begin:place] + self._random.randbytes(1)
            begin = place
        return bytes(mixed + data[begin:])

    def datagrams(self, noise: bytes) -> list[bytes]:
        found = []
        while noise:
            size = self._random.randint(1, NOISE_DATAGRAM_BYTES_MAX)
            found.append(noise[:size])
            noise = noise[size:]
        return found
