"""Whatever stands in the files, `bmcha check` answers, and finds what the service would refuse."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bmcha.check.machine import Machine
from bmcha.check.report import Report
from bmcha.check.run import Options, check_file
from bmcha.config import ConfigError, load_config
from tests.properties.test_config_properties import TABLES, as_toml, put_in_anywhere
from tests.properties.test_schema_properties import SOUND


def checked(module: str | bytes, board: str | bytes) -> None:
    """Both files, on a machine without a /sys."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("config.toml", module), ("board.toml", board)):
            data = text.encode() if isinstance(text, str) else text
            (Path(folder) / name).write_bytes(data)
        machine = Machine(f"{folder}/sys", f"{folder}/proc")
        for name in ("config.toml", "board.toml"):
            report = check_file(f"{folder}/{name}", Options(hw_root=folder), machine)
            look_at(report)
            if name == "config.toml" and report.kind == "module":
                assert_no_refusal_is_missing(f"{folder}/{name}", report)


def look_at(report: Report) -> None:
    text = report.as_text(80)
    assert text.splitlines()[-1].split()[-1] in ("problem", "problems")
    assert all(char.isprintable() or char == "\n" for char in text)
    assert json.loads(json.dumps(report.as_dict()))["count"] == len(report.problems)
    for each in (*report.problems, *report.advice):
        assert each.key and each.value and each.allowed and each.remedy, each


def assert_no_refusal_is_missing(file: str, report: Report) -> None:
    try:
        load_config(file, version="", firmware_level=0, layout_id=0)
    except ConfigError as error:
        found = {(each.file, each.key, each.value) for each in report.problems}
        assert {(each.file, each.key, each.value) for each in error.problems} <= found


@given(TABLES, TABLES)
def test_any_two_tables_are_answered(module: dict[str, Any], board: dict[str, Any]) -> None:
    checked(as_toml({**module, "board": "board.toml"}), as_toml(board))


@given(st.data())
def test_sound_files_with_anything_put_in_are_answered(data: st.DataObject) -> None:
    files = {name: json.loads(json.dumps(SOUND[name])) for name in ("module", "board")}
    put_in_anywhere(data, files[data.draw(st.sampled_from(["module", "board"]))])
    checked(as_toml(files["module"]), as_toml(files["board"]))


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_are_answered(module: bytes, board: bytes) -> None:
    checked(module, board)
    checked(as_toml(SOUND["module"]), board)
