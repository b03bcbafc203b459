"""The wire did not change: bytes that were once said are still read so, and still written so."""

from __future__ import annotations

import dataclasses

import pytest

from bmcha.model.message import MessageType
from bmcha.model.reading import CellKind
from bmcha.wire import codec, codec_native, generate, tables, version
from bmcha.wire.frame import Codec, RawFrame
from bmcha.wire.front import build_frame, parse_frame
from tests.golden.samples import GOLDEN, NOW_NS, read_golden, text_of

BY_VERSION = {number: read_golden(file) for number, file in GOLDEN.items()}
ENTRIES = BY_VERSION[version.CURRENT]
EVER_SAID = {
    f"{name}-{number}": entry
    for number, entries in BY_VERSION.items()
    for name, entry in entries.items()
}
CODECS = {"twin": codec, "native": codec_native}


@pytest.fixture(params=list(CODECS.values()), ids=list(CODECS))
def any_codec(request: pytest.FixtureRequest) -> Codec:
    found: Codec = request.param
    return found


@pytest.mark.parametrize("entry", EVER_SAID.values(), ids=EVER_SAID)
def test_golden_bytes_say_what_they_said(entry: dict[str, str], any_codec: Codec) -> None:
    bare = any_codec.decode_datagram(bytes.fromhex(entry["bare"]))
    stuffed, taken = any_codec.decode_stream(bytes.fromhex(entry["stuffed"]))
    assert stuffed == [bare]
    assert taken == len(entry["stuffed"]) // 2
    assert isinstance(bare, RawFrame)
    parsed = parse_frame(bare, NOW_NS)
    assert isinstance(parsed, tuple)
    assert text_of(parsed[0]) == entry["header"]
    assert text_of(parsed[1]) == entry["message"]


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_golden_values_are_said_in_the_same_bytes(entry: dict[str, str], any_codec: Codec) -> None:
    bare = codec.decode_datagram(bytes.fromhex(entry["bare"]))
    assert isinstance(bare, RawFrame)
    parsed = parse_frame(bare, NOW_NS)
    assert isinstance(parsed, tuple)
    assert build_frame(*parsed, NOW_NS, False, any_codec).hex() == entry["bare"]
    assert build_frame(*parsed, NOW_NS, True, any_codec).hex() == entry["stuffed"]


def test_a_newer_sender_that_appended_is_understood(any_codec: Codec) -> None:
    """Rule 1 and 2 of version.py: a higher version, a reserved flag, a longer body."""
    known = any_codec.decode_datagram(bytes.fromhex(ENTRIES["heartbeat-three-paths"]["bare"]))
    assert isinstance(known, RawFrame)
    # What this version itself appends, said empty, and more behind it.
    longer = known.body + bytes(tables.MAINTENANCE.size + tables.KEY_MARK.size) + b"appended"
    frame = bytearray(any_codec.encode_frame(known.header, known.type_number, longer, False, b""))
    frame[0] = 9
    frame[2] = 0xFE
    frame[-4:] = codec.crc32c(bytes(frame[:-4])).to_bytes(4, "little")
    newer = any_codec.decode_datagram(bytes(frame))
    assert isinstance(newer, RawFrame)
    assert newer.version == 9
    assert parse_frame(newer, NOW_NS) == parse_frame(known, NOW_NS)


def test_every_message_and_every_cell_has_golden_bytes() -> None:
    types = {bytes.fromhex(entry["bare"])[1] for entry in ENTRIES.values()}
    assert types == {kind.value for kind in MessageType}
    text = GOLDEN[version.CURRENT].read_text(encoding="utf-8")
    cells = {f"{kind.name.title()}Cell(" for kind in CellKind} | {"SensorValue(", "FanValue("}
    assert {cell for cell in cells if cell not in text} == set()


def test_the_image_layout_is_a_known_one() -> None:
    layouts = {}
    for file in GOLDEN[version.CURRENT].parent.glob("image-*.txt"):
        _, heading, text = file.read_text(encoding="utf-8").split("\n", 2)
        layouts[int(heading.rpartition(" ")[2], 16)] = text
    assert layouts[tables.LAYOUT_ID] == generate.canonical_layout()
    assert all(codec.crc32c(text.encode()) == number for number, text in layouts.items())


def test_a_raw_frame_is_compared_without_its_place() -> None:
    frame = codec.decode_datagram(bytes.fromhex(ENTRIES["probe"]["bare"]))
    assert isinstance(frame, RawFrame)
    assert dataclasses.replace(frame, offset=5, size=1) == frame
