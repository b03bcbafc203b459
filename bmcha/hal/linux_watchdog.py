"""The module's hardware watchdog as the kernel's device, /dev/watchdogN.

Knows the ioctls of Documentation/watchdog/watchdog-api.rst; knows nothing of who feeds when. Rules:
opening starts the hardware, so what is refused afterwards is stopped again first; the device counts
whole seconds and is believed only when it reads back what was set; only a clean end writes the
magic "V", a death does not, and then the hardware fires. A driver may take its time (an I2C write,
a busy bus), so a thread of its own opens, feeds and closes the device: `feed` leaves word and
returns. A device that hangs is not fed, which is what it is there for. It is opened early, to keep
alive what an earlier life has started, and on a slow processor the service takes longer to start
than the hardware waits; so until the first `feed`, and for `START_S_MAX` at most, the thread feeds
by itself. Called by the effect runner; made by `open_watchdog`, by `bmcha.app`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import threading
import time
from typing import Final

from bmcha.hal.file_watchdog import FEED, MAGIC_CLOSE, FileWatchdog
from bmcha.hal.port import PortError

# _IOC numbers of linux/watchdog.h, as all but the oldest architectures have them.
_GETSUPPORT: Final = 0x80285700
_GETBOOTSTATUS: Final = 0x80045702
_SETTIMEOUT, _GETTIMEOUT = 0xC0045706, 0x80045707
_SETPRETIMEOUT, _GETPRETIMEOUT = 0xC0045708, 0x80045709
_INFO: Final = struct.Struct("=II32s")
_INT: Final = struct.Struct("=i")
_CARD_RESET, _CAN_SET_TIMEOUT, _CAN_MAGIC_CLOSE = 0x20, 0x80, 0x100

_OLD_NAME: Final = (10, 130)
"""/dev/watchdog, the misc device that the first watchdog has beside its own."""
OPEN_S_MAX: Final = 2.0
CLOSE_S_MAX: Final = 0.3
START_S_MAX: Final = 20.0
"""As the unit's TimeoutStartSec: who has not begun by then has failed."""
FEEDS_PER_TIMEOUT: Final = 8
"""More would wake a thread for nothing; the last eighth is the price."""


