"""Bytes through an open link, by the functions that the beat engine reads and writes it with."""

import select
import time

from bmcha._native import ffi, lib
from bmcha.hal.port import Link

READS_MAX = 128


def write(link: Link, frame: bytes) -> bool:
    taken = lib.bmcha_port_write(link.port.struct, frame, len(frame))
    if taken < 0:
        raise link.failure(True, -taken)
    return bool(taken)


def read(link: Link, timeout_s: float) -> list[bytes]:
    """All that is there, at most that much later; the rest of a frame is sent meanwhile."""
    port = link.port.struct
    deadline = time.monotonic() + timeout_s
    while True:
        poll = select.poll()
        poll.register(port.fd, select.POLLIN | (select.POLLOUT if port.rest_size else 0))
        ready = dict(poll.poll(max(0.0, deadline - time.monotonic()) * 1000)).get(port.fd, 0)
        if ready & select.POLLOUT:
            assert link.port.write_rest()
        found = _drain(link, bool(ready & (select.POLLHUP | select.POLLERR)))
        if found or time.monotonic() >= deadline:
            return found


def _drain(link: Link, is_ended: bool) -> list[bytes]:
    room = ffi.new("uint8_t[]", int(lib.BMCHA_INPUT_BYTES))
    sizes = ffi.new("uint32_t[]", int(lib.BMCHA_BATCH_MAX))
    is_more, error = ffi.new("int *"), ffi.new("int *")
    found: list[bytes] = []
    for _ in range(READS_MAX):
        count = lib.bmcha_port_read(link.port.struct, is_ended, room, sizes, is_more, error)
        at = 0
        for size in sizes[0:count]:
            found.append(bytes(ffi.buffer(room + at, size)))
            at += size
        if error[0] and not found:
            raise link.failure(False, -error[0])
        if not is_more[0] or error[0]:
            break
    return [b"".join(found)] if found and link.port.is_stream else found
