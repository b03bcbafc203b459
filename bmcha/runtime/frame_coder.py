"""One path's way between bytes and messages.

Holds what a stream has begun and not ended; knows no link and no clock. Damage is a count, never
an exception. Used by the thread of its path alone.
"""

from __future__ import annotations

from bmcha.model.message import Header, Message
from bmcha.wire.frame import BadFrame
from bmcha.wire.frame_reader import FrameReader
from bmcha.wire.front import build_frame, parse_frame


class FrameCoder:
    """``is_stuffed``: a stream, with delimiters; else each chunk is a datagram with one frame."""

    def __init__(self, is_stuffed: bool) -> None:
        self._is_stuffed = is_stuffed
        self._reader = FrameReader()

    @property
    def bad_count(self) -> int:
        return self._reader.bad_count

    def decode(self, chunks: list[bytes], heard_ns: int) -> list[tuple[Header, Message]]:
        """Every whole and sound frame of one read, in order."""
        if self._is_stuffed:
            raw_frames = self._reader.feed(b"".join(chunks))
        else:
            raw_frames = [raw for chunk in chunks for raw in self._reader.feed_datagram(chunk)]
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
