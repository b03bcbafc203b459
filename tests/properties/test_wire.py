"""What holds for every value and for every noise: round trip, C equals Python, any split of the
stream gives the same frames, damage is never accepted and never raised."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmcha.model.message import Header, Message, MessageType
from bmcha.model.reading import ImageCell
from bmcha.wire import codec, codec_native, decode_text, schema, tables
from bmcha.wire.frame import Address, BadFrame, Codec, RawFrame
from bmcha.wire.front import build_frame, parse_frame
from bmcha.wire.image_codec import pack_cell, unpack_picture
from bmcha.wire.messages import parse_body
from tests.properties.strategies import NOW_NS, headers, image_cells, said
from tests.world.frame_reader import FrameReader

Said = tuple[Header, Message]
CODECS = (codec, codec_native)

# Bytes in which COBS has something to do: zeros, and runs around 254.
bodies = st.binary(max_size=600) | st.lists(
    st.sampled_from([b"\0", b"\x01" * 253, b"\xff" * 254, b"abc", b"\0\0\0", b"\x02" * 255]),
    max_size=8,
).map(b"".join)
noise = st.binary(max_size=400) | st.lists(st.sampled_from([0, 1, 2, 3, 255]), max_size=300).map(
    bytes
)
streams = st.lists(
    noise | said.map(lambda pair: build_frame(*pair, NOW_NS, True, codec)), max_size=6
).map(b"".join)


@given(said)
def test_round_trip(pair: Said) -> None:
    for either, is_stuffed in itertools.product(CODECS, (False, True)):
        data = build_frame(*pair, NOW_NS, is_stuffed, either)
        if is_stuffed:
            (frame,), taken = either.decode_stream(data)
            assert taken == len(data)
        else:
            frame = either.decode_datagram(data)
        assert isinstance(frame, RawFrame)
        assert parse_frame(frame, NOW_NS) == pair


@given(said)
def test_the_schema_reads_what_the_service_writes(pair: Said) -> None:
    parsed = schema.FRAME.parse(build_frame(*pair, NOW_NS, False, codec))
    body = schema.BODIES[MessageType(parsed.header.type)]
    assert body.build(body.parse(parsed.body)) == parsed.body


@given(bodies)
def test_c_and_python_stuff_alike(data: bytes) -> None:
    stuffed = codec.cobs_encode(data)
    assert codec_native.cobs_encode(data) == stuffed
    assert 0 not in stuffed
    assert codec.cobs_decode(stuffed) == codec_native.cobs_decode(stuffed) == data
    assert codec_native.crc32c(data) == codec.crc32c(data)


@given(headers, st.integers(0, 255), bodies, st.sampled_from([b"", bytes(16), b"\x07" * 16]))
def test_c_and_python_frame_alike(header: Header, kind: int, body: bytes, mac: bytes) -> None:
    for is_stuffed in (False, True):
        one = codec.encode_frame(header, kind, body, is_stuffed, mac)
        assert codec_native.encode_frame(header, kind, body, is_stuffed, mac) == one


@given(streams)
def test_c_and_python_find_the_same(stream: bytes) -> None:
    ours, taken = codec.decode_stream(stream)
    theirs, also_taken = codec_native.decode_stream(stream)
    assert theirs == ours
    assert also_taken == taken
    assert [(d.offset, d.size) for d in theirs] == [(d.offset, d.size) for d in ours]
    assert codec_native.decode_datagram(stream) == codec.decode_datagram(stream)
    assert codec_native.cobs_decode(stream) == codec.cobs_decode(stream)


@given(streams, st.lists(noise, max_size=5), headers)
def test_c_and_python_sift_alike(stream: bytes, datagrams: list[bytes], wanted: Header) -> None:
    frame = codec.encode_frame(wanted, 1, b"", False)
    swapped = replace(wanted, source_slot=wanted.target_slot, target_slot=wanted.source_slot)
    twin = codec.encode_frame(swapped, 1, b"", False)
    address = Address(wanted.chassis_id, wanted.target_slot, wanted.source_slot)
    for sieve_of in (None, address):
        ours, theirs = codec.make_sieve(sieve_of), codec_native.make_sieve(sieve_of)
        assert theirs.sift_stream(stream) == ours.sift_stream(stream)
        every = [*datagrams, frame, twin, b"", frame]
        assert theirs.sift_datagrams(every) == ours.sift_datagrams(every)
        assert theirs.bad_counts == ours.bad_counts
        assert theirs.noise_bytes == ours.noise_bytes
        assert theirs.foreign_chassis_id == ours.foreign_chassis_id


@pytest.mark.parametrize("either", CODECS, ids=["twin", "native"])
@given(streams, st.lists(st.integers(0, 2000), max_size=6))
def test_any_split_gives_the_same_frames(either: Codec, stream: bytes, cuts: list[int]) -> None:
    whole = FrameReader(either)
    split = FrameReader(either)
    expected = whole.feed(stream)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    found = [f for a, b in itertools.pairwise(places) for f in split.feed(stream[a:b])]
    assert found == expected
    assert split.bad_counts == whole.bad_counts


@given(said, st.data())
def test_a_flipped_bit_is_never_accepted(pair: Said, data: st.DataObject) -> None:
    for either, is_stuffed in itertools.product(CODECS, (False, True)):
        frame = bytearray(build_frame(*pair, NOW_NS, is_stuffed, either))
        bit = data.draw(st.integers(0, len(frame) * 8 - 1))
        frame[bit // 8] ^= 1 << bit % 8
        if is_stuffed:
            assert FrameReader(either).feed(bytes(frame) + b"\0") == []
        else:
            assert isinstance(either.decode_datagram(bytes(frame)), BadFrame)


@given(noise, said, said)
def test_garbage_costs_no_more_than_up_to_the_next_delimiter(
    garbage: bytes, first: Said, second: Said
) -> None:
    for either in CODECS:
        frames = [build_frame(*pair, NOW_NS, True, either) for pair in (first, second)]
        found = FrameReader(either).feed(garbage + b"".join(frames))
        assert parse_frame(found[-1], NOW_NS) == second
        clean = FrameReader(either).feed(garbage + b"\0" + b"".join(frames))
        assert [parse_frame(frame, NOW_NS) for frame in clean] == [first, second]


@given(st.sampled_from(MessageType), st.binary(max_size=200))
def test_any_body_is_a_message_or_none(kind: MessageType, body: bytes) -> None:
    found = parse_body(kind, body, 1, NOW_NS)
    if found is not None:
        # What was read can be said again, and then reads the same.
        header = Header(1, 1, 2, 3, 1, 5)
        frame = codec.decode_datagram(build_frame(header, found, NOW_NS, False, codec))
        assert isinstance(frame, RawFrame)
        again = parse_frame(frame, NOW_NS)
        assert isinstance(again, tuple)


@given(streams | st.binary(max_size=300))
def test_a_dissection_never_fails(data: bytes) -> None:
    assert all("\n" not in line for line in decode_text.dissect(data))


captures = st.sampled_from([b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x0a\x0d\x0d\x0a"])


@given(captures, st.binary(max_size=300))
def test_a_dissection_of_a_broken_capture_never_fails(magic: bytes, data: bytes) -> None:
    list(decode_text.dissect(magic + data))


@given(st.lists(image_cells, max_size=20), st.integers(1, (1 << 64) - 1))
def test_cells_come_back_from_the_image(cells: list[ImageCell], version: int) -> None:
    raw = bytearray(tables.IMAGE_SIZE)
    placed: dict[Any, ImageCell] = {}
    for cell in cells:
        offset, data = pack_cell(cell, version)
        assert offset % 8 == len(data) % 8 == 0
        raw[offset : offset + len(data)] = data
        placed[offset] = cell
    picture = unpack_picture(bytes(raw))
    found = [
        *([picture.run] if picture.run else []),
        *picture.sensors,
        *picture.fans,
        *picture.supplies,
        *picture.blades,
        *picture.alarms,
    ]
    assert found == [placed[offset] for offset in sorted(placed)]


@given(st.binary(min_size=2000, max_size=2000))
def test_any_image_can_be_looked_at(data: bytes) -> None:
    unpack_picture((data * 30)[: tables.IMAGE_SIZE])
