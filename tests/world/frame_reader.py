"""Frames out of a byte stream that arrives in pieces.

Holds what came after the last delimiter, and never more of it than the largest frame. How the
stream is cut into reads makes no difference to the frames or to the counts. Noise costs at most
what stands before the next delimiter. One reader a path, used by that path's thread alone.
"""

from __future__ import annotations

from bmcha.wire import tables
from bmcha.wire.frame import EARLY, FOREIGN, FORGED, Address, BadReason, Codec, RawFrame
from bmcha.wire.front import native_codec


class FrameReader:
    """Frames of ``address`` only; None: everybody's. The caller may add its own findings."""

    def __init__(self, codec: Codec | None = None, address: Address | None = None) -> None:
        self._sieve = (codec or native_codec()).make_sieve(address)
        self._tail_bytes_max = (
            tables.STUFFED_BYTES_MAX if address is None else tables.PATH_STUFFED_BYTES_MAX
        )
        self._tail = b""
        self._is_overlong = False
        self._own_counts: dict[BadReason, int] = {}
        self._own_noise_bytes = 0

    @property
    def bad_counts(self) -> dict[BadReason, int]:
        """Every reason met so far."""
        counts = dict(self._sieve.bad_counts)
        for reason, count in self._own_counts.items():
            counts[reason] = counts.get(reason, 0) + count
        return counts

    @property
    def bad_count(self) -> int:
        return sum(
            count
            for reason, count in self.bad_counts.items()
            if reason not in (*FOREIGN, *FORGED, *EARLY)
        )

    @property
    def noise_bytes(self) -> int:
        """What was received and stood in no frame."""
        return self._sieve.noise_bytes + self._own_noise_bytes

    @property
    def foreign_chassis_id(self) -> int | None:
        return self._sieve.foreign_chassis_id

    def count_bad(self, reason: BadReason) -> None:
        self._own_counts[reason] = self._own_counts.get(reason, 0) + 1

    def feed(self, data: bytes) -> list[RawFrame]:
        """The frames that these bytes complete, in order. Damage is counted, never raised."""
        if self._is_overlong:
            data = self._behind_delimiter(data)
        if self._tail:
            data = self._tail + data
        frames, taken = self._sieve.sift_stream(data)
        self._tail = data[taken:]
        if len(self._tail) >= self._tail_bytes_max:
            # Whatever comes now, it is too long; forget it and wait for its end.
            self._own_noise_bytes += len(self._tail)
            self._tail = b""
            self._is_overlong = True
        return frames

    def feed_datagrams(self, datagrams: list[bytes]) -> list[RawFrame]:
        """The frame of each datagram that has one. Nothing is kept between datagrams."""
        return self._sieve.sift_datagrams(datagrams)

    def drop_tail(self) -> None:
        """The link was opened anew: what was begun will not be continued."""
        self._tail = b""
        self._is_overlong = False

    def _behind_delimiter(self, data: bytes) -> bytes:
        end = data.find(b"\0")
        self._own_noise_bytes += len(data) if end < 0 else end + 1
        if end < 0:
            return b""
        self._is_overlong = False
        self.count_bad(BadReason.TOO_LONG)
        return data[end + 1 :]
