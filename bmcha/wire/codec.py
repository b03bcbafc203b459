"""Frames to bytes and back: the readable twin of the C codec in `native/`.

Both have the same functions and one test class runs against both. Used by the simulator, by tests
and by the generator. Knows nothing of what a body means. Damage is returned, never raised.

A frame is header, body, MAC if the flag says so, and a CRC-32C over all before it. On a stream it
is COBS-stuffed and followed by a zero byte; in a datagram it stands bare. Checks go from the
outside in (size, stuffing, checksum, version, length), so that noise is counted as noise.
"""

from __future__ import annotations

import struct
from typing import Final

from bmcha.model.message import Header
from bmcha.wire import tables, version
from bmcha.wire.checksum import crc32c as crc32c
from bmcha.wire.frame import (
    Address,
    BadFrame,
    BadReason,
    Decoded,
    RawFrame,
    judge_address,
    says_own_slot,
)

DELIMITER: Final = b"\0"
_OVERHEAD_BYTES: Final = tables.FRAME_HEADER.size + tables.CRC_BYTES
_CRC: Final = struct.Struct("<I")


def cobs_encode(data: bytes) -> bytes:
    """Without zero bytes and without a delimiter. At most one byte longer per 254.

    A block of 254 bytes that ends the data is not followed by an empty one.
    """
    out = bytearray()
    pieces = data.split(DELIMITER)
    for place, piece in enumerate(pieces):
        while len(piece) > 254 or (len(piece) == 254 and place < len(pieces) - 1):
            out += b"\xff" + piece[:254]
            piece = piece[254:]
        out.append(len(piece) + 1)
        out += piece
    return bytes(out)


