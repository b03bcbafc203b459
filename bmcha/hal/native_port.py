"""The C side's view of a link: the descriptor, and what reading and writing it needs to know.

A link opens and closes, and says what is wrong; the bytes go in and out in C, called by the beat
engine (`native/bmcha_port.h`). One a link, for as long as that lives; changed only while no engine
runs.
"""

from __future__ import annotations

import struct
from typing import Final

from bmcha._native import ffi, lib

DATAGRAMS: Final = int(lib.BMCHA_PORT_DATAGRAMS)
ETHERNET: Final = int(lib.BMCHA_PORT_ETHERNET)
SERIAL: Final = int(lib.BMCHA_PORT_SERIAL)
_REFUSALS: Final = struct.Struct("=qI4x")
"""struct bmcha_refusals"""


class NativePort:
    """``struct`` is the `struct bmcha_port`; ``kind`` one of the three above."""

    def __init__(self, kind: int) -> None:
        self.struct = ffi.new("struct bmcha_port *")
        self.struct.kind = kind
        self.struct.fd = -1
        self._refusals = bytearray(_REFUSALS.size)

    def open(self, fd: int) -> None:
        self.struct.has_heard = 0
        self.struct.fd = fd

    def forget_heard(self) -> None:
        """What came before counts no more."""
        self.struct.has_heard = 0

    def close(self) -> None:
        self.struct.fd = -1
        self.struct.rest_size = 0

    @property
    def is_stream(self) -> bool:
        """Frames need delimiters; elsewhere a datagram is a frame."""
        return bool(self.struct.kind == SERIAL)

    def write_rest(self) -> bool:
        """Of the frame that was begun, what goes now. False: the port is broken."""
        return not lib.bmcha_port_write_rest(self.struct)

    @property
    def has_heard(self) -> bool:
        """Bytes came since it was opened."""
        return bool(self.struct.has_heard)

    def refusals(self) -> tuple[int, int | None]:
        """How often the peer's port was refused since the start, and when last. From any thread."""
        board = ffi.addressof(self.struct, "refusals")
        lib.bmcha_published_read(board, ffi.from_buffer(self._refusals), _REFUSALS.size)
        last_ns, count = _REFUSALS.unpack(self._refusals)
        return count, last_ns if count else None
