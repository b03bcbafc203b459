"""Takes the ``[realtime]`` table of a module's file apart. Called by `bmcha.config.module_file`."""

from __future__ import annotations

from typing import Final

from bmcha.config.table import Table, shown
from bmcha.model.record import dataclass

CPU_MAX: Final = 1023
CPUS_MAX: Final = 64
PRIORITY_MAX: Final = 49
"""Below the kernel's interrupt threads, which have 50: what they bring is what is waited for."""


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """``cpus``: the processors that the service runs on; (): all that it may. ``priority``: that of
    the beat engines under SCHED_FIFO; None: as everybody's."""

    is_memory_locked: bool = False
    cpus: tuple[int, ...] = ()
    priority: int | None = None


def read_realtime(table: Table) -> RealtimeSettings:
    cpus = table.optional_integers("cpus", 0, CPU_MAX, CPUS_MAX)
    if len(set(cpus)) != len(cpus):
        table.refuse("cpus", shown(table.raw("cpus")), "each processor once")
    priority = table.optional_integer("priority", 1, PRIORITY_MAX)
    found = RealtimeSettings(table.flag("lock_memory", False), cpus, priority)
    table.end()
    return found
