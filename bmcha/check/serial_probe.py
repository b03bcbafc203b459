"""Opens a serial line that nobody uses, asks its driver for a mode, and puts everything back.

Opening raises DTR and RTS for a moment, so it is done only when nobody has the line open; what it
finds wrong comes back as sentences. Knows termios; knows no configuration. Nothing here blocks: the
line is opened without waiting for a carrier. Called by `bmcha.check.serial_checks`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import termios
from typing import Final

from bmcha.model.record import dataclass

_SIZES: Final = {5: termios.CS5, 6: termios.CS6, 7: termios.CS7, 8: termios.CS8}
_TIOCGRS485, _TIOCSRS485 = 0x542E, 0x542F
_RS485_BYTES: Final = 32
_CFLAG, _ISPEED, _OSPEED = 2, 4, 5


@dataclass(frozen=True, slots=True)
class Mode:
    baud: int
    bits: int = 8
    parity: str = "none"
    stop_bits: int = 1
    has_rtscts: bool = False
    is_rs485: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """``key``: the setting that was refused, "device" where it could not be opened as a line."""

    key: str
    why: str


def probe(device: str, mode: Mode) -> list[Refused]:
    """What this device refuses of the mode; [] when it takes all of it."""
    try:
        fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        busy = "somebody has it open for himself alone"
        why = busy if error.errno == errno.EBUSY else f"it cannot be opened ({error.strerror})"
        return [Refused("device", why)]
    try:
        before = termios.tcgetattr(fd)
    except termios.error as error:
        os.close(fd)
        number = error.args[0]
        no_line = number == errno.ENOTTY
        return [Refused("device", "it is no serial line" if no_line else os.strerror(number))]
    try:
        return _try(fd, before, mode)
    except termios.error as error:
        return [Refused("device", f"its driver fails ({error.args[-1]})")]
    finally:
        with contextlib.suppress(termios.error):  # It may have vanished meanwhile.
            termios.tcsetattr(fd, termios.TCSANOW, before)
        os.close(fd)


def _try(fd: int, before: list[int | list[bytes | int]], mode: Mode) -> list[Refused]:
    speed = getattr(termios, f"B{mode.baud}", None)
    if speed is None:
        return [Refused("baud", "this system has no such speed")]
    wanted = list(before)
    flags = int(before[_CFLAG]) & ~(  # type: ignore[arg-type]
        termios.CSIZE | termios.CSTOPB | termios.PARENB | termios.PARODD | termios.CRTSCTS
    )
    flags |= _SIZES[mode.bits] | termios.CLOCAL | termios.CREAD
    flags |= termios.CSTOPB if mode.stop_bits == 2 else 0
    flags |= termios.PARENB if mode.parity != "none" else 0
    flags |= termios.PARODD if mode.parity == "odd" else 0
    flags |= termios.CRTSCTS if mode.has_rtscts else 0
    wanted[_CFLAG], wanted[_ISPEED], wanted[_OSPEED] = flags, speed, speed
    termios.tcsetattr(fd, termios.TCSANOW, wanted)
    # A driver that cannot do it says nothing and does something else.
    got = termios.tcgetattr(fd)
    taken = int(got[_CFLAG])
    refused = []
    if got[_OSPEED] != speed:
        refused.append(Refused("baud", "the driver does not take this speed"))
    for key, mask in (
        ("bits", termios.CSIZE),
        ("parity", termios.PARENB | termios.PARODD),
        ("stop_bits", termios.CSTOPB),
        ("flow", termios.CRTSCTS),
    ):
        if taken & mask != flags & mask:
            refused.append(Refused(key, "the driver does not take it"))
    if mode.is_rs485 and not _has_rs485(fd):
        refused.append(Refused("type", "the driver has no RS-485 mode"))
    return refused


def _has_rs485(fd: int) -> bool:
    """Every UART tells its settings; only one that has the mode takes them back, unchanged."""
    try:
        now = fcntl.ioctl(fd, _TIOCGRS485, bytes(_RS485_BYTES))
        fcntl.ioctl(fd, _TIOCSRS485, now)
    except OSError:
        return False
    return True