def cobs_decode(data: bytes) -> bytes | None:
    """None if ``data`` is no COBS: empty, a zero inside, or a block that runs past the end."""
    out = bytearray()
    place = 0
    while place < len(data):
        code = data[place]
        block = data[place + 1 : place + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            return None
        out += block
        place += code
        if code != 0xFF and place < len(data):
            out.append(0)
    return bytes(out) if data else None


def encode_frame(
    header: Header, type_number: int, body: bytes, is_stuffed: bool, mac: bytes = b""
) -> bytes:
    """The frame's bytes, with a delimiter behind if stuffed. ValueError if it cannot be sent."""
    if len(body) > tables.BODY_BYTES_MAX:
        raise ValueError(f"body of {len(body)} bytes; at most {tables.BODY_BYTES_MAX} fit a frame")
    if mac and len(mac) != tables.MAC_BYTES:
        raise ValueError(f"MAC of {len(mac)} bytes; it has {tables.MAC_BYTES}")
    try:
        head = tables.FRAME_HEADER.pack(
            version.CURRENT,
            type_number,
            tables.FLAG_MAC if mac else 0,
            header.key_id,
            header.chassis_id,
            header.source_slot,
            header.target_slot,
            header.boot_id,
            header.epoch,
            header.sequence,
            len(body),
        )
    except struct.error as error:
        raise ValueError(f"header does not fit the frame: {error}") from error
    frame = head + body + mac
    frame += _CRC.pack(crc32c(frame))
    return cobs_encode(frame) + DELIMITER if is_stuffed else frame


def decode_datagram(data: bytes) -> Decoded:
    """The one bare frame of a datagram."""
    return _parse_frame(data, 0, len(data))


def decode_stream(buffer: bytes) -> tuple[list[Decoded], int]:
    """Everything that is complete in ``buffer``, and how many of its bytes that took.

    Nothing between two delimiters is an idle line and no damage.
    """
    decoded: list[Decoded] = []
    start = 0
    while (end := buffer.find(DELIMITER, start)) >= 0:
        if end > start:
            decoded.append(_unstuff(buffer[start:end], start))
        start = end + 1
    return decoded, start


class PlainSieve:
    """`bmcha.wire.frame.Sieve`."""

    def __init__(self, address: Address | None) -> None:
        self._address = address
        self.bad_counts: dict[BadReason, int] = {}
        self.noise_bytes = 0
        self.foreign_chassis_id: int | None = None

    def sift_stream(self, buffer: bytes) -> tuple[list[RawFrame], int]:
        decoded, taken = decode_stream(buffer)
        # Delimiters with nothing between them are no damage, and still no frame.
        self.noise_bytes += taken - sum(item.size for item in decoded)
        return self._wanted(
            [self._short(each, tables.PATH_STUFFED_BYTES_MAX) for each in decoded]
        ), taken

    def sift_datagrams(self, datagrams: list[bytes]) -> list[RawFrame]:
        decoded = map(decode_datagram, datagrams)
        return self._wanted([self._short(each, tables.PATH_FRAME_BYTES_MAX) for each in decoded])

    def _wanted(self, decoded: list[Decoded]) -> list[RawFrame]:
        found = []
        for item in decoded:
            if isinstance(item, BadFrame):
                self._count(item.reason)
                self.noise_bytes += item.size
                continue
            reason = self._judge(item.header)
            if reason is None:
                found.append(item)
                continue
            self._count(reason)
            if reason is BadReason.CHASSIS:
                self.foreign_chassis_id = item.header.chassis_id
        return found

    def _short(self, item: Decoded, size_max: int) -> Decoded:
        """What is too long for a path is no frame there; ``size_max`` is as it came."""
        if self._address is None:
            return item
        plain = 0 if isinstance(item, BadFrame) else len(item.body) + len(item.mac)
        is_short = plain + _OVERHEAD_BYTES <= tables.PATH_FRAME_BYTES_MAX and item.size <= size_max
        return item if is_short else BadFrame(BadReason.TOO_LONG, item.offset, item.size)

    def _judge(self, header: Header) -> BadReason | None:
        wanted = self._address
        if wanted is None or says_own_slot(header, wanted.chassis_id, wanted.own_slot):
            return None
        return judge_address(header, wanted.chassis_id, wanted.own_slot, wanted.peer_slot)

    def _count(self, reason: BadReason) -> None:
        self.bad_counts[reason] = self.bad_counts.get(reason, 0) + 1


make_sieve = PlainSieve


def _unstuff(stuffed: bytes, offset: int) -> Decoded:
    size = len(stuffed) + 1
    if size > tables.STUFFED_BYTES_MAX:
        return BadFrame(BadReason.TOO_LONG, offset, size)
    frame = cobs_decode(stuffed)
    if frame is None:
        return BadFrame(BadReason.COBS, offset, size)
    return _parse_frame(frame, offset, size)


def _parse_frame(data: bytes, offset: int, size: int) -> Decoded:
    if len(data) < _OVERHEAD_BYTES:
        return BadFrame(BadReason.TOO_SHORT, offset, size)
    if len(data) > tables.FRAME_BYTES_MAX:
        return BadFrame(BadReason.TOO_LONG, offset, size)
    if crc32c(data[: -tables.CRC_BYTES]) != _CRC.unpack_from(data, len(data) - _CRC.size)[0]:
        return BadFrame(BadReason.CRC, offset, size)
    fields = tables.FRAME_HEADER.unpack_from(data)
    frame_version, type_number, flags, key_id, chassis_id, source, target = fields[:7]
    boot_id, epoch, sequence, body_length = fields[7:]
    if frame_version < version.MIN:
        return BadFrame(BadReason.VERSION, offset, size)
    mac_bytes = tables.MAC_BYTES if flags & tables.FLAG_MAC else 0
    if len(data) != _OVERHEAD_BYTES + body_length + mac_bytes:
        return BadFrame(BadReason.LENGTH, offset, size)
    body_end = tables.FRAME_HEADER.size + body_length
    header = Header(chassis_id, source, target, boot_id, epoch, sequence, key_id)
    return RawFrame(
        header=header,
        type_number=type_number,
        body=data[tables.FRAME_HEADER.size : body_end],
        mac=data[body_end : body_end + mac_bytes],
        version=frame_version,
        offset=offset,
        size=size,
    )
