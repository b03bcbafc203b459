"""What a UART's driver can be asked beside its bytes: RS-485, error counters, what it really does.

Knows the kernel's serial ioctls (tty_ioctl(4), linux/serial.h) and nothing of links. A driver
without a feature, as a pseudo-terminal is, answers None or a sentence, never an error. Nothing here
blocks. Called by `serial_link`.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from typing import Final

from bmcha.model.event import UartCounts
from bmcha.model.settings import Flow, Parity, Rs485, SerialLine

TIOCGICOUNT: Final = 0x545D
TIOCGRS485, TIOCSRS485 = 0x542E, 0x542F
_COUNTS: Final = struct.Struct("=20i")
"""serial_icounter_struct: cts dsr rng dcd rx tx frame overrun parity brk buf_overrun, reserved."""
_FRAMING, _OVERRUN, _PARITY, _BREAK, _BUFFER_OVERRUN = 6, 7, 8, 9, 10

_RS485: Final = struct.Struct("=3I20x")
"""serial_rs485: flags, delay before and after sending in ms."""
_ENABLED, _RTS_ON_SEND, _RTS_AFTER_SEND, _RX_DURING_TX = 1, 2, 4, 16

_CFLAG, _OSPEED = 2, 5


def error_counts(fd: int) -> UartCounts | None:
    try:
        answer = fcntl.ioctl(fd, TIOCGICOUNT, bytes(_COUNTS.size))
    except OSError:
        return None
    counts = _COUNTS.unpack(answer)
    return UartCounts(
        framing_count=counts[_FRAMING],
        parity_count=counts[_PARITY],
        overrun_count=counts[_OVERRUN] + counts[_BUFFER_OVERRUN],
        break_count=counts[_BREAK],
    )


def clear_to_send(fd: int) -> bool | None:
    """The level of CTS, with which the far end holds us back."""
    try:
        answer = fcntl.ioctl(fd, termios.TIOCMGET, bytes(4))
    except OSError:
        return None
    return bool(int.from_bytes(answer, "little") & termios.TIOCM_CTS)


def set_rs485(fd: int, wanted: Rs485) -> str:
    """Four wires: it goes on receiving while it sends. "" when done, else why it cannot be."""
    flags = _ENABLED | _RX_DURING_TX
    flags |= _RTS_ON_SEND if wanted.rts_on_send else 0
    flags |= _RTS_AFTER_SEND if wanted.rts_after_send else 0
    packed = _RS485.pack(flags, wanted.delay_before_ms, wanted.delay_after_ms)
    try:
        fcntl.ioctl(fd, TIOCSRS485, packed)
        taken, before_ms, after_ms = _RS485.unpack(fcntl.ioctl(fd, TIOCGRS485, bytes(len(packed))))
    except OSError as error:
        return (
            f"its driver has no RS-485 mode ({os.strerror(error.errno or 0)}); set type to"
            ' "rs232" if the transceiver switches by itself, or take another line'
        )
    if not taken & _ENABLED:
        return 'its driver did not switch to RS-485; set type to "rs232" or take another line'
    for name, mask in (("rts_on_send", _RTS_ON_SEND), ("rts_after_send", _RTS_AFTER_SEND)):
        if taken & mask != flags & mask:
            return f"its driver cannot do rs485.{name} = {str(bool(flags & mask)).lower()}"
    if not taken & _RX_DURING_TX:
        return "its driver cannot receive while it sends, which RS-485 on four wires takes"
    if (before_ms, after_ms) != (wanted.delay_before_ms, wanted.delay_after_ms):
        return f"its driver makes the RS-485 delays {before_ms} and {after_ms} ms; set them so"
    return ""


def first_difference(fd: int, line: SerialLine) -> str:
    """What of ``line`` the driver has not taken over, as key and value; "" when all is so."""
    settings = termios.tcgetattr(fd)
    flags = settings[_CFLAG]
    speed = getattr(termios, f"B{line.baud}", None)
    if speed is not None and settings[_OSPEED] != speed:
        return f"baud = {line.baud}"
    if flags & termios.CSIZE != termios.CS8:
        return f"bits = {line.bits}"
    found = Parity.NONE
    if flags & termios.PARENB:
        found = Parity.ODD if flags & termios.PARODD else Parity.EVEN
    if found is not line.parity:
        return f'parity = "{line.parity.value}"'
    if bool(flags & termios.CSTOPB) != (line.stop_bits == 2):
        return f"stop_bits = {line.stop_bits}"
    if bool(flags & termios.CRTSCTS) != (line.flow is Flow.RTSCTS):
        return f'flow = "{line.flow.value}"'
    return ""
