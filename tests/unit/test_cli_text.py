"""Answers as text: figures people can act on, columns, and nothing that moves the cursor."""

import pytest

from bmcha.cli.text.chassis import fans_lines, sensors_lines
from bmcha.cli.text.columns import about, clean, duration, milliseconds, table, wrapped
from bmcha.cli.text.history import events_lines, switchover_lines
from bmcha.cli.text.paths import line_sentences, paths_lines
from bmcha.cli.text.status import status_lines


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.34, "340 ms"),
        (12, "12 s"),
        (60, "1 min"),
        (250, "4 min 10 s"),
        (3600, "1 h"),
        (11_520, "3 h 12 min"),
        (86_399, "23 h 59 min"),
        (792_000, "9 d 4 h"),
        (40_000_000, "462 d 23 h"),
    ],
)
def test_durations_have_two_figures(seconds, text) -> None:
    assert duration(seconds) == text


def test_columns_line_up_and_numbers_stand_to_the_right() -> None:
    assert list(table(["NAME", ">V"], [["a", "1"], ["long name", "12"]])) == [
        "NAME        V",
        "a           1",
        "long name  12",
    ]


def test_nothing_from_outside_moves_the_cursor() -> None:
    assert clean("a\x1b[2Jb\nc") == "a?[2Jb?c"
    event = {"wall_ms": 0, "severity": "INFO", "slot": 1, "text": "a\x1b[2J\r" + "word " * 40}
    lines = list(events_lines({"events": [event]}))
    assert all(line.isprintable() and len(line) <= 80 for line in lines)


def test_all_refusals_are_printed() -> None:
    refusals = [{"id": "A", "text": "First."}, {"id": "B", "text": "Second."}]
    body = {"result": "refused", "text": "switchover refused", "refusals": refusals}
    assert list(switchover_lines(body)) == ["switchover refused", "  - First.", "  - Second."]


def test_a_path_that_works_one_way_only_is_told_in_a_sentence() -> None:
    path = {
        "kind": "udp",
        "peer": 2,
        "health": "ONE_WAY",
        "one_way": "tx",
        "fault": "",
        "interval_ms": 100,
        "warntime_ms": 500,
        "deadtime_ms": 1500,
        "peer_hears_us": False,
        "rx": 1,
        "tx": 2,
        "lost": 0,
        "bad": 0,
        "rtt_us": None,
        "last_heard_ms": None,
        "diagnosis": {
            "fault": "one way",
            "text": "One direction is broken.",
            "evidence": ["the peer hears nothing from here"],
        },
    }
    text = " ".join(" ".join(paths_lines({"paths": {"udp": path}})).split())
    assert "ONE WAY: One direction is broken." in text
    assert "Evidence: the peer hears nothing from here." in text


def test_what_port_and_kernel_have_counted_is_told_where_it_is_more_than_nothing() -> None:
    quiet = {
        "bad": {},
        "noise_per_s": 0,
        "foreign": 0,
        "foreign_chassis": None,
        "refused": 0,
        "hung_up": False,
        "carrier": True,
        "clear_to_send": None,
        "unread": 0,
        "uart": {"framing": 0, "parity": 0, "overrun": 0, "break": 0},
    }
    assert list(line_sentences(None)) == list(line_sentences(quiet)) == []
    loud = quiet | {
        "bad": {"CRC": 3, "COBS": 0},
        "noise_per_s": 1000,
        "foreign_chassis": 9,
        "refused": 4,
        "hung_up": True,
        "carrier": False,
        "clear_to_send": False,
        "unread": 7,
        "uart": {"framing": 5, "parity": 0, "overrun": 1, "break": 0},
    }
    assert list(line_sentences(loud)) == [
        "Not taken: 3 with a wrong checksum.",
        "Noise: 1000 a second.",
        "Chassis 9 speaks here too.",
        "The kernel dropped 7 datagrams: no frames, or too many.",
        "The peer's port was refused 4 times.",
        "The line is hung up.",
        "The own interface has no carrier.",
        "The far end holds the line back (CTS).",
        "Errors that the UART has counted: 5 of framing (another baud rate?), 1 overruns.",
    ]


def test_what_is_known_to_half_a_second_only_is_not_told_to_the_millisecond() -> None:
    assert [about(value) for value in (None, 0, 479, 9_940, 83_000)] == [
        "-",
        "~0.0 s",
        "~0.5 s",
        "~9.9 s",
        "~1 min 23 s",
    ]


def test_nothing_at_all_has_the_unit_of_its_kind() -> None:
    assert (duration(0), milliseconds(0), milliseconds(None)) == ("0 s", "0 ms", "-")


SENSOR = {
    "name": "inlet",
    "kind": "temperature",
    "value_milli": 24_000,
    "low_milli": 0,
    "high_milli": 45_000,
    "state": "OK",
    "quality": "GOOD",
    "age_ms": 74,
    "why": "",
}
FAN = {"name": "fan1", "zone": "front", "rpm": None, "pwm": 255, "state": "FAILED", "age_ms": 1}


def test_a_reading_that_is_not_to_be_trusted_has_its_reason_below_the_table() -> None:
    bad = SENSOR | {"quality": "BAD", "why": "Input/output error"}
    assert len(list(sensors_lines({"sensors": [SENSOR]}))) == 2
    assert list(sensors_lines({"sensors": [SENSOR, bad]}))[-2:] == ["", "inlet: Input/output error"]
    assert list(fans_lines({"fans": [FAN]}))[1].split() == (
        ["fan1", "front", "-", "255", "100", "%", "FAILED", "1", "ms"]
    )


def status_of(**peer: object) -> str:
    body = {
        "node": {
            "slot": 1,
            "chassis_id": 4711,
            "version": "0.1.0",
            "uptime_s": 0,
            "firmware_level": 1,
        },
        "role": {"state": "ACTIVE", "since_s": 0, "epoch": 2, "reason_text": "First."},
        "peers": [
            {
                "slot": 2,
                "role": "STANDBY",
                "epoch": 2,
                "health": 100,
                "state": "PRESENT",
                "presence": True,
                "healthy_line": True,
                "active_line": False,
                "firmware_level": 1,
                **peer,
            }
        ],
        "paths": {},
        "redundancy": {"state": "FULL", "reasons": []},
        "mirror": {"state": "NONE"},
        "waits": [],
        "alarms": [],
    }
    return " ".join("\n".join(status_lines(body)).split())


def test_only_another_firmware_level_is_worth_a_word() -> None:
    assert "firmware" not in status_of(firmware_level=1)
    assert "firmware level 2 (this module: 1)" in status_of(firmware_level=2)
    assert "firmware" not in status_of(firmware_level=None, role=None)


def test_a_number_is_not_parted_from_its_unit_at_the_end_of_a_line() -> None:
    for length in range(60, 80):
        lines = wrapped("x" * length + " (since 12 s) and more")
        assert any("12 s" in line for line in lines)
