"""Frames to bytes and back: one class of tests, run against the twin and the C form."""

from __future__ import annotations

import dataclasses

import pytest

from bmcha.model.message import Header
from bmcha.wire import codec, codec_native, tables, version
from bmcha.wire.checksum import crc32c
from bmcha.wire.frame import (
    Address,
    BadFrame,
    BadReason,
    Codec,
    RawFrame,
    Sieve,
    judge_address,
)

HEADER = Header(chassis_id=7, source_slot=1, target_slot=2, boot_id=5, epoch=3, sequence=9)
MAC = bytes(range(16))


def resealed(frame: bytes, **changes: int) -> bytes:
    """The frame with some bytes set and a checksum that fits again."""
    data = bytearray(frame)
    for place, value in changes.items():
        data[int(place.removeprefix("at"))] = value
    data[-4:] = crc32c(bytes(data[:-4])).to_bytes(4, "little")
    return bytes(data)


ADDRESS = Address(HEADER.chassis_id, HEADER.target_slot, HEADER.source_slot)


def sift(sieve: Sieve, frame: bytes, is_stuffed: bool) -> list[RawFrame]:
    return sieve.sift_stream(frame)[0] if is_stuffed else sieve.sift_datagrams([frame])


class TestTwin:
    codec: Codec = codec

    @pytest.mark.parametrize(
        ("data", "crc"),
        [
            (b"", 0),
            (b"123456789", 0xE3069283),
            (bytes(32), 0x8A9136AA),
            (b"\xff" * 32, 0x62A8AB43),
            (bytes(range(32)), 0x46DD794E),
        ],
    )
    def test_the_checksum_is_crc32c(self, data: bytes, crc: int) -> None:
        assert self.codec.crc32c(data) == crc

    @pytest.mark.parametrize(
        ("plain", "stuffed"),
        [
            (b"", b"\x01"),
            (b"\0", b"\x01\x01"),
            (b"\0\0", b"\x01\x01\x01"),
            (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
            (b"\x11\0\0\0", b"\x02\x11\x01\x01\x01"),
            (b"\x01" * 253, b"\xfe" + b"\x01" * 253),
            (b"\x01" * 254, b"\xff" + b"\x01" * 254),
            (b"\x01" * 254 + b"\0", b"\xff" + b"\x01" * 254 + b"\x01\x01"),
            (b"\x01" * 255, b"\xff" + b"\x01" * 254 + b"\x02\x01"),
            (b"\0" + b"\x01" * 254, b"\x01\xff" + b"\x01" * 254),
            (b"\x01" * 508, (b"\xff" + b"\x01" * 254) * 2),
        ],
    )
    def test_stuffing_is_cobs(self, plain: bytes, stuffed: bytes) -> None:
        assert self.codec.cobs_encode(plain) == stuffed
        assert self.codec.cobs_decode(stuffed) == plain

    @pytest.mark.parametrize("damaged", [b"", b"\0", b"\x02", b"\x03\x01", b"\x03\0\x01", b"\xff"])
    def test_what_is_no_cobs_is_none(self, damaged: bytes) -> None:
        assert self.codec.cobs_decode(damaged) is None

    @pytest.mark.parametrize("mac", [b"", MAC])
    @pytest.mark.parametrize("size", [0, 1, 100, 254, 4096, 4097, tables.BODY_BYTES_MAX])
    def test_a_frame_comes_back(self, size: int, mac: bytes) -> None:
        body = bytes(i % 7 for i in range(size))
        header = dataclasses.replace(HEADER, key_id=3)
        expected = RawFrame(header, 77, body, mac)
        bare = self.codec.encode_frame(header, 77, body, False, mac)
        assert len(bare) == 24 + size + len(mac) + 4
        assert self.codec.decode_datagram(bare) == expected
        stuffed = self.codec.encode_frame(header, 77, body, True, mac)
        assert stuffed.index(0) == len(stuffed) - 1
        assert self.codec.decode_stream(stuffed) == ([expected], len(stuffed))

    @pytest.mark.parametrize(
        "change",
        [
            {"chassis_id": 1 << 32},
            {"source_slot": 256},
            {"target_slot": -1},
            {"boot_id": -1},
            {"epoch": 1 << 32},
            {"sequence": 1 << 32},
            {"key_id": 256},
        ],
    )
    def test_a_header_that_does_not_fit_is_refused(self, change: dict[str, int]) -> None:
        header = dataclasses.replace(HEADER, **change)
        with pytest.raises(ValueError, match="header does not fit"):
            self.codec.encode_frame(header, 1, b"", False, b"")

    def test_a_body_or_mac_of_the_wrong_size_is_refused(self) -> None:
        with pytest.raises(ValueError, match="body of 65493"):
            self.codec.encode_frame(HEADER, 1, bytes(tables.BODY_BYTES_MAX + 1), True, b"")
        with pytest.raises(ValueError, match="MAC of 15"):
            self.codec.encode_frame(HEADER, 1, b"", True, MAC[:15])

    def test_the_largest_frame_fits_the_stated_limits(self) -> None:
        body = b"\x55" * tables.BODY_BYTES_MAX
        assert len(self.codec.encode_frame(HEADER, 1, body, False, MAC)) == tables.FRAME_BYTES_MAX
        stuffed = self.codec.encode_frame(HEADER, 1, body, True, MAC)
        assert len(stuffed) <= tables.STUFFED_BYTES_MAX
        assert tables.FRAME_BYTES_MAX == 64 * 1024

    @pytest.mark.parametrize("mac", [b"", MAC])
    def test_a_path_takes_its_longest_frame_and_none_that_is_longer(self, mac: bytes) -> None:
        room = tables.PATH_FRAME_BYTES_MAX - len(
            self.codec.encode_frame(HEADER, 1, b"", False, mac)
        )
        for is_stuffed in (False, True):
            path, all_paths = self.codec.make_sieve(ADDRESS), self.codec.make_sieve(None)
            for size in (room, room + 1, tables.BODY_BYTES_MAX):
                frame = self.codec.encode_frame(HEADER, 1, b"\x07" * size, is_stuffed, mac)
                taken = sift(path, frame, is_stuffed)
                assert [len(each.body) for each in taken] == [size] * (size <= room)
                assert [len(each.body) for each in sift(all_paths, frame, is_stuffed)] == [size]
            assert path.bad_counts == {BadReason.TOO_LONG: 2}
            assert path.noise_bytes > tables.BODY_BYTES_MAX
            assert all_paths.bad_counts == {}

    def test_a_datagram_that_came_cut_is_too_long_for_a_path(self) -> None:
        sieve = self.codec.make_sieve(ADDRESS)
        assert sieve.sift_datagrams([bytes(tables.PATH_FRAME_BYTES_MAX + 1)]) == []
        assert sieve.bad_counts == {BadReason.TOO_LONG: 1}

    def bare(self, body: bytes = b"body", mac: bytes = b"") -> bytes:
        return self.codec.encode_frame(HEADER, 1, body, False, mac)

    def why_bad(self, datagram: bytes) -> BadReason:
        found = self.codec.decode_datagram(datagram)
        assert isinstance(found, BadFrame)
        assert found.size == len(datagram)
        return found.reason

    def test_damage_is_named_from_the_outside_in(self) -> None:
        frame = self.bare()
        assert self.why_bad(b"") is BadReason.TOO_SHORT
        assert self.why_bad(frame[:27]) is BadReason.TOO_SHORT
        assert self.why_bad(frame[:-1]) is BadReason.CRC
        assert self.why_bad(frame + b"\0") is BadReason.CRC
        assert self.why_bad(bytes(tables.FRAME_BYTES_MAX + 1)) is BadReason.TOO_LONG
        assert self.why_bad(resealed(frame, at0=version.MIN - 1)) is BadReason.VERSION
        assert self.why_bad(resealed(frame, at22=5)) is BadReason.LENGTH
        assert self.why_bad(resealed(frame, at23=1)) is BadReason.LENGTH
        assert self.why_bad(resealed(frame, at2=tables.FLAG_MAC)) is BadReason.LENGTH
        assert self.why_bad(resealed(self.bare(mac=MAC), at2=0)) is BadReason.LENGTH

    def test_a_newer_version_and_reserved_flags_are_read(self) -> None:
        found = self.codec.decode_datagram(resealed(self.bare(), at0=200, at2=0xFE))
        assert found == RawFrame(HEADER, 1, b"body", b"", 200)

    def test_noise_in_the_mac_is_damage_and_not_forgery(self) -> None:
        frame = bytearray(self.bare(mac=MAC))
        frame[30] ^= 1
        assert self.why_bad(bytes(frame)) is BadReason.CRC

    def test_one_call_decodes_everything_that_one_read_returned(self) -> None:
        one = self.codec.encode_frame(HEADER, 1, b"one", True, b"")
        two = self.codec.encode_frame(HEADER, 2, b"", True, MAC)
        stream = b"\0" + one + b"\0\0noise\0" + two + b"\x02\0" + one[:-1]
        decoded, taken = self.codec.decode_stream(stream)
        assert decoded == [
            RawFrame(HEADER, 1, b"one"),
            BadFrame(BadReason.COBS),
            RawFrame(HEADER, 2, b"", MAC),
            BadFrame(BadReason.COBS),
        ]
        assert taken == len(stream) - len(one) + 1
        assert [stream[d.offset : d.offset + d.size] for d in decoded] == [
            one,
            b"noise\0",
            two,
            b"\x02\0",
        ]

    def test_more_frames_than_one_batch_holds(self) -> None:
        frames = [self.codec.encode_frame(HEADER, 1, bytes([i]), True, b"") for i in range(200)]
        stream = b"".join(frames)
        decoded, taken = self.codec.decode_stream(stream)
        assert taken == len(stream)
        assert [d.body for d in decoded if isinstance(d, RawFrame)] == [
            bytes([i]) for i in range(200)
        ]
        assert [d.offset for d in decoded] == [
            sum(map(len, frames[:i])) for i in range(len(frames))
        ]

    def test_an_overlong_run_is_one_damage(self) -> None:
        longest = b"\x55" * (tables.STUFFED_BYTES_MAX - 1)
        assert self.codec.decode_stream(longest + b"\x01\0")[0] == [BadFrame(BadReason.TOO_LONG)]
        assert self.codec.decode_stream(longest + b"\0")[0] == [BadFrame(BadReason.COBS)]

    def test_nothing_is_nothing(self) -> None:
        assert self.codec.decode_stream(b"") == ([], 0)
        assert self.codec.decode_stream(b"\0\0") == ([], 2)
        assert self.codec.decode_stream(b"abc") == ([], 0)


class TestNative(TestTwin):
    codec = codec_native


@pytest.mark.parametrize(
    ("chassis_id", "own_slot", "peer_slot", "reason"),
    [
        (7, 2, 1, None),
        (8, 2, 1, BadReason.CHASSIS),
        (7, 3, 1, BadReason.SLOT),
        (7, 2, 3, BadReason.SLOT),
        (7, 1, 2, BadReason.SLOT),
    ],
)
def test_a_frame_for_others_is_named(
    chassis_id: int, own_slot: int, peer_slot: int, reason: BadReason | None
) -> None:
    assert judge_address(HEADER, chassis_id, own_slot, peer_slot) is reason


def test_every_reason_has_a_sentence() -> None:
    assert all(reason.sentence for reason in BadReason)
