"""All of a node that can be asked about.

What the halves do not know of themselves is kept here too: counts of the paths, faults of ports and
store. Kept up to date by `bmcha.node` and `bmcha.hearing`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from bmcha.answers.health import Health, health_of
from bmcha.chassis.keeper import ChassisKeeper
from bmcha.chassis.own_readings import OwnReadings
from bmcha.chassis.second_view import SecondView
from bmcha.ha.role_keeper import RoleKeeper
from bmcha.ha.service_state import ServiceState
from bmcha.model.event import PathCounts
from bmcha.model.record import dataclass
from bmcha.model.role import Severity
from bmcha.model.settings import NodeSettings

Body = dict[str, Any]
SPLIT_ALARM_MS = 24 * 3600 * 1000
"""The alarm of a split ends by itself: whoever looks once a day sees it."""
HEALTH_LOW_MAX = 70
"""By default, as much less than 100 as makes the role move (`policy.health_switchover_margin`)."""


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
    own_readings: OwnReadings = field(init=False)
    second_view: SecondView = field(init=False)
    health: Health = field(init=False)
    """As of the last tick."""

    def __post_init__(self) -> None:
        self.service = ServiceState(self.started_ns)
        self.own_readings = OwnReadings(self.started_ns)
        self.second_view = SecondView()
        self.judge_health(self.started_ns)

    def judge_health(self, now_ns: int) -> None:
        self.health = health_of(self, now_ns)

    def compare_views(self, now_ns: int) -> None:
        """What this module reads, with what the holder says that it reads."""
        chassis = self.chassis
        self.second_view.look(
            chassis.is_following, chassis.picture, self.own_readings, self.settings.chassis, now_ns
        )

    def conditions(self, now_ns: int) -> list[tuple[str, Severity, str]]:
        """A STANDBY raises no alarm of the chassis; that it could not care for it, or sees another
        one, is its own."""
        found = self.second_view.conditions(now_ns)
        if 0 < self.health.score <= HEALTH_LOW_MAX:  # 0 is FAULT, which has its own
            text = f"health {self.health.score} %: {'; '.join(self.health.reasons)}"
            found.append(("health-low", Severity.MINOR, text))
        split = self.chassis.last_split(now_ns)
        if split is not None and split[1] < SPLIT_ALARM_MS:
            found.append(("split-brain", Severity.MAJOR, split[0].text))
        return found

    def is_mirror_synced(self) -> bool:
        chassis = self.chassis
        return chassis.sender.is_synced if chassis.is_holding else chassis.receiver.is_synced
