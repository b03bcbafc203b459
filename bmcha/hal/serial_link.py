"""A heartbeat path over a serial line, RS-232 or RS-485: a stream of bytes.

Knows the UART through pyserial, which sets the line up; reading and writing go to the file
descriptor itself, because pyserial's blocking read cannot be ended reliably by another thread
(its issues 203 and 713). Rules: nothing blocks but `read`, for as long as it is told; at most one
frame's rest is kept here, and little is left to the driver's queue, so that a beat never stands
behind seconds of other frames; a driver that does something else than it was asked is refused at
`open`; a device that vanishes is a `PortError`, and `open` may be tried again for ever. What the
driver says of itself is in `serial_driver`. Called by the path worker; made by `bmcha.app`.
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

from bmcha.hal.port import PortError
from bmcha.hal.serial_driver import clear_to_send, error_counts, first_difference, set_rs485
from bmcha.hal.waker import Waker
from bmcha.model.event import LinkSigns
from bmcha.model.settings import Flow, LineType, Parity, SerialLine

READ_BYTES_MAX: Final = 4096
"""What the kernel's line discipline holds and hands out at once."""
READS_MAX: Final = 32
"""More than it can hold back behind that (64 KiB): one `read` leaves nothing, and ends."""
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
        self._queued_bytes_max = max(QUEUED_BYTES_MIN, line.bytes_per_s * QUEUED_MS_MAX // 1000)
        self._is_hung_up = False
        self._waker = Waker()
        self._port: serial.Serial | None = None
        self._rest = b""

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
            self._rest = b""
            port.close()

    def read(self, timeout_s: float) -> list[bytes]:
        fd = self._fd()
        deadline = time.monotonic() + max(0.0, timeout_s)
        is_taking = True
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            poll = select.poll()
            poll.register(self._waker.fd, select.POLLIN)
            poll.register(fd, select.POLLIN | (select.POLLOUT if self._rest and is_taking else 0))
            ready = dict(poll.poll(left_s * 1000))
            if self._waker.fd in ready:
                self._waker.take()
            found = ready.get(fd, 0)
            if found & select.POLLOUT:
                # A driver that says "room" and takes nothing must not make this loop spin.
                is_taking = self._send_rest(fd)
            if found & ~select.POLLOUT:
                return self._receive(fd, found)
            if not found or self._waker.fd in ready or not left_s:
                return []

    def write(self, frame: bytes) -> bool:
        fd = self._fd()
        if self._rest:
            self._send_rest(fd)
        if self._rest or self._queued_bytes(fd) > self._queued_bytes_max:
            return False
        sent = self._send(fd, frame)
        if not sent:
            return not frame
        self._rest = frame[sent:]
        return True

    def signs(self) -> LinkSigns:
        if self._port is None:
            return LinkSigns(is_hung_up=self._is_hung_up)
        fd = self._port.fileno()
        has_cts = self._line.flow is Flow.RTSCTS
        return LinkSigns(
            is_hung_up=self._is_hung_up,
            is_clear_to_send=clear_to_send(fd) if has_cts else None,
            uart=error_counts(fd),
        )

    def wake(self) -> None:
        self._waker.wake()

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

    def _receive(self, fd: int, found: int) -> list[bytes]:
        pieces: list[bytes] = []
        for _ in range(READS_MAX):
            try:
                data = os.read(fd, READ_BYTES_MAX)
            except BlockingIOError:
                break
            except OSError as error:
                if pieces:
                    break  # What was heard counts; the next read tells that it is gone.
                raise self._hung_up(error) from error
            if not data:
                break
            pieces.append(data)
        if not pieces and found & (select.POLLHUP | select.POLLERR):
            raise self._hung_up(OSError("hung up"))
        if pieces:
            self._is_hung_up = False
        return [b"".join(pieces)] if pieces else []

    def _send_rest(self, fd: int) -> bool:
        """False: nothing of it was taken."""
        sent = self._send(fd, self._rest)
        self._rest = self._rest[sent:]
        return sent > 0

    def _send(self, fd: int, data: bytes) -> int:
        try:
            return os.write(fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV):
                raise self._hung_up(error) from error
            raise self._broken("cannot send", error) from error

    def _queued_bytes(self, fd: int) -> int:
        """What the driver still has to send; 0 where it cannot tell (a pseudo-terminal)."""
        try:
            answer = fcntl.ioctl(fd, termios.TIOCOUTQ, struct.pack("i", 0))
        except OSError:
            return 0
        return int(struct.unpack("i", answer)[0])

    def _drain(self, fd: int) -> None:
        deadline = time.monotonic() + DRAIN_S_MAX
        while self._rest or self._queued_bytes(fd):
            if time.monotonic() >= deadline:
                # Else the kernel's own close would wait for up to 30 s.
                termios.tcflush(fd, termios.TCOFLUSH)
                return
            poll = select.poll()
            # With a rest: until there is room. Without: the driver tells nobody when it is done.
            poll.register(fd, select.POLLOUT if self._rest else 0)
            found = dict(poll.poll(DRAIN_STEP_MS)).get(fd, 0)
            if found & (select.POLLHUP | select.POLLERR):
                return
            if self._rest and not self._send_rest(fd):
                poll.unregister(fd)
                poll.poll(DRAIN_STEP_MS)

    def _fd(self) -> int:
        if self._port is None:
            raise PortError(f"serial line {self._device} is not open")
        return self._port.fileno()

    def _hung_up(self, error: Exception) -> PortError:
        """Until bytes come again: a port that opens has not proved that its cable is back."""
        self._is_hung_up = True
        return self._broken("is gone", error)

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
