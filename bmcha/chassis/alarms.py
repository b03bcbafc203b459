"""The alarm table: what is wrong now, by id. Raising what stands already only brings its text up to
date, and is news when its severity has changed.

Two kinds share it: alarms of the chassis (a sensor, a fan) are the ACTIVE's to judge and are
mirrored; alarms of this node (a path, its store) stay here. Severity and text come with the raise.
"""

from __future__ import annotations

from dataclasses import replace

from bmcha.model.reading import ALARMS_MAX, AlarmCell
from bmcha.model.record import dataclass
from bmcha.model.role import Severity


@dataclass(frozen=True, slots=True)
class Alarm:
    alarm_id: str
    severity: Severity
    text: str
    since_ns: int
    is_of_chassis: bool
    index: int


class AlarmTable:
    def __init__(self) -> None:
        self._raised: dict[str, Alarm] = {}
        self.refused_count = 0

    def raise_alarm(
        self, alarm_id: str, severity: Severity, text: str, now_ns: int, is_of_chassis: bool
    ) -> Alarm | None:
        """The alarm that is news: it did not stand, or with another severity. None: nothing is to
        be told (or the table is full, counted)."""
        standing = self._raised.get(alarm_id)
        if standing is not None:
            if (standing.severity, standing.text) == (severity, text):
                return None
            alarm = replace(standing, severity=severity, text=text)
            self._raised[alarm_id] = alarm
            return alarm if severity is not standing.severity else None
        index = self._free_index()
        if index is None:
            self.refused_count += 1
            return None
        alarm = Alarm(alarm_id, severity, text, now_ns, is_of_chassis, index)
        self._raised[alarm_id] = alarm
        return alarm

    def clear(self, alarm_id: str) -> Alarm | None:
        """The alarm that stood, or None."""
        return self._raised.pop(alarm_id, None)

    def is_raised(self, alarm_id: str) -> bool:
        return alarm_id in self._raised

    def raised(self) -> list[Alarm]:
        return sorted(self._raised.values(), key=lambda a: (-a.severity.value, a.since_ns))

    def adopt(self, cells: list[AlarmCell]) -> None:
        """A takeover: the chassis alarms that the former ACTIVE had raised stand on."""
        for cell in cells:
            if cell.is_raised and cell.alarm_id not in self._raised:
                self._raised[cell.alarm_id] = Alarm(
                    cell.alarm_id,
                    cell.severity,
                    f"{cell.alarm_id} (raised by the former ACTIVE)",
                    cell.stamp_ns,
                    True,
                    cell.index,
                )

    def drop_chassis_alarms(self) -> None:
        """No longer ACTIVE: what the chassis suffers from is the other's to say."""
        self._raised = {k: a for k, a in self._raised.items() if not a.is_of_chassis}

    def _free_index(self) -> int | None:
        taken = {alarm.index for alarm in self._raised.values()}
        return next((i for i in range(ALARMS_MAX) if i not in taken), None)


def cell_of(alarm: Alarm, is_raised: bool) -> AlarmCell:
    return AlarmCell(alarm.index, alarm.alarm_id, alarm.severity, is_raised, alarm.since_ns)
