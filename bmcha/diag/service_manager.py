"""Tells systemd how far the service is (sd_notify(3)), if systemd asked to be told.

A datagram to $NOTIFY_SOCKET; nothing is sent elsewhere, nothing waits and nothing ever fails here.
The service watchdog (WatchdogSec= of the unit) is fed from the node's own ticks: a service whose
loop stands still is restarted, however alive its threads are.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

FEED: Final = "WATCHDOG=1"
FEEDS_PER_TIME: Final = 4
"""sd_notify(3) asks for two; this is the share of the time that a stall may have used up unseen."""


def notify_service_manager(state: str) -> None:
    """``state`` is one or more lines as in sd_notify(3): READY=1, STATUS=..., STOPPING=1."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    # A path or an abstract name; systemd's third form is for virtual machines.
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier,
    ):
        notifier.setblocking(False)
        notifier.sendto(state.encode(errors="backslashreplace"), address)


class ServiceWatchdog:
    """A `WatchdogPort`. Without a time of the unit it does nothing."""

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        notify: Callable[[str], None] = notify_service_manager,
    ) -> None:
        self._notify = notify
        self._pause_s = watchdog_s(environment) / FEEDS_PER_TIME
        self._fed_s = -self._pause_s

    def feed(self) -> None:
        now_s = time.monotonic()
        if self._pause_s and now_s - self._fed_s >= self._pause_s:
            self._fed_s = now_s
            self._notify(FEED)

    def close(self, is_disarmed: bool) -> None:
        """The manager knows of the end by itself."""


def watchdog_s(environment: Mapping[str, str]) -> float:
    """What sd_watchdog_enabled(3) would say; 0 when the manager expects no feeding of us."""
    time_us, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not time_us.isascii() or not time_us.isdigit() or (pid and pid != str(os.getpid())):
        return 0.0
    return int(time_us) / 1e6
