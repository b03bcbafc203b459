"""The story that ``make demo`` tells in twenty-odd seconds, one sentence an event.

Cold start, a path cut and healed, the active module killed, its return, a planned switchover;
then a table of the times. It is a scenario like any other with a narrator beside it, so that what
is told is what was judged. Also the narrator of a sim that runs in a terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bmcha.model.record import dataclass
from bmcha.sim import journal
from bmcha.sim.backplane import RESET
from bmcha.sim.follow import EventTold, JournalTold, ModuleGone, RoleTold, Told
from bmcha.sim.journal import Line
from bmcha.sim.report import Report
from bmcha.sim.scenario import At

STORY_NAME = "story"
STORY = """\
settle 20
at 1 cut udp
at 3 heal udp
within 0 role 1 ACTIVE
at 5 kill active
on gated,reset: within 0.5 output survivor
on lease,bare: within 1.7 output survivor
at 7.5 start victim
within 8 role victim STANDBY
settle 20
at 1 switchover
within 1 output survivor
within 2 role victim STANDBY
until 3
never dual
never fan-drop
never stale-write
never mirror-gap
never event-loss
"""

_FAULTS = {
    "cut": "Path {value} is cut.",
    "loss": "A path loses part of what is sent, in percent: {value}.",
    "delay": "A path is slow, in milliseconds: {value}.",
    "noise": "A path has noise, in bytes a second: {value}.",
    "kill": "Module {slot} is killed with SIGKILL.",
    "stop": "Module {slot} is stopped with SIGSTOP.",
    "restart": "Module {slot} is restarted with SIGTERM.",
    "pull": "Module {slot} is pulled out.",
    "line": "A line of module {slot} is forced: {value}.",
    "set": "A sensor is set by hand: {value}.",
    "sensor": "A sensor answers nobody: {value}.",
    "fan": "A fan stands still: {value}.",
    "psu": "A power supply gives nothing: {value}.",
    "blade": "A blade: {value}.",
    "disk": "The disk of module {slot} is full.",
    "start": "Module {slot} is started as a module of another chassis: {value}.",
    "insert": "A module of another chassis is put into slot {slot}: {value}.",
    "ended": "The process of module {slot} has ended: {value}.",
}
"""What the journal's fault lines mean, by name."""
_ALARMS = {"alarm-raised": "Alarm: {0}.", "alarm-cleared": "{0}."}

Say = Callable[[str], None]


class Narrator:
    """Turns what is told into sentences with the time."""

    def __init__(self, say: Say, is_strict: bool = False) -> None:
        """``is_strict``: also what was expected, in a scenario's own words."""
        self._say = say
        self._is_strict = is_strict
        self._roles: dict[int, str] = {}
        self.since_start_ms: Callable[[int], float] = lambda t_ns: 0.0

    def hear(self, told: Told) -> None:
        match told:
            case RoleTold() if self._roles.get(told.slot) != told.state:
                self._roles[told.slot] = told.state
                self._tell(told.t_ns, f"Module {told.slot} is {told.state}: {told.reason_text}")
            case ModuleGone(slot=slot):
                self._roles.pop(slot, None)
            case JournalTold(line=line):
                text = _line_text(line)
                if text:
                    self._tell(line.t_ns, text)
            case EventTold() if self._roles.get(told.slot) == "ACTIVE" and told.kind in _ALARMS:
                # Both modules raise most alarms; the ACTIVE's are the chassis's.
                self._tell(told.t_ns, _ALARMS[told.kind].format(told.text))
            case RoleTold() | EventTold():
                pass

    def act(self, step: At | None, text: str) -> None:
        """The runner's word: what an action did, or an expectation that was met."""
        if step is None:
            if self._is_strict:
                self._tell(time.monotonic_ns(), f"As expected: {text}.")
        elif not _is_fault(step.words):  # the journal tells of those
            self._tell(time.monotonic_ns(), f"{text[:1].upper()}{text[1:]}.")

    def _tell(self, t_ns: int, text: str) -> None:
        self._say(f"{self.since_start_ms(t_ns) / 1000:7.3f} s  {text}")


def _is_fault(words: Sequence[str]) -> bool:
    """Mends are in no journal."""
    is_mended = words[-1] in ("ok", "on", "auto", "follow") or words[2:3] == ("0",)
    is_foreign = "--chassis" in words
    mends = ("heal", "cont", "start", "insert", "switchover", "state")
    return is_foreign or not (is_mended or words[0] in mends)


def _line_text(line: Line) -> str:
    if line.what == "gate":
        ending = "" if line.value else " no more"
        return f"The outputs of module {line.slot} are let through{ending}."
    if line.what == "line" and line.name == RESET:
        return f"Module {line.slot} is held in reset{'' if line.value else ' no more'}."
    if line.what == "fault":
        return _FAULTS.get(line.name, "{value}").format(slot=line.slot, value=line.value)
    return ""


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    value: str


def table(lines: Sequence[Line], report: Report) -> list[str]:
    """The times of the story, from the journal alone but for the last two rows."""
    pwms = [line.value for line in lines if line.what == "output"]
    rows = [
        Row("from the kill to the survivor's first output", _ms(report.failover_ms)),
        Row("longest time with nobody's outputs let through", _ms(report.outage_ms)),
        Row("time with both modules' outputs let through", _ms(report.dual_active_ms)),
        Row("planned switchover, gate shut to gate open", _ms(_switchover_ms(lines))),
        Row("fan pwm, lowest and highest", f"{min(pwms)} and {max(pwms)}" if pwms else "-"),
        Row("readings compared at the last takeover", _count(report.mirror.cells_compared)),
        Row("readings that differed", _count(report.mirror.cells_differing)),
        Row("events of the chassis log lost", _count(report.events.lost)),
        Row("events of the chassis log doubled", _count(report.events.doubled)),
    ]
    width = max(len(row.name) for row in rows)
    rule = "-" * (width + 16)
    return [rule, *(f"{row.name:<{width}}  {row.value:>14}" for row in rows), rule]


def _switchover_ms(lines: Sequence[Line]) -> float | None:
    """Between the last two gate changes: one shut, the other opened."""
    gates = [line for line in lines if line.what == "gate"]
    if len(gates) < 2 or gates[-2].value or not gates[-1].value:
        return None
    return journal.as_ms(gates[-1].t_ns - gates[-2].t_ns)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def closing(report: Report) -> list[str]:
    """How it ended, as sentences."""
    if report.is_pass:
        return ["All went as told."]
    return ["Not all went as told:", *(f"  {sentence}" for sentence in report.why)]
