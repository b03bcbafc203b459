"""Calls something that may hang in a driver, and waits for it only so long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

WAIT_S: Final = 2.0

_T = TypeVar("_T")


class _Call(Generic[_T]):
    def __init__(self, act: Callable[[], _T]) -> None:
        self._act = act
        self.answers: list[_T] = []

    def run(self) -> None:
        self.answers.append(self._act())


def within(act: Callable[[], _T], wait_s: float = WAIT_S) -> _T | None:
    """What ``act`` returns; None when it did not return in time. Its thread is left behind: a
    read that hangs in a driver cannot be ended, and does not keep the program from ending."""
    call = _Call(act)
    thread = threading.Thread(target=call.run, daemon=True)
    thread.start()
    thread.join(wait_s)
    return call.answers[0] if call.answers else None
