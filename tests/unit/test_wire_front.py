"""The door of the wire: from a value to bytes and back, and what is not let through."""

from __future__ import annotations

import sys

import pytest

from bmcha.model.message import Probe
from bmcha.wire import codec, codec_native
from bmcha.wire.frame import BadFrame, BadReason, RawFrame
from bmcha.wire.front import NativeCodecMissing, build_frame, native_codec, parse_frame
from tests.golden.samples import HEADER, NOW_NS


def test_there_and_back_with_either_codec() -> None:
    for either in (None, codec):
        frame = codec.decode_datagram(build_frame(HEADER, Probe(1), NOW_NS, False, either))
        assert isinstance(frame, RawFrame)
        assert parse_frame(frame, NOW_NS) == (HEADER, Probe(1))


def test_a_type_not_known_here_is_counted_as_such() -> None:
    assert parse_frame(RawFrame(HEADER, 99, b""), 0) == BadFrame(BadReason.TYPE)


def test_whoever_signed_a_frame_it_is_read() -> None:
    signed = RawFrame(HEADER, 2, bytes(4), mac=bytes(16))
    assert parse_frame(signed, 0) == (HEADER, Probe(0))


def test_a_body_that_makes_no_sense_is_counted_as_such() -> None:
    assert parse_frame(RawFrame(HEADER, 2, b"123"), 0) == BadFrame(BadReason.BODY)


def test_a_missing_c_part_is_said_and_not_worked_around(monkeypatch: pytest.MonkeyPatch) -> None:
    assert native_codec() is codec_native
    monkeypatch.setitem(sys.modules, "bmcha.wire.codec_native", None)
    monkeypatch.delattr("bmcha.wire.codec_native")
    with pytest.raises(NativeCodecMissing, match="make build"):
        build_frame(HEADER, Probe(1), NOW_NS, False)
    assert build_frame(HEADER, Probe(1), NOW_NS, False, codec)
