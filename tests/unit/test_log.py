"""The log: one line an event, in order of importance, bounded, and never in the way."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from bmcha.diag.log import KIND_WINDOW_NS, Level, Log, StderrUse, is_stderr_journal, open_log
from bmcha.diag.log_sink import LINES_WAITING_MAX, FileSink, Sink, StderrSink
from tests.waiting import wait_until

FIRST_OF_1970 = "1970-01-01T00:00:01.500Z "
S = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def log_to(*sinks: Sink, clock: Callable[[], int] = lambda: 12_034_567_890, **options) -> Log:
    return Log(sinks, clock, wall_clock=lambda: 1_500_000_000, **options)


def test_a_line_has_both_times_its_level_and_its_text(tmp_path) -> None:
    file = tmp_path / "log"
    log = log_to(FileSink(str(file), 10_000))
    log.say("slot 1 is ACTIVE now", Level.NOTICE)
    log.close()
    assert file.read_text() == f"{FIRST_OF_1970}12.034 notice slot 1 is ACTIVE now\n"


def test_one_event_is_one_line_whatever_it_contains(tmp_path) -> None:
    file = tmp_path / "log"
    log = log_to(FileSink(str(file), 10_000), clock=lambda: 0)
    log.say("two\nlines \udcff")
    log.close()
    assert file.read_text() == f"{FIRST_OF_1970}0.000 info two lines \\udcff\n"


def test_a_line_below_the_level_is_not_written_until_the_level_changes(tmp_path) -> None:
    file = tmp_path / "log"
    log = log_to(FileSink(str(file), 10_000), level=Level.WARNING)
    log.say("not said", Level.INFO)
    log.say("said", Level.ERROR)
    log.level = Level.DEBUG
    log.say("said too", Level.DEBUG)
    log.close()
    assert [line.split(" ", 2)[2] for line in file.read_text().splitlines()] == [
        "error said",
        "debug said too",
    ]


def test_a_full_file_is_set_aside_and_two_are_the_most(tmp_path) -> None:
    file = tmp_path / "log"
    log = log_to(FileSink(str(file), 200), kind_lines_max=10_000)
    for number in range(1000):
        log.say(f"line {number:04}")
        if number % 500 == 0:
            os.sched_yield()
    log.close(10)
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1"]
    assert file.stat().st_size < 300
    assert (tmp_path / "log.1").stat().st_size < 300
    assert file.read_text().endswith("line 0999\n")


def test_a_flood_of_one_kind_is_cut_and_counted_and_other_kinds_pass(tmp_path) -> None:
    file, clock = tmp_path / "log", Clock()
    log = log_to(FileSink(str(file), 1_000_000), clock=clock)
    for number in range(1000):
        log.say(f"path udp: nothing heard for {number} ms", Level.WARNING)
    log.say("another kind")
    clock.now_ns = KIND_WINDOW_NS
    log.say("path udp: nothing heard for 7 ms", Level.WARNING)
    log.close()
    said = [line.split(" ", 2)[2] for line in file.read_text().splitlines()]
    assert len(said) == 23
    assert said[20] == "info another kind"
    assert said[21] == ("warning 980 more like this in 10 s: path udp: nothing heard for 0 ms")
    assert said[22] == "warning path udp: nothing heard for 7 ms"


def test_what_was_held_back_is_told_though_nobody_speaks_any_more(tmp_path) -> None:
    file = tmp_path / "log"
    clock = Clock()
    clock.now_ns = -KIND_WINDOW_NS
    log = log_to(FileSink(str(file), 10_000), clock=clock, kind_lines_max=1)
    log.say("x 1")
    # The window ends 10 ms after the second line, by a clock that has gone on meanwhile.
    clock.now_ns = -S // 100
    log.say("x 2")
    clock.now_ns = 0
    wait_until(lambda: "1 more like this in 10 s: x 1" in file.read_text(), "the flood is counted")
    log.close()


def test_more_kinds_than_are_remembered_forget_the_oldest_and_tell_it(tmp_path) -> None:
    file = tmp_path / "log"
    log = log_to(FileSink(str(file), 10_000_000), kind_lines_max=1)
    log.say("first")
    log.say("first")
    for number in range(600):
        log.say(f"kind{number}")
    log.close(5)
    assert "1 more like this in 10 s: first" in file.read_text()


def test_a_pipe_that_nobody_reads_stops_nobody_and_what_is_missing_is_said(tmp_path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    beside = tmp_path / "beside"
    sinks = FileSink(pipe, 10_000), FileSink(str(beside), 10_000_000)
    log = log_to(*sinks, kind_lines_max=10**6)
    with contextlib.closing(os.fdopen(reader, "rb")) as stream:
        log.say("x" * 200_000)
        for _ in range(2 * LINES_WAITING_MAX):
            log.say("more")
        # The other destination has it all, though this one is stuck.
        log.say("last")
        wait_until(
            lambda: beside.read_text().endswith("last\n") or "dropped" in beside.read_text(),
            "the last line is there",
        )
        os.set_blocking(reader, True)
        text = b""
        while b"dropped" not in text:
            text += stream.read1()
        log.close()


def test_opening_a_pipe_without_a_reader_does_not_wait(tmp_path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    sink = FileSink(pipe, 10_000)
    assert sink.fault
    sink.close(1)


def test_it_continues_a_file_that_is_there(tmp_path) -> None:
    file = tmp_path / "log"
    file.write_text("old\n")
    log = log_to(FileSink(str(file), 10_000))
    log.say("new")
    log.close()
    assert file.read_text().startswith("old\n")
    assert file.read_text().endswith("info new\n")


def test_a_folder_that_vanishes_is_survived_counted_and_said_when_it_is_back(tmp_path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    sink = FileSink(str(folder / "log"), 10_000)
    log = log_to(sink)
    log.say("before")
    wait_until(
        lambda: (folder / "log").exists() and (folder / "log").stat().st_size > 0,
        "the log is written",
    )
    folder.rename(tmp_path / "away")
    log.say("lost")
    log.say("lost as well")
    wait_until(lambda: sink._unwritten_count == 2, "both lines are counted")
    assert "No such file" in log.fault
    folder.mkdir()
    log.say("after")
    log.close()
    lines = (folder / "log").read_text().splitlines()
    assert lines[0].startswith("- 2 lines could not be written: [Errno 2]")
    assert lines[1].endswith("after")
    assert log.fault == ""


def test_a_full_disk_is_survived_counted_and_cuts_no_later_line() -> None:
    sink = FileSink("/dev/full", 10_000)
    log = log_to(sink)
    log.say("does not fit")
    wait_until(lambda: "No space left" in log.fault, "the fault is told")
    log.say("neither")
    log.close()
    assert sink._unwritten_count == 2


def test_a_file_that_was_moved_away_is_left_alone_and_a_new_one_begun(tmp_path) -> None:
    file = tmp_path / "log"
    log = log_to(FileSink(str(file), 10_000))
    log.say("old")
    wait_until(lambda: file.stat().st_size > 0, "the line is written")
    file.rename(tmp_path / "log.moved")
    log.say("new")
    log.close()
    assert file.read_text().endswith("new\n")
    assert (tmp_path / "log.moved").read_text().endswith("old\n")


def test_whoever_writes_beside_the_log_is_told_each_new_descriptor(tmp_path) -> None:
    fds: list[int] = []
    sink = FileSink(str(tmp_path / "log"), 100, fds.append)
    log = log_to(sink)
    log.say("x" * 200)
    log.say("y")
    log.close()
    assert len(fds) == 2
    assert os.fstat(fds[-1]).st_ino == (tmp_path / "log").stat().st_ino
    os.close(fds[-1])


def waiting(reader: TextIO) -> str:
    """What is in the pipe, though somebody could still write more."""
    os.set_blocking(reader.fileno(), False)
    try:
        return os.read(reader.fileno(), 65_536).decode()
    except BlockingIOError:
        return ""


@contextlib.contextmanager
def stderr_as_pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """Not a fixture: pytest sets its own stderr between setting up and the test."""
    read_fd, write_fd = os.pipe()
    with (
        os.fdopen(read_fd) as reader,
        os.fdopen(write_fd, "w") as writer,
        monkeypatch.context() as m,
    ):
        m.setattr(sys, "stderr", writer)
        yield reader


def test_the_journal_gets_priorities_and_no_time(monkeypatch) -> None:
    with stderr_as_pipe(monkeypatch) as pipe:
        found = os.fstat(sys.stderr.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        assert is_stderr_journal()
        log = log_to(StderrSink(is_journal=True))
        log.say("role lost", Level.WARNING)
        log.close()
        assert waiting(pipe) == "<4>role lost\n"


def test_an_inherited_journal_stream_that_is_not_this_stderr_is_not_the_journal(
    monkeypatch,
) -> None:
    with stderr_as_pipe(monkeypatch):
        monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
        assert not is_stderr_journal()


@pytest.mark.parametrize(
    ("use", "is_with_file", "is_journal", "is_expected"),
    [
        (StderrUse.AUTO, False, False, True),
        (StderrUse.AUTO, True, False, False),
        (StderrUse.AUTO, True, True, True),
        (StderrUse.ALWAYS, True, False, True),
        (StderrUse.NEVER, False, True, False),
    ],
)
def test_stderr_is_used_as_configured(
    use, is_with_file, is_journal, is_expected, monkeypatch, tmp_path: Path
) -> None:
    with stderr_as_pipe(monkeypatch) as pipe:
        found = os.fstat(sys.stderr.fileno())
        stream = f"{found.st_dev}:{found.st_ino}" if is_journal else ""
        monkeypatch.setenv("JOURNAL_STREAM", stream)
        file = str(tmp_path / "log") if is_with_file else None
        log = open_log(file, use, Level.INFO, 10_000, lambda fd: None)
        log.say("hello")
        log.close()
        assert ("hello" in waiting(pipe)) is is_expected


def test_a_log_file_that_cannot_be_opened_is_said_on_stderr_and_the_lines_are_there(
    monkeypatch, tmp_path
) -> None:
    with stderr_as_pipe(monkeypatch) as pipe:
        file = str(tmp_path / "missing" / "log")
        log = open_log(file, StderrUse.AUTO, Level.INFO, 10_000, lambda fd: None)
        log.say("hello")
        log.close()
        text = waiting(pipe)
    assert "the log file cannot be written, it is tried again" in text
    assert text.endswith("hello\n")
