"""The grammar of scenario files: what it accepts, and what it says about the rest."""

import re

import pytest

from bmcha.sim.actions import Vocabulary
from bmcha.sim.scenario import (
    Aim,
    At,
    Rule,
    Scenario,
    ScenarioError,
    Within,
    find_scenario,
    parse_scenario,
    shipped_scenarios,
)

GATED = Vocabulary(
    board="gated",
    slots=(1, 2),
    paths=("udp", "serial"),
    lines=("PRESENCE", "HEALTH", "ACTIVE"),
    sensors=("inlet",),
    fans=("fan1", "fan2"),
)
BARE = Vocabulary("bare", (1, 2), ("udp", "serial"), (), ("inlet",), ("fan1", "fan2"))
KNOWN = {"gated": GATED, "bare": BARE}


def parse(text: str, board: str = "gated") -> Scenario:
    return parse_scenario("risk.txt", text, board, KNOWN)


def complaint(text: str, board: str = "gated") -> str:
    with pytest.raises(ScenarioError) as caught:
        parse(text, board)
    return str(caught.value)


def test_steps_keep_their_order_and_place() -> None:
    scenario = parse("within 6 role 1 ACTIVE\n\nat 8.5 kill active  # the risk\nnever dual\n")
    assert scenario.name == "risk"
    assert scenario.steps == (
        Within("risk.txt:1", 6, Aim.ROLE, "1", "ACTIVE"),
        At("risk.txt:3", 8.5, ("kill", "active")),
    )
    assert [never.rule for never in scenario.rules] == [Rule.DUAL]


def test_every_kind_of_step_is_understood() -> None:
    scenario = parse(
        "empty 2\nuntil 12\nwithin 3 alarm path-silent\nwithin 3 output survivor\n"
        "at 4 switchover --to 2 --force\nat 5 cut udp --one-way standby\nat 6 line mm1.HEALTH low\n"
    )
    assert (scenario.empty_slots, scenario.until_s) == ((2,), 12)
    assert scenario.ends_s() == 12
    assert len(scenario.steps) == 5


def test_a_step_for_another_board_is_left_out() -> None:
    text = "at 1 kill 1\non gated: within 0.5 role 2 ACTIVE\non bare: within 2 role 2 ACTIVE\n"
    seconds = {board: parse(text, board).steps[1].seconds for board in KNOWN}
    assert seconds == {"gated": 0.5, "bare": 2}


def test_a_step_for_another_board_is_checked_all_the_same() -> None:
    assert "unknown rule 'sleep'" in complaint("on bare: never sleep")
    assert parse("on gated: at 1 line mm1.HEALTH high", "bare").steps == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 1 explode 2", "unknown action 'explode'; there are: cut, heal, kill"),
        ("at 1 cut ethernet", "unknown path 'ethernet'; there are: udp, serial, all"),
        ("at 1 kill 3", "unknown slot '3'; allowed are: 1, 2, active, standby, victim, survivor"),
        ("at 1 line mm1.RESET high", "unknown line 'mm1.RESET'; there are: mm1.PRESENCE"),
        ("at 1 line mm1.HEALTH up", "allowed are high, low and follow"),
        ("at 1 fan 9 fail", "unknown fan '9'; there are 1 to 2"),
        ("at 1 set inlet warm", "allowed are a whole number in hwmon's unit"),
        ("at 1 set outlet 5", "unknown sensor 'outlet'; there are: inlet"),
        ("at 1 switchover to 2", "write switchover [--to SLOT] [--force]"),
        ("at 1 kill", "kill: write kill SLOT"),
        ("at -1 kill 1", "'-1' is no time; allowed are 0 to 3600 seconds"),
        ("at soon kill 1", "'soon' is no time"),
        ("at nan kill 1", "'nan' is no time"),
        ("within 1 role 1 BUSY", "unknown role 'BUSY'; allowed are: STARTING, STANDBY"),
        ("never sleep", "unknown rule 'sleep'; allowed are: dual, role-change, fan-drop"),
        ("empty active", "unknown slot 'active'; allowed are: 1, 2"),
        ("on moon: never dual", "write `on BOARD: STEP`; boards are gated, bare"),
        ("on gated never dual", "write `on BOARD: STEP`"),
        ("wait 5", "'wait 5' is no step; steps are: at SECONDS ACTION"),
        ("at 1", "'at 1' is no step"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_allowed(text: str, expected: str) -> None:
    sentence = complaint(f"never dual\n{text}\n")
    assert sentence.startswith("risk.txt:2: ")
    assert expected in sentence


def test_actions_stand_in_the_order_of_their_times() -> None:
    assert complaint("at 5 kill 1\nat 4 start 1") == (
        "risk.txt:2: at 4 comes after at 5: write them in order"
    )


def test_a_board_without_wired_lines_says_so() -> None:
    assert "board bare wires no lines" in complaint("at 1 line mm1.HEALTH low", "bare")


def test_a_switchover_is_named_among_the_actions() -> None:
    assert complaint("at 1 explode").endswith("switchover")


def test_an_unknown_scenario_lists_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match=re.escape(", ".join(shipped_scenarios()))):
        find_scenario("no-such-thing")


def test_the_shipped_scenarios_are_these() -> None:
    assert shipped_scenarios() == [
        "cold-start",
        "cut-serial",
        "cut-udp",
        "kill-active",
        "restart-standby",
        "single-module",
        "stop-active",
        "switchover",
    ]


@pytest.mark.parametrize("board", list(KNOWN))
@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_is_sound_on_every_board(name: str, board: str) -> None:
    scenario = parse_scenario(*find_scenario(name), board, KNOWN)
    assert scenario.steps
    assert scenario.rules
    assert scenario.ends_s() <= 30
