"""The module's watchdog as a plain file, as the virtual chassis has it: a byte is one feed.

The kernel's device is `linux_watchdog`. Knows nothing of who feeds when. Rules: from the first
feed on the chassis fires unless fed; only a clean end writes the magic "V" that stops it, a death
does not. Called by the effect runner.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from bmcha.hal.port import PortError

FEED: Final = b"1"
MAGIC_CLOSE: Final = b"V"


class FileWatchdog:
    """Opens ``file`` at once, which on real hardware starts the watchdog. Raises PortError."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._fd = -1
        try:
            self._fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
            # A plain file would grow for ever; a device cannot seek.
            self._is_plain = stat.S_ISREG(os.fstat(self._fd).st_mode)
        except OSError as error:
            raise self._failed("opened", error) from error

    def feed(self) -> None:
        """Raises PortError."""
        self._write(FEED)

    def close(self, is_disarmed: bool) -> None:
        """Raises PortError when it could not be disarmed; it is closed all the same."""
        if self._fd < 0:
            return
        try:
            if is_disarmed:
                self._write(MAGIC_CLOSE)
        finally:
            os.close(self._fd)
            self._fd = -1

    def _write(self, data: bytes) -> None:
        if self._fd < 0:
            raise PortError(f"watchdog {self._file} is closed")
        try:
            if self._is_plain:
                os.pwrite(self._fd, data, 0)
            else:
                os.write(self._fd, data)
        except OSError as error:
            raise self._failed("fed", error) from error

    def _failed(self, what: str, error: OSError) -> PortError:
        return PortError(f"watchdog {self._file} cannot be {what}: {error.strerror}")


class NoWatchdog:
    """For a board without one."""

    def feed(self) -> None:
        pass

    def close(self, is_disarmed: bool) -> None:
        pass
