"""Tells the log, the service manager and the followers what the node has decided.

Nothing here blocks or fails: each of the three has a bounded queue of its own. What repeats at
every tick (a device that is gone) is logged when it changes, or when it comes again after it was
away for `AWAY_NS`. Runs in the node's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bmcha.diag.log import Level
from bmcha.diag.sentences import sentence_of_event, sentence_of_role
from bmcha.model.effect import Answer, EnterRole
from bmcha.model.event import EffectFailed, Event, OutputsWithheld, StoreFailed
from bmcha.model.moment import NS_PER_S
from bmcha.model.reading import EventCell
from bmcha.model.role import Severity
from bmcha.runtime.worker import Say

AWAY_NS = 60 * NS_PER_S
FAILURES = (EffectFailed, OutputsWithheld, StoreFailed)
LEVELS = {
    Severity.INFO: Level.INFO,
    Severity.MINOR: Level.NOTICE,
    Severity.MAJOR: Level.WARNING,
    Severity.CRITICAL: Level.ERROR,
}


class Followers(Protocol):
    """`ControlServer`."""

    def role_entered(self, entered: EnterRole, now_ns: int) -> None: ...

    def event_recorded(self, record: EventCell, now_ns: int) -> None: ...

    def answered(self, answer: Answer) -> None: ...


class Audience:
    def __init__(
        self,
        followers: Followers,
        log: Say,
        notify: Callable[[str], None],
        own_slot: int | None,
        on_role: Callable[[EnterRole], None],
        on_settings: Callable[[int], None],
    ) -> None:
        self._followers = followers
        self._log = log
        self._notify = notify
        self._own_slot = own_slot
        self._on_role = on_role
        self._on_settings = on_settings
        self._failures: dict[str, tuple[str, int]] = {}
        """By effect: why it failed last, and when."""

    def event_happened(self, event: Event, now_ns: int) -> None:
        """Each event before its step."""
        if isinstance(event, EffectFailed):
            why, failed_ns = self._failures.get(event.effect, ("", 0))
            self._failures[event.effect] = (event.why, now_ns)
            if why == event.why and now_ns - failed_ns < AWAY_NS:
                return
        sentence = sentence_of_event(event, now_ns)
        if sentence is not None:
            self._log(sentence, Level.WARNING if isinstance(event, FAILURES) else Level.INFO)

    def role_entered(self, entered: EnterRole, now_ns: int) -> None:
        self._log(sentence_of_role(entered, self._own_slot), Level.NOTICE)
        self._notify(
            f"STATUS={entered.role.name}, epoch {entered.epoch}. {entered.reason.sentence}"
        )
        self._followers.role_entered(entered, now_ns)
        self._on_role(entered)

    def event_recorded(self, record: EventCell, now_ns: int) -> None:
        # Own roles have been logged as they were entered.
        if record.kind != "role" or record.slot != self._own_slot:
            text = f"{record.severity.name.lower()}: {record.text}"
            self._log(text, LEVELS[record.severity])
        self._followers.event_recorded(record, now_ns)

    def answered(self, answer: Answer) -> None:
        self._followers.answered(answer)

    def settings_adopted(self, number: int) -> None:
        self._on_settings(number)
