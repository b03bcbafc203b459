"""The grammar of scenario files: what it accepts, and what it says about the rest."""

import re
from dataclasses import replace

import pytest

from bmcha.sim.action_words import parse_action
from bmcha.sim.actions import (
    Action,
    DelayPath,
    FailSupply,
    FillDisk,
    LoadBlade,
    LosePart,
    MakeNoise,
    ModuleAction,
    SlowSensor,
    SwitchBlade,
    Verb,
    Vocabulary,
)
from bmcha.sim.board_plan import BOARD_FILES, board_vocabulary
from bmcha.sim.scenario import (
    Aim,
    At,
    Rule,
    Scenario,
    ScenarioError,
    Settle,
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
    supplies=("psu1", "psu2"),
    blades=("blade1",),
    straps=("SLOT_ID0",),
)
BARE = replace(GATED, board="bare", lines=(), straps=())
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
        "within 3 no alarm path-silent\n"
    )
    assert (scenario.empty_slots, scenario.until_s) == ((2,), 12)
    assert scenario.ends_s() == 12
    assert len(scenario.steps) == 6


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("loss udp 2.5", LosePart("udp", 2.5, None)),
        ("loss all 0 --from active", LosePart("all", 0, "active")),
        ("delay serial 40 --from 2", DelayPath("serial", 40, "2")),
        ("noise serial 1000", MakeNoise("serial", 1000)),
        ("sensor inlet slow", SlowSensor("inlet", True)),
        ("sensor all ok --of 2", SlowSensor("all", False, "2")),
        ("psu 2 fail", FailSupply("psu2", True)),
        ("psu psu1 ok", FailSupply("psu1", False)),
        ("blade 1 off", SwitchBlade("blade1", False)),
        ("blade blade1 load 200", LoadBlade("blade1", 200_000)),
        ("disk standby full", FillDisk("standby", True)),
        ("insert 2 --chassis 99", ModuleAction(Verb.INSERT, "2", 99)),
        ("start 2", ModuleAction(Verb.START, "2", None)),
    ],
)
def test_the_words_of_an_action_make_a_value(words: str, expected: Action) -> None:
    assert parse_action(words.split(), GATED) == expected


def test_a_step_for_another_board_is_left_out() -> None:
    text = "at 1 kill 1\non gated: within 0.5 role 2 ACTIVE\non bare: within 2 role 2 ACTIVE\n"
    seconds = {board: parse(text, board).steps[1].seconds for board in KNOWN}
    assert seconds == {"gated": 0.5, "bare": 2}


def test_a_step_may_be_for_several_boards() -> None:
    text = "on gated,bare: at 1 kill 1\non bare: until 3\n"
    found = {board: parse(text, board) for board in KNOWN}
    assert [len(each.steps) for each in found.values()] == [1, 1]
    assert [each.until_s for each in found.values()] == [0, 3]


