"""The contract of the file watch: which files may have changed, without polling them."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.hal.file_watch import FileWatch

SOON_S = 10.0


@pytest.fixture
def watch() -> Iterator[FileWatch]:
    found = FileWatch()
    yield found
    found.close()


def test_the_watch_tells_which_files_changed(tmp_path: Path, watch: FileWatch) -> None:
    files = [tmp_path / name for name in ("a", "b", "c")]
    for file in files:
        file.write_text("0")
        watch.add(str(file))
    while watch.wait(0.0):
        pass
    files[0].write_text("1")
    files[2].unlink()
    (tmp_path / "other").touch()
    assert watch.wait(SOON_S) == {str(files[0]), str(files[2])}
    files[1].with_suffix(".new").touch()
    files[1].with_suffix(".new").rename(files[1])
    assert watch.wait(SOON_S) == {str(files[1])}


def test_a_folder_that_comes_and_goes_is_watched_again(tmp_path: Path, watch: FileWatch) -> None:
    folder, file = tmp_path / "late", tmp_path / "late" / "line"
    watch.add(str(file))
    assert watch.wait(0.0) == set()
    for _ in range(2):
        folder.mkdir()
        file.touch()
        assert watch.wait(SOON_S) == {str(file)}
        while watch.wait(0.0):
            pass
        file.write_text("1")
        assert watch.wait(SOON_S) == {str(file)}
        file.unlink()
        folder.rmdir()
        assert watch.wait(SOON_S) == {str(file)}
        while watch.wait(0.0):
            pass


def test_after_an_overflow_every_file_counts_as_changed(tmp_path: Path, watch: FileWatch) -> None:
    events_max = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if events_max > 100_000:
        events_max = 0  # Not worth filling; the next assertion holds all the same.
    quiet, loud = tmp_path / "quiet", [tmp_path / "loud0", tmp_path / "loud1"]
    for file in (quiet, *loud):
        file.touch()
    watch.add(str(quiet))
    watch.add(str(loud[0]))
    fds = [os.open(file, os.O_WRONLY) for file in loud]
    for number in range(events_max + 10):
        os.pwrite(fds[number % 2], b"1", 0)
    for fd in fds:
        os.close(fd)
    found: set[str] = set()
    while changed := watch.wait(0.0):
        found |= changed
    assert str(loud[0]) in found
    assert (str(quiet) in found) == bool(events_max)


def test_a_wake_ends_the_wait_of_the_watch(watch: FileWatch) -> None:
    waking = threading.Timer(0.05, watch.wake)
    waking.start()
    assert watch.wait(60.0) == set()
    waking.join()
