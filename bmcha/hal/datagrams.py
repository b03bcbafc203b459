"""What a socket of datagrams is asked beside its datagrams: a filter, and what the kernel dropped.

Called by the links whose medium keeps datagrams apart.
"""

from __future__ import annotations

import socket
import struct
from typing import Final

from bmcha._native import lib

RECEIVE_BYTES: Final = 212_992
"""What any user may ask for where nothing is configured; the kernel doubles it for its own
records. 550 small datagrams, 5 ms of a flood of 100,000 a second."""
SO_MEMINFO: Final = 55
_DROPS: Final = struct.Struct("=32xI")
"""SK_MEMINFO_DROPS, the ninth word."""


def attach_filter(opened: socket.socket, program: bytes) -> int:
    """``program``: classic BPF for what may come in. 0, or the errno of a kernel that refuses."""
    return -int(lib.bmcha_udp_filter(opened.fileno(), program, len(program)))


def unread_count(opened: socket.socket) -> int:
    """What the kernel dropped for want of room; of UDP also what the program refused."""
    try:
        return int(_DROPS.unpack(opened.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _DROPS.size))[0])
    except OSError:
        return 0  # before Linux 4.12
