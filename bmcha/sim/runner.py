"""Runs one scenario on a virtual chassis and judges it.

Times are judged by the clock of those who acted (the journal's and the modules' own stamps), not
by when this process heard of it. What must never happen is judged at the end, from the journal.
Called by `bmcha.sim.entry` and by tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bmcha.model.record import dataclass
from bmcha.sim import journal
from bmcha.sim.mirror_check import MirrorResult
from bmcha.sim.report import EventsResult, Report, judge_events, role_rows
from bmcha.sim.rig import Rig
from bmcha.sim.rpc import RpcRefused
from bmcha.sim.scenario import (
    SURVIVOR,
    SWITCHOVER,
    VICTIM,
    Aim,
    At,
    Rule,
    Scenario,
    Settle,
    Within,
    parse_switchover,
)
from bmcha.sim.stage import NS_PER_S, Cast, Stage

LINGER_S = 1.0
"""After the last step: time for what must never happen to happen all the same."""
HEARSAY_S = 0.5
"""How late news of something that happened in time may reach this process."""
ALARM_PERIOD_NS = 100_000_000

Say = Callable[[At | None, str], None]
"""Gets what each action did, and each expectation as it is met."""


def _unsaid(_step: At | None, _text: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Expectation:
    """A `Within` whose time runs. ``cast`` is who was what just before its action."""

    step: Within
    base_ns: int
    cast: Cast

    @property
    def deadline_ns(self) -> int:
        return self.base_ns + int(self.step.seconds * NS_PER_S)


class Runner:
    """One run of one scenario."""

    def __init__(
        self, rig: Rig, stage: Stage, scenario: Scenario, board: str, say: Say = _unsaid
    ) -> None:
        self._rig = rig
        self._stage = stage
        self._scenario = scenario
        self._board = board
        self._say = say
        self._open: list[_Expectation] = []
        self._why: list[str] = []
        self._first_action_ns: int | None = None
        self._zero_ns = 0
        self._judged_ns: int | None = None
        self._next_alarm_ns = 0
        self._alarms_ns = 0
        self._alarms: list[set[str]] = []
        """What each module that answered at that time shows."""

    def run(self) -> Report:
        """Starts the modules, goes through the steps, judges."""
        empty = self._scenario.empty_slots
        self._stage.start(tuple(slot for slot in self._rig.layout.slots if slot not in empty))
        base_ns = self._zero_ns = self._stage.started_ns
        cast = Cast(None, None)
        for step in self._scenario.steps:
            if isinstance(step, Within):
                self._open.append(_Expectation(step, base_ns, cast))
                self._check_open()
                continue
            if isinstance(step, Settle):
                self._settle(step)
            else:
                self._wait(self._zero_ns + int(step.seconds * NS_PER_S))
            if self._why:
                break
            cast = self._stage.cast()
            if isinstance(step, At):
                self._act(step)
            base_ns = time.monotonic_ns()
            if isinstance(step, Settle):
                self._zero_ns = base_ns
            self._next_alarm_ns, self._alarms = 0, []  # looked at anew
        while self._open and not self._why:
            self._hear_once(self._next_look_ns())
        if not self._why:
            self._linger()
        return self.report()

    def report(self, interruption: str | None = None) -> Report:
        """The verdict on what has been seen so far; the journal ends here."""
        if interruption is not None:
            self._why.append(interruption)
        self._stage.hear_all()
        self._rig.freeze_journal()
        end_ns = self._judged_ns = time.monotonic_ns()
        lines = journal.read_journal(self._rig.layout.journal)
        mirror = self._rig.mirror_check.result()
        events = self._judge_events()
        return Report(
            scenario=self._scenario.name,
            board=self._board,
            why=(*self._why, *self._broken_rules(lines, mirror, events)),
            failover_ms=journal.failover_ms(lines),
            outage_ms=journal.outage_ms(lines, end_ns),
            dual_active_ms=journal.dual_active_ms(lines, end_ns),
            roles=role_rows(self._stage.role_history, self._stage.started_ns),
            mirror=mirror,
            events=events,
            seed=self._rig.seed,
        )

    # ------------------------------------------------------------ going through the steps

    def _act(self, step: At) -> None:
        if self._first_action_ns is None:
            self._first_action_ns = time.monotonic_ns()
        try:
            if step.words[0] == SWITCHOVER:
                target, is_forced = parse_switchover(step.words, self._rig.known)
                self._say(step, "a planned switchover is asked for")
                self._stage.switchover(target, is_forced)
            else:
                self._say(step, self._stage.act(step.words)["text"])
        except RpcRefused as refused:
            self._why.append(f"{step.place}: {' '.join(step.words)}: {refused}")

    def _settle(self, step: Settle) -> None:
        """Also until what was expected before has been seen: its time counts from before."""
        begun_ns = time.monotonic_ns()
        give_up_ns = begun_ns + int(step.seconds * NS_PER_S)
        while not self._why:
            unrest = self._stage.unrest()
            now_ns = time.monotonic_ns()
            if not unrest and not self._open:
                took_ms = (now_ns - begun_ns) / 1e6
                self._say(None, f"settle {step.seconds:g}: at rest after {took_ms:.0f} ms")
                return
            if unrest and now_ns >= give_up_ns:
                self._why.append(f"{step.place}: settle {step.seconds:g}: {unrest}")
            self._hear_once(now_ns + ALARM_PERIOD_NS)

    def _wait(self, until_ns: int) -> None:
        """Hears and checks until then, or until something is missed."""
        while not self._why and time.monotonic_ns() < until_ns:
            self._hear_once(min(until_ns, self._next_look_ns()))

    def _hear_once(self, until_ns: int) -> None:
        self._stage.hear(until_ns)
        self._check_open()

    def _next_look_ns(self) -> int:
        """When an expectation is missed, or an alarm is to be looked for, if nothing is told."""
        now_ns = time.monotonic_ns()
        looks = [each.deadline_ns + int(HEARSAY_S * NS_PER_S) for each in self._open]
        if any(each.step.aim in (Aim.ALARM, Aim.NO_ALARM) for each in self._open):
            looks.append(now_ns + ALARM_PERIOD_NS)
        return min(looks, default=now_ns + NS_PER_S)

    def _linger(self) -> None:
        end_ns = time.monotonic_ns() + int(LINGER_S * NS_PER_S)
        until_ns = self._zero_ns + int(self._scenario.until_s * NS_PER_S)
        while time.monotonic_ns() < max(end_ns, until_ns):
            self._stage.hear(max(end_ns, until_ns))

    # ------------------------------------------------------------ expectations

    def _check_open(self) -> None:
        self._stage.hear_all()
        now_ns = time.monotonic_ns()
        still_open = []
        for each in self._open:
            seen_ns = self._seen_ns(each)
            if seen_ns is not None and seen_ns <= each.deadline_ns:
                took_ms = (seen_ns - each.base_ns) / 1e6
                self._say(None, f"{each.step.sentence()}: seen after {max(0.0, took_ms):.0f} ms")
            elif seen_ns is None and now_ns < each.deadline_ns + int(HEARSAY_S * NS_PER_S):
                still_open.append(each)
            else:
                self._why.append(self._missed(each, seen_ns))
        self._open = still_open

    def _seen_ns(self, each: _Expectation) -> int | None:
        """When it became true; None: it is not."""
        step = each.step
        if step.aim in (Aim.ALARM, Aim.NO_ALARM):
            return self._alarm_seen_ns(step.state, step.aim is Aim.ALARM)
        slot = self._slot(each)
        if slot is None:
            return None
        if step.aim is Aim.OUTPUT:
            return self._stage.output_ns(slot, each.base_ns)
        return self._stage.in_role_ns(slot, step.state, each.base_ns)

    def _alarm_seen_ns(self, alarm_id: str, is_raised: bool) -> int | None:
        """When it was seen that a module shows it; or that none does, if any answers."""
        now_ns = time.monotonic_ns()
        if now_ns >= self._next_alarm_ns:
            self._next_alarm_ns = now_ns + ALARM_PERIOD_NS // 2
            answers = [self._stage.ask(slot, "status") for slot in self._stage.answering_slots()]
            self._alarms = [{each["id"] for each in body["alarms"]} for body in answers if body]
            self._alarms_ns = now_ns
        if is_raised:
            is_seen = any(alarm_id in alarms for alarms in self._alarms)
        else:
            is_seen = bool(self._alarms) and all(alarm_id not in each for each in self._alarms)
        return self._alarms_ns if is_seen else None

    def _slot(self, each: _Expectation) -> int | None:
        """Whom the step's word means; see docs/scenarios.md."""
        word = each.step.slot_word
        victim = self._stage.victim
        if word.isdecimal():
            return int(word)
        if word in (VICTIM, SURVIVOR):
            if victim is None:
                return None
            return victim if word == VICTIM else self._stage.other(victim)
        before = each.cast.active if word == "active" else each.cast.standby
        if before is not None and before in self._stage.answering_slots():
            return before
        now = self._stage.cast()
        return now.active if word == "active" else now.standby

    def _missed(self, each: _Expectation, seen_ns: int | None) -> str:
        roles = ", ".join(
            f"module {slot} {told.state} ({told.reason})"
            for slot, told in sorted(self._stage.roles.items())
        )
        late = ""
        if seen_ns is not None:
            late = f", but after {(seen_ns - each.base_ns) / 1e6:.0f} ms"
        return (
            f"{each.step.place}: {each.step.sentence()}: not seen in time{late}; "
            f"at the end: {roles or 'no module answers'}"
        )

    # ------------------------------------------------------------ rules

    def _broken_rules(
        self, lines: list[journal.Line], mirror: MirrorResult, events: EventsResult
    ) -> list[str]:
        found = []
        for never in self._scenario.rules:
            broken = self._broken(never.rule, lines, mirror, events)
            if broken is not None:
                found.append(f"{never.place}: never {never.rule.value}: {broken}")
        return found

    def _broken(
        self, rule: Rule, lines: list[journal.Line], mirror: MirrorResult, events: EventsResult
    ) -> str | None:
        match rule:
            case Rule.DUAL:
                dual_ms = journal.dual_active_ms(lines, self._judged_ns)
                return f"two gates were open for {dual_ms:g} ms" if dual_ms else None
            case Rule.ROLE_CHANGE:
                return self._role_change()
            case Rule.FAN_DROP:
                return self._written("fell to", journal.fan_drops(lines))
            case Rule.STALE_WRITE:
                return self._written("was written late as", journal.stale_writes(lines))
            case Rule.MIRROR_GAP:
                if not mirror.cells_compared:
                    return "no image could be compared at a takeover"
                names = ", ".join(mirror.differing[:8])
                return f"{mirror.cells_differing} cells differ: {names}" if names else None
            case Rule.EVENT_LOSS:
                if events.lost is None:
                    return "nobody was left to ask for the chassis log"
                is_whole = events.lost == events.doubled == 0
                return None if is_whole else f"{events.lost} lost, {events.doubled} doubled"

    def _role_change(self) -> str | None:
        """Another reason for the same role is no change."""
        first_ns = self._first_action_ns
        roles: dict[int, str] = {}
        for told in self._stage.role_history:
            before, roles[told.slot] = roles.get(told.slot), told.state
            is_other = told.state != before
            if is_other and first_ns is not None and told.t_ns > first_ns:
                at_s = self._stage.since_start_ms(told.t_ns) / 1000
                return f"module {told.slot} became {told.state} ({told.reason}) at {at_s:.3f} s"
        return None

    def _written(self, what: str, lines: list[journal.Line]) -> str | None:
        if not lines:
            return None
        first = lines[0]
        at_s = self._stage.since_start_ms(first.t_ns) / 1000
        more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
        return f"{first.name} {what} {first.value} by module {first.slot} at {at_s:.3f} s{more}"

    def _judge_events(self) -> EventsResult:
        holders = [s for s in self._stage.open_slots if s in self._stage.answering_slots()]
        body = self._stage.ask(holders[0], "events") if holders else None
        if body is None:
            return EventsResult()
        final = [(each["epoch"], each["number"], each["slot"]) for each in body["events"]]
        self._stage.hear_all()
        return judge_events(self._stage.events, self._stage.chassis_events, final)
