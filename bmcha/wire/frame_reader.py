"""Frames out of a byte stream that arrives in pieces.

Holds what came after the last delimiter, and never more of it than the largest frame. How the
stream is cut into reads makes no difference to the frames or to the counts. Noise costs at most
what stands before the next delimiter. One reader a path, used by that path's thread alone.
"""

from __future__ import annotations

from bmcha.wire import tables
from bmcha.wire.frame import BadFrame, BadReason, Codec, RawFrame
from bmcha.wire.front import native_codec


class FrameReader:
    """``bad_counts`` has every reason met so far; the caller may add its own findings to it."""

    def __init__(self, codec: Codec | None = None) -> None:
        self._codec = codec or native_codec()
        self._tail = b""
        self._is_overlong = False
        self.bad_counts: dict[BadReason, int] = {}

    @property
    def bad_count(self) -> int:
        return sum(self.bad_counts.values())

    def count_bad(self, reason: BadReason) -> None:
        self.bad_counts[reason] = self.bad_counts.get(reason, 0) + 1

    def feed(self, data: bytes) -> list[RawFrame]:
        """The frames that these bytes complete, in order. Damage is counted, never raised."""
        if self._is_overlong:
            data = self._behind_delimiter(data)
        if self._tail:
            data = self._tail + data
        decoded, taken = self._codec.decode_stream(data)
        self._tail = data[taken:]
        if len(self._tail) >= tables.STUFFED_BYTES_MAX:
            # Whatever comes now, it is too long; forget it and wait for its end.
            self._tail = b""
            self._is_overlong = True
        return self._sound(decoded)

    def feed_datagram(self, data: bytes) -> list[RawFrame]:
        """The frame of a datagram, or nothing. Nothing is kept between datagrams."""
        return self._sound([self._codec.decode_datagram(data)])

    def drop_tail(self) -> None:
        """The link was opened anew: what was begun will not be continued."""
        self._tail = b""
        self._is_overlong = False

    def _behind_delimiter(self, data: bytes) -> bytes:
        end = data.find(b"\0")
        if end < 0:
            return b""
        self._is_overlong = False
        self.count_bad(BadReason.TOO_LONG)
        return data[end + 1 :]

    def _sound(self, decoded: list[RawFrame | BadFrame]) -> list[RawFrame]:
        frames = []
        for item in decoded:
            if isinstance(item, BadFrame):
                self.count_bad(item.reason)
            else:
                frames.append(item)
        return frames
