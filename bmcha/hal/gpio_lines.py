"""One line of a GPIO character device, through python-periphery. Nobody else imports that library.

Knows how a line is opened, read, driven, watched for edges, lost and opened again; judges nothing.
Rules:
- An output is opened at its safe level (not asserted) in one request, so it does not glitch, and
  is put there again before it is let go. What the kernel does with it after that is up to the
  chip's driver: most leave the line as it was (docs/hardware.md).
- Levels are electrical between this file and the library; polarity is added here. (periphery's
  `inverted` turns `write` and the opening levels "high" and "low" in different ways.)
- A line that was there at the start and fails later reads as None and is opened again, no more
  often than backoff says, by whoever reads next; an output comes back as it was last driven.
- One lock a line: a descriptor is never closed under another thread's call, and edges are only
  taken from the descriptor that is still the line's (periphery does neither by itself).
- An edge is a hint. Its time is not used: periphery asks for stamps of the wall clock. A chip
  without interrupts is read every time the lines are read, and gives no hints.

Made and used by `board_lines`.
"""

from __future__ import annotations

import errno
import os
import select
import time
from threading import Lock
from typing import Final

from periphery import GPIO, GPIOError

from bmcha.hal.gpio_chips import Found, describe, find_line
from bmcha.hal.port import PortError
from bmcha.model.board import Bias, Drive, LineGpio
from bmcha.model.moment import NS_PER_MS

CONSUMER: Final = "bmcha"
"""What `gpioinfo` shows as the line's user."""
BACKOFF_MIN_NS: Final = 100 * NS_PER_MS
BACKOFF_MAX_NS: Final = 5000 * NS_PER_MS
"""A module that is plugged in again should not wait longer for its lines."""

_EVENT_BYTES: Final = 48
_EVENTS_MAX: Final = 16
"""What the kernel keeps for a line; older ones are dropped."""
_NO_EDGES: Final = (errno.EINVAL, errno.ENXIO, errno.EOPNOTSUPP, errno.ENOSYS, 524)
"""What chips without interrupts answer; 524 is the kernel's own ENOTSUPP."""

_BIASES: Final = {
    Bias.AS_IS: "default",
    Bias.PULL_UP: "pull_up",
    Bias.PULL_DOWN: "pull_down",
    Bias.DISABLED: "disable",
}
_DRIVES: Final = {
    Drive.PUSH_PULL: "default",
    Drive.OPEN_DRAIN: "open_drain",
    Drive.OPEN_SOURCE: "open_source",
}


class GpioLine:
    """Raises PortError when it cannot be opened now."""

    def __init__(self, line: LineGpio, is_output: bool) -> None:
        self._line = line
        self._is_output = is_output
        self._lock = Lock()
        self._is_up = False
        self._backoff_ns = BACKOFF_MIN_NS
        self._retry_ns = 0
        self._gpio: GPIO | None = self._open()

    def __str__(self) -> str:
        return f"GPIO line {self._line.line} of {self._line.chip or 'any chip'}"

    @property
    def fd(self) -> int | None:
        """Readable after an edge. May be another one after every call of this object."""
        gpio = self._gpio
        return None if gpio is None or self._is_output else int(gpio.fd)

    def level(self) -> bool | None:
        """True: asserted. None: it cannot be read now. Of an output: what it is driven to."""
        with self._lock:
            gpio = self._held()
            if gpio is None:
                return None
            try:
                return bool(gpio.read()) != self._line.is_active_low
            except GPIOError:
                self._lose()
                return None

    def drive(self, is_up: bool) -> None:
        """PortError: it could not be driven. A line that could not be raised stays down when its
        chip is back; the caller was told."""
        with self._lock:
            if not is_up:
                self._is_up = False
            gpio = self._held()
            if gpio is None:
                raise PortError(f"{self} cannot be driven: its chip is gone")
            try:
                gpio.write(is_up != self._line.is_active_low)
            except GPIOError as error:
                self._lose()
                raise PortError(f"{self} cannot be driven: {error.strerror}") from error
            self._is_up = is_up

    def take_edges(self, fd: int) -> int:
        """How many edges came since the last call; 0 when ``fd`` is no longer the line's."""
        with self._lock:
            if self._gpio is None or self._gpio.fd != fd:
                return 0
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            if not any(event & select.POLLIN for _, event in poll.poll(0)):
                return 0
            try:
                return len(os.read(fd, _EVENT_BYTES * _EVENTS_MAX)) // _EVENT_BYTES
            except OSError:
                return 0

    def close(self) -> None:
        """An output goes to its safe level first."""
        with self._lock:
            gpio, self._gpio = self._gpio, None
            self._retry_ns = 1 << 63
            if gpio is None:
                return
            try:
                if self._is_output:
                    gpio.write(self._line.is_active_low)
            except GPIOError:
                pass
            finally:
                gpio.close()

    def _held(self) -> GPIO | None:
        """The open line, opened again if it is time. Under the lock."""
        if self._gpio is None and time.monotonic_ns() >= self._retry_ns:
            try:
                self._gpio = self._open()
                self._backoff_ns = BACKOFF_MIN_NS
            except PortError:
                self._retry_later()
        return self._gpio

    def _lose(self) -> None:
        if self._gpio is not None:
            self._gpio.close()
        self._gpio = None
        self._retry_later()

    def _retry_later(self) -> None:
        self._retry_ns = time.monotonic_ns() + self._backoff_ns
        self._backoff_ns = min(2 * self._backoff_ns, BACKOFF_MAX_NS)

    def _open(self) -> GPIO:
        found = find_line(self._line)
        if self._is_output:
            is_high = self._is_up != self._line.is_active_low
            gpio = self._request(found, "high" if is_high else "low", "none")
            try:
                # Some controllers forget the value that came with the request.
                gpio.write(is_high)
            except GPIOError as error:
                gpio.close()
                raise PortError(f"{self} cannot be driven: {error.strerror}") from error
            return gpio
        try:
            return self._request(found, "in", "both")
        except _NoEdges:
            return self._request(found, "in", "none")

    def _request(self, found: Found, direction: str, edge: str) -> GPIO:
        try:
            return GPIO(
                found.device,
                found.number,
                direction,
                edge=edge,
                bias=_BIASES[self._line.bias],
                drive=_DRIVES[self._line.drive],
                label=CONSUMER,
            )
        except GPIOError as error:
            if edge != "none" and error.errno in _NO_EDGES:
                raise _NoEdges from error
            raise PortError(f"{self} ({found.device}): {self._why(found, error)}") from error

    def _why(self, found: Found, error: OSError) -> str:
        if error.errno == errno.EBUSY:
            info = describe(found)
            user = f'"{info.consumer}"' if info.consumer else "somebody"
            return (
                f"busy: {user} has line {found.number}; see gpioinfo, /sys/kernel/debug/gpio, and "
                "whether another bmcha runs"
            )
        if error.errno in (errno.EACCES, errno.EPERM):
            return f"permission denied; see the group of {found.device}"
        if error.errno in _NO_EDGES:
            return (
                f"the chip refuses bias {self._line.bias.value} or drive {self._line.drive.value} "
                f"for line {found.number}: {os.strerror(error.errno)}"
            )
        return str(error)


class _NoEdges(Exception):
    """The chip has no interrupt for this line, or not for both edges."""
