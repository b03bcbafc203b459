"""Judges fans: whether they turn as they should, whether that can be told, and whether they obey.

A fan that turns below its lowest speed for a while has FAILED, unless it was told to stand still,
which is OFF; one that turns well for as long has recovered. A fan whose tachometer cannot be read,
or was not read for too long, is UNKNOWN. Of what it is told only changes come in. Judgements are
values with a reason for people; what they mean for the other fans is `cooling`'s, alarms are made
by `keeper`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bmcha.model.event import FanDriven, FanRead
from bmcha.model.moment import NS_PER_S, ns_from_ms
from bmcha.model.reading import FanCell, UnitState
from bmcha.model.settings import ChassisSettings, FanSettings

RPM_BELIEVABLE_MAX: Final = 100_000
"""The fastest fans made turn at a third of it."""
SPIN_UP_NS: Final = 5 * NS_PER_S
"""From standstill: large fans take two or three seconds, tachometers one more."""
LASTING_NS: Final = 2 * NS_PER_S
"""A disturbed count of the tachometer is no failure, and fan chips show one for up to a second."""


def initial_fan(index: int, settings: FanSettings, now_ns: int) -> FanCell:
    """A fan whose controller is not known yet runs at full speed: the safe side."""
    return FanCell(
        index=index,
        name=settings.name,
        rpm=0,
        pwm=255,
        pwm_min=settings.pwm_min,
        state=UnitState.UNKNOWN,
        stamp_ns=now_ns,
    )


class FanJudge:
    """Remembers of each fan when it stood still, since when its speed contradicts its state, why it
    cannot be read, and why not driven."""

    def __init__(self, settings: ChassisSettings) -> None:
        self.settings = settings
        self._stood_ns: dict[int, int] = {}
        self._contrary_ns: dict[int, int] = {}
        self._unread_whys: dict[int, str] = {}
        self._undriven_whys: dict[int, str] = {}

    def why_unread(self, index: int) -> str:
        return self._unread_whys.get(index, "")

    def why_undriven(self, index: int) -> str:
        return self._undriven_whys.get(index, "")

    def why(self, index: int) -> str:
        """Both, for people; "" when all is well."""
        return "; ".join(filter(None, (self.why_unread(index), self.why_undriven(index))))

    def undriven(self) -> frozenset[int]:
        """The fans that do not do what they are told."""
        return frozenset(index for index, why in self._undriven_whys.items() if why)

    def forget(self) -> None:
        """From now on others judge. What is known of writes stays: only changes are told."""
        self._stood_ns.clear()
        self._contrary_ns.clear()
        self._unread_whys.clear()

    def driven(self, driven: FanDriven) -> None:
        self._undriven_whys[driven.index] = driven.why

    def judge(self, cell: FanCell, read: FanRead) -> FanCell:
        """The cell after the reading; one that cannot be read keeps its last speed and age."""
        why = read.why
        if read.rpm is not None and not 0 <= read.rpm <= RPM_BELIEVABLE_MAX:
            why = f"no fan turns at {read.rpm} rpm"
        elif read.rpm is not None:
            self._unread_whys.pop(read.index, None)
            state = self._state(cell, read.rpm, read.read_ns)
            return replace(cell, rpm=read.rpm, state=state, stamp_ns=read.read_ns)
        self._unread_whys[read.index] = why or "it cannot be read"
        return replace(cell, state=UnitState.UNKNOWN)

    def age_out(self, cells: list[FanCell], now_ns: int) -> list[FanCell]:
        """The cells whose speed is too old to tell how they turn, as UNKNOWN."""
        limit_ms = self.settings.sensor_stale_ms
        old = [cell for cell in cells if now_ns - cell.stamp_ns > ns_from_ms(limit_ms)]
        for cell in old:
            why = f"not read for {limit_ms} ms: its device does not answer"
            self._unread_whys.setdefault(cell.index, why)
        return [
            replace(cell, state=UnitState.UNKNOWN)
            for cell in old
            if cell.state is not UnitState.UNKNOWN
        ]

    def _state(self, cell: FanCell, rpm: int, read_ns: int) -> UnitState:
        """A failure, and its end, has to last."""
        now = self._momentary_state(cell, rpm, read_ns)
        is_news = now is not cell.state and UnitState.FAILED in (now, cell.state)
        if not is_news:
            self._contrary_ns.pop(cell.index, None)
            return now
        since_ns = self._contrary_ns.setdefault(cell.index, read_ns)
        return now if read_ns - since_ns >= LASTING_NS else cell.state

    def _momentary_state(self, cell: FanCell, rpm: int, read_ns: int) -> UnitState:
        if cell.pwm == 0:
            self._stood_ns[cell.index] = read_ns
        if rpm >= self.settings.fans[cell.index].rpm_min:
            return UnitState.OK
        stood_ns = self._stood_ns.get(cell.index)
        is_excused = stood_ns is not None and read_ns - stood_ns <= SPIN_UP_NS
        return UnitState.OFF if is_excused else UnitState.FAILED
