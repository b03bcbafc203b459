"""The bodies behind every question: their shape is the public contract, and all of it is JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bmcha.model.effect import Answer
from bmcha.model.event import (
    PathCounts,
    PathSummarised,
    Question,
    StatusAsked,
    StopAsked,
    StrapsRead,
    SwitchoverAsked,
)
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy
from bmcha.node import Node
from tests.speech import ms
from tests.world import World

Shape = dict[str, Any]
TEXT, WHOLE, YES_NO = str, int, bool
NUMBER = (int, float)
MAYBE_TEXT, MAYBE_WHOLE, MAYBE_YES_NO = (str, type(None)), (int, type(None)), (bool, type(None))

STATUS: Shape = {
    "schema": WHOLE,
    "node": {
        "slot": MAYBE_WHOLE,
        "version": TEXT,
        "firmware_level": int,
        "boot_id": WHOLE,
        "chassis_id": WHOLE,
        "uptime_s": WHOLE,
    },
    "role": {
        "state": TEXT,
        "reason": TEXT,
        "reason_text": TEXT,
        "epoch": WHOLE,
        "since_s": WHOLE,
    },
    "peer": {
        "slot": WHOLE,
        "state": TEXT,
        "role": MAYBE_TEXT,
        "epoch": MAYBE_WHOLE,
        "health": MAYBE_WHOLE,
        "presence": MAYBE_YES_NO,
        "healthy_line": MAYBE_YES_NO,
        "active_line": MAYBE_YES_NO,
        "firmware_level": MAYBE_WHOLE,
    },
    "redundancy": {"state": TEXT, "reasons": list},
    "mirror": {"state": TEXT, "sequence": WHOLE, "acked": WHOLE, "staleness_ms": MAYBE_WHOLE},
    "waits": [{"what": TEXT, "remaining_ms": WHOLE}],
    "alarms": [{"id": TEXT, "severity": TEXT, "text": TEXT, "since_s": WHOLE}],
}
PATH: Shape = {
    "health": TEXT,
    "one_way": MAYBE_TEXT,
    "rx": WHOLE,
    "tx": WHOLE,
    "lost": WHOLE,
    "bad": WHOLE,
    "forged": WHOLE,
    "rtt_us": MAYBE_WHOLE,
    "last_heard_ms": MAYBE_WHOLE,
}
PATH_MORE: Shape = {
    "kind": TEXT,
    "peer": WHOLE,
    "interval_ms": WHOLE,
    "warntime_ms": WHOLE,
    "deadtime_ms": WHOLE,
    "peer_hears_us": MAYBE_YES_NO,
    "fault": TEXT,
}
SENSOR: Shape = {
    "name": TEXT,
    "kind": TEXT,
    "value_milli": MAYBE_WHOLE,
    "quality": TEXT,
    "age_ms": WHOLE,
    "low_milli": WHOLE,
    "high_milli": WHOLE,
    "state": TEXT,
}
FAN: Shape = {
    "name": TEXT,
    "rpm": MAYBE_WHOLE,
    "pwm": WHOLE,
    "zone": MAYBE_TEXT,
    "state": TEXT,
    "age_ms": WHOLE,
}
EVENT: Shape = {
    "epoch": WHOLE,
    "number": WHOLE,
    "slot": WHOLE,
    "severity": TEXT,
    "wall_ms": WHOLE,
    "kind": TEXT,
    "text": TEXT,
}
WHY: Shape = {
    "role": TEXT,
    "reason": TEXT,
    "reason_text": TEXT,
    "remedy": TEXT,
    "epoch": WHOLE,
    "since_s": WHOLE,
    "evidence": {"board": TEXT, "peers": list},
    "waits": [{"what": TEXT, "remaining_ms": WHOLE}],
    "history": [
        {
            "ago_s": NUMBER,
            "from": TEXT,
            "to": TEXT,
            "reason": TEXT,
            "reason_text": TEXT,
            "epoch": WHOLE,
        }
    ],
}


def misfits(shape: Any, body: Any, place: str = "") -> list[str]:
    """Where ``body`` has not at least what ``shape`` asks for."""
    if isinstance(shape, dict):
        if not isinstance(body, dict):
            return [f"{place} is not an object"]
        missing = [f"{place}.{name} is missing" for name in shape if name not in body]
        return missing + [
            found
            for name in shape.keys() & body.keys()
            for found in misfits(shape[name], body[name], f"{place}.{name}")
        ]
    if isinstance(shape, list):
        return [f for i, each in enumerate(body) for f in misfits(shape[0], each, f"{place}[{i}]")]
    kinds = shape if isinstance(shape, tuple) else (shape,)
    is_bool_for_number = isinstance(body, bool) and bool not in kinds
    is_right = isinstance(body, kinds) and not is_bool_for_number
    return [] if is_right else [f"{place} is {body!r}"]


def ask(node: Node, question: Question, now_ms: int) -> dict[str, Any]:
    """The body as it comes out of the socket."""
    answers = [
        effect.body
        for effect in node.step(StatusAsked(1, question), ms(now_ms))
        if isinstance(effect, Answer)
    ]
    body = json.loads(json.dumps(answers[0], allow_nan=False))
    assert isinstance(body, dict) and body == answers[0]
    return body


def ask_slot(world: World, slot: int, question: Question) -> dict[str, Any]:
    node = world.modules[slot].node
    assert node is not None
    return ask(node, question, world.now_ms)


def starting(board: BoardClass) -> World:
    return World(board).boot()


def without_slot(board: BoardClass) -> World:
    world = World(board)
    world.modules[1].straps = StrapsRead(None, "unreadable")
    world.modules[1].boot()
    world.boot(2).run(100)
    return world


def cut_off(board: BoardClass) -> World:
    world = settled(board)
    world.cut()
    world.run(3000)
    return world


def handing_over(board: BoardClass) -> World:
    world = settled(board)
    world.modules[1].ask(SwitchoverAsked(1, "test", None, False))
    world.modules[2].is_stopped = True
    world.run(200)
    return world


def settled(board: BoardClass) -> World:
    return World(board).settled()


SITUATIONS = [starting, settled, cut_off, handing_over, without_slot]


@pytest.mark.parametrize("board", list(BoardClass))
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.__name__)
def test_every_body_has_its_shape_in_every_situation(situation: Any, board: BoardClass) -> None:
    world = situation(board)
    for slot in (1, 2):
        bodies = {question: ask_slot(world, slot, question) for question in Question}
        status = bodies[Question.STATUS]
        has_peer = status["node"]["slot"] is not None
        assert misfits({**STATUS, "peer": STATUS["peer"] if has_peer else type(None)}, status) == []
        for name, path in status["paths"].items():
            assert misfits(PATH, path, name) == []
        for name, path in bodies[Question.PATHS]["paths"].items():
            assert misfits(PATH | PATH_MORE, path, name) == []
        assert misfits([SENSOR], bodies[Question.SENSORS]["sensors"]) == []
        assert misfits([FAN], bodies[Question.FANS]["fans"]) == []
        assert misfits([EVENT], bodies[Question.EVENTS]["events"]) == []
        assert misfits(WHY, bodies[Question.WHY]) == []
        check_words(status)


def check_words(status: dict[str, Any]) -> None:
    """Words that others compare with are of the agreed sets."""
    assert status["role"]["state"] in {role.name for role in Role}
    assert status["role"]["reason"] in {reason.name for reason in Reason}
    assert status["redundancy"]["state"] in {"FULL", "DEGRADED", "LOST"}
    assert status["mirror"]["state"] in {"JOINING", "SYNCED", "STALE", "NONE"}
    assert status["peer"] is None or status["peer"]["state"] in {"PRESENT", "ABSENT", "UNKNOWN"}
    for path in status["paths"].values():
        assert path["health"] in {"ALIVE", "LATE", "SILENT", "ONE_WAY"}
        assert path["one_way"] in {None, "rx", "tx"}
        assert (path["health"] == "ONE_WAY") is (path["one_way"] is not None)


def test_the_shape_itself_is_strict() -> None:
    assert misfits({"a": WHOLE}, {"a": True}) == [".a is True"]
    assert misfits({"a": {"b": TEXT}}, {"a": {}}) == [".a.b is missing"]
    assert misfits([{"a": TEXT}], [{"a": 1}]) == ["[0].a is 1"]


def test_a_sound_pair_says_what_it_is() -> None:
    world = settled(BoardClass.GATED)
    first, second = (ask_slot(world, slot, Question.STATUS) for slot in (1, 2))
    assert (first["schema"], first["node"]["slot"], first["node"]["chassis_id"]) == (1, 1, 7)
    assert [each["role"]["state"] for each in (first, second)] == ["ACTIVE", "STANDBY"]
    assert first["role"]["epoch"] == second["role"]["epoch"] == second["peer"]["epoch"] == 2
    peer = {"slot": 1, "state": "PRESENT", "role": "ACTIVE", "health": 100, "presence": True}
    assert peer.items() <= second["peer"].items()
    assert second["peer"]["active_line"] is True and first["peer"]["active_line"] is False
    assert first["redundancy"] == second["redundancy"] == {"state": "FULL", "reasons": []}
    assert first["waits"] == second["waits"] == [] == first["alarms"]


def test_the_mirror_is_told_from_both_ends() -> None:
    world = settled(BoardClass.GATED)
    first, second = (ask_slot(world, slot, Question.STATUS)["mirror"] for slot in (1, 2))
    assert first["state"] == second["state"] == "SYNCED"
    assert first["acked"] == second["sequence"] and second["staleness_ms"] < 1000


def test_a_picture_whose_other_end_is_not_heard_is_stale() -> None:
    world = settled(BoardClass.GATED)
    world.cut()
    active, standby = world.modules[1], world.modules[2]
    assert active.node is not None and standby.node is not None
    peers = [next(iter(node.roles.peers)) for node in (active.node, standby.node)]
    assert world.run(3000, lambda: not any(peer.is_heard() for peer in peers))
    for slot in (1, 2):
        mirror = ask_slot(world, slot, Question.STATUS)["mirror"]
        assert mirror["state"] == "STALE" and mirror["staleness_ms"] < 3000
    world.run(6000)
    assert ask_slot(world, 2, Question.STATUS)["mirror"]["staleness_ms"] > 5000
    world.heal()
    assert world.run(3000, lambda: all(peer.is_heard() for peer in peers))
    world.run(1000)
    for slot in (1, 2):
        assert ask_slot(world, slot, Question.STATUS)["mirror"]["state"] == "SYNCED"


def test_a_starting_node_says_how_long_it_will_listen() -> None:
    waits = ask_slot(starting(BoardClass.BARE), 1, Question.STATUS)["waits"]
    assert waits == [{"what": "boot window", "remaining_ms": 2000}]


def test_a_handover_says_how_long_it_will_wait_for_the_peer() -> None:
    waits = ask_slot(handing_over(BoardClass.GATED), 1, Question.STATUS)["waits"]
    assert [wait["what"] for wait in waits] == ["confirmation of the peer"]
    assert 0 < waits[0]["remaining_ms"] <= 1000


def test_a_contradiction_of_the_lines_says_when_it_will_be_overruled() -> None:
    world = settled(BoardClass.GATED)
    world.cut()
    world.stick(2, "health", False)
    world.run(1000)
    waits = ask_slot(world, 2, Question.STATUS)["waits"]
    assert "unverified takeover" in [wait["what"] for wait in waits]


def waits_of(world: World, slot: int) -> dict[str, int]:
    waits = ask_slot(world, slot, Question.STATUS)["waits"]
    return {wait["what"]: wait["remaining_ms"] for wait in waits}


def test_a_reset_that_nobody_sees_says_for_how_long_it_is_waited_for() -> None:
    world = settled(BoardClass.RESET)
    for line in ("health", "active"):
        world.stick(2, line, True)
    world.cut()
    assert world.run(1000, lambda: world.modules[2].role is Role.FENCING)
    world.run(200)
    assert 2000 < waits_of(world, 2)["proof of the reset"] < 3000
    (peer,) = ask_slot(world, 2, Question.WHY)["evidence"]["peers"]
    assert peer["was_heard_active"] is True


def test_a_claim_that_needs_an_answer_says_for_how_long_it_waits_at_most() -> None:
    world = World(BoardClass.BARE, IsolationPolicy.HOLD).boot()
    assert world.run(1000, lambda: world.modules[1].role is Role.FENCING)
    world.modules[2].is_stopped = True
    world.run(100)
    assert 300 < waits_of(world, 1)["answer of the peer to the claim"] < 500
    assert world.run(1000, lambda: world.modules[1].role is Role.STANDBY)


def test_a_line_that_does_not_move_says_when_it_will_be_passed_over() -> None:
    world = settled(BoardClass.LEASE)
    world.modules[1].is_stopped = True
    world.run(1000)
    assert 2000 < waits_of(world, 2)["unverified takeover"] < 3000


def test_an_active_waits_for_nothing_when_its_peer_has_said_goodbye() -> None:
    world = settled(BoardClass.BARE)
    world.modules[2].ask(StopAsked("test"))
    assert world.run(100, lambda: world.modules[2].node is None)
    world.run(3000)
    assert ask_slot(world, 1, Question.STATUS)["waits"] == []


def test_an_active_does_not_wait_to_take_what_it_holds() -> None:
    world = settled(BoardClass.GATED)
    world.stick(1, "active", True)
    world.kill(2)
    world.run(1000)
    assert ask_slot(world, 1, Question.STATUS)["waits"] == []


def test_a_peer_that_is_not_heard_says_nothing() -> None:
    world = cut_off(BoardClass.GATED)
    peer = ask_slot(world, 2, Question.STATUS)["peer"]
    assert (peer["role"], peer["epoch"], peer["health"], peer["firmware_level"]) == (None,) * 4
    assert peer["state"] == "PRESENT", "its line says so"
    bare = ask_slot(cut_off(BoardClass.BARE), 2, Question.STATUS)["peer"]
    assert bare["state"] == "UNKNOWN"


def test_a_peer_whose_slot_is_empty_is_absent() -> None:
    world = settled(BoardClass.GATED)
    world.pull(1)
    world.run(1000)
    assert ask_slot(world, 2, Question.STATUS)["peer"]["state"] == "ABSENT"


def test_a_path_tells_its_counts_and_why_its_port_cannot_be_used() -> None:
    world = starting(BoardClass.BARE)
    node = world.modules[1].node
    assert node is not None
    counts = PathCounts(1, 2, 3, 4, 5, 6, 70)
    node.step(PathSummarised("udp", None, None, None, counts, "unplugged"), world.now_ns)
    path = ask(node, Question.PATHS, world.now_ms)["paths"]["udp"]
    said = {"rx": 1, "tx": 2, "lost": 3, "bad": 4, "forged": 5, "rtt_us": 70}
    assert said.items() <= path.items() and path["fault"] == "unplugged"


def test_a_sensor_that_was_never_read_has_no_value() -> None:
    world = settled(BoardClass.GATED)
    (sensor,) = ask_slot(world, 1, Question.SENSORS)["sensors"]
    assert (sensor["value_milli"], sensor["quality"], sensor["state"]) == (30_000, "GOOD", "OK")
    alone = World(BoardClass.GATED)
    alone.modules[1].hardware.is_powered = False
    alone.boot(2)
    assert alone.run(200, lambda: alone.modules[2].role is Role.ACTIVE)
    (sensor,) = ask_slot(alone, 2, Question.SENSORS)["sensors"]
    assert (sensor["value_milli"], sensor["quality"], sensor["state"]) == (None, "NONE", "UNKNOWN")


def test_a_fan_tells_its_zone_and_both_ends_tell_the_same() -> None:
    world = settled(BoardClass.GATED)
    first, second = (ask_slot(world, slot, Question.FANS)["fans"] for slot in (1, 2))
    assert [(f["name"], f["zone"], f["state"]) for f in first] == [("fan1", "front", "OK")]
    assert [f["pwm"] for f in first] == [f["pwm"] for f in second]


def test_the_events_are_told_in_the_order_in_which_they_happened() -> None:
    events = ask_slot(settled(BoardClass.GATED), 1, Question.EVENTS)["events"]
    assert events[0]["kind"] == "started"
    assert [each["wall_ms"] for each in events] == sorted(each["wall_ms"] for each in events)


def test_why_tells_the_newest_change_first_and_the_evidence_of_each_peer() -> None:
    why = ask_slot(settled(BoardClass.GATED), 1, Question.WHY)
    changes = [(each["from"], each["to"]) for each in why["history"]]
    assert changes == [("FENCING", "ACTIVE"), ("STARTING", "FENCING")]
    (peer,) = why["evidence"]["peers"]
    said = {"slot": 2, "heard": True, "silent": False, "says": "STANDBY", "hears_us": True}
    assert said.items() <= peer.items() and why["evidence"]["board"] == "gated"
