"""Frames out of a stream in pieces: the tail, its bound, and the counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.model.message import Header
from bmcha.wire import codec, codec_native, tables
from bmcha.wire.frame import Address, BadReason, Codec
from tests.world.frame_reader import FrameReader

HEADER = Header(chassis_id=7, source_slot=1, target_slot=2, boot_id=5, epoch=3, sequence=9)
ADDRESS = Address(HEADER.chassis_id, HEADER.target_slot, HEADER.source_slot)
ONE = codec.encode_frame(HEADER, 1, b"one", True)
TWO = codec.encode_frame(HEADER, 2, b"two", True)


class TestTwin:
    codec: Codec = codec

    @pytest.fixture
    def reader(self) -> FrameReader:
        return FrameReader(self.codec)

    def test_a_frame_in_two_pieces(self, reader: FrameReader) -> None:
        assert reader.feed(ONE[:10]) == []
        assert [frame.body for frame in reader.feed(ONE[10:] + TWO[:5])] == [b"one"]
        assert [frame.body for frame in reader.feed(TWO[5:])] == [b"two"]
        assert reader.bad_count == 0

    def test_garbage_costs_what_stands_before_the_next_delimiter(self, reader: FrameReader) -> None:
        frames = reader.feed(b"garbage" + ONE + TWO)
        assert [frame.body for frame in frames] == [b"two"]
        assert sum(reader.bad_counts.values()) == 1

    def test_an_endless_run_is_bounded_and_counted_once(self, reader: FrameReader) -> None:
        for _ in range(100):
            assert reader.feed(b"\x55" * 1000) == []
            assert len(reader._tail) <= tables.STUFFED_BYTES_MAX
        assert [frame.body for frame in reader.feed(b"\x55\0" + ONE)] == [b"one"]
        assert reader.bad_counts == {BadReason.TOO_LONG: 1}

    @pytest.mark.parametrize("longer", [-2, -1, 0, 1, 5000])
    @pytest.mark.parametrize("piece", [1, 7, 4157, 4158, 4159])
    def test_pieces_make_no_difference_at_the_limit(self, longer: int, piece: int) -> None:
        stream = b"\x55" * (tables.PATH_STUFFED_BYTES_MAX + longer) + b"\0" + ONE
        whole, split = FrameReader(self.codec, ADDRESS), FrameReader(self.codec, ADDRESS)
        expected = whole.feed(stream)
        found = [
            f for at in range(0, len(stream), piece) for f in split.feed(stream[at : at + piece])
        ]
        assert found == expected
        assert split.bad_counts == whole.bad_counts

    def test_a_reopened_link_forgets_what_was_begun(self, reader: FrameReader) -> None:
        reader.feed(ONE[:10])
        reader.drop_tail()
        assert [frame.body for frame in reader.feed(ONE)] == [b"one"]
        assert reader.bad_count == 0

    def test_datagrams_do_not_run_into_each_other(self, reader: FrameReader) -> None:
        bare = codec.encode_frame(HEADER, 1, b"one", False)
        assert reader.feed_datagrams([bare[:10]]) == []
        assert [frame.body for frame in reader.feed_datagrams([bare, bare])] == [b"one"] * 2
        assert reader.bad_counts == {BadReason.TOO_SHORT: 1}

    def test_the_caller_may_add_its_own_findings(self, reader: FrameReader) -> None:
        reader.count_bad(BadReason.BODY)
        reader.feed(b"garbage\0")
        reader.count_bad(BadReason.BODY)
        assert reader.bad_counts == {BadReason.BODY: 2, BadReason.COBS: 1}
        assert reader.bad_count == 3

    def test_a_reader_for_one_address_counts_what_others_say(self) -> None:
        reader = FrameReader(self.codec, Address(chassis_id=7, own_slot=2, peer_slot=1))
        assert reader.foreign_chassis_id is None
        foreign = codec.encode_frame(replace(HEADER, chassis_id=8), 1, b"", True)
        third = codec.encode_frame(replace(HEADER, source_slot=3), 1, b"", True)
        assert [f.body for f in reader.feed(foreign + ONE + third + TWO)] == [b"one", b"two"]
        assert reader.bad_counts == {BadReason.CHASSIS: 1, BadReason.SLOT: 1}
        assert (reader.bad_count, reader.noise_bytes) == (0, 0)
        last = reader.foreign_chassis_id
        assert last == 8

    def test_who_says_the_own_slot_is_handed_out_unless_its_chassis_is_another(self) -> None:
        reader = FrameReader(self.codec, Address(chassis_id=7, own_slot=2, peer_slot=1))
        for chassis_id, target in ((7, 1), (7, 3), (8, 1)):
            says = replace(HEADER, chassis_id=chassis_id, source_slot=2, target_slot=target)
            found = reader.feed(codec.encode_frame(says, 1, b"", True))
            assert [frame.header for frame in found] == ([says] if chassis_id == 7 else [])
        assert reader.bad_counts == {BadReason.CHASSIS: 1}

    @pytest.mark.parametrize("piece", [1, 100, 5000])
    def test_every_byte_outside_a_frame_is_noise(self, piece: int) -> None:
        reader = FrameReader(self.codec)
        stream = b"\0\0junk\0" + ONE + b"\x55" * 9000 + b"\0" + TWO + b"\0"
        frames = [
            f for at in range(0, len(stream), piece) for f in reader.feed(stream[at : at + piece])
        ]
        assert [frame.body for frame in frames] == [b"one", b"two"]
        assert reader.noise_bytes == len(stream) - len(ONE) - len(TWO)
        bare = codec.encode_frame(HEADER, 1, b"one", False)
        reader.feed_datagrams([b"", b"junk", bare, b"x" * 5000])
        assert reader.noise_bytes == len(stream) - len(ONE) - len(TWO) + 5004

    def test_more_frames_than_one_call_takes_all_come(self) -> None:
        bare = [codec.encode_frame(HEADER, 1, bytes([number]), False) for number in range(200)]
        reader = FrameReader(self.codec)
        found = reader.feed_datagrams(
            [each for pair in zip(bare, bare, strict=True) for each in pair]
        )
        assert [frame.body[0] for frame in found] == [number // 2 for number in range(400)]


class TestNative(TestTwin):
    codec = codec_native


def test_the_native_codec_is_the_default() -> None:
    assert isinstance(FrameReader()._sieve, codec_native.NativeSieve)
