"""The outline of the readers, and what is made of it: schemas, reference page, key texts."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bmcha.config import shipped_boards, shipped_schema
from bmcha.config.outline import Condition, Facts, outline_of
from bmcha.config.outlines import FILES, outline, text_key, text_of, texts, walk
from bmcha.config.reference_page import page
from bmcha.config.schema import schema, schema_text
from bmcha.config.table import Table
from tests.repo.tree import ROOT
from tests.unit.test_config import BARE, FAN, GATED, MODULE, SENSOR, ZONE

ANEW = "write it anew with `make docs`"
BOARDS = sorted((ROOT / "board").glob("*.toml"))


def errors(file: str, values: dict[str, Any]) -> list[str]:
    found = jsonschema.Draft202012Validator(schema(file)).iter_errors(values)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


# ---------------------------------------------------------------- the outline of a reader


def test_a_key_that_is_read_without_a_default_is_required() -> None:
    def read(table: Table) -> None:
        table.integer("must", 1, 9)
        table.integer("may", 1, 9, 5)
        table.optional_integer("might", 2, 3)

    found = outline_of(read)
    assert {name: key.is_required for name, key in found.items()} == {
        "must": True,
        "may": False,
        "might": False,
    }
    assert found["may"].facts == (Facts("integer", "a whole number from 1 to 9", 1, 9, default=5),)


def test_a_key_of_one_choice_only_says_so() -> None:
    def read(table: Table) -> None:
        if table.choice("kind", {"a": 1, "b": 2, "c": 3}, "b") != 1:
            table.flag("of_b_and_c")

    key = outline_of(read)["of_b_and_c"]
    assert key.is_required
    assert key.when == Condition("kind", ("b", "c"), False, True)


def test_a_choice_within_a_choice_is_followed() -> None:
    def read(table: Table) -> None:
        if (
            table.choice("kind", {"a": 1, "b": 2}) == 2
            and table.choice("type", {"x": 1, "y": 2}) == 2
        ):
            table.integer("of_b_y", 0, 1)

    found = outline_of(read)
    assert found["type"].when == Condition("kind", ("b",))
    assert found["of_b_y"].when == Condition("type", ("y",), where=Condition("kind", ("b",)))


def test_a_key_that_is_asked_for_when_it_is_there_is_optional() -> None:
    def read(table: Table) -> None:
        if table.has("device"):
            table.name("device", 9)
            table.name("channel", 9)
        else:
            table.file("file")

    found = outline_of(read)
    assert not found["device"].is_required
    assert found["channel"].is_required
    assert found["channel"].when == Condition("device", (True,), True)
    assert found["file"].when == Condition("device", (False,), True)


def test_a_default_that_depends_on_other_values_is_none() -> None:
    def read(table: Table) -> None:
        table.integer("twice", 1, 100, 2 * table.integer("once", 1, 9))

    assert outline_of(read)["twice"].facts[0].default is None


def test_tables_in_lists_are_read_as_well() -> None:
    def read(table: Table) -> None:
        table.each("outer", 4, lambda entry: entry.table("inner").name("name", 5))

    outer = outline_of(read)["outer"]
    assert outer.facts[0].count_max == 4
    assert outer.inner is not None
    assert outer.inner["inner"].inner is not None
    assert list(outer.inner["inner"].inner) == ["name"]


# ---------------------------------------------------------------- texts and pages


@pytest.mark.parametrize("file", FILES)
def test_every_key_has_a_text_and_every_text_a_key(file: str) -> None:
    found = list(walk(outline(file)))
    without = {
        text_key(path, beside) for path, _, beside in found if not text_of(file, path, beside)
    }
    assert without == set(), "write their sentences in bmcha/config/key_texts.py"
    keys = {text_key(path, beside) for path, _, beside in found}
    assert set(texts(file)) - keys == set()


@pytest.mark.parametrize("file", FILES)
def test_the_published_schema_is_what_the_readers_say(file: str) -> None:
    published = ROOT / "docs" / "schema" / f"{file}.schema.json"
    assert published.read_text() == schema_text(file), ANEW
    assert shipped_schema(file) == str(published)
    jsonschema.Draft202012Validator.check_schema(json.loads(published.read_text()))


def test_the_page_about_the_configuration_is_what_the_readers_say() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == page(), ANEW


def test_a_pattern_means_the_same_to_an_editor() -> None:
    """ECMA 262, which schemas speak, has no (?P<name>) and no \\A or \\Z."""
    patterns = re.findall(r'"pattern": "(.*)"', "".join(map(schema_text, FILES)))
    assert patterns
    assert not [each for each in patterns if re.search(r"\(\?[P#<(aiLmsux-]|\\[AZ]", each)]


# ---------------------------------------------------------------- the schema against files


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_shipped_board_names_its_schema_and_keeps_to_it(board: Path) -> None:
    assert str(board) in shipped_boards().values()
    line = board.read_text().splitlines()[0]
    assert line == "#:schema ../docs/schema/board.schema.json"
    assert (board.parent / line.removeprefix("#:schema ")).exists()
    assert errors("board", tomllib.loads(board.read_text())) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [("module", MODULE), ("board", BARE), ("board", GATED + SENSOR + ZONE + FAN)],
)
def test_sound_files_are_sound_to_the_schema(file: str, text: str) -> None:
    assert errors(file, tomllib.loads(text)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id = 4711", "id = -1", "chassis.id: -1 is less than the minimum of 0"),
        ("id = 4711", 'id = "4711"', "chassis.id: '4711' is not of type 'integer'"),
        ("baud = 115200", "baudrate = 9600", "paths.1: Additional properties are not allowed"),
        ('device = "tty"\n', "", "paths.1: 'device' is a required property"),
        (
            "peer = 2\nlocal",
            'peer = 2\ndevice = "tty"\nlocal',
            "paths.0: False schema does not allow 'tty'",
        ),
        ('kind = "udp"', 'kind = "tcp"', "paths.0.kind: 'tcp' is not one of ['udp', 's"),
        ("[1, 2]", "[]", "chassis.succession: [] should be non-empty"),
        ('name = "udp"', 'name = "all"', "paths.0.name: 'all' does not match"),
    ],
)
def test_a_wrong_module_is_wrong_to_the_schema(old: str, new: str, expected: str) -> None:
    assert MODULE.count(old) == 1
    found = errors("module", tomllib.loads(MODULE.replace(old, new)))
    assert [each for each in found if each.startswith(expected)], found


def test_an_heir_need_not_repeat_what_it_inherits() -> None:
    heir = 'inherit = "base.toml"\n[lines.own]\nhealth = { active_low = true }\n'
    assert errors("board", tomllib.loads(heir)) == []
    entry = '[[blades]]\nname = "blade1"\n'
    assert errors("board", tomllib.loads(heir + entry)) == [
        "blades.0: 'budget_milliwatt' is a required property"
    ]
