"""What each class of board needs of lines and timers, and what it refuses."""

from pathlib import Path

import pytest

from bmcha.config.relations import yielding_ms
from bmcha.model.board import LineFile
from bmcha.model.settings import BoardClass
from tests.unit.test_config import BARE, GATED, MODULE, Folder

RESET_LINE = 'reset = { led = "peer_reset" }\n'
RESET = GATED.replace('"gated"', '"reset"') + RESET_LINE
LEASE = """
name = "test"
class = "lease"
[straps]
bits = [{ file = "ID0" }]
[lines.own]
active = { file = "ACTIVE" }
[[lines.peer]]
offset = 1
presence = { file = "PRES_N", active_low = true }
active = { file = "PEER_ACTIVE" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def timers(**values: int) -> str:
    return MODULE + "\n[timers]\n" + "".join(f"{key} = {n}\n" for key, n in values.items())


# ---------------------------------------------------------------- lines


def test_a_reset_board_needs_its_reset_line_and_no_sense(folder: Folder) -> None:
    node = folder.load(board=RESET).node
    assert (node.board_class, node.has_health, node.has_active) == (BoardClass.RESET, True, True)
    sense = 'reset_sense = { file = "SENSE" }\n'
    (peer,) = folder.load(board=RESET + sense).service.lines.peers
    assert peer.reset_sense == LineFile(f"{folder.path}/hw/SENSE")


@pytest.mark.parametrize(
    ("old", "key", "allowed", "remedy"),
    [
        (RESET_LINE, "lines.peer[0].reset", "class reset needs it", 'class = "gated"'),
        ('health = { file = "HEALTH" }\n', "lines.own.health", "class reset", 'class = "bare"'),
        ('active = { file = "ACTIVE" }\n', "lines.own.active", "class reset", 'class = "bare"'),
        ('health = { file = "PEER_HEALTH" }\n', "lines.peer[0].health", "class reset", "bare"),
        ('[watchdog]\nfile = "watchdog"\n', "watchdog", "both", ""),
    ],
)
def test_what_a_reset_board_lacks_is_told(
    folder: Folder, old: str, key: str, allowed: str, remedy: str
) -> None:
    assert old in RESET
    problem = folder.only_problem(board=RESET.replace(old, ""))
    assert problem.key == key
    assert allowed in problem.allowed
    assert remedy in (problem.remedy or "")


def test_a_reset_board_without_its_watchdog_is_told_as_a_gated_one(folder: Folder) -> None:
    board = RESET.replace("watchdog_ms = 1000", "").replace('[watchdog]\nfile = "watchdog"', "")
    problem = folder.only_problem(board=board)
    assert problem.key == "watchdog_ms"
    assert problem.allowed.endswith("as class reset needs it")


def test_a_reset_board_has_an_entry_for_each_other_node(folder: Folder) -> None:
    board = RESET[: RESET.index("[[lines.peer]]")]
    problem = folder.only_problem(board=board)
    assert (problem.key, problem.value) == ("lines.peer", "without offset 1")
    assert "class reset" in problem.allowed


def test_a_lease_board_needs_neither_watchdog_nor_health(folder: Folder) -> None:
    node = folder.load(board=LEASE).node
    assert (node.board_class, node.watchdog_ms) == (BoardClass.LEASE, None)
    assert (node.has_presence, node.has_health, node.has_active) == (True, False, True)


@pytest.mark.parametrize(
    ("old", "key"),
    [
        ('active = { file = "ACTIVE" }\n', "lines.own.active"),
        ('active = { file = "PEER_ACTIVE" }\n', "lines.peer[0].active"),
        ('presence = { file = "PRES_N", active_low = true }\n', "lines.peer[0].presence"),
    ],
)
def test_what_a_lease_board_lacks_is_told(folder: Folder, old: str, key: str) -> None:
    assert old in LEASE
    problem = folder.only_problem(board=LEASE.replace(old, ""))
    assert problem.key == key
    assert problem.allowed == "a line, as class lease needs it"


def test_a_health_line_that_no_watchdog_drives_is_refused_on_lease(folder: Folder) -> None:
    problem = folder.only_problem(board=LEASE + 'health = { file = "H" }\n')
    assert problem.key == "lines.peer[0].health"
    assert "not wired on class lease: no watchdog lets HEALTH fall" in problem.allowed


def test_an_active_line_on_bare_is_refused_with_the_classes_that_use_it(folder: Folder) -> None:
    peer = '[[lines.peer]]\noffset = 1\nactive = { file = "A" }\n'
    problem = folder.only_problem(board=BARE + peer)
    assert problem.key == "lines.peer[0].active"
    assert "class gated and class lease use it" in problem.allowed


# ---------------------------------------------------------------- timers


def test_a_dead_time_is_longer_than_the_watchdog_of_a_reset_board(folder: Folder) -> None:
    board = RESET.replace("watchdog_ms = 1000", "watchdog_ms = 1500")
    assert {each.key for each in folder.problems(board=board)} == {
        "paths[0].deadtime_ms",
        "paths[1].deadtime_ms",
    }


def test_a_fence_is_not_given_up_while_its_pulse_runs(folder: Folder) -> None:
    module = timers(reset_pulse_ms=500, unverified_takeover_ms=530)
    problem = folder.only_problem(module, RESET)
    assert problem.key == "timers.unverified_takeover_ms"
    assert "more than 530 on class reset: reset_pulse_ms" in problem.allowed
    assert folder.load(module.replace("= 530", "= 531"), RESET)
    assert folder.load(module, GATED)


def test_an_isolated_holder_has_yielded_before_it_is_passed_over(folder: Folder) -> None:
    # 100 for the margin, 100 for the claim window, 200 for the store, twice 5, a tick of 25.
    problem = folder.only_problem(timers(unverified_takeover_ms=435), LEASE)
    assert problem.key == "timers.unverified_takeover_ms"
    assert "more than 435 on class lease: lease_margin_ms" in problem.allowed
    node = folder.load(timers(unverified_takeover_ms=436), LEASE).node
    assert yielding_ms(node.timers) == 435
    assert folder.load(timers(unverified_takeover_ms=100), BARE)
