"""Reads a flight recorder's file and steps its events through the node once more.

The node is restored from a checkpoint of the file, by pickle: only classes of bmcha's pure core and
plain containers are let in, so that a file from a stranger can do nothing but fail. The file's
format is in `flight_recorder`. Called by `bmcha replay`.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import traceback
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, EnumType
from typing import Any, Final, Protocol

from bmcha.diag.flight_recorder import FORMAT, KINDS, is_routine
from bmcha.diag.value_text import decode
from bmcha.model.effect import Answer, Effect, SetFan
from bmcha.model.event import Event, FanRead, SensorRead, Tick
from bmcha.model.reading import Quality
from bmcha.model.record import dataclass

CORE: Final = (
    *("bmcha.model.", "bmcha.ha.", "bmcha.chassis."),
    *("bmcha.node.", "bmcha.hearing.", "bmcha.mirroring.", "bmcha.chronicle.", "bmcha.answers."),
)
"""Modules whose classes a checkpoint may hold; they have no way to act on anything."""
DIFFERENCES_SHOWN_MAX: Final = 10
CONTAINERS: Final = {("collections", "deque"), ("collections", "OrderedDict")}


class NotARecording(Exception):
    """The file is none of a flight recorder's, or of a version that is not known here."""


class Node(Protocol):
    def start(self, now_ns: int) -> Sequence[Effect]: ...

    def step(self, event: Event, now_ns: int) -> Sequence[Effect]: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was given, and of what it led to, that which is recorded. ``event`` None:
    the start."""

    now_ns: int
    event: Event | None
    effects: tuple[Effect, ...]
    is_open: bool = False


Item = Step | bytes
"""A step, or a checkpoint."""


@dataclass(frozen=True, slots=True)
class Difference:
    step: Step
    now: tuple[Effect, ...]


def read_recording(lines: Iterable[str]) -> tuple[dict[str, Any], list[Item]]:
    """The header and, from the first checkpoint on, everything. Raises NotARecording."""
    each = iter(lines)
    try:
        header = json.loads(next(each, ""))
        if header["flight_recorder"] != FORMAT:
            raise NotARecording(f"format {header['flight_recorder']} is not known, {FORMAT} is")
        return header, [item for line in each for item in _items(json.loads(line))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotARecording(f"not a flight recorder's file: {error!r}") from error


def _items(found: dict[str, Any]) -> Iterator[Item]:
    if "older" in found or "end" in found:
        return
    if "checkpoint" in found:
        yield base64.b64decode(found["checkpoint"])
    elif "packed" in found:
        for packed in found["packed"]:
            yield Step(packed[0], _event_of(packed), ())
    else:
        event = None if found.get("start") else decode(found["event"], Event)
        effects = tuple(decode(effect, Effect) for effect in found.get("effects", ()))
        yield Step(found["t"], event, effects, found.get("is_open", False))


def _event_of(packed: list[Any]) -> Event:
    if packed[1] == KINDS[0]:
        return Tick(*packed[2:])
    _, kind, index, value, quality, read_ns = packed
    of_kind = SensorRead if kind == KINDS[1] else FanRead
    return of_kind(index, value, Quality[quality], read_ns)


def restore(checkpoint: bytes) -> Node:
    """The node of a checkpoint. Raises NotARecording."""
    try:
        node: Node = _CoreUnpickler(io.BytesIO(checkpoint)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, TypeError) as error:
        raise NotARecording(f"a checkpoint that is not this version's: {error}") from error
    return node


def _member_of(kind: object, name: object) -> Enum:
    """In the place of `getattr`, by which Python 3.11.0 to 3.11.3 pickle a member of an Enum."""
    if not isinstance(kind, EnumType) or not isinstance(name, str) or name not in kind.__members__:
        raise pickle.UnpicklingError(f"{name} of {kind} is not let in")
    member: Enum = kind.__members__[name]
    return member


class _CoreUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("builtins", "getattr"):
            return _member_of
        is_core = f"{module}.".startswith(CORE) and "." not in name
        if not is_core and (module, name) not in CONTAINERS:
            raise pickle.UnpicklingError(f"{module}.{name} is not let in")
        found = super().find_class(module, name)
        # What such a module has imported is not its own; and a function could do anything.
        if not isinstance(found, type) or found.__module__ != module:
            raise pickle.UnpicklingError(f"{module}.{name} is not let in")
        return found


def replay(items: Sequence[Item]) -> Iterator[Difference]:
    """Steps everything from the first checkpoint on; what comes out otherwise than it did.

    A later checkpoint is gone over: the node that was stepped so far must be the same. A step
    that did not end may raise again what it raised then.
    """
    node: Node | None = None
    pwm: dict[int, int] = {}
    for item in items:
        if isinstance(item, bytes):
            node = restore(item) if node is None else node
            pwm.clear()
            continue
        if node is None:
            raise NotARecording("no checkpoint stands before the first step")
        event, now_ns = item.event, item.now_ns
        effects = node.start(now_ns) if event is None else node.step(event, now_ns)
        now = tuple(_bare(each) for each in effects if _is_recorded(each, event, pwm))
        if now != item.effects and not item.is_open:
            yield Difference(item, now)


def _is_recorded(effect: Effect, event: Event | None, pwm: dict[int, int]) -> bool:
    if isinstance(effect, SetFan):
        former, pwm[effect.index] = pwm.get(effect.index), effect.pwm
        return former != effect.pwm
    return not is_routine(effect, event)


def _bare(effect: Effect) -> Effect:
    return Answer(effect.request_id, effect.is_done, None) if isinstance(effect, Answer) else effect


def tell_replay(file: str) -> tuple[bool, list[str]]:
    """Whether every step of ``file`` ends as it did then, and that in lines for people.

    Raises OSError and `NotARecording`.
    """
    lines: list[str] = []
    differences: list[Difference] = []
    failure = ""
    with open(file, encoding="utf-8") as opened:
        header, items = read_recording(opened)
    lines.append(f"recorded by bmcha {header.get('version')}: {header.get('why')}")
    try:
        for difference in replay(items):
            differences.append(difference)
    except NotARecording:
        raise
    except Exception:
        failure = traceback.format_exc()
    steps_count = sum(isinstance(item, Step) for item in items)
    lines.append(f"{steps_count} steps, {len(differences)} end otherwise than they did then")
    for difference in differences[:DIFFERENCES_SHOWN_MAX]:
        lines.append(f"{difference.step.now_ns}: {difference.step.event}")
        lines.append(f"  then: {difference.step.effects}")
        lines.append(f"  now:  {difference.now}")
    if failure:
        lines.append("a step fails, as one may have then; nothing after it was stepped:")
        lines += failure.splitlines()
    return not differences and not failure, lines
