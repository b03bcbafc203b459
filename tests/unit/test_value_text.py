"""Records as JSON and back, for everything that an event or an effect can hold."""

import json
from dataclasses import dataclass
from enum import Enum

import pytest

from bmcha.diag.value_text import decode, encode
from bmcha.model.event import Event, HeartbeatHeard, LineLevels, LinesRead, SensorRead, Tick
from bmcha.model.message import Header, Heartbeat, HeartbeatDraft, PathEcho, Progress
from bmcha.model.reading import Quality
from bmcha.model.role import Reason, Role


class Colour(Enum):
    RED = 1


@dataclass(frozen=True)
class Inner:
    a: int
    b: str = "x"


@dataclass(frozen=True)
class Outer:
    pair: tuple[int, Inner]
    many: tuple[Inner, ...]
    colour: Colour | None
    either: str | Inner
    either_or: Inner | Colour | None = None


@pytest.mark.parametrize(
    "value",
    [
        Outer((1, Inner(2)), (), None, "text"),
        Outer((1, Inner(2, "y")), (Inner(3), Inner(4)), Colour.RED, Inner(5), Inner(6)),
    ],
)
def test_a_record_comes_back_as_it_was(value) -> None:
    assert decode(json.loads(json.dumps(encode(value, Outer))), Outer) == value


DRAFT = HeartbeatDraft(
    1, 2, Role.ACTIVE, Reason.LONE_START, True, False, False, 100, 9, 5, 0, Progress(1, 2, 3), 1
)


@pytest.mark.parametrize(
    "event",
    [
        Tick(),
        SensorRead(3, None, Quality.BAD, 17),
        LinesRead(((2, LineLevels(True, None, False)),), None, True, 9),
        HeartbeatHeard(
            "udp", Header(7, 1, 2, 3, 4, 5), Heartbeat(DRAFT, 100, 500, (PathEcho(4, 5),)), 6, 1
        ),
    ],
)
def test_an_event_comes_back_as_it_was(event) -> None:
    assert decode(json.loads(json.dumps(encode(event, Event))), Event) == event


def test_what_has_its_default_is_left_out() -> None:
    assert encode(LinesRead(((2, LineLevels(presence=True)),), None, None, 9), Event) == {
        "LinesRead": {
            "peers": [[2, {"presence": True}]],
            "outputs_open": None,
            "own_active": None,
            "read_ns": 9,
        }
    }


@pytest.mark.parametrize("text", ['{"Tock": {}}', '{"Tick": {"x": 1}}', '{"Tick": {}, "a": {}}'])
def test_what_is_no_event_is_an_error(text) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode(json.loads(text), Event)
