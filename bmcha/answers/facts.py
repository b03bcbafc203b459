"""All of a node that can be asked about.

What the halves do not know of themselves is kept here too: counts of the paths, faults of ports and
store. Kept up to date by `bmcha.node` and `bmcha.hearing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bmcha.chassis.keeper import ChassisKeeper
from bmcha.ha.role_keeper import RoleKeeper
from bmcha.ha.service_state import ServiceState
from bmcha.model.event import PathCounts
from bmcha.model.settings import NodeSettings

Body = dict[str, Any]


@dataclass(slots=True)
class Facts:
    """All of a node that can be asked about. `Node` keeps it up to date."""

    settings: NodeSettings
    own_slot: int | None
    boot_id: int
    started_ns: int
    roles: RoleKeeper
    chassis: ChassisKeeper
    counts: dict[str, PathCounts] = field(default_factory=dict)
    port_faults: dict[str, str] = field(default_factory=dict)
    store_fault: str = ""
    service: ServiceState = field(init=False)

    def __post_init__(self) -> None:
        self.service = ServiceState(self.started_ns)

    def health(self) -> int:
        """0 to 100: what this node can do for the chassis. A node that cannot store is worse
        than one that can; the chassis' own faults are the same for both and do not count."""
        if self.own_slot is None:
            return 0
        broken_count = sum(bool(fault) for fault in self.port_faults.values())
        broken_count += len(self.service.stalled)
        return max(1, 100 - 20 * bool(self.store_fault) - 10 * broken_count)

    def is_mirror_synced(self) -> bool:
        chassis = self.chassis
        return chassis.sender.is_synced if chassis.is_holding else chassis.receiver.is_synced
