"""The keys of a sim's live view and the chassis's truth: values in, words and facts out."""

from typing import Any

import pytest

from bmcha.sim.journal import Line
from bmcha.sim.live_keys import HELP, key_labels, words_of
from bmcha.sim.truth import truth_of
from bmcha.view.model import SensorShown

SENSORS = (
    SensorShown("v12", "voltage", 12_000, 11_400, 12_600, "OK", "GOOD"),
    SensorShown("inlet", "temperature", 24_000, 0, 45_000, "OK", "GOOD"),
)


def slot(**facts: Any) -> dict[str, Any]:
    usual = {"present": True, "alive": True, "stopped": False, "pid": 7, "gate": "shut"}
    return {**usual, "lines": {"HEALTH": True}, "forced": {}, **facts}


def state(**facts: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "slots": {"1": slot(gate="open"), "2": slot()},
        "paths": {"udp": {"cut": []}, "serial": {"cut": [], "noise_bytes_per_s": 0}},
        "fans": [{"name": "fan1", "failed": False}, {"name": "fan2", "failed": False}],
        "sensors": [{"name": "inlet", "set": False}],
    }
    return {**usual, **facts}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("k", ("kill", "active")),
        ("K", ("kill", "standby")),
        ("s", ("stop", "active")),
        ("S", ("stop", "standby")),
        ("p", ("pull", "standby")),
        ("P", ("pull", "active")),
        ("r", ("restart", "active")),
        ("u", ("cut", "udp")),
        ("e", ("cut", "serial")),
        ("b", ("cut", "all")),
        ("n", ("noise", "serial", "20000")),
        ("f", ("fan", "fan1", "fail")),
        ("t", ("set", "inlet", "50000")),
        ("x", None),
    ],
)
def test_a_key_breaks_something(key: str, words: tuple[str, ...] | None) -> None:
    assert words_of(key, state(), SENSORS) == words


@pytest.mark.parametrize(
    ("key", "broken", "words", "label"),
    [
        ("s", {"slots": {"1": slot(stopped=True)}}, ("cont", "1"), "continue"),
        ("p", {"slots": {"2": slot(present=False)}}, ("insert", "2"), "insert"),
        ("r", {"slots": {"1": slot(alive=False)}}, ("start", "1"), "start"),
        ("u", {"paths": {"udp": {"cut": [1, 2]}}}, ("heal", "udp"), "heal udp"),
        ("b", {"paths": {"udp": {"cut": [1]}}}, ("heal", "all"), "heal both"),
        ("n", {"paths": {"a": {}, "s": {"noise_bytes_per_s": 9}}}, ("noise", "s", "0"), "quiet"),
        ("f", {"fans": [{"name": "fan2", "failed": True}]}, ("fan", "fan2", "ok"), "mend fan"),
        ("t", {"sensors": [{"name": "a", "set": True}]}, ("set", "a", "auto"), "cool"),
    ],
)
def test_the_same_key_mends_it_and_says_so(
    key: str, broken: dict[str, Any], words: tuple[str, ...], label: str
) -> None:
    assert words_of(key, state(**broken), SENSORS) == words
    assert dict(key_labels(state(**broken)))[key] == label


def test_before_anything_is_known_keys_do_nothing_wrong() -> None:
    assert words_of("u", {}, ()) is None
    assert words_of("t", {}, ()) is None
    assert words_of("f", {}, ()) is None
    assert len(key_labels({})) == len(key_labels(state()))


def test_every_key_of_the_footer_is_explained() -> None:
    explained = {key for keys, _ in HELP for key in keys.split()}
    assert {key for key, _ in key_labels(state())} <= explained


@pytest.mark.parametrize(
    ("facts", "life"),
    [
        ({}, "running"),
        ({"stopped": True}, "stopped"),
        ({"alive": False}, "dead"),
        ({"present": False, "alive": False}, "empty"),
    ],
)
def test_the_life_of_a_slot(facts: dict[str, Any], life: str) -> None:
    truth = truth_of({"slots": {"1": slot(**facts)}}, [], None, 0)
    assert truth.slots[0].life == life


def gate(t_ms: int, slot_number: int, is_open: bool) -> Line:
    return Line(t_ms * 1_000_000, "gate", slot_number, "gate", is_open)


def test_outage_and_overlap_are_counted_as_the_judge_does() -> None:
    gates = [gate(0, 1, True), gate(10, 1, False), gate(40, 2, True), gate(50, 1, True)]
    truth = truth_of(state(), gates, 12.5, 55_000_000)
    assert (truth.outage_ms, truth.dual_ms, truth.failover_ms) == (30.0, 5.0, 12.5)
    assert truth.open_count == 1


def test_an_outage_that_goes_on_has_lasted_until_now() -> None:
    truth = truth_of(state(), [gate(0, 1, True), gate(10, 1, False)], None, 110_000_000)
    assert truth.outage_ms == 100.0


def test_all_that_is_broken_by_hand_is_named() -> None:
    broken = state(
        slots={"1": slot(forced={"HEALTH": False}, disk_full=True)},
        paths={
            "udp": {"cut": [1, 2], "loss_percent": {"1": 10.0, "2": 10.0}},
            "serial": {"cut": [2], "delay_ms": {"1": 50}, "noise_bytes_per_s": 100},
        },
        fans=[{"name": "fan2", "failed": True}],
        sensors=[{"name": "inlet", "set": True, "slow": True}],
        supplies=[{"name": "psu1", "ok": False}],
    )
    assert truth_of(broken, [], None, 0).disturbed == (
        *("udp cut", "udp loses 10 %"),
        *("serial drops what 2 sends", "serial 50 ms late", "serial noisy"),
        *("fan2 stands", "inlet set", "inlet blocks", "psu1 off"),
        *("disk of 1 full", "mm1.HEALTH stuck down"),
    )
    assert truth_of(state(), [], None, 0).disturbed == ()


def test_a_forced_line_is_shown_as_its_readers_see_it() -> None:
    forced = {"1": slot(forced={"HEALTH": False})}
    (line,) = truth_of({"slots": forced}, [], None, 0).slots[0].lines
    assert (line.is_up, line.is_forced) == (False, True)
