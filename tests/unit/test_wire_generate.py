"""The generated files are what the schema says, and the running service needs no construct."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bmcha.model.message import MessageType
from bmcha.model.reading import CellKind
from bmcha.wire import codec, generate, schema, tables
from bmcha.wire.front import build_frame
from tests.golden.samples import HEADER, MESSAGES, NOW_NS

ROOT = Path(__file__).parents[2]


def test_the_committed_files_are_what_the_schema_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_a_differing_file_is_named_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "native").mkdir()
    (tmp_path / "bmcha" / "wire").mkdir(parents=True)
    assert generate.main(["--check", "--root", str(tmp_path)]) == 1
    assert capsys.readouterr().out.count("differs from the schema") == 3
    assert generate.main(["--root", str(tmp_path)]) == 0
    assert generate.main(["--check", "--root", str(tmp_path)]) == 0
    header = tmp_path / "native" / "bmcha_layout.h"
    assert header.read_text() == generate.image_header()


def test_every_message_and_cell_kind_is_declared() -> None:
    assert set(schema.BODIES) == set(MessageType)
    assert set(schema.ENTRY_BODIES) == {kind.value for kind in CellKind}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_schema_reads_and_writes_the_bytes_of_the_service(name: str) -> None:
    """The tables are generated; the order in messages.py and cells.py is not. This compares it."""
    frame = build_frame(HEADER, MESSAGES[name], NOW_NS, False, codec)
    parsed = schema.FRAME.parse(frame)
    kind = MessageType(parsed.header.type)
    assert schema.FRAME.build(parsed) == frame
    assert schema.BODIES[kind].build(schema.BODIES[kind].parse(parsed.body)) == parsed.body


def test_tables_agree_with_the_schema_in_size() -> None:
    for name, fixed in schema.FIXED.items():
        assert getattr(tables, name).size == fixed.sizeof()
    assert tables.IMAGE_HEADER.size == schema.IMAGE_HEADER.sizeof()
    assert generate.image_size() == tables.IMAGE_SIZE


def test_the_service_does_not_import_construct() -> None:
    modules = ("front", "messages", "codec_native", "codec", "image_codec")
    imports = ", ".join(f"bmcha.wire.{name}" for name in modules)
    program = f"import sys, {imports}; sys.exit('construct' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