class LinuxWatchdog:
    """Started and fed once when this returns. Raises PortError, and then it is stopped again.

    ``identity``, ``is_stoppable`` and ``has_reset`` (the last reset of this module was this
    watchdog's doing) are as the driver tells them.
    """

    def __init__(self, file: str, timeout_ms: int, pretimeout_ms: int = 0) -> None:
        self._file = file
        self._timeout_ms = timeout_ms
        self._pretimeout_ms = pretimeout_ms
        self._pause_s = timeout_ms / 1000 / FEEDS_PER_TIMEOUT
        self.identity = ""
        self.is_stoppable = True
        self.has_reset = False
        self._error: PortError | None = None
        self._asked_s = 0.0
        self._fed_s = self._opened_s = time.monotonic()
        self._asked = threading.Event()
        self._opened = threading.Event()
        self._is_closing = False
        self._is_disarming = False
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()
        if not self._opened.wait(OPEN_S_MAX):
            raise self._failed(f"does not open within {OPEN_S_MAX:g} s; see its driver in dmesg")
        self._raise_error()

    @property
    def description(self) -> str:
        end = "" if self.is_stoppable else "; it cannot be stopped (nowayout): the end of this"
        end += "" if self.is_stoppable else " service resets the module"
        return f"watchdog {self._file}: {self.identity}, {self._timeout_ms // 1000} s{end}"

    def feed(self) -> None:
        """Returns at once. Raises PortError when the last feed failed or still waits."""
        if not self._thread.is_alive():
            raise self._error or PortError(f"watchdog {self._file} is closed")
        now_s = time.monotonic()
        if now_s - self._asked_s >= self._pause_s:
            self._asked_s = now_s
            self._asked.set()
        self._raise_error()
        if now_s - self._fed_s > self._timeout_ms / 2000:
            raise self._failed("does not take a feed: its driver waits for something")

    def close(self, is_disarmed: bool) -> None:
        """Raises PortError when it could not be disarmed; it is closed all the same."""
        if not self._thread.is_alive():
            return
        self._is_disarming = is_disarmed
        self._is_closing = True
        self._asked.set()
        self._thread.join(CLOSE_S_MAX)
        if self._thread.is_alive():
            raise self._failed("does not close: its driver waits for something")
        if is_disarmed:
            self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    # ------------------------------------------------------------ its own thread

    def _run(self) -> None:
        try:
            fd = os.open(self._file, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            self._error = self._failed(f"cannot be opened: {error.strerror}")
            self._opened.set()
            return
        try:
            self._set_up(fd)
        except PortError as error:
            self._error = error
            self._is_disarming = self._is_closing = True
        self._opened.set()
        while not self._is_closing:
            self._write(fd, FEED)
            self._asked.wait(self._pause_s if self._is_starting() else None)
            self._asked.clear()
        if self._is_disarming:
            self._write(fd, MAGIC_CLOSE)
        os.close(fd)

    def _is_starting(self) -> bool:
        return not self._asked_s and time.monotonic() - self._opened_s < START_S_MAX

    def _set_up(self, fd: int) -> None:
        try:
            options, _, name = _INFO.unpack(fcntl.ioctl(fd, _GETSUPPORT, bytes(_INFO.size)))
        except OSError as error:
            raise self._failed(f"is no watchdog: {error.strerror}") from error
        self.identity = name.partition(b"\0")[0].decode(errors="replace")
        self.is_stoppable = bool(options & _CAN_MAGIC_CLOSE) and not self._is_nowayout()
        self.has_reset = bool(self._get(fd, _GETBOOTSTATUS) & _CARD_RESET)
        self._set_timeout(fd, bool(options & _CAN_SET_TIMEOUT))
        if self._pretimeout_ms:
            self._set_pretimeout(fd)

    def _set_timeout(self, fd: int, can_be_set: bool) -> None:
        wanted_s, rest_ms = divmod(self._timeout_ms, 1000)
        if rest_ms:
            low_ms = max(1, wanted_s) * 1000
            raise self._failed(
                f"counts whole seconds: set watchdog_ms to {low_ms} or {(wanted_s + 1) * 1000},"
                f" not {self._timeout_ms}"
            )
        if can_be_set:
            self._set(fd, _SETTIMEOUT, wanted_s, "watchdog_ms")
        found_s = self._get(fd, _GETTIMEOUT)
        if found_s != wanted_s:
            what = "makes it" if can_be_set else "cannot be set and has"
            raise self._failed(f"{what} {found_s} s: set watchdog_ms to {found_s * 1000}")

    def _set_pretimeout(self, fd: int) -> None:
        # The option flag is the driver's; the kernel may do it without, by a timer of its own.
        self._set(fd, _SETPRETIMEOUT, self._pretimeout_ms // 1000, "watchdog.pretimeout_ms")
        found_s = self._get(fd, _GETPRETIMEOUT)
        if found_s * 1000 != self._pretimeout_ms:
            raise self._failed(f"has {found_s} s: set watchdog.pretimeout_ms to {found_s * 1000}")

    def _set(self, fd: int, request: int, value_s: int, key: str) -> None:
        try:
            fcntl.ioctl(fd, request, _INT.pack(value_s))
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY):
                raise self._failed(f"cannot do it: take {key} out") from error
            raise self._failed(
                f"does not take {value_s} s ({error.strerror}): {self._range()}; change {key}"
            ) from error

    def _get(self, fd: int, request: int) -> int:
        try:
            return int(_INT.unpack(fcntl.ioctl(fd, request, bytes(_INT.size)))[0])
        except OSError:
            return 0

    def _write(self, fd: int, data: bytes) -> None:
        try:
            os.write(fd, data)
        except OSError as error:
            self._error = self._failed(f"cannot be fed: {error.strerror}")
            return
        self._fed_s = time.monotonic()
        if not self._is_closing:
            self._error = None

    # ------------------------------------------------------------ what sysfs knows

    def _is_nowayout(self) -> bool:
        return self._attribute("nowayout") == "1"

    def _range(self) -> str:
        low, high = self._attribute("min_timeout"), self._attribute("max_timeout")
        return f"it can do {low} to {high} s" if high not in ("", "0") else "out of its range"

    def _attribute(self, name: str) -> str:
        folder = watchdog_folder(self._file)
        if folder is None:
            return ""
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as opened:
                return opened.read().strip()
        except OSError:
            return ""

    def _failed(self, what: str) -> PortError:
        return PortError(f"watchdog {self._file} {what}")


def watchdog_folder(file: str) -> str | None:
    """Its folder in sysfs; None for what is no watchdog's device, or where it cannot be known."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    if not stat.S_ISCHR(found.st_mode):
        return None
    number = (os.major(found.st_rdev), os.minor(found.st_rdev))
    if number == _OLD_NAME:
        return "/sys/class/watchdog/watchdog0"
    folder = f"/sys/dev/char/{number[0]}:{number[1]}"
    device_class = os.path.basename(os.path.dirname(os.path.realpath(folder)))
    return folder if device_class == "watchdog" else None


def open_watchdog(file: str, timeout_ms: int, pretimeout_ms: int) -> FileWatchdog | LinuxWatchdog:
    """The adapter for what ``file`` is: the kernel's device, or a plain file in its place."""
    if watchdog_folder(file) is not None:
        return LinuxWatchdog(file, timeout_ms, pretimeout_ms)
    return FileWatchdog(file)
