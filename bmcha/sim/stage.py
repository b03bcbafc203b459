"""What a client of a running virtual chassis has seen so far, and how it acts and waits.

The stage hears everything through `bmcha.sim.follow`, acts through the chassis's control socket,
and asks modules through theirs: it can do nothing that a person with two terminals could not. It
judges nothing. Main thread only; used by the scenario runner, the story and the live view.
"""

from __future__ import annotations

import queue
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

from bmcha.model.record import dataclass
from bmcha.sim.follow import EventTold, Followers, JournalTold, ModuleGone, RoleTold, Told
from bmcha.sim.rig import Rig
from bmcha.sim.rpc import RpcClient, RpcRefused

NS_PER_S = 1_000_000_000
GONE_WAIT_S = 2.0
"""A killed process's sockets are closed by the kernel before its end is told."""
ASK_TIMEOUT_S = 2.0
SWITCHOVER_TIMEOUT_S = 10.0
STEADY_NS = 1_000_000_000
"""Four turns of the cooling without another pwm for any fan."""
LOSING_VERBS = ("kill", "pull", "restart")
"""Actions after which a module is not the one that it was."""
VICTIM_VERBS = (*LOSING_VERBS, "stop")

Heard = Callable[[Told], None]


class StageBroken(Exception):
    """The chassis itself has ended. Its own failure says more."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who was what just before an action. None: nobody, or nobody in particular."""

    active: int | None
    standby: int | None


@dataclass(slots=True)
class _Span:
    """A module was in one role from then until then; None: it still is."""

    slot: int
    state: str
    from_ns: int
    to_ns: int | None = None


