"""What `bmcha decode` prints: one line a frame, its parts below, damage with offset and reason."""

from __future__ import annotations

import pytest

from bmcha.wire import codec, version
from bmcha.wire.decode_text import dissect
from tests.golden.samples import CELLS, GOLDEN, HEADER, MESSAGES, read_golden


def stuffed(name: str) -> bytes:
    return bytes.fromhex(read_golden(GOLDEN[version.CURRENT])[name]["stuffed"])


def test_a_heartbeat_reads_like_this() -> None:
    assert list(dissect(stuffed("heartbeat-three-paths"))) == [
        "00000000  HEARTBEAT  slot 1->2  chassis 3232235521  boot b0071d01  epoch 7  "
        "sequence 4711  64 bytes",
        "          role ACTIVE, reason PEER_SILENT, flags holding+will_claim, health 97, "
        "interval_ms 10, deadtime_beats 3, revision 513, echo_boot_id b0071d02, "
        "mirror_sequence 1000, settings_sequence 12, sensors_progress 1, cooling_progress 2, "
        "power_progress 255, firmware_level 258",
        "            path 0: sequence ..4709 heard 1230 us before",
        "            path 1: sequence ..65535 heard 81920 us before",
        "            path 2: never heard",
    ]


def test_a_delta_shows_its_cells() -> None:
    lines = list(dissect(stuffed("delta-whole-part")))
    assert "part 299, parts 300" in lines[1]
    assert len(lines) == 2 + len(CELLS)
    assert lines[3] == (
        "            SENSOR 511: age 40 ms, kind TEMPERATURE, quality GOOD, value_milli -12500, "
        "low_milli -40000, high_milli 85000, name 'Einlaß 1'"
    )
    assert lines[4].startswith("            SENSOR value 3: age 4095 ms, value_milli 45125")
    assert "kind takeover, text 'slot 1 took the chassis'" in lines[-1]


@pytest.mark.parametrize("name", MESSAGES)
def test_nothing_that_we_send_is_not_understood(name: str) -> None:
    text = "\n".join(dissect(stuffed(name)))
    assert "BAD" not in text
    assert "not understood" not in text


def test_damage_has_its_offset_and_reason() -> None:
    frame = stuffed("probe")
    damaged = bytes([*frame[:-3], frame[-3] ^ 1, *frame[-2:]])
    lines = list(dissect(frame + b"noise\0" + damaged + frame[:4]))
    assert lines[2] == (
        f"{len(frame):08x}  BAD cobs (the byte stuffing does not add up)  6 bytes: "
        "6e 6f 69 73 65 00"
    )
    assert lines[3].startswith(f"{len(frame) + 6:08x}  BAD crc (the checksum does not match)")
    assert lines[4] == f"{2 * len(frame) + 6:08x}  INCOMPLETE  4 bytes without a delimiter"


def test_a_sound_frame_that_the_service_would_refuse_says_so() -> None:
    unknown = codec.encode_frame(HEADER, 99, b"what", True)
    assert next(dissect(unknown)).startswith("00000000  TYPE 99  slot 1->2")
    assert "BAD type" in list(dissect(unknown))[1]
    short = codec.encode_frame(HEADER, 2, b"\1", True)
    assert "BAD body" in list(dissect(short))[1]


def test_the_mark_of_a_key_is_shown() -> None:
    assert list(dissect(stuffed("heartbeat-with-a-key-mark")))[-1] == (
        "            newest key: 2, check beef"
    )


def test_a_signed_frame_is_shown_with_its_key_and_its_tag() -> None:
    signed = codec.encode_frame(HEADER, 2, bytes(4), True, bytes(16))
    lines = list(dissect(signed))
    assert "mac key 0 00000000" in lines[0]
    assert lines[1] == "          nonce 00000000"


def test_nothing_gives_no_lines() -> None:
    assert list(dissect(b"")) == []
