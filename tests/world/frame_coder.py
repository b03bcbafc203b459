"""One path's way between bytes and messages.

Holds what a stream has begun and not ended; knows no link and no clock. Damage is a count, never
an exception, and so is a sound frame that is none of ours. Used by the thread of its path alone.
"""

from __future__ import annotations

from bmcha.model.message import Header, Message
from bmcha.model.record import dataclass
from bmcha.wire.frame import FOREIGN, Address, BadFrame
from bmcha.wire.front import build_frame, parse_frame
from tests.world.frame_reader import FrameReader


@dataclass(frozen=True, slots=True)
class Damage:
    """What came over a path beside frames for it, since boot. ``noise_count`` is in bytes on a
    stream, else in datagrams; ``bad_counts`` are by reason, frames for others included."""

    bad_count: int = 0
    bad_counts: tuple[tuple[str, int], ...] = ()
    noise_count: int = 0
    foreign_count: int = 0
    foreign_chassis_id: int | None = None


class FrameCoder:
    """``is_stuffed``: a stream, with delimiters; else each chunk is a datagram with one frame.
    ``address``: whose frames are handed out, and those of whoever says its own slot; None:
    everybody's."""

    def __init__(self, is_stuffed: bool, address: Address | None = None) -> None:
        self._is_stuffed = is_stuffed
        self._reader = FrameReader(address=address)
        self.was_noise = False

    @property
    def damage(self) -> Damage:
        reader, counts = self._reader, self._reader.bad_counts
        bad_count = reader.bad_count
        return Damage(
            bad_count=bad_count,
            bad_counts=tuple((reason.name, count) for reason, count in counts.items()),
            noise_count=reader.noise_bytes if self._is_stuffed else bad_count,
            foreign_count=sum(counts.get(reason, 0) for reason in FOREIGN),
            foreign_chassis_id=reader.foreign_chassis_id,
        )

    def decode(self, chunks: list[bytes], heard_ns: int) -> list[tuple[Header, Message]]:
        """Every whole and sound frame of one read, in order. ``was_noise`` tells afterwards
        whether there was anything else in it."""
        if self._is_stuffed:
            noise_bytes = self._reader.noise_bytes
            raw_frames = self._reader.feed(b"".join(chunks))
            self.was_noise = self._reader.noise_bytes != noise_bytes
        else:
            raw_frames = self._reader.feed_datagrams(chunks)
            self.was_noise = len(raw_frames) < len(chunks)
        frames = []
        for raw in raw_frames:
            parsed = parse_frame(raw, heard_ns)
            if isinstance(parsed, BadFrame):
                self._reader.count_bad(parsed.reason)
            else:
                frames.append(parsed)
        return frames

    def encode(self, header: Header, message: Message, now_ns: int) -> bytes:
        """ValueError: the message cannot be said on the wire."""
        return build_frame(header, message, now_ns, self._is_stuffed)

    def drop_tail(self) -> None:
        """The link was opened anew: the frame that it was cut in will not be continued."""
        self._reader.drop_tail()
