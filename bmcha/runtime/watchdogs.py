"""Several watchdogs fed as one: the module's hardware and the service manager's.

Called by the effect runner; made by `bmcha.app`.
"""

from __future__ import annotations

from collections.abc import Callable

from bmcha.hal.port import PortError, WatchdogPort


class Watchdogs:
    """A `WatchdogPort`. One that fails does not keep the others from being fed or closed."""

    def __init__(self, *watchdogs: WatchdogPort) -> None:
        self._watchdogs = watchdogs

    def feed(self) -> None:
        self._each(lambda watchdog: watchdog.feed())

    def close(self, is_disarmed: bool) -> None:
        self._each(lambda watchdog: watchdog.close(is_disarmed))

    def _each(self, act: Callable[[WatchdogPort], None]) -> None:
        """Raises the first PortError when all have had their turn."""
        failed: PortError | None = None
        for watchdog in self._watchdogs:
            try:
                act(watchdog)
            except PortError as error:
                failed = failed or error
        if failed is not None:
            raise failed
