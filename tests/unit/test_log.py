"""The log: one line an event, bounded, and never in the way."""

import contextlib
import os

from bmcha.diag.log import LINES_WAITING_MAX, Log


def test_a_line_has_its_time_and_its_text(tmp_path) -> None:
    file = tmp_path / "log"
    log = Log(str(file), lambda: 12_034_567_890)
    log.say("slot 1 is ACTIVE now")
    log.close()
    assert file.read_text() == "12.034 slot 1 is ACTIVE now\n"


def test_one_event_is_one_line_whatever_it_contains(tmp_path) -> None:
    file = tmp_path / "log"
    log = Log(str(file), lambda: 0)
    log.say("two\nlines \udcff")
    log.close()
    assert file.read_text() == "0.000 two lines \\udcff\n"


def test_a_full_file_is_set_aside_and_two_are_the_most(tmp_path) -> None:
    file = tmp_path / "log"
    log = Log(str(file), lambda: 0, file_bytes_max=100)
    for number in range(1000):
        log.say(f"line {number:04}")
        # Each line by itself, so that the bound is looked at between them.
        while log._lines:
            os.sched_yield()
    log.close()
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1"]
    assert file.stat().st_size < 300
    assert file.read_text().endswith("line 0999\n")


def test_a_log_that_cannot_be_written_stops_nobody_and_says_what_is_missing(tmp_path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    log = Log(pipe, lambda: 0)
    with contextlib.closing(os.fdopen(reader, "rb")) as stream:
        log.say("x" * 200_000)
        for _ in range(2 * LINES_WAITING_MAX):
            log.say("more")
        os.set_blocking(reader, True)
        text = b""
        while b"dropped" not in text:
            text += stream.read1()
        log.close()


def test_it_continues_a_file_that_is_there(tmp_path) -> None:
    file = tmp_path / "log"
    file.write_text("old\n")
    log = Log(str(file), lambda: 0)
    log.say("new")
    log.close()
    assert file.read_text() == "old\n0.000 new\n"
