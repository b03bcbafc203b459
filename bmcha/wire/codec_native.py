"""Frames to bytes and back in C: the functions of `bmcha.wire.codec` over `bmcha._native`.

One call into C decodes everything that one read returned; its answers lie in one array that is
unpacked at once. Each call has its own buffers: the C runs without the GIL, and several paths
decode at the same time.
"""

from __future__ import annotations

import struct
from array import array
from typing import Any, Final

from bmcha._native import ffi, lib
from bmcha.model.message import Header
from bmcha.wire import tables
from bmcha.wire.frame import Address, BadFrame, BadReason, Decoded, RawFrame

FRAMES_MAX: Final = 64
"""A call's worth. 64 heartbeats are five kilobytes, more than most reads return."""
# struct bmcha_frame of native/bmcha_frame.h: status, offset, size, body offset, chassis id, boot
# id, epoch, sequence, body length, version, type, flags, key id, source and target slot.
_FRAME: Final = struct.Struct("<i7IH6B")
_FIRST_BODY: Final = tables.FRAME_HEADER.size
_new = ffi.new_allocator(should_clear_after_alloc=False)


def crc32c(data: bytes) -> int:
    return int(lib.bmcha_crc32c(data, len(data)))


def cobs_encode(data: bytes) -> bytes:
    out = _new("uint8_t[]", len(data) + len(data) // 254 + 1)
    size = lib.bmcha_cobs_encode(data, len(data), out, len(out))
    return bytes(ffi.buffer(out, size))


def cobs_decode(data: bytes) -> bytes | None:
    out = _new("uint8_t[]", len(data) + 1)
    size = lib.bmcha_cobs_decode(data, len(data), out, len(out))
    return None if size < 0 else bytes(ffi.buffer(out, size))


def encode_frame(
    header: Header, type_number: int, body: bytes, is_stuffed: bool, mac: bytes = b""
) -> bytes:
    """As in `bmcha.wire.codec`."""
    out = _new("uint8_t[]", len(body) + len(body) // 254 + 48)
    try:
        size = lib.bmcha_frame_encode(
            out,
            len(out),
            is_stuffed,
            type_number,
            header.key_id,
            header.chassis_id,
            header.source_slot,
            header.target_slot,
            header.boot_id,
            header.epoch,
            header.sequence,
            body,
            len(body),
            mac,
            len(mac),
        )
    except OverflowError as error:
        raise ValueError(f"header does not fit the frame: {error}") from error
    if size < 0:
        raise ValueError(
            f"body of {len(body)} and MAC of {len(mac)} bytes; a frame holds "
            f"{tables.BODY_BYTES_MAX} and 0 or {tables.MAC_BYTES}"
        )
    return bytes(ffi.buffer(out, size))


def decode_datagram(data: bytes) -> Decoded:
    frame = _new("struct bmcha_frame *")
    lib.bmcha_frame_decode(data, len(data), frame)
    return _decoded(_FRAME.unpack(ffi.buffer(frame, _FRAME.size)), data)


def decode_stream(buffer: bytes) -> tuple[list[Decoded], int]:
    scratch = _new("uint8_t[]", max(1, len(buffer)))
    frames = _new("struct bmcha_frame[]", FRAMES_MAX)
    taken = _new("size_t *")
    decoded: list[Decoded] = []
    start = 0
    view = ffi.from_buffer("uint8_t[]", buffer)
    while True:
        left = len(buffer) - start
        count = lib.bmcha_frame_decode_stream(
            view + start, left, scratch, left, frames, FRAMES_MAX, taken
        )
        if count:
            plain = bytes(ffi.buffer(scratch, taken[0]))
            found = _FRAME.iter_unpack(ffi.buffer(frames, count * _FRAME.size))
            decoded += [_decoded(fields, plain, start) for fields in found]
        start += taken[0]
        if count < FRAMES_MAX:
            return decoded, start


class NativeSieve:
    """`bmcha.wire.frame.Sieve`."""

    def __init__(self, address: Address | None) -> None:
        self._sieve = ffi.new("struct bmcha_sieve *")
        self._sieve.takes_any = address is None
        if address is not None:
            self._sieve.chassis_id = address.chassis_id
            self._sieve.source_slot = address.peer_slot
            self._sieve.target_slot = address.own_slot

    @property
    def bad_counts(self) -> dict[BadReason, int]:
        counts = self._sieve.bad_counts
        return {reason: counts[reason.value] for reason in BadReason if counts[reason.value]}

    @property
    def noise_bytes(self) -> int:
        return int(self._sieve.noise_bytes)

    @property
    def foreign_chassis_id(self) -> int | None:
        return int(self._sieve.foreign_chassis_id) if self._sieve.has_foreign else None

    def sift_stream(self, buffer: bytes) -> tuple[list[RawFrame], int]:
        scratch = _new("uint8_t[]", max(1, len(buffer)))
        frames = _new("struct bmcha_frame[]", FRAMES_MAX)
        taken = _new("size_t *")
        found: list[RawFrame] = []
        start = 0
        view = ffi.from_buffer("uint8_t[]", buffer)
        while True:
            left = len(buffer) - start
            count = lib.bmcha_frame_sift_stream(
                self._sieve, view + start, left, scratch, left, frames, FRAMES_MAX, taken
            )
            if count:
                found += _raw_frames(frames, count, bytes(ffi.buffer(scratch, taken[0])), start)
            start += taken[0]
            if count < FRAMES_MAX:
                return found, start

    def sift_datagrams(self, datagrams: list[bytes]) -> list[RawFrame]:
        sizes = array("I", map(len, datagrams))
        data = b"".join(datagrams)
        frames = _new("struct bmcha_frame[]", FRAMES_MAX)
        taken = _new("size_t *")
        found: list[RawFrame] = []
        seen, start = 0, 0
        view, sizes_view = ffi.from_buffer("uint8_t[]", data), ffi.from_buffer("uint32_t[]", sizes)
        while seen < len(sizes):
            count = lib.bmcha_frame_sift_datagrams(
                *(self._sieve, view + start, len(data) - start),
                *(sizes_view + seen, len(sizes) - seen, frames, FRAMES_MAX, taken),
            )
            if count:
                found += _raw_frames(frames, count, data[start:], start)
            start += sum(sizes[seen : seen + taken[0]])
            seen += taken[0]
        return found


make_sieve = NativeSieve


def _raw_frames(frames: Any, count: int, plain: bytes, start: int) -> list[RawFrame]:
    unpacked = _FRAME.iter_unpack(ffi.buffer(frames, count * _FRAME.size))
    return [
        item for fields in unpacked if isinstance(item := _decoded(fields, plain, start), RawFrame)
    ]


def _decoded(fields: tuple[int, ...], plain: bytes, start: int = 0) -> Decoded:
    (status, offset, size, at, chassis_id, boot_id, epoch, sequence, length) = fields[:9]
    (version, type_number, flags, key_id, source_slot, target_slot) = fields[9:]
    if status < 0:
        return BadFrame(BadReason(-status), start + offset, size)
    end = at + length
    return RawFrame(
        Header(chassis_id, source_slot, target_slot, boot_id, epoch, sequence, key_id),
        type_number,
        plain[at:end],
        plain[end : end + tables.MAC_BYTES] if flags & tables.FLAG_MAC else b"",
        version,
        start + offset,
        size,
    )
