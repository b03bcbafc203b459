"""Frames as an older and as a newer firmware would send them, made from ours.

As far as the wire knows versions (`bmcha.wire.version`): the older one, of version 1, knows nothing
of maintenance and lock-out; the newer one has appended to every body that may grow, gives a reason
that nobody here knows, and says a version of its own. Both frames are sound: only what they say
differs.
"""

from __future__ import annotations

from collections.abc import Callable

from bmcha.model.message import MessageType
from bmcha.model.role import Role
from bmcha.wire import tables, version
from bmcha.wire.checksum import crc32c
from bmcha.wire.codec import DELIMITER, cobs_decode, cobs_encode
from tests.world.wires import Seal

NEWER_VERSION = version.CURRENT + 1
UNKNOWN_REASON = 200
BodyRewrite = Callable[[int, bytes], bytes]

APPENDED = b"\x07later"
TAIL_BYTES = tables.MAINTENANCE.size + tables.KEY_MARK.size
GROWING = (MessageType.PROBE, MessageType.PROBE_REPLY, MessageType.GOODBYE, MessageType.HANDOVER)
"""A delta's entries fill its body to the end; a newer sender appends nothing there (rule 3)."""


def older(frame: bytes, is_stuffed: bool, seal: Seal) -> bytes:
    return _rewritten(frame, is_stuffed, seal, version.MIN, _older_body)


def newer(frame: bytes, is_stuffed: bool, seal: Seal) -> bytes:
    return _rewritten(frame, is_stuffed, seal, NEWER_VERSION, _newer_body)


def _rewritten(
    frame: bytes, is_stuffed: bool, seal: Seal, level: int, rewrite: BodyRewrite
) -> bytes:
    bare = cobs_decode(frame.removesuffix(DELIMITER)) if is_stuffed else frame
    assert bare is not None, "our own frame"
    size = tables.FRAME_HEADER.size
    fields = list(tables.FRAME_HEADER.unpack_from(bare))
    body = rewrite(fields[1], bare[size : size + fields[-1]])
    fields[0], fields[-1] = level, len(body)
    data = tables.FRAME_HEADER.pack(*fields) + body
    data += seal(data)
    data += crc32c(data).to_bytes(tables.CRC_BYTES, "little")
    return cobs_encode(data) + DELIMITER if is_stuffed else data


def _without_maintenance(body: bytes) -> bytes:
    echoes_count = body[2] >> tables.ECHO_SHIFT
    return body[: tables.HEARTBEAT_HEAD.size + echoes_count * tables.ECHO.size]


def _older_body(type_number: int, body: bytes) -> bytes:
    if type_number != MessageType.HEARTBEAT.value:
        return body
    known = _without_maintenance(body)
    return known[:2] + bytes([known[2] & ~tables.LOCKED_OUT]) + known[3:]


def _newer_body(type_number: int, body: bytes) -> bytes:
    if type_number == MessageType.HEARTBEAT.value:
        known = _without_maintenance(body)
        if known[0] == Role.STANDBY.value:
            known = bytes([known[0], UNKNOWN_REASON]) + known[2:]
        word = body[len(_without_maintenance(body)) :].ljust(TAIL_BYTES, b"\0")
        return known + word + APPENDED
    return body + APPENDED if type_number in [kind.value for kind in GROWING] else body
