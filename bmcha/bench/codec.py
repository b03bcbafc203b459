"""What a frame of 64 bytes costs from Python, one at a time and all that one read returned."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from bmcha.bench.figures import Figure, Table
from bmcha.model.message import Header
from bmcha.wire.codec_native import NativeSieve, encode_frame

BODY: Final = bytes(range(1, 37))
"""With header and checksum 64 bytes."""
HEADER: Final = Header(4711, 1, 2, 1001, 7, 42)
BATCH: Final = 64
TIMES: Final = 2000
ROUNDS: Final = 15


def measure(_budget_s: float) -> Table:
    frame = encode_frame(HEADER, 7, BODY, True)
    stream = frame * BATCH
    sieve = NativeSieve(None)
    return Table(
        "codec",
        "codec from Python, a frame of 64 bytes",
        (
            Figure("encode, one at a time", "ns", _rounds(_encode, 1)),
            Figure("decode, one at a time", "ns", _rounds(lambda: sieve.sift_stream(frame), 1)),
            Figure(
                f"decode, {BATCH} at once", "ns", _rounds(lambda: sieve.sift_stream(stream), BATCH)
            ),
        ),
    )


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
