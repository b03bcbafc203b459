"""What frames cost from Python: of 64 bytes, one at a time and all of one read; of 4 KiB.

All of one read is decoded by one call into one array; the Python objects that are made from
it are told apart, because they cost more than everything else together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from bmcha._native import ffi, lib
from bmcha.bench.figures import Figure, Table
from bmcha.model.message import Header
from bmcha.wire.codec_native import NativeSieve, decode_datagram, encode_frame

BODY: Final = bytes(range(1, 37))
"""With header and checksum 64 bytes."""
LONG_BODY: Final = bytes(each % 251 * (each % 3 > 0) for each in range(4096 - 28))
"""A third of it zeros, as of a picture of a chassis."""
HEADER: Final = Header(4711, 1, 2, 1001, 7, 42)
BATCH: Final = 64
TIMES: Final = 2000
ROUNDS: Final = 15


def measure(_budget_s: float) -> Table:
    frame = encode_frame(HEADER, 7, BODY, True)
    stream = frame * BATCH
    long_frame = encode_frame(HEADER, 7, LONG_BODY, False)
    sieve = NativeSieve(None)
    stream_of_long = encode_frame(HEADER, 7, LONG_BODY, True)
    short, long = "64 bytes", "4 KiB"
    rounds = (
        (f"{short}, encode, one at a time", _encode, 1),
        (f"{short}, decode, one at a time", lambda: sieve.sift_stream(frame), 1),
        (f"{short}, decode, {BATCH} at once, into one array", _array_of(stream), BATCH),
        (f"{short}, the same and an object each", lambda: sieve.sift_stream(stream), BATCH),
        (f"{long}, encode", lambda: encode_frame(HEADER, 7, LONG_BODY, False), 1),
        (f"{long}, decode", lambda: decode_datagram(long_frame), 1),
        (f"{long}, encode, stuffed", lambda: encode_frame(HEADER, 7, LONG_BODY, True), 1),
        (f"{long}, decode, stuffed", lambda: sieve.sift_stream(stream_of_long), 1),
    )
    figures = tuple(Figure(name, "ns", _rounds(act, count)) for name, act, count in rounds)
    return Table("codec", "codec from Python, processor time a frame", figures)


def _array_of(stream: bytes) -> Callable[[], object]:
    """Decodes all of it with one call."""
    scratch = ffi.new("uint8_t[]", len(stream))
    frames = ffi.new("struct bmcha_frame[]", BATCH)
    taken = ffi.new("size_t *")
    size = len(stream)
    return lambda: lib.bmcha_frame_decode_stream(stream, size, scratch, size, frames, BATCH, taken)


def _encode() -> object:
    return encode_frame(HEADER, 7, BODY, True)


def _rounds(act: Callable[[], object], frames_count: int) -> tuple[float, ...]:
    """ns a frame, in processor time: others on the machine do not count."""
    found = []
    times = max(1, TIMES // frames_count)
    for _ in range(ROUNDS):
        begun_ns = time.thread_time_ns()
        for _ in range(times):
            act()
        found.append((time.thread_time_ns() - begun_ns) / times / frames_count)
    return tuple(found)
