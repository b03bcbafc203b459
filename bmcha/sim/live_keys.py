"""The keys of the live view of a sim: a key and what the chassis is like → words for `sim-ctl`.

Pure. Many keys are switches: pressed again they mend what they broke.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bmcha.view.model import SensorShown

NOISE_BYTES_PER_S = 20_000
"""Far more than 115200 baud can carry beside beats."""
HEAT_MILLI = 5000
"""So far beyond its upper limit a heated sensor shows."""
State = Mapping[str, Any]
Words = tuple[str, ...]

HELP = (
    ("k K", "kill the ACTIVE (K: the STANDBY) with SIGKILL"),
    ("s S", "stop the ACTIVE (S: the STANDBY) with SIGSTOP; again: it goes on"),
    ("p P", "pull the STANDBY (P: the ACTIVE) out; again: put it in"),
    ("r", "start a dead module; if none is dead, restart the ACTIVE"),
    ("u e b", "cut the first path, the second one, or both; again: heal"),
    ("n", "noise on the second path; again: quiet"),
    ("f t", "stop a fan; heat a sensor beyond its limit; again: mend"),
    ("o", "a planned switchover"),
    ("up down", "scroll the events; page up, page down, Home and End too"),
    ("h ?", "this page; any key leaves it"),
    ("q", "quit and take the chassis down; so does Ctrl-C"),
    ("", ""),
    ("gate", "the chassis's word: are the module's writes let through?"),
    ("outage", "the longest time with nobody's outputs let through"),
    ("both open", "the total time with both modules' let through; must stay 0"),
    ("loss", "of the last ten seconds, in per cent of what was sent"),
    ("mirror", "how far the standby's picture is behind"),
    ("more", "docs/live-view.md; sim-ctl in a second terminal can do more"),
)


def key_labels(state: State) -> tuple[tuple[str, str], ...]:
    """For the footer: what each key would do now."""
    paths = _paths(state)
    first, second = (*paths, "path 1", "path 2")[:2] if len(paths) < 2 else paths[:2]
    labels = [
        ("k", "kill"),
        ("s", "continue" if _slots(state, "stopped") else "stop"),
        ("p", "insert" if _empty(state) else "pull"),
        ("r", "start" if _dead(state) else "restart"),
        ("u", f"{_switch(state, first)} {first}"),
        ("e", f"{_switch(state, second)} {second}"),
        ("b", f"{'heal' if _are_all_cut(state) else 'cut'} both"),
        ("n", "quiet" if _noise(state, second) else "noise"),
        ("f", "mend fan" if _failed_fan(state) else "fail fan"),
        ("t", "cool" if _set_sensor(state) else "heat"),
        ("o", "switchover"),
        ("h", "help"),
        ("q", "quit"),
    ]
    return tuple(labels)


def words_of(key: str, state: State, sensors: Sequence[SensorShown]) -> Words | None:
    """None: this key does nothing here."""
    paths = _paths(state)
    match key:
        case "k" | "K":
            return "kill", _whom(key == "k")
        case "s" | "S":
            stopped = _slots(state, "stopped")
            return ("cont", stopped[0]) if stopped else ("stop", _whom(key == "s"))
        case "p" | "P":
            empty = _empty(state)
            return ("insert", empty[0]) if empty else ("pull", _whom(key == "P"))
        case "r":
            dead = _dead(state)
            return ("start", dead[0]) if dead else ("restart", "active")
        case "u" if paths:
            return _switch(state, paths[0]), paths[0]
        case "e" if len(paths) > 1:
            return _switch(state, paths[1]), paths[1]
        case "b":
            return "heal" if _are_all_cut(state) else "cut", "all"
        case "n" if paths:
            noisy = _noise(state, paths[-1])
            return "noise", paths[-1], "0" if noisy else str(NOISE_BYTES_PER_S)
        case "f" if state.get("fans"):
            failed = _failed_fan(state)
            return ("fan", failed, "ok") if failed else ("fan", state["fans"][0]["name"], "fail")
        case "t":
            return _heat(state, sensors)
        case _:
            return None


def _heat(state: State, sensors: Sequence[SensorShown]) -> Words | None:
    fixed = _set_sensor(state)
    if fixed:
        return "set", fixed, "auto"
    for sensor in sensors:
        if sensor.kind == "temperature" and sensor.high_milli is not None:
            return "set", sensor.name, str(sensor.high_milli + HEAT_MILLI)
    return None


def _whom(is_active: bool) -> str:
    return "active" if is_active else "standby"


def _slots(state: State, fact: str) -> list[str]:
    return [slot for slot, each in state.get("slots", {}).items() if each.get(fact)]


def _empty(state: State) -> list[str]:
    return [slot for slot, each in state.get("slots", {}).items() if not each.get("present")]


def _dead(state: State) -> list[str]:
    slots = state.get("slots", {}).items()
    return [slot for slot, each in slots if each.get("present") and not each.get("alive")]


def _paths(state: State) -> tuple[str, ...]:
    return tuple(state.get("paths", {}))


def _switch(state: State, path: str) -> str:
    return "heal" if state.get("paths", {}).get(path, {}).get("cut") else "cut"


def _are_all_cut(state: State) -> bool:
    paths = state.get("paths", {})
    return bool(paths) and all(faults.get("cut") for faults in paths.values())


def _noise(state: State, path: str) -> bool:
    return bool(state.get("paths", {}).get(path, {}).get("noise_bytes_per_s"))


def _failed_fan(state: State) -> str | None:
    return next((fan["name"] for fan in state.get("fans", ()) if fan.get("failed")), None)


def _set_sensor(state: State) -> str | None:
    return next((each["name"] for each in state.get("sensors", ()) if each.get("set")), None)
