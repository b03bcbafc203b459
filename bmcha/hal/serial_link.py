"""A heartbeat path over a serial line: a stream of bytes, 8N1, no flow control.

Knows the UART through pyserial, which sets the line up; reading and writing go to the file
descriptor itself, because pyserial's blocking read cannot be ended reliably by another thread
(its issues 203 and 713). Rules: nothing blocks but `read`, for as long as it is told; at most one
frame's rest is kept here, and little is left to the driver's queue, so that a beat never stands
behind seconds of other frames; a device that vanishes is a `PortError`, and `open` may be tried
again for ever. Called by the path worker; made by `bmcha.app`.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import time
from typing import Final

import serial

from bmcha.hal.port import PortError
from bmcha.hal.waker import Waker

READ_BYTES_MAX: Final = 4096
"""What the kernel's line discipline holds and hands out at once."""
READS_MAX: Final = 32
"""More than it can hold back behind that (64 KiB): one `read` leaves nothing, and ends."""
BITS_PER_BYTE: Final = 10
QUEUED_MS_MAX: Final = 20
"""A new frame is not taken while the driver still holds more than this much line time."""
QUEUED_BYTES_MIN: Final = 64
DRAIN_S_MAX: Final = 0.1
"""What `close` waits for the last frame (a goodbye) to leave: 1,100 bytes at 115200 baud."""
DRAIN_STEP_MS: Final = 2


class SerialLink:
    """The serial device ``device`` at ``baud``; nobody else may have it open for bmcha."""

    is_stuffed = True

    def __init__(self, device: str, baud: int) -> None:
        self._device = device
        self._baud = baud
        self._queued_bytes_max = max(
            QUEUED_BYTES_MIN, baud * QUEUED_MS_MAX // (1000 * BITS_PER_BYTE)
        )
        self._waker = Waker()
        self._port: serial.Serial | None = None
        self._rest = b""

    def open(self) -> None:
        self.close()
        try:
            # timeout 0: never waits. exclusive: two services on one line would mix their frames.
            self._port = serial.Serial(
                self._device, self._baud, timeout=0, write_timeout=0, exclusive=True
            )
        except (OSError, ValueError, termios.error) as error:
            raise self._broken("cannot be opened", error) from error

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

    def wake(self) -> None:
        self._waker.wake()

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
                raise self._broken("is gone", error) from error
            if not data:
                break
            pieces.append(data)
        if not pieces and found & (select.POLLHUP | select.POLLERR):
            raise self._broken("is gone", OSError("hung up"))
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

    def _broken(self, what: str, error: Exception) -> PortError:
        number = getattr(error, "errno", None)
        # pyserial's own text repeats the device and the number.
        reason = os.strerror(number) if number else str(error)
        return PortError(f"serial line {self._device} {what}: {reason}; see `ls -l {self._device}`")
