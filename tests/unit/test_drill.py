"""The fire drill, and when paths and lines were last seen to work."""

from __future__ import annotations

from typing import Any

import pytest

from bmcha.ha.drill import Drill
from bmcha.ha.proofs import Line, Proofs
from bmcha.ha.seat import Seat
from bmcha.model.effect import Answer, ReadLines, SendMessage
from bmcha.model.event import DrillAsked, LineLevels, SwitchoverAsked
from bmcha.model.message import Probe
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.unit.test_node import Life
from tests.unit.test_two_nodes import become, status_of
from tests.world import World, settings_of

DRILL_ID = 77
LINES = {"own ACTIVE", "own OUTPUTS_OPEN", "slot 2 PRESENCE", "slot 2 HEALTH", "slot 2 ACTIVE"}
PATHS = {"path udp to slot 2", "path serial to slot 2"}


def drill(world: World, slot: int = 1, path: str | None = None) -> dict[str, Any]:
    """The answer; ``items`` by name."""
    module = world.modules[slot]
    before = len(module.answers)
    module.ask(DrillAsked(DRILL_ID, "test", path))
    assert world.run(1500, lambda: len(module.answers) > before), world.story()
    answer = module.answers[-1]
    assert answer.request_id == DRILL_ID
    assert answer.is_done == (answer.body["result"] == "done")
    return {**answer.body, "items": {item["what"]: item for item in answer.body["items"]}}


def failed(answer: dict[str, Any]) -> dict[str, str]:
    return {what: item["text"] for what, item in answer["items"].items() if not item["ok"]}


def events_of(world: World, slot: int) -> list[str]:
    node = world.modules[slot].node
    assert node is not None
    return [record.text for record in node.chassis.log.tail() if record.kind == "drill"]


def proven_by(world: World, slot: int) -> dict[str, str | None]:
    lines = status_of(world, slot)["lines"]
    assert isinstance(lines, list)
    return {line["name"]: line["proven_by"] for line in lines}


# ---- the drill by itself

BEGUN_MS = 10_000
SOUND = LineLevels(True, True, False)


class Drilled:
    """A STANDBY in slot 1 that hears an ACTIVE on both paths; what it asks for, and its answer."""

    def __init__(self) -> None:
        self.seat = Seat(settings_of(BoardClass.GATED, 1), 1, 0, 0)
        self.seat.machine.enter(Role.STANDBY, Reason.PEER_IS_ACTIVE, 3, 0)
        (self.peer,) = self.seat.peers
        assert self.peer.meet(header(), "udp", ms(BEGUN_MS))
        for monitor in self.peer.monitors:
            monitor.heard(ms(BEGUN_MS), 3)
        self.peer.hear(beat(draft(Role.STANDBY)), OWN_BOOT, ms(BEGUN_MS))
        self.proofs = Proofs(self.seat)
        self.drill = Drill(self.seat, self.proofs)

    def ask(self, path: str | None = None) -> list[SendMessage]:
        """The probes that it sends at once."""
        self.drill.asked(DrillAsked(DRILL_ID, "test", path), ms(BEGUN_MS))
        effects = self.seat.take_effects()
        assert ReadLines() in effects
        return [effect for effect in effects if isinstance(effect, SendMessage)]

    def reply(self, *probes: SendMessage, at_ms: int = BEGUN_MS + 5) -> None:
        for probe in probes:
            assert isinstance(probe.message, Probe)
            self.drill.replied(probe.path, probe.message.nonce, ms(at_ms))

    def read(self, at_ms: int = BEGUN_MS + 1) -> None:
        self.peer.lines.read(SOUND, ms(at_ms))
        self.drill.lines_read(ms(at_ms))

    def items(self, at_ms: int) -> dict[str, str] | None:
        """None: it goes on."""
        self.drill.tick(ms(at_ms))
        answers = [e for e in self.seat.take_effects() if isinstance(e, Answer)]
        if not answers:
            return None
        (answer,) = answers
        return {item["what"]: item["text"] for item in answer.body["items"]}


def test_a_drill_asks_at_once_and_ends_with_the_last_answer_and_a_reading() -> None:
    drilled = Drilled()
    probes = drilled.ask()
    assert [probe.path for probe in probes] == ["udp", "serial"]
    drilled.read(BEGUN_MS - 1)
    drilled.reply(*probes)
    assert drilled.items(BEGUN_MS + 5) is None, "that reading is older than the question"
    drilled.read()
    found = drilled.items(BEGUN_MS + 6)
    assert found is not None and set(found) == {*PATHS, *(n for n in LINES if "slot" in n)}
    assert found["path udp to slot 2"] == "answered after 5.0 ms"