class Stage:
    """A context manager around a set-up `Rig`; the modules are started by `start`."""

    def __init__(self, rig: Rig, heard: Heard = lambda told: None) -> None:
        self._rig = rig
        self._heard = heard
        self._followers = Followers(rig.layout)
        self._control = rig.client()
        self.started_ns = time.monotonic_ns()
        self.roles: dict[int, RoleTold] = {}
        self.role_history: list[RoleTold] = []
        self.events: list[EventTold] = []
        self.chassis_events: list[EventTold] = []
        """Those that a module told while it was ACTIVE: the chassis log, as clients saw it grow."""
        self.open_slots: list[int] = []
        self._pwms: dict[str, int] = {}
        self._pwm_changed_ns = self.started_ns
        self._spans: list[_Span] = []
        self._outputs_ns: dict[int, list[int]] = {slot: [] for slot in rig.layout.slots}
        self._foreign_slots: set[int] = set()
        """What their modules tell is the log of another chassis."""
        self.victim: int | None = None

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_error: object) -> None:
        self._followers.close()
        self._control.close()

    # ------------------------------------------------------------ acting

    def start(self, slots: tuple[int, ...]) -> None:
        self.started_ns = self._rig.start(slots)

    def act(self, words: tuple[str, ...]) -> dict[str, Any]:
        """A sim-ctl action; on return it is in force, and what was known about a module that is
        gone is forgotten. RpcRefused: not done, and why."""
        self.hear_all()
        words = tuple(str(self._person(word) or word) for word in words)
        try:
            result: dict[str, Any] = self._control.call(words[0], list(words[1:]))
        except OSError:
            raise StageBroken("the chassis has ended") from None
        if "--chassis" in words:
            self._foreign_slots.add(result["slot"])
        elif words[0] == "insert":
            self._foreign_slots.discard(result["slot"])
        if words[0] in VICTIM_VERBS:
            self.victim = result["slot"]
        if words[0] in LOSING_VERBS:
            self._forget(result["slot"])
        return result

    def switchover(self, target: int | None, is_forced: bool) -> dict[str, Any]:
        """Asks the module that holds the outputs. RpcRefused: refused, or nobody to ask."""
        self.hear_all()
        if len(self.open_slots) != 1:
            raise RpcRefused(1, "nobody holds the outputs, or both do: there is none to ask")
        holder = self.open_slots[0]
        self.victim = holder
        params = {"to": target, "force": is_forced}
        try:
            return self._ask(holder, "switchover", params, SWITCHOVER_TIMEOUT_S)
        except OSError as error:
            raise RpcRefused(1, f"module {holder} does not answer: {error}") from None

    def ask(self, slot: int, method: str) -> dict[str, Any] | None:
        """A module's answer; None: it gives none, because it is dead, stopped or not ready."""
        try:
            return self._ask(slot, method, None, ASK_TIMEOUT_S)
        except (OSError, RpcRefused):
            return None

    def state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = self._control.call("state")
        except OSError:
            raise StageBroken("the chassis has ended") from None
        return state

    def answering_slots(self) -> list[int]:
        """Slots whose process runs and is not stopped."""
        slots = self.state()["slots"].items()
        return [int(slot) for slot, each in slots if each["alive"] and not each["stopped"]]

    def cast(self) -> Cast:
        """Who holds the outputs just now, and who runs without them."""
        self.hear_all()
        slots = self.state()["slots"].items()
        active = [int(slot) for slot, each in slots if each["gate"] == "open"]
        others = [int(slot) for slot, e in slots if e["alive"] and e["gate"] != "open"]
        return Cast(
            active[0] if len(active) == 1 else None, others[0] if len(others) == 1 else None
        )

    def unrest(self) -> str:
        """What still moves; "" when one module is ACTIVE, every other one that runs is STANDBY
        with the whole picture, and the fans are steady, by readings of every sensor."""
        self.hear_all()
        slots = self.answering_slots()
        bodies = {slot: self.ask(slot, "status") for slot in slots}
        silent = [slot for slot, body in bodies.items() if body is None]
        if silent or not bodies:
            return f"module {silent[0]} does not answer" if silent else "no module runs"
        roles = {slot: body["role"]["state"] for slot, body in bodies.items() if body}
        told = ", ".join(f"module {slot} is {role}" for slot, role in roles.items())
        if sorted(roles.values()) != ["ACTIVE", *["STANDBY"] * (len(roles) - 1)]:
            return told
        mirrors = {body["mirror"]["state"] for body in bodies.values() if body}
        if len(roles) > 1 and mirrors != {"SYNCED"}:
            return f"{told}; the mirror is {' and '.join(sorted(mirrors))}"
        active = next(slot for slot, role in roles.items() if role == "ACTIVE")
        return next((f"{told}; {what}" for what in self._unsteady(active)), "")

    def _unsteady(self, active: int) -> Iterator[str]:
        driven_ns = self.output_ns(active, self._active_since_ns(active))
        if driven_ns is None:
            yield "the fans are not driven yet"
            return
        answer = self.ask(active, "sensors")
        if answer is None:
            yield f"module {active} does not answer"
            return
        unread = [each["name"] for each in answer["sensors"] if each["quality"] == "NONE"]
        if unread:
            yield f"{unread[0]} was not read yet"
        if time.monotonic_ns() - max(driven_ns, self._pwm_changed_ns) < STEADY_NS:
            yield "the fans still change their speed"

    def _active_since_ns(self, slot: int) -> int:
        begun_ns = [s.from_ns for s in self._spans if (s.slot, s.state) == (slot, "ACTIVE")]
        return max(begun_ns, default=self.started_ns)

    # ------------------------------------------------------------ hearing

    def hear(self, until_ns: int) -> Told | None:
        """The next thing told, or None at ``until_ns``."""
        wait_s = (until_ns - time.monotonic_ns()) / NS_PER_S
        try:
            told = self._followers.told.get(timeout=max(0.0, wait_s))
        except queue.Empty:
            if self._rig.failure is not None:
                raise StageBroken("the chassis has ended") from self._rig.failure
            return None
        self._take(told)
        return told

    def hear_all(self) -> None:
        """Everything told so far."""
        while not self._followers.told.empty():
            self.hear(0)

    def in_role_ns(self, slot: int, state: str, since_ns: int) -> int | None:
        """When, from ``since_ns`` on, the module was first in this role. None: not yet."""
        found = [
            max(span.from_ns, since_ns)
            for span in self._spans
            if (span.slot, span.state) == (slot, state)
            and (span.to_ns is None or span.to_ns > since_ns)
        ]
        return min(found, default=None)

    def output_ns(self, slot: int, since_ns: int) -> int | None:
        """When, from ``since_ns`` on, a write of this module was first applied."""
        written_ns = self._outputs_ns[slot]
        place = bisect_left(written_ns, since_ns)
        return written_ns[place] if place < len(written_ns) else None

    def other(self, slot: int) -> int:
        return next(each for each in self._rig.layout.slots if each != slot)

    def since_start_ms(self, t_ns: int) -> float:
        return round((t_ns - self.started_ns) / 1e6, 1)

    # ------------------------------------------------------------ how

    def _person(self, word: str) -> int | None:
        """The slot behind a scenario's own word."""
        if self.victim is None or word not in ("victim", "survivor"):
            return None
        return self.victim if word == "victim" else self.other(self.victim)

    def _ask(self, slot: int, method: str, params: Any, timeout_s: float) -> dict[str, Any]:
        client = RpcClient(self._rig.layout.module_socket(slot), timeout_s)
        try:
            result: dict[str, Any] = client.call(method, params)
        finally:
            client.close()
        return result

    def _forget(self, slot: int) -> None:
        """The last words of a process that is gone are heard, then count no more."""
        give_up_ns = time.monotonic_ns() + int(GONE_WAIT_S * NS_PER_S)
        while slot in self.roles and time.monotonic_ns() < give_up_ns:
            self.hear(give_up_ns)
        self._end_role(slot, time.monotonic_ns())

    def _end_role(self, slot: int, now_ns: int) -> None:
        self.roles.pop(slot, None)
        for span in self._spans:
            if span.slot == slot and span.to_ns is None:
                span.to_ns = now_ns

    def _take(self, told: Told) -> None:
        match told:
            case RoleTold(slot=slot):
                if self.roles.get(slot) != told:
                    self._end_role(slot, told.t_ns)
                    self.role_history.append(told)
                    self._spans.append(_Span(slot, told.state, told.t_ns))
                self.roles[slot] = told
            case ModuleGone(slot=slot):
                self._end_role(slot, time.monotonic_ns())
            case EventTold() if told.slot not in self._foreign_slots:
                self.events.append(told)
                teller = self.roles.get(told.slot)
                if teller is not None and teller.state == "ACTIVE":
                    self.chassis_events.append(told)
            case JournalTold(line=line) if line.slot is not None:
                if line.what == "gate" and line.value:
                    self.open_slots.append(line.slot)
                elif line.what == "gate" and line.slot in self.open_slots:
                    self.open_slots.remove(line.slot)
                elif line.what == "output":
                    self._outputs_ns[line.slot].append(line.t_ns)
                    if self._pwms.get(line.name) != line.value:
                        self._pwms[line.name], self._pwm_changed_ns = line.value, line.t_ns
            case JournalTold() | EventTold():
                pass
        self._heard(told)
