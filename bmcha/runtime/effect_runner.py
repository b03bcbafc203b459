"""Does what the node asks for, in the order in which it asks.

No decision is made here but one, and that one is the core's too, only measured later: before each
output write (fans; raising ACTIVE or OUTPUT_ENABLE; resetting a peer) the clock is read again, and
if more than `output_gap_limit_ns` has passed since the step that asked for it, or since the loop
was last seen to complete, and beats have not gone on all the while (docs/adr/0024), this write and
all further ones of the list are withheld and `OutputsWithheld` is posted: a module that was stopped
in between may no longer be the one in charge. Lowering a line is always done. Fans are ordered, not
written, and an order ends with the same limit; before the chassis is left all orders are dropped
(docs/adr/0008-slow-devices.md). An effect that fails comes back as `EffectFailed`. Runs in the
node's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from bmcha.hal.port import LinePort, PortError, WatchdogPort
from bmcha.model.effect import (
    AdoptSettings,
    Answer,
    DriveLine,
    Effect,
    EndService,
    EnterRole,
    FeedWatchdog,
    LeaveFans,
    OwnLine,
    PublishHeartbeat,
    PulseReset,
    ReadLines,
    RecordEvent,
    SendMessage,
    SetFan,
    StoreEpoch,
    WatchPath,
    WriteImage,
)
from bmcha.model.event import EffectFailed, OutputsWithheld
from bmcha.model.reading import EventCell
from bmcha.model.record import dataclass
from bmcha.model.role import Role
from bmcha.runtime.out_queue import OutQueue, WatchOrder
from bmcha.runtime.published import DraftBoard
from bmcha.runtime.worker import Clock, Post

_OUTPUT_LINES = (OwnLine.ACTIVE, OwnLine.OUTPUT_ENABLE)


class Audience(Protocol):
    """Those who are told: the log, the service manager, who follows on the control socket, who
    keeps the configuration."""

    def role_entered(self, entered: EnterRole, now_ns: int) -> None: ...

    def event_recorded(self, record: EventCell, now_ns: int) -> None: ...

    def answered(self, answer: Answer) -> None: ...

    def settings_adopted(self, number: int) -> None: ...


class Image(Protocol):
    """`ImageWriter`."""

    def write(self, effect: WriteImage) -> None: ...

    def refresh(self) -> None: ...

    def role_entered(self, entered: EnterRole) -> None: ...


class Keeper(Protocol):
    """The store worker."""

    def store_epoch(self, epoch: int) -> None: ...

    def record(self, record: EventCell) -> None: ...


class Fans(Protocol):
    """The fan desk."""

    def order(self, index: int, pwm: int, until_ns: int) -> None: ...

    def leave_at(self, pwm: int, until_ns: int) -> None: ...

    def drop(self) -> None: ...

    def leave(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PathOutlet:
    """The node's side of one path."""

    queue: OutQueue
    wake: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Outlets:
    """Everything that effects act upon."""

    drafts: DraftBoard
    paths: Mapping[str, PathOutlet]
    store: Keeper
    lines: LinePort
    watchdog: WatchdogPort
    fans: Fans
    image: Image
    audience: Audience


