"""Whatever stands in the two files, the answer is a configuration or a list of problems."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bmcha.config import Config, ConfigError, load_config

KNOWN_KEYS = sorted(
    {
        *("board", "hw_root", "state_dir", "control_socket", "image_name", "chassis", "timers"),
        *("policy", "paths", "id", "succession", "tick_ms", "initdead_ms", "name", "kind", "peer"),
        *("local", "remote", "device", "baud", "heartbeat_interval_ms", "warntime_ms", "straps"),
        *("deadtime_ms", "isolation_policy", "class", "watchdog_ms", "watchdog", "lines", "own"),
        *("bits", "offset", "presence", "file", "active_low", "sensors", "fans", "zones", "curve"),
        *("low_milli", "zone", "pwm_min", "supplies", "blades", "inherit", "log_file"),
    }
)
KEYS = st.one_of(st.sampled_from(KNOWN_KEYS), st.text(max_size=8))
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["udp", "serial", "gated", "bare", "127.0.0.1:1", "[::1]:1", "board.toml"]),
)
LEAVES = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-2, 300),
    st.floats(),
    TEXTS,
    st.datetimes(),
    st.dates(),
    st.times(),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=8)

BARE = 'name = "x"\nclass = "bare"\nstraps = { bits = [{ file = "x" }] }\n'
MODULE: dict[str, Any] = {
    "board": "board.toml",
    "chassis": {"id": 1, "succession": [1, 2]},
    "timers": {"tick_ms": 25},
    "policy": {"lone": False},
    "paths": [
        {
            "name": "udp",
            "kind": "udp",
            "peer": 2,
            "local": "127.0.0.1:1",
            "remote": "127.0.0.1:2",
            "heartbeat_interval_ms": 100,
            "warntime_ms": 500,
            "deadtime_ms": 1500,
        }
    ],
}


def line_of(value: object) -> str:
    """As TOML, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {line_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(line_of, value)) + "]"
    return quoted(value) if isinstance(value, str) else str(value)


def quoted(text: str) -> str:
    """JSON's strings are TOML's, but for one character; halves of pairs are not in UTF-8."""
    text = text.encode("utf-8", "replace").decode()
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def outcome(module: str | bytes, board: str | bytes) -> Config | ConfigError:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("config.toml", module), ("board.toml", board)):
            data = text.encode() if isinstance(text, str) else text
            (Path(folder) / name).write_bytes(data)
        try:
            return load_config(f"{folder}/config.toml", version="1", firmware_level=1, layout_id=1)
        except ConfigError as error:
            lines = str(error).splitlines()
            assert len(lines) == len(error.problems) > 0
            assert all(line.startswith(folder) or "board.toml" in line for line in lines)
            return error


def as_toml(table: dict[str, Any]) -> str:
    return "".join(f"{quoted(key)} = {line_of(value)}\n" for key, value in table.items())


@given(TABLES, TABLES)
def test_any_two_tables_give_a_list_of_problems(
    module: dict[str, Any], board: dict[str, Any]
) -> None:
    assert isinstance(
        outcome(as_toml({**module, "board": "board.toml"}), as_toml(board)), ConfigError
    )


@given(st.data())
def test_a_sound_module_with_anything_put_in_is_answered(data: st.DataObject) -> None:
    module = json.loads(json.dumps(MODULE))
    put_in_anywhere(data, module)
    outcome(as_toml(module), BARE)


@given(st.data())
def test_a_sound_board_with_anything_put_in_is_answered(data: st.DataObject) -> None:
    line = {"file": "x"}
    board: dict[str, Any] = {
        "name": "x",
        "class": "gated",
        "watchdog_ms": 1000,
        "watchdog": line,
        "straps": {"bits": [line]},
        "lines": {
            "own": {"health": line, "active": line},
            "peer": [{"offset": 1, "presence": line, "health": line, "active": line}],
        },
        "sensors": [
            {
                "name": "t",
                "kind": "temperature",
                "file": "t",
                "low_milli": 0,
                "high_milli": 9,
                "hysteresis_milli": 1,
                "zone": "z",
            }
        ],
        "zones": [{"name": "z", "curve": [[1, 2]], "hysteresis_milli": 1, "pwm_step_max": 1}],
    }
    board = json.loads(json.dumps(board))
    assert isinstance(outcome(as_toml(MODULE), as_toml(board)), Config)
    put_in_anywhere(data, board)
    outcome(as_toml(MODULE), as_toml(board))


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_give_a_list_of_problems(module: bytes, board: bytes) -> None:
    assert isinstance(outcome(module, board), ConfigError)
    assert isinstance(outcome(as_toml(MODULE), board), ConfigError)


def put_in_anywhere(data: st.DataObject, place: Any) -> None:
    """Replaces or adds one value, at any depth."""
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.one_of(st.sampled_from(keys), KEYS) if keys else KEYS)
        inner = place[key] if key in keys else None
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            place = inner
            continue
        if isinstance(place, list) and key not in keys:
            place.append(data.draw(VALUES))
        else:
            place[key] = data.draw(VALUES)
        return