def test_what_answers_proves_its_path() -> None:
    drilled = Drilled()
    (probe,) = drilled.ask("serial")
    drilled.reply(probe, at_ms=BEGUN_MS + 5)
    drilled.read()
    drilled.items(BEGUN_MS + 5)
    proven_ns = [monitor.proven_ns for monitor in drilled.peer.monitors]
    assert proven_ns == [ms(BEGUN_MS - 10), ms(BEGUN_MS + 5)]


def test_only_the_first_answer_to_the_own_question_counts() -> None:
    drilled = Drilled()
    (probe,) = drilled.ask("udp")
    drilled.read()
    drilled.drill.replied("udp", 1, ms(BEGUN_MS + 1))
    assert drilled.items(BEGUN_MS + 1) is None
    drilled.reply(probe, at_ms=BEGUN_MS + 5)
    drilled.reply(probe, at_ms=BEGUN_MS + 9)
    assert drilled.items(BEGUN_MS + 10) == {"path udp to slot 2": "answered after 5.0 ms"}


def test_a_second_drill_waits_for_the_end_of_the_first() -> None:
    drilled = Drilled()
    drilled.ask()
    drilled.drill.asked(DrillAsked(DRILL_ID + 1, "test", None), ms(BEGUN_MS + 1))
    (answer,) = drilled.seat.take_effects()
    assert isinstance(answer, Answer) and answer.request_id == DRILL_ID + 1
    assert [each["id"] for each in answer.body["refusals"]] == ["DRILL_UNDER_WAY"]


def test_lines_that_nobody_read_are_not_proven() -> None:
    drilled = Drilled()
    drilled.peer.lines.read(SOUND, ms(BEGUN_MS - 1))
    drilled.reply(*drilled.ask())
    assert drilled.items(BEGUN_MS + 999) is None
    found = drilled.items(BEGUN_MS + 1000)
    assert found is not None
    assert found["slot 2 HEALTH"] == "it cannot be read; see `bmcha check`"
    assert drilled.proofs.of_line("slot 2 HEALTH") is None


def test_a_drill_of_one_path_after_another_tells_of_that_path_alone() -> None:
    drilled = Drilled()
    for path in (None, "serial"):
        drilled.reply(*drilled.ask(path))
        drilled.read()
        found = drilled.items(BEGUN_MS + 5)
    assert found is not None and set(found) == {"path serial to slot 2"}


def test_a_path_that_is_cut_both_ways_says_how_often_it_was_asked() -> None:
    drilled = Drilled()
    drilled.ask("udp")
    drilled.read()
    for after_ms in (250, 500, 750):
        assert drilled.items(BEGUN_MS + after_ms) is None
    expected = "no answer to 4 probes; see `bmcha paths`"
    assert drilled.items(BEGUN_MS + 1000) == {"path udp to slot 2": expected}


# ---- a sound chassis


@pytest.mark.parametrize("slot", [1, 2])
def test_in_a_sound_chassis_everything_is_proven_at_once(slot: int) -> None:
    world = World(BoardClass.GATED).settled()
    roles = world.roles()
    answer = drill(world, slot)
    assert answer["result"] == "done" and failed(answer) == {}
    names = {name.replace("slot 2", f"slot {3 - slot}") for name in LINES | PATHS}
    assert set(answer["items"]) == names
    assert events_of(world, slot) == [f"drill, asked by test: all {len(names)} items are proven"]
    world.run(2000)
    assert world.roles() == roles and world.dual_ms == 0


def test_a_board_without_lines_proves_its_paths() -> None:
    world = World(BoardClass.BARE).settled()
    assert set(drill(world)["items"]) == PATHS


def test_the_sense_of_a_reset_line_is_read_back_at_rest() -> None:
    life = Life(BoardClass.RESET).become_active()
    for level in (False, True):
        life.read(LineLevels(True, True, False, reset=level))
        found = {line.name: line for line in life.node.roles.lines()}
        assert found["slot 2 RESET"] == Line("slot 2 RESET", level, expected=False)


def test_one_path_by_its_name_and_no_line() -> None:
    world = World(BoardClass.GATED).settled()
    answer = drill(world, path="serial")
    assert set(answer["items"]) == {"path serial to slot 2"}
    assert answer["text"] == "path serial to slot 2 is proven"


