"""Checks whether the system grants what `[realtime]` asks for. Called by `bmcha.check.run`."""

from __future__ import annotations

from collections.abc import Iterator

from bmcha.check.finding import Finding
from bmcha.check.subject import Subject
from bmcha.hal.port import PortError
from bmcha.hal.realtime import require_cpus, require_lockable, require_priority


def check_realtime(subject: Subject) -> Iterator[Finding]:
    """With the rights of who calls it; the service's may be others."""
    if subject.service is None:
        return
    asked = subject.service.realtime
    remedy = "see to it; until then the service runs without it"
    if asked.is_memory_locked:
        try:
            require_lockable()
        except PortError as error:
            allowed = "a system that allows it"
            yield subject.in_module("realtime.lock_memory", f"true: {error}", allowed, remedy, True)
    if asked.cpus and subject.is_sound(subject.module_file, "realtime.cpus"):
        try:
            require_cpus(asked.cpus)
        except PortError as error:
            allowed = "processors that this module has"
            yield subject.in_module("realtime.cpus", str(error), allowed, remedy, True)
    if asked.priority is not None:
        try:
            require_priority(asked.priority)
        except PortError as error:
            allowed = "a system that grants it"
            yield subject.in_module("realtime.priority", str(error), allowed, remedy, True)
