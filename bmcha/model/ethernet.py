"""How a frame stands in the payload of an Ethernet packet (docs/adr/0022).

Two bytes say how long it is, then it comes; behind it may be padding. Called by the link and by who
reads captures.
"""

from __future__ import annotations

import struct
from typing import Final

ETHER_TYPE: Final = 0x88B5
"""Local Experimental EtherType 1 (IEEE Std 802)."""
_LENGTH: Final = struct.Struct("<H")
LENGTH_BYTES: Final = _LENGTH.size


def with_length(frame: bytes) -> bytes:
    return _LENGTH.pack(len(frame)) + frame


def without_padding(payload: bytes) -> bytes:
    """The frame; what is too short for its own length as it is, to be counted as damage."""
    if len(payload) < LENGTH_BYTES:
        return payload
    (length,) = _LENGTH.unpack_from(payload)
    frame = payload[LENGTH_BYTES : LENGTH_BYTES + length]
    return frame if len(frame) == length else payload
