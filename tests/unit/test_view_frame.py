"""The layout at every size and with anything in it; and that styles mean what they should."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmcha.view.frame import HEIGHT_MIN, WIDTH_MIN, frame
from bmcha.view.model import LogLine, ModuleShown, Screen, Tone
from bmcha.view.spans import ASCII, UNICODE, Glyphs, Row, Style, row_width, text_of
from tests.golden.view_scenes import ACTIVE, FANS, GONE, HELP, KILLED, LOG, SIM, STANDBY, TOP

SCREENS = {
    "sim": SIM,
    "killed": KILLED,
    "top": TOP,
    "help": HELP,
    "nobody": replace(TOP, modules=(ModuleShown("a.sock", trouble="no answer"),)),
    "many": replace(TOP, modules=(ACTIVE, STANDBY) * 4),
    "question": replace(TOP, question="Hand over? y/n"),
    "empty": Screen("bmcha top", "", "", (ModuleShown("a"),)),
}
weird = st.text(
    st.characters() | st.sampled_from("\x1b\n\t\x00温é\u0301\u200b\U0001f525│"), max_size=60
)


def text(rows: list[Row]) -> str:
    return "\n".join(text_of(row) for row in rows)


def styles_of(rows: list[Row], word: str) -> set[Style]:
    return {span.style for row in rows for span in row if word in span.text}


@given(
    st.sampled_from([*SCREENS.values()]),
    st.integers(1, 230),
    st.integers(1, 70),
    st.sampled_from([UNICODE, ASCII]),
)
def test_every_size_is_filled_exactly(
    screen: Screen, width: int, height: int, glyphs: object
) -> None:
    rows = frame(screen, width, height, ASCII if glyphs is ASCII else UNICODE)
    assert len(rows) == height
    assert {row_width(row) for row in rows} == {width}


@given(st.lists(weird, min_size=6, max_size=6), st.integers(60, 200), st.integers(16, 60))
def test_no_text_from_outside_breaks_the_layout(texts: list[str], width: int, height: int) -> None:
    role, reason, path, alarm, sensor, event = texts
    module = replace(
        KILLED.modules[1],
        role=role,
        reason_text=reason,
        paths=tuple(
            replace(each, name=path, port_fault=path, broken=path, health=path)
            for each in ACTIVE.paths
        ),
        alarms=tuple(replace(each, text=alarm) for each in KILLED.modules[1].alarms),
    )
    shown = KILLED.readings
    sensors = tuple(replace(each, name=sensor) for each in shown.sensors)
    fans = tuple(replace(each, name=sensor) for each in FANS)
    screen = replace(
        KILLED,
        modules=(module, replace(GONE, trouble=role)),
        readings=replace(shown, sensors=sensors, fans=fans, of=sensor),
        log=(*LOG, LogLine(0, event, event)),
    )
    rows = frame(screen, width, height)
    assert {row_width(row) for row in rows} == {width}
    assert all(text_of(row).isprintable() for row in rows)


@pytest.mark.parametrize(("width", "height"), [(WIDTH_MIN - 1, 40), (200, HEIGHT_MIN - 1)])
def test_a_window_that_is_too_small_is_told_what_it_needs(width: int, height: int) -> None:
    rows = frame(SIM, width, height)
    assert "needs 60x16" in text(rows)
    assert f"has {width}x{height}" in text(rows)


@pytest.mark.parametrize("width", [60, 80, 100, 150, 200])
def test_every_path_of_every_module_is_shown_at_every_width(width: int) -> None:
    shown = text(frame(SIM, width, HEIGHT_MIN))
    assert shown.count("udp ") >= 2
    assert shown.count("serial ") >= 2


def test_colour_has_a_meaning() -> None:
    rows = frame(KILLED, 200, 60)
    assert styles_of(rows, "SILENT") == {Style.ALARM}
    assert styles_of(rows, "TX LOST") == {Style.WARN}
    assert styles_of(rows, "LOST") == {Style.ALARM, Style.WARN}
    assert styles_of(rows, "FAILED") == {Style.ALARM}
    assert styles_of(rows, "no answer for 3 s") == {Style.ALARM}
    assert styles_of(rows, "module 2 holds") == {Style.GOOD}
    assert styles_of(frame(SIM, 200, 60), "ALIVE") == {Style.GOOD}


def test_what_a_silent_module_said_last_is_in_no_colour() -> None:
    rows = frame(replace(SIM, modules=(GONE, GONE), truth=None), 80, 24)
    end = next(number for number, row in enumerate(rows) if "temperatures" in text_of(row))
    assert "last said: ACTIVE" in text(rows[:end])
    assert {span.style for row in rows[:end] for span in row}.isdisjoint({Style.GOOD, Style.WARN})


def test_what_is_broken_stands_where_a_silent_path_has_no_figures() -> None:
    assert "SILENT   peer paused " in text(frame(KILLED, 80, 24))
    assert "stands still" not in text(frame(KILLED, 80, 24))
    assert "stands still" in text(frame(KILLED, 200, 60))


def test_both_holding_is_an_alarm_and_nobody_holding_a_warning() -> None:
    truth = SIM.truth
    assert truth is not None
    both = replace(truth, slots=tuple(replace(slot, is_open=True) for slot in truth.slots))
    nobody = replace(truth, slots=tuple(replace(slot, is_open=False) for slot in truth.slots))
    for width in (80, 200):
        rows = frame(replace(SIM, truth=both), width, 24)
        assert styles_of(rows, "BOTH hold") == {Style.ALARM}
        rows = frame(replace(SIM, truth=nobody), width, 24)
        assert styles_of(rows, "nobody holds") == {Style.WARN}


def test_what_is_left_out_is_counted() -> None:
    shown = text(frame(KILLED, 80, 24))
    assert "+1 more" in shown
    assert "temperatures, +3 more" in shown
    assert "(+6 more: widen)" in text(frame(SCREENS["many"], 60, 16))


def test_the_first_words_of_why_stand_beside_a_redundancy_that_is_not_full() -> None:
    reasons = ("path serial is silent", "the mirror is not synced")
    module = replace(ACTIVE, redundancy="DEGRADED", redundancy_reasons=reasons)
    rows = text(frame(replace(KILLED, modules=(module, KILLED.modules[1])), 60, 16))
    assert "DEGRADED  path ser…" in rows


@pytest.mark.parametrize(("glyphs", "ending"), [(UNICODE, "…"), (ASCII, "..")])
def test_a_text_that_fills_its_row_shows_all_the_same_that_more_is_left_out(
    glyphs: Glyphs, ending: str
) -> None:
    for length in (36, 37, 38):
        module = replace(ACTIVE, reason_text=f"{'a' * length} {'b' * 30} {'c' * 30} {'d' * 30}")
        rows = frame(replace(SIM, modules=(module, STANDBY)), 80, HEIGHT_MIN, glyphs)
        (row,) = [text_of(row)[:40].rstrip() for row in rows if "aaa" in text_of(row)]
        assert row.endswith(ending)


def test_how_long_a_wait_lasts_is_said_before_what_it_is_for() -> None:
    module = replace(STANDBY, waits=(("hold-off after a crash (a sentence without end)", 3900),))
    shown = text(frame(replace(SIM, modules=(ACTIVE, module)), 80, 24))
    assert "waits   3 s left: hold-off after a cr…" in shown


def test_a_round_trip_below_what_is_shown_is_not_called_none() -> None:
    paths = (replace(ACTIVE.paths[0], rtt_us=20), *ACTIVE.paths[1:])
    shown = text(frame(replace(SIM, modules=(replace(ACTIVE, paths=paths), STANDBY)), 80, 24))
    assert "<0.1 ms" in shown and "0.0 ms" not in shown


def test_a_sensor_in_trouble_is_never_hidden() -> None:
    shown = KILLED.readings
    hot = [
        replace(each, state="HIGH") if each.name == "v12_main" else each for each in shown.sensors
    ]
    screen = replace(SIM, readings=replace(shown, sensors=tuple(hot)))
    assert "v12_main" in text(frame(screen, 80, 24))
    assert "v12_main" not in text(frame(SIM, 80, 24))


def test_scrolling_shows_older_events_and_says_so() -> None:
    log = tuple(LogLine(number, "slot 1", f"event number {number}") for number in range(100))
    rows = frame(replace(SIM, log=log), 80, 24)
    assert "event number 99" in text(rows)
    back = text(frame(replace(SIM, log=log, scrolled_lines=50), 80, 24))
    assert "50 newer ones below" in back
    assert "event number 49" in back
    assert "event number 50" not in back


def test_deeds_stand_out() -> None:
    rows = frame(replace(SIM, log=(LogLine(0, "you", "cut udp", Tone.DEED),)), 80, 24)
    assert Style.TITLE in styles_of(rows, "you")


def test_help_and_quit_are_always_in_the_footer() -> None:
    keys = tuple((chr(ord("a") + number), "does something") for number in range(20))
    for width, height in ((60, 16), (80, 24), (200, 60)):
        rows = frame(replace(SIM, keys=(*keys, ("h", "help"), ("q", "quit"))), width, height)
        assert "h help" in text_of(rows[-1])
        assert "q quit" in text_of(rows[-1])