def test_a_step_for_another_board_is_checked_all_the_same() -> None:
    assert "unknown rule 'sleep'" in complaint("on bare: never sleep")
    assert "wires no lines" in complaint("on gated,bare: at 1 line mm1.HEALTH low")
    assert parse("on gated: at 1 line mm1.HEALTH high", "bare").steps == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 1 explode 2", "unknown action 'explode'; there are: cut, loss, delay, noise, heal"),
        ("at 1 cut ethernet", "unknown path 'ethernet'; there are: udp, serial, all"),
        ("at 1 kill 3", "unknown slot '3'; allowed are: 1, 2, active, standby, victim, survivor"),
        ("at 1 line mm1.RESET high", "unknown line 'mm1.RESET'; there are: mm1.PRESENCE"),
        ("at 1 line mm1.HEALTH up", "allowed are high, low and follow"),
        ("at 1 fan 9 fail", "unknown fan '9'; there are 1 to 2"),
        ("at 1 loss udp 101", "loss udp '101': allowed are 0 to 100 percent"),
        ("at 1 loss udp nan", "allowed are 0 to 100 percent"),
        ("at 1 loss udp 5 --to 1", "write loss PATH PERCENT [--from SLOT]"),
        ("at 1 loss udp 5 --from 3", "unknown slot '3'; allowed are: 1, 2, active, standby"),
        ("at 1 delay udp -5", "delay udp -5: allowed are 0 to 10000, milliseconds"),
        ("at 1 delay ethernet 5", "unknown path 'ethernet'"),
        ("at 1 noise serial 1e6", "noise serial 1e6: allowed are 0 to 2000000, bytes a second"),
        ("at 1 noise serial 5 --from 1", "write noise PATH BYTES_PER_S"),
        ("at 1 psu 3 fail", "unknown psu '3'; there are 1 to 2: psu1, psu2"),
        ("at 1 psu 1 off", "psu 1 'off': allowed are fail and ok"),
        ("at 1 blade 2 on", "unknown blade '2'; there are 1 to 1: blade1"),
        ("at 1 blade 1 load 1001", "blade 1 load 1001: allowed are 0 to 1000, watts"),
        ("at 1 blade 1 load", "blade 1 'load': allowed are on, off and load W"),
        ("at 1 sensor outlet slow", "unknown sensor 'outlet'; there are: inlet"),
        ("at 1 sensor inlet slow --of 3", "unknown slot '3'; allowed are: 1, 2, active"),
        ("at 1 sensor inlet stuck", "sensor inlet 'stuck': allowed are slow and ok"),
        ("at 1 disk 1 broken", "disk 1 'broken': allowed are full and ok"),
        ("at 1 insert 2 --chassis x", "allowed are 1 to 4294967295, a chassis id"),
        ("at 1 kill 2 --chassis 5", "write kill SLOT"),
        ("at 1 set inlet warm", "allowed are a whole number in hwmon's unit"),
        ("at 1 set inlet 1_0", "allowed are a whole number in hwmon's unit"),
        ("at 1 set inlet --7", "allowed are a whole number in hwmon's unit"),
        ("at 1 set inlet 10000000000", "up to 9999999999 either way, and auto"),
        ("at 1 set outlet 5", "unknown sensor 'outlet'; there are: inlet"),
        ("at 1 switchover to 2", "write switchover [--to SLOT] [--force]"),
        ("at 1 kill", "kill: write kill SLOT"),
        ("at -1 kill 1", "'-1' is no time; allowed are 0 to 3600 seconds"),
        ("at soon kill 1", "'soon' is no time"),
        ("at nan kill 1", "'nan' is no time"),
        ("within 1 role 1 BUSY", "unknown role 'BUSY'; allowed are: STARTING, STANDBY"),
        ("never sleep", "unknown rule 'sleep'; allowed are: dual, role-change, fan-drop"),
        ("empty active", "unknown slot 'active'; allowed are: 1, 2"),
        ("on moon: never dual", "write `on BOARD[,BOARD...]: STEP`; boards are gated, bare"),
        ("on gated,moon: never dual", "boards are gated, bare"),
        ("on gated, bare: never dual", "boards are gated, bare"),
        ("on gated never dual", "write `on BOARD[,BOARD...]: STEP`"),
        ("wait 5", "'wait 5' is no step; steps are: at SECONDS ACTION"),
        ("at 1", "'at 1' is no step"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_allowed(text: str, expected: str) -> None:
    sentence = complaint(f"never dual\n{text}\n")
    assert sentence.startswith("risk.txt:2: ")
    assert expected in sentence


def test_policy_keys_are_those_of_the_configuration_and_texts_get_their_quotes() -> None:
    text = "policy failback preferred-slot\npolicy preferred_slot 2\npolicy lone true\n"
    assert parse(text).policy == (
        *(("failback", '"preferred-slot"'), ("preferred_slot", "2"), ("lone", "true")),
    )
    assert "unknown policy 'failbak'; allowed are: " in complaint("policy failbak never")


def test_actions_stand_in_the_order_of_their_times() -> None:
    assert complaint("at 5 kill 1\nat 4 start 1") == (
        "risk.txt:2: at 4 comes after at 5: write them in order"
    )


def test_times_count_anew_after_settling() -> None:
    scenario = parse("settle 20\nat 5 kill 1\nsettle 10\nat 1 start 1\nwithin 3 role 1 STANDBY")
    assert scenario.steps[2] == Settle("risk.txt:3", 10)
    assert scenario.ends_s() == 20 + 5 + 10 + 1 + 3
    assert "write them in order" in complaint("settle 20\nat 5 kill 1\nat 4 start 1")
    assert "'soon' is no time" in complaint("settle soon")


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
        "cut-both",
        "cut-both-hold",
        "cut-serial",
        "cut-udp",
        "disk-full",
        "failback",
        "fencer-killed",
        "foreign-chassis",
        "health-switchover",
        "kill-active",
        "kill-standby",
        "locked-out",
        "newcomer-while-active",
        "one-way-all",
        "one-way-serial",
        "one-way-udp",
        "pull-active",
        "pull-standby",
        "quick-restart",
        "reset-line-broken",
        "restart-standby",
        "serial-noise",
        "simultaneous-start",
        "single-module",
        "slow-sensor",
        "start-cut-off",
        "stop-active",
        "stop-cut-continue",
        "strap-broken",
        "stuck-health",
        "switchover",
        "udp-loss",
    ]


@pytest.mark.parametrize("board", list(KNOWN))
@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_is_sound_on_every_board(name: str, board: str) -> None:
    known = {board: board_vocabulary(board) for board in BOARD_FILES}
    scenario = parse_scenario(*find_scenario(name), board, known)
    assert scenario.steps
    assert scenario.rules
    assert scenario.ends_s() <= 80