# ---- what fails is named


@pytest.mark.parametrize("source", [1, 2, None])
def test_a_path_that_works_one_way_or_no_way_fails(source: int | None) -> None:
    world = World(BoardClass.GATED).settled()
    world.cut("udp", source=source)
    answer = drill(world)
    assert set(failed(answer)) == {"path udp to slot 2"}
    assert answer["text"] == "1 of 7 items failed: path udp to slot 2"
    assert events_of(world, 1)[-1].endswith("1 of 7 items failed: path udp to slot 2")


def test_a_path_known_to_work_one_way_says_which() -> None:
    world = World(BoardClass.GATED).settled()
    world.cut("udp", source=1)
    world.run(1500)
    text = failed(drill(world))["path udp to slot 2"]
    assert text == "what we send is lost; see `bmcha paths`"


def test_a_lost_probe_is_no_broken_path() -> None:
    world = World(BoardClass.GATED).settled()
    world.cut("udp")
    world.modules[1].ask(DrillAsked(DRILL_ID, "test", "udp"))
    world.run(300)
    world.heal()
    world.run(700)
    item = world.modules[1].answers[-1].body["items"][0]
    assert item["ok"] and item["text"].startswith("answered to one of 3 probes after")


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("presence", False, "it is down and should be up"),
        ("active", True, "it is up and should be down"),
        ("health", None, "it cannot be read; see `bmcha check`"),
    ],
)
def test_a_line_that_lies_or_cannot_be_read_fails(line: str, level: bool | None, text: str) -> None:
    world = World(BoardClass.GATED).settled()
    world.stick(1, line, level)
    world.run(50)
    assert failed(drill(world)) == {f"slot 2 {line.upper()}": text}


def test_beside_a_peer_that_is_not_heard_its_lines_prove_nothing() -> None:
    world = World(BoardClass.GATED).settled()
    world.cut()
    world.run(1500)
    found = failed(drill(world))
    assert set(found) == {"slot 2 ACTIVE", "slot 2 HEALTH", "slot 2 PRESENCE", *PATHS}
    assert found["slot 2 HEALTH"] == "it is up; nobody is heard who could say if rightly"


def test_during_a_role_change_it_is_refused() -> None:
    world = World(BoardClass.GATED).settled()
    world.modules[1].ask(SwitchoverAsked(1, "test", None, False))
    world.modules[1].ask(DrillAsked(DRILL_ID, "test", None))
    world.run(2)
    answer = next(a for a in world.modules[1].answers if a.request_id == DRILL_ID)
    assert [each["id"] for each in answer.body["refusals"]] == ["CHANGE_UNDER_WAY"]


# ---- when it was last seen to work


def test_a_line_that_moved_as_it_should_is_proven_and_a_drill_proves_the_rest() -> None:
    world = World(BoardClass.GATED).settled()
    moved = {name for name, how in proven_by(world, 1).items() if how == "moved"}
    assert {"own ACTIVE", "own OUTPUTS_OPEN"} <= moved
    assert proven_by(world, 1)["slot 2 ACTIVE"] is None, "it was never up"
    drill(world)
    assert proven_by(world, 1)["slot 2 ACTIVE"] == "drill"
    world.modules[1].ask(SwitchoverAsked(1, "test", None, False))
    become(world, 2, Role.ACTIVE, 1000)
    world.run(200)
    assert proven_by(world, 1)["slot 2 ACTIVE"] == "moved"


def test_a_stuck_line_is_not_proven_by_what_it_ought_to_say() -> None:
    world = World(BoardClass.GATED)
    world.stick(1, "active", False)
    world.settled()
    assert proven_by(world, 1)["slot 2 ACTIVE"] is None
    world.modules[1].ask(SwitchoverAsked(1, "test", None, False))
    world.run(2000)
    assert proven_by(world, 1)["slot 2 ACTIVE"] is None


def test_an_echo_proves_a_path_and_silence_lets_its_proof_grow_old() -> None:
    world = World(BoardClass.GATED).settled()

    def ages() -> dict[str, object]:
        paths = status_of(world, 1)["paths"]
        assert isinstance(paths, dict)
        return {name: path["proven_s"] for name, path in paths.items()}

    world.run(3000)
    assert ages() == {"udp": 0, "serial": 0}
    world.cut("udp", source=1)
    world.run(5000)
    assert ages() == {"udp": 5, "serial": 0}, "it is heard, and does not hear"
