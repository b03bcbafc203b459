"""Bodies: limits of each field, what is cut and clamped, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bmcha.model.message import (
    AGE_NEVER_NS,
    Delta,
    DeltaKind,
    Goodbye,
    Handover,
    Heartbeat,
    Maintenance,
    Message,
    MessageType,
    Pairing,
    PathEcho,
    Probe,
    Progress,
)
from bmcha.model.reading import Cell, RunCell
from bmcha.model.role import Reason, Role
from bmcha.wire import codec, tables
from bmcha.wire.front import build_frame
from bmcha.wire.messages import build_body, parse_body, type_of
from tests.golden.samples import CELLS, DRAFT, HEADER, MESSAGES, NOW_NS

BEAT = Heartbeat(DRAFT, 100, 500, (PathEcho(1, 0), PathEcho(2, 10_000), PathEcho(3, -1)))


def there_and_back(message: Message) -> Message | None:
    return parse_body(type_of(message), build_body(message, NOW_NS), DRAFT.epoch, NOW_NS)


def delta(*cells: Cell, **changes: Any) -> Delta:
    short = Delta(DeltaKind.CHANGES, 1, 2, 99, 100, 0, 1, cells)
    return dataclasses.replace(short, **changes)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_comes_back(message: Message) -> None:
    assert there_and_back(message) == message


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_body_cut_short_is_refused_or_holds_less(message: Message) -> None:
    body = build_body(message, NOW_NS)
    for size in range(len(body)):
        found = parse_body(type_of(message), body[:size], DRAFT.epoch, NOW_NS)
        assert found is None or (
            isinstance(found, Delta | Heartbeat | Pairing) and found != message
        )


# ------------------------------------------------------------------------------------ heartbeat


def test_a_heartbeat_with_mac_and_three_paths_fits_80_bytes_on_a_serial_line() -> None:
    body = build_body(BEAT, NOW_NS)
    assert len(body) == 22 + 3 * 4
    assert len(codec.encode_frame(HEADER, 1, body, True, bytes(16))) == 80
    said = dataclasses.replace(BEAT.draft, maintenance=Maintenance(1, 60))
    body = build_body(dataclasses.replace(BEAT, draft=said), NOW_NS)
    assert len(codec.encode_frame(HEADER, 1, body, True, bytes(16))) == 84


def test_a_maintenance_word_without_a_stamp_says_nothing() -> None:
    body = build_body(BEAT, NOW_NS) + bytes(tables.MAINTENANCE.size)
    assert parse_body(type_of(BEAT), body, BEAT.draft.epoch, NOW_NS) == BEAT


@pytest.mark.parametrize(
    ("interval_ms", "deadtime_ms"),
    [(100, 550), (100, 100), (100, 25_600), (0, 500), (65_536, 131_072), (-1, -2)],
)
def test_a_dead_time_is_2_to_255_whole_beats(interval_ms: int, deadtime_ms: int) -> None:
    beat = dataclasses.replace(BEAT, interval_ms=interval_ms, deadtime_ms=deadtime_ms)
    with pytest.raises(ValueError, match=r"dead time|interval"):
        build_body(beat, NOW_NS)


@pytest.mark.parametrize(("interval_ms", "deadtime_ms"), [(1, 2), (65_535, 255 * 65_535)])
def test_dead_times_at_the_limits(interval_ms: int, deadtime_ms: int) -> None:
    beat = dataclasses.replace(BEAT, interval_ms=interval_ms, deadtime_ms=deadtime_ms)
    assert there_and_back(beat) == beat


def test_counters_travel_as_their_low_bits() -> None:
    draft = dataclasses.replace(
        DRAFT,
        revision=0x1_0002,
        mirror_sequence=0x12_3456,
        settings_sequence=0x7_0008,
        progress=Progress(256, 257, 511),
    )
    found = there_and_back(Heartbeat(draft, 100, 500, (PathEcho(0x12_3456, 0),)))
    assert isinstance(found, Heartbeat)
    assert found.draft.revision == 2
    assert found.draft.mirror_sequence == 0x3456
    assert found.draft.settings_sequence == 8
    assert found.draft.progress == Progress(0, 1, 255)
    assert found.echoes[0].sequence == 0x3456
    handover = there_and_back(Handover(1, 2, 0x1_0003))
    assert handover == Handover(1, 2, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"health": 101},
        {"health": -1},
        {"echo_boot_id": 1 << 32},
        {"firmware_level": 1 << 16},
    ],
)
def test_a_draft_out_of_range_is_refused(change: dict[str, Any]) -> None:
    beat = dataclasses.replace(BEAT, draft=dataclasses.replace(DRAFT, **change))
    with pytest.raises(ValueError, match=r"health|cannot be said"):
        build_body(beat, NOW_NS)


def test_more_echoes_than_the_flags_can_count_are_refused() -> None:
    with pytest.raises(ValueError, match="8 paths"):
        build_body(dataclasses.replace(BEAT, echoes=(PathEcho(1, 0),) * 8), NOW_NS)


def test_the_epoch_of_a_draft_is_the_header_s() -> None:
    found = parse_body(MessageType.HEARTBEAT, build_body(BEAT, NOW_NS), 4242, NOW_NS)
    assert isinstance(found, Heartbeat)
    assert found.draft.epoch == 4242


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 0), (0, 99), (3, 101), (6, 0), (6, 1)],
    ids=["role-0", "role-99", "health-101", "deadtime-0", "deadtime-1"],
)
def test_a_heartbeat_that_makes_no_sense_is_refused(place: int, value: int) -> None:
    body = bytearray(build_body(BEAT, NOW_NS))
    body[place] = value
    assert parse_body(MessageType.HEARTBEAT, bytes(body), 1, NOW_NS) is None


def test_an_interval_of_zero_is_refused() -> None:
    body = bytearray(build_body(BEAT, NOW_NS))
    body[4:6] = b"\0\0"
    assert parse_body(MessageType.HEARTBEAT, bytes(body), 1, NOW_NS) is None


def test_a_reason_of_newer_firmware_does_not_make_the_peer_silent() -> None:
    body = bytearray(build_body(BEAT, NOW_NS))
    body[1] = 200
    found = parse_body(MessageType.HEARTBEAT, bytes(body), 1, NOW_NS)
    assert isinstance(found, Heartbeat)
    assert found.draft.reason is Reason.FROM_NEWER_VERSION
    assert parse_body(MessageType.GOODBYE, b"\xc8", 1, NOW_NS) == Goodbye(Reason.FROM_NEWER_VERSION)


def test_reserved_flags_of_a_heartbeat_are_ignored() -> None:
    body = bytearray(build_body(BEAT, NOW_NS))
    body[2] |= 0x10
    assert parse_body(MessageType.HEARTBEAT, bytes(body), DRAFT.epoch, NOW_NS) == BEAT


def test_a_path_never_heard_stays_never_heard() -> None:
    found = there_and_back(BEAT)
    assert isinstance(found, Heartbeat)
    assert found.echoes[2].age_ns == AGE_NEVER_NS


# ---------------------------------------------------------------------------------------- delta


def test_a_delta_in_one_part_has_a_short_head() -> None:
    assert len(build_body(delta(), NOW_NS)) == 14
    assert len(build_body(delta(base=0, sequence=255), NOW_NS)) == 14
    assert len(build_body(delta(base=0, sequence=256), NOW_NS)) == 21
    assert len(build_body(delta(part=0, parts=2), NOW_NS)) == 21


def test_one_changed_sensor_costs_what_the_decision_record_says() -> None:
    changed = delta(CELLS["sensor-value"])
    assert len(build_frame(HEADER, changed, NOW_NS, False, codec)) == 51
    assert len(build_frame(HEADER, changed, NOW_NS, True, codec)) == 53


@pytest.mark.parametrize(
    "message",
    [
        delta(part=1, parts=1),
        delta(part=-1, parts=2),
        delta(base=0, sequence=1 << 32),
        delta(part=0, parts=1 << 16),
        Probe(1 << 32),
    ],
)
def test_a_message_that_cannot_be_said_is_refused(message: Message) -> None:
    with pytest.raises(ValueError, match=r"cannot be said|part"):
        build_body(message, NOW_NS)


def test_a_delta_that_makes_no_sense_is_refused() -> None:
    short = build_body(delta(base=99, sequence=100), NOW_NS)
    unknown_form = bytes([short[0] | 0x80]) + short[1:]
    assert parse_body(MessageType.DELTA, unknown_form, 1, NOW_NS) is None
    span_too_long = short[:-1] + b"\xff"
    assert parse_body(MessageType.DELTA, span_too_long, 1, NOW_NS) is None
    long = build_body(delta(part=0, parts=2), NOW_NS)
    no_parts = long[:-2] + b"\0\0"
    assert parse_body(MessageType.DELTA, no_parts, 1, NOW_NS) is None


def test_a_wrong_number_of_a_role_is_refused_in_a_cell_too() -> None:
    body = bytearray(build_body(delta(RunCell(1, Role.ACTIVE, 1, 0, NOW_NS)), NOW_NS))
    body[14 + tables.ENTRY_HEAD.size + 1] = 77
    assert parse_body(MessageType.DELTA, bytes(body), 1, NOW_NS) is None
