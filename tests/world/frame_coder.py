"""One path's way between bytes and messages.

Holds what a stream has begun and not ended; knows no link and no clock. Damage is a count, never
an exception, and so is a sound frame that is none of ours. Used by the thread of its path alone.
"""

from __future__ import annotations

from dataclasses import replace

from bmcha.model.message import Header, Message, MessageType, Pairing
from bmcha.model.record import dataclass
from bmcha.wire.frame import FOREIGN, FORGED, Address, BadFrame, RawFrame
from bmcha.wire.front import native_codec, parse_frame
from bmcha.wire.messages import build_body, type_of
from tests.world.frame_reader import FrameReader
from tests.world.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Damage:
    """What came over a path beside frames for it, since boot. ``noise_count`` is in bytes on a
    stream, else in datagrams; ``bad_counts`` are by reason, frames for others included."""

    bad_count: int = 0
    bad_counts: tuple[tuple[str, int], ...] = ()
    noise_count: int = 0
    foreign_count: int = 0
    forged_count: int = 0
    foreign_chassis_id: int | None = None


class FrameCoder:
    """``is_stuffed``: a stream, with delimiters; else each chunk is a datagram with one frame.
    ``address``: whose frames are handed out, and those of whoever says its own slot; None:
    everybody's. ``keyring``: what they are signed with; None: they are not."""

    def __init__(
        self, is_stuffed: bool, address: Address | None = None, keyring: Keyring | None = None
    ) -> None:
        self._is_stuffed = is_stuffed
        self._keyring = keyring
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
            forged_count=sum(counts.get(reason, 0) for reason in FORGED),
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
            if not self._is_believed(raw, heard_ns):
                self.was_noise = True
                continue
            parsed = parse_frame(raw, heard_ns)
            if isinstance(parsed, BadFrame):
                self._reader.count_bad(parsed.reason)
            else:
                header, message = parsed
                if not raw.mac:
                    header = replace(header, key_id=0)
                frames.append((header, message))
        return frames

    def _is_believed(self, raw: RawFrame, now_ns: int) -> bool:
        if raw.type_number == MessageType.PAIRING.value:
            return True  # whoever brings the keys has none
        reason = self._keyring.judge(raw, now_ns) if self._keyring is not None else None
        if reason is not None:
            self._reader.count_bad(reason)
        return reason is None

    def encode(self, header: Header, message: Message, now_ns: int) -> bytes:
        """ValueError: the message cannot be said on the wire."""
        body, type_number = build_body(message, now_ns), type_of(message).value
        keyring = self._keyring
        is_signed = keyring is not None and not isinstance(message, Pairing)
        mac = keyring.sign(header, type_number, body) if keyring and is_signed else b""
        return native_codec().encode_frame(header, type_number, body, self._is_stuffed, mac)

    def seal(self, data: bytes) -> bytes:
        """The MAC for header and body of an own frame that somebody wrote anew."""
        return self._keyring.seal(data) if self._keyring is not None else b""

    def drop_tail(self) -> None:
        """The link was opened anew: the frame that it was cut in will not be continued."""
        self._reader.drop_tail()
