"""What the supervisor needs to know of a thread's work, and how a worker is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bmcha.diag.log import Level
from bmcha.model.event import Event

Clock = Callable[[], int]
"""Monotonic nanoseconds; passed in, so that tests have a time of their own."""

Post = Callable[[Event], bool]
"""`Mailbox.post`."""


class Say(Protocol):
    """`Log.say`."""

    def __call__(self, text: str, level: Level = Level.INFO) -> None: ...


class Worker(Protocol):
    """One thread. ``run`` opens its device, works until stopped, and closes what it opened."""

    @property
    def name(self) -> str: ...

    def run(self) -> None: ...

    def stop(self) -> None:
        """Thread-safe, returns at once; ``run`` ends soon after."""
