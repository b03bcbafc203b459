"""A program for the kernel: of the datagrams for a socket only what looks like a frame comes in.

Classic BPF, as SO_ATTACH_FILTER takes it for a UDP socket, where a packet begins with the eight
bytes of the UDP header. It looks at what cannot change between versions: size, oldest readable
version, and the length field. It knows no chassis and no slot, so that a module of another chassis
is still heard of; and no checksum. It spares time and proves nothing: whatever comes through is
judged anew. Pure; the link that attaches it is `bmcha.hal.udp_link`.
"""

from __future__ import annotations

import struct
from typing import Final

from bmcha.wire import tables, version

UDP_HEADER_BYTES: Final = 8
TAKEN_WHOLE: Final = 0xFFFF_FFFF

_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD_SIZE, _LOAD_BYTE = 0x80, 0x30
_JUMP_EQUAL_X, _JUMP_AT_LEAST, _JUMP_ABOVE = 0x1D, 0x35, 0x25
_AND, _MULTIPLY, _ADD, _SHIFT_LEFT, _ADD_X = 0x54, 0x24, 0x04, 0x64, 0x0C
_TO_X, _RETURN = 0x07, 0x06

# Offsets in the header of `bmcha.wire.schema`: a test compares them with it.
VERSION_AT: Final = 0
FLAGS_AT: Final = 2
BODY_LENGTH_AT: Final = tables.FRAME_HEADER.size - 2


def frame_filter() -> bytes:
    """The program's instructions, eight bytes each, in the byte order of this machine."""
    least = UDP_HEADER_BYTES + tables.FRAME_HEADER.size + tables.CRC_BYTES
    most = UDP_HEADER_BYTES + tables.PATH_FRAME_BYTES_MAX
    steps: list[tuple[int, int | None, int | None, int]] = [
        # (code, where to go if it holds, if it does not; None: on; -1: refuse; operand)
        (_LOAD_SIZE, None, None, 0),
        (_JUMP_AT_LEAST, None, -1, least),
        (_JUMP_ABOVE, -1, None, most),
        (_LOAD_BYTE, None, None, UDP_HEADER_BYTES + VERSION_AT),
        (_JUMP_AT_LEAST, None, -1, version.MIN),
        # The body's length, least significant byte first, and the MAC's if the flag says so.
        (_LOAD_BYTE, None, None, UDP_HEADER_BYTES + BODY_LENGTH_AT + 1),
        (_SHIFT_LEFT, None, None, 8),
        (_TO_X, None, None, 0),
        (_LOAD_BYTE, None, None, UDP_HEADER_BYTES + BODY_LENGTH_AT),
        (_ADD_X, None, None, 0),
        (_TO_X, None, None, 0),
        (_LOAD_BYTE, None, None, UDP_HEADER_BYTES + FLAGS_AT),
        (_AND, None, None, tables.FLAG_MAC),
        (_MULTIPLY, None, None, tables.MAC_BYTES // tables.FLAG_MAC),
        (_ADD_X, None, None, 0),
        (_ADD, None, None, least),
        (_TO_X, None, None, 0),
        (_LOAD_SIZE, None, None, 0),
        (_JUMP_EQUAL_X, None, -1, 0),
        (_RETURN, None, None, TAKEN_WHOLE),
        (_RETURN, None, None, 0),
    ]
    refuse_at = len(steps) - 1

    def jump(place: int, target: int | None) -> int:
        return 0 if target is None else refuse_at - place - 1

    return b"".join(
        _INSTRUCTION.pack(code, jump(place, if_so), jump(place, if_not), operand)
        for place, (code, if_so, if_not, operand) in enumerate(steps)
    )
