"""The schemas and the readers agree on all that a schema can say."""

import json
import re
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from bmcha.config.board_tables import read_board_table
from bmcha.config.module_file import read_module_table
from bmcha.config.outline import Key
from bmcha.config.outlines import outline, walk
from bmcha.config.schema import schema
from bmcha.config.table import ConfigProblem, Source, Table
from tests.properties.test_config_properties import MODULE, TABLES, put_in_anywhere

READERS = {"module": read_module_table, "board": read_board_table}
SERIAL = {
    "name": "serial",
    "kind": "serial",
    "peer": 2,
    "device": "/dev/ttyS1",
    "type": "rs485",
    "rs485": {"delay_before_ms": 1},
    "heartbeat_interval_ms": 100,
    "warntime_ms": 500,
    "deadtime_ms": 1500,
}
LINE = {"file": "x"}
GPIO = {"chip": "gpiochip0", "line": 4, "bias": "pull-up"}
LIMITS = {"low_milli": 0, "high_milli": 9, "hysteresis_milli": 1}
BOARD: dict[str, Any] = {
    "name": "x",
    "class": "gated",
    "watchdog_ms": 1000,
    "watchdog": LINE,
    "straps": {"bits": [LINE, GPIO]},
    "lines": {
        "own": {"health": GPIO, "active": LINE},
        "peer": [{"offset": 1, "presence": LINE, "health": GPIO, "active": LINE}],
    },
    "sensors": [
        {"name": "t", "kind": "temperature", "file": "t", "zone": "z", **LIMITS},
        {"name": "v", "kind": "voltage", "device": "lm75", "channel": "in1", **LIMITS},
    ],
    "zones": [{"name": "z", "curve": [[1, 2]], "hysteresis_milli": 1, "pwm_step_max": 1}],
    "blades": [{"name": "b", "budget_milliwatt": 1}],
}
SOUND = {"module": {**MODULE, "paths": [*MODULE["paths"], SERIAL]}, "board": BOARD}

# To JSON Schema 1.0 is an integer; TOML tells the two apart, and so does the reader.
_TYPES = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _, value: type(value) is int
)
_Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=_TYPES)
VALIDATORS = {file: _Validator(schema(file)) for file in READERS}
KEYS = {file: {path: key for path, key, _ in walk(outline(file))} for file in READERS}
TOLD_BY_SCHEMA = {"integer", "flag", "choice", "table", "tables", "file"}


def problems_of(file: str, values: dict[str, Any]) -> list[ConfigProblem]:
    problems: list[ConfigProblem] = []
    READERS[file](Table(values, Source("file", {}, "/"), problems))
    return problems


def compare(file: str, values: dict[str, Any]) -> None:
    problems = problems_of(file, values)
    if not VALIDATORS[file].is_valid(values):
        assert problems, next(VALIDATORS[file].iter_errors(values))
        return
    assert [each for each in problems if is_for_the_schema(file, each)] == []


def is_for_the_schema(file: str, problem: ConfigProblem) -> bool:
    path = tuple(re.sub(r"\[\d+\]", "", problem.key).split("."))
    key: Key | None = KEYS[file].get(path)
    if problem.value == "an unknown key":
        return key is None
    if key is None or len(key.facts) > 1 or key.facts[0].allowed != problem.allowed:
        return False
    if problem.value == "missing":
        is_whole = file == "module" or "[" in problem.key
        return is_whole and key.is_required
    return key.facts[0].kind in TOLD_BY_SCHEMA


def test_both_take_the_sound_files() -> None:
    for file, values in SOUND.items():
        assert problems_of(file, values) == []
        assert VALIDATORS[file].is_valid(values)


@given(st.sampled_from(["module", "board"]), TABLES)
def test_they_agree_on_any_table(file: str, values: dict[str, Any]) -> None:
    values.pop("inherit", None)  # Read before there is a table.
    compare(file, values)


@given(st.data())
def test_they_agree_on_a_sound_file_with_anything_put_in(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(["module", "board"]))
    values = json.loads(json.dumps(SOUND[file]))
    put_in_anywhere(data, values)
    values.pop("inherit", None)
    compare(file, values)


@given(st.data())
def test_they_agree_at_the_edge_of_every_range(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(["module", "board"]))
    ranged = [path for path, key in KEYS[file].items() if key.facts[0].kind == "integer"]
    path = data.draw(st.sampled_from(ranged))
    facts = KEYS[file][path].facts[0]
    assert facts.low is not None and facts.high is not None
    value = data.draw(st.sampled_from([facts.low, facts.high, facts.low - 1, facts.high + 1]))
    values = json.loads(json.dumps(SOUND[file]))
    put_at(file, values, path, value)
    assert VALIDATORS[file].is_valid(values) <= (facts.low <= value <= facts.high)
    compare(file, values)


def put_at(file: str, values: Any, path: tuple[str, ...], value: object) -> None:
    """Into the first entry of every list on the way; tables are made where there are none."""
    *above, key = path
    for depth, name in enumerate(above, 1):
        is_list = KEYS[file][path[:depth]].facts[0].kind == "tables"
        values = values.setdefault(name, [{}] if is_list else {})
        values = values[0] if is_list else values
    values[key] = value