class EffectRunner:
    def __init__(
        self,
        outlets: Outlets,
        output_gap_limit_ns: Callable[[], int],
        post: Post,
        clock: Clock,
        beats_went_on: Callable[[int, int], bool],
    ) -> None:
        self._outlets = outlets
        self._output_gap_limit_ns = output_gap_limit_ns
        self._post = post
        self._clock = clock
        self._beats_went_on = beats_went_on
        self._loop_completed_ns = clock()
        self._step_ns = self._loop_completed_ns
        self._are_outputs_withheld = False
        self.has_ended = False

    def loop_completed(self) -> None:
        """Said by the node loop after each event: it turns."""
        self._loop_completed_ns = self._clock()

    def run(self, effects: Sequence[Effect], step_ns: int) -> None:
        """``step_ns`` is the time that was given to the step which asked for ``effects``."""
        self._step_ns = step_ns
        self._are_outputs_withheld = False
        for effect in effects:
            if _is_output_write(effect) and self._must_withhold():
                continue
            try:
                self._run(effect)
            except (PortError, OSError) as error:
                self._post(EffectFailed(_named(effect), str(error)))

    def _must_withhold(self) -> bool:
        if self._are_outputs_withheld:
            return True
        now_ns, seen_alive_ns = self._clock(), self._seen_alive_ns()
        gap_ns = now_ns - seen_alive_ns
        if gap_ns <= self._output_gap_limit_ns() or self._beats_went_on(seen_alive_ns, now_ns):
            return False
        self._are_outputs_withheld = True
        self._outlets.fans.drop()
        self._post(OutputsWithheld(gap_ns))
        return True

    def _may_write_until_ns(self) -> int:
        return self._seen_alive_ns() + self._output_gap_limit_ns()

    def _seen_alive_ns(self) -> int:
        """From then on the own gap counts."""
        return min(self._step_ns, self._loop_completed_ns)

    def _run(self, effect: Effect) -> None:
        outlets = self._outlets
        match effect:
            case PublishHeartbeat():
                self._publish(effect)
            case WatchPath(path, silent_after_ns):
                outlet = outlets.paths[path]
                outlet.queue.set_watch(WatchOrder(silent_after_ns, self._clock()))
                outlet.wake()
            case SendMessage(path, target_slot, message):
                outlet = outlets.paths[path]
                outlet.queue.put(target_slot, message)
                outlet.wake()
            case StoreEpoch(epoch):
                outlets.store.store_epoch(epoch)
            case RecordEvent(record):
                outlets.store.record(record)
                outlets.audience.event_recorded(record, self._clock())
            case DriveLine(line, is_up):
                if not is_up and line in _OUTPUT_LINES:
                    outlets.fans.leave()
                outlets.lines.drive(line.value, is_up)
            case ReadLines():
                read = outlets.lines.read()
                self._post(replace(read, read_ns=self._clock()))
            case PulseReset(slot, pulse_ms):
                if not outlets.lines.pulse_reset(slot, pulse_ms):
                    raise PortError(f"no reset line goes to slot {slot}; see [[lines.peer]]")
            case FeedWatchdog():
                outlets.watchdog.feed()
            case SetFan(index, pwm):
                outlets.fans.order(index, pwm, self._may_write_until_ns())
            case LeaveFans(pwm):
                outlets.fans.leave_at(pwm, self._may_write_until_ns())
            case WriteImage():
                outlets.image.write(effect)
            case EnterRole():
                if effect.role is not Role.ACTIVE:
                    outlets.fans.drop()
                outlets.image.role_entered(effect)
                outlets.audience.role_entered(effect, self._clock())
            case Answer():
                outlets.audience.answered(effect)
            case AdoptSettings(number):
                outlets.audience.settings_adopted(number)
            case EndService():
                self.has_ended = True

    def _publish(self, effect: PublishHeartbeat) -> None:
        is_first = self._outlets.drafts.current is None
        # As old as the decision: after a stop in between it proves nothing any more.
        self._outlets.drafts.publish(effect.draft, effect.is_urgent, self._step_ns)
        if effect.is_urgent or is_first:
            for outlet in self._outlets.paths.values():
                outlet.wake()
        # Each tick publishes: a draft and an image that are fresh prove the same thing.
        self._outlets.image.refresh()


def _is_output_write(effect: Effect) -> bool:
    match effect:
        case SetFan() | LeaveFans() | PulseReset():
            return True
        case DriveLine(line, is_up):
            return is_up and line in _OUTPUT_LINES
        case _:
            return False


def _named(effect: Effect) -> str:
    """For people and for alarms: the effect and what it was for."""
    match effect:
        case DriveLine(line, is_up):
            return f"DriveLine {line.value} {'up' if is_up else 'down'}"
        case _:
            return type(effect).__name__
