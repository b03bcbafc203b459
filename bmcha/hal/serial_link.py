"""A heartbeat path over a serial line, RS-232 or RS-485: a stream of bytes.

Knows the UART through pyserial, which sets the line up; reading and writing go to the file
descriptor itself. Rules: little is left to the driver's queue, so that a beat never stands behind
seconds of other frames; a driver that does something else than it was asked is refused at `open`; a
device that vanishes is a `PortError`, and `open` may be tried again for ever. What the driver says
of itself is in `serial_driver`. Called by the path worker; made by `bmcha.app`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import termios
import time
from typing import Final

import serial

from bmcha.hal.native_port import SERIAL, NativePort
from bmcha.hal.port import PortError
from bmcha.hal.serial_driver import clear_to_send, error_counts, first_difference, set_rs485
from bmcha.model.event import LinkSigns
from bmcha.model.settings import Flow, LineType, Parity, SerialLine

QUEUED_MS_MAX: Final = 20
"""A new frame is not taken while the driver still holds more than this much line time."""
QUEUED_BYTES_MIN: Final = 64
DRAIN_S_MAX: Final = 0.1
"""What `close` waits for the last frame (a goodbye) to leave: 1,100 bytes at 115200 baud."""
DRAIN_STEP_MS: Final = 2

_PARITIES: Final = {
    Parity.NONE: serial.PARITY_NONE,
    Parity.EVEN: serial.PARITY_EVEN,
    Parity.ODD: serial.PARITY_ODD,
}


class SerialLink:
    """The serial device ``device``, set to ``line``; nobody else may have it open for bmcha."""

    is_stuffed = True

    def __init__(self, device: str, line: SerialLine) -> None:
        self._device = device
        self._line = line
        self._is_hung_up = False
        self.port = NativePort(SERIAL)
        self.port.struct.queued_bytes_max = max(
            QUEUED_BYTES_MIN, line.bytes_per_s * QUEUED_MS_MAX // 1000
        )
        self._port: serial.Serial | None = None

    def open(self) -> None:
        self.close()
        try:
            # timeout 0: never waits. exclusive: two services on one line would mix their frames.
            port = serial.Serial(
                self._device,
                self._line.baud,
                bytesize=self._line.bits,
                parity=_PARITIES[self._line.parity],
                stopbits=self._line.stop_bits,
                rtscts=self._line.flow is Flow.RTSCTS,
                timeout=0,
                write_timeout=0,
                exclusive=True,
            )
        except (OSError, ValueError, termios.error) as error:
            raise self._broken("cannot be opened", error) from error
        try:
            self._check_driver(port.fileno())
        except (PortError, OSError, termios.error) as error:
            port.close()
            if isinstance(error, PortError):
                raise
            raise self._broken("cannot be set up", error) from error
        self._port = port
        self.port.open(port.fileno())

    def close(self) -> None:
        """Gives the last frame a moment to leave, then drops what is left."""
        if self._port is None:
            return
        port, self._port = self._port, None
        try:
            self._drain(port.fileno())
        except (PortError, OSError, termios.error):
            pass  # It has vanished; there is nothing to wait for.
        finally:
            self._is_hung_up = self._is_hung_up and not self.port.has_heard
            self.port.close()
            port.close()

    def failure(self, is_writing: bool, number: int) -> PortError:
        error = OSError(number, os.strerror(number))
        if is_writing and number not in (errno.EIO, errno.ENXIO, errno.ENODEV):
            return self._broken("cannot send", error)
        # Until bytes come again: a port that opens has not proved that its cable is back.
        self._is_hung_up = True
        self.port.forget_heard()
        return self._broken("is gone", error)

    def signs(self) -> LinkSigns:
        if self._port is None:
            return LinkSigns(is_hung_up=self._is_hung_up)
        fd = self._port.fileno()
        has_cts = self._line.flow is Flow.RTSCTS
        return LinkSigns(
            is_hung_up=self._is_hung_up and not self.port.has_heard,
            is_clear_to_send=clear_to_send(fd) if has_cts else None,
            uart=error_counts(fd),
        )

    def _check_driver(self, fd: int) -> None:
        """A driver that cannot do something says nothing and does something else."""
        if self._line.type is LineType.RS485:
            why = set_rs485(fd, self._line.rs485)
            if why:
                raise PortError(f"serial line {self._device}: {why}")
        difference = first_difference(fd, self._line)
        if difference:
            raise PortError(
                f"serial line {self._device}: its driver does not do {difference}; set it"
                " otherwise, the same on both modules, or take another line"
            )

    # ------------------------------------------------------------ the descriptor

    def _queued_bytes(self, fd: int) -> int:
        """What the driver still has to send; 0 where it cannot tell (a pseudo-terminal)."""
        try:
            answer = fcntl.ioctl(fd, termios.TIOCOUTQ, struct.pack("i", 0))
        except OSError:
            return 0
        return int(struct.unpack("i", answer)[0])

    def _drain(self, fd: int) -> None:
        deadline = time.monotonic() + DRAIN_S_MAX
        port = self.port.struct
        while port.rest_size or self._queued_bytes(fd):
            if time.monotonic() >= deadline:
                # Else the kernel's own close would wait for up to 30 s.
                termios.tcflush(fd, termios.TCOFLUSH)
                return
            poll = select.poll()
            # With a rest: until there is room. Without: the driver tells nobody when it is done.
            poll.register(fd, select.POLLOUT if port.rest_size else 0)
            found = dict(poll.poll(DRAIN_STEP_MS)).get(fd, 0)
            if found & (select.POLLHUP | select.POLLERR):
                return
            rest_size = port.rest_size
            if not self.port.write_rest():
                return
            if rest_size and port.rest_size == rest_size:
                poll.unregister(fd)
                poll.poll(DRAIN_STEP_MS)

    def _broken(self, what: str, error: Exception) -> PortError:
        number = getattr(error, "errno", None)
        if number in (errno.EAGAIN, errno.EBUSY):
            # What the exclusive lock answers, and what a getty or a modem program has taken.
            return PortError(
                f"serial line {self._device} {what}: another process has it; see"
                f" `fuser -v {self._device}`, and whether a getty runs on it"
            )
        # pyserial's own text repeats the device and the number.
        reason = os.strerror(number) if number else str(error)
        return PortError(f"serial line {self._device} {what}: {reason}; see `ls -l {self._device}`")
