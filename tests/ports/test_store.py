"""The contract of `StorePort`, kept by the SQLite store on real files."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmcha.hal.port import PortError, StorePort
from bmcha.hal.sqlite_store import EVENTS_MAX, FILE_NAME, TRIM_EVERY, SqliteStore
from bmcha.model.reading import EventCell
from bmcha.model.role import Severity

SOON_S = 30.0


def event(number: int, epoch: int = 1, slot: int = 1, text: str = "a fan failed") -> EventCell:
    return EventCell(epoch, number, slot, Severity.MAJOR, 1_700_000_000_000, "fan-failed", text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store"


@pytest.fixture
def store(folder: Path) -> Iterator[StorePort]:
    found = SqliteStore(str(folder))
    yield found
    found.close()


def reopened(folder: Path) -> SqliteStore:
    return SqliteStore(str(folder))


def filled(folder: Path) -> None:
    store = reopened(folder)
    store.save_epoch(7)
    for number in range(1, 101):
        store.save_event(event(number))
    store.close()


# ---------------------------------------------------------------- what it keeps


def test_a_new_store_is_empty(store: StorePort) -> None:
    assert store.load_epoch() == 0
    assert store.load_events(10) == []


def test_the_epoch_survives(folder: Path, store: StorePort) -> None:
    store.save_epoch(2**32 - 1)
    store.close()
    again = reopened(folder)
    assert again.load_epoch() == 2**32 - 1
    again.close()


def test_the_stored_epoch_never_falls(folder: Path, store: StorePort) -> None:
    store.save_epoch(9)
    store.save_epoch(4)
    assert store.load_epoch() == 9
    store.close()
    again = reopened(folder)
    again.save_epoch(5)
    assert again.load_epoch() == 9
    again.close()


def test_the_newest_events_come_in_order_and_as_they_were(store: StorePort) -> None:
    records = [
        event(1),
        event(2, slot=1),
        event(2, slot=2, text="ein Lüfter — fiel aus ⚠"),
        event(1, epoch=2),
        event(3, epoch=2, text=""),
    ]
    for record in reversed(records):
        store.save_event(record)
    assert store.load_events(100) == records
    assert store.load_events(2) == records[-2:]
    assert store.load_events(0) == []


def test_a_record_that_is_there_is_left_as_it_is(store: StorePort) -> None:
    store.save_event(event(1, text="first"))
    store.save_event(event(1, text="second"))
    assert [record.text for record in store.load_events(10)] == ["first"]


def test_the_log_is_bounded_and_keeps_the_newest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bmcha.hal.sqlite_store.EVENTS_MAX", 100)
    store = reopened(folder)
    for number in range(2 * TRIM_EVERY):
        store.save_event(event(number))
    kept = [record.number for record in store.load_events(EVENTS_MAX)]
    assert kept == list(range(2 * TRIM_EVERY - 100, 2 * TRIM_EVERY))
    store.close()


# ---------------------------------------------------------------- power cuts


def test_what_was_saved_is_in_the_files_when_save_returns(
    folder: Path, store: StorePort, tmp_path: Path
) -> None:
    """A copy of the files is what a power cut leaves of them, apart from the disk's own cache."""
    for epoch in (1, 5, 6):
        store.save_epoch(epoch)
        store.save_event(event(epoch))
        copy = tmp_path / f"after-{epoch}"
        shutil.copytree(folder, copy)
        found = reopened(copy)
        assert found.load_epoch() == epoch
        assert found.load_events(100)[-1].number == epoch
        assert found.set_aside == ""
        found.close()


def test_a_log_torn_anywhere_costs_only_what_was_written_last(
    folder: Path, store: StorePort, tmp_path: Path
) -> None:
    for epoch in range(1, 9):
        store.save_epoch(epoch)
    log = folder / f"{FILE_NAME}-wal"
    size = log.stat().st_size
    last = -1
    for cut in range(0, size + 1, 211):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        os.truncate(copy / log.name, cut)
        found = reopened(copy)
        assert found.set_aside == ""
        assert found.load_epoch() >= last
        last = found.load_epoch()
        found.close()
        shutil.rmtree(copy)
    assert last >= 7


HOLDER = """
import sys
from bmcha.hal.sqlite_store import SqliteStore
store = SqliteStore(sys.argv[1])
store.save_epoch(41)
print("saved", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the store open."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "saved\n"
        yield process
        process.kill()


def test_a_second_process_is_refused(folder: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(PortError, match="another process has it open"):
        reopened(folder)
    assert os.listdir(folder) == [FILE_NAME] or not any("corrupt" in n for n in os.listdir(folder))


def test_what_a_killed_process_saved_is_there(folder: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(SOON_S)
    store = reopened(folder)
    assert store.load_epoch() == 41
    assert store.set_aside == ""
    store.close()


# ---------------------------------------------------------------- corruption


def garbage(file: Path) -> None:
    file.write_bytes(os.urandom(4096))


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def scribbled_on(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(1100)
        opened.write(b"\xa5" * 3000)


def of_another_program(file: Path) -> None:
    import sqlite3

    file.unlink()
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE number (what, ever, more)")
    database.commit()
    database.close()


@pytest.mark.parametrize("spoil", [garbage, cut_short, scribbled_on, of_another_program])
def test_a_corrupt_file_is_set_aside_and_kept(folder: Path, spoil: Callable[[Path], None]) -> None:
    file = folder / FILE_NAME
    for round_number in (1, 2):
        filled(folder)
        spoil(file)
        spoiled = file.read_bytes()
        store = reopened(folder)
        kept = folder / f"{FILE_NAME}.corrupt-{round_number}"
        assert store.set_aside == str(kept)
        assert kept.read_bytes() == spoiled
        assert store.load_epoch() == 0
        store.save_epoch(3)
        store.close()
        again = reopened(folder)
        assert (again.load_epoch(), again.set_aside) == (3, "")
        again.close()


def test_a_log_beside_a_corrupt_file_goes_with_it(folder: Path, store: StorePort) -> None:
    store.save_epoch(9)
    copy = folder.parent / "copy"
    shutil.copytree(folder, copy)
    garbage(copy / FILE_NAME)
    found = reopened(copy)
    assert (copy / f"{FILE_NAME}.corrupt-1-wal").exists()
    assert found.load_epoch() == 0
    found.close()


def test_an_empty_file_is_a_new_store(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / FILE_NAME).touch()
    store = reopened(folder)
    assert (store.load_epoch(), store.set_aside) == (0, "")
    store.close()


def test_corruption_found_while_running_keeps_the_epoch_that_is_known(folder: Path) -> None:
    filled(folder)
    store = reopened(folder)
    assert store.load_epoch() == 7
    # The file is spoiled under the open store; nothing of the log is in its cache yet.
    garbage_pages = os.urandom((folder / FILE_NAME).stat().st_size - 100)
    with (folder / FILE_NAME).open("r+b") as opened:
        opened.seek(100)
        opened.write(garbage_pages)
    store.close()
    store.save_event(event(200))
    assert store.set_aside.endswith(".corrupt-1")
    assert store.load_epoch() == 7
    assert [record.number for record in store.load_events(10)] == [200]
    store.close()


# ---------------------------------------------------------------- errors


def test_a_folder_in_place_of_the_file_is_named_and_left_alone(folder: Path) -> None:
    (folder / FILE_NAME).mkdir(parents=True)
    with pytest.raises(PortError, match=FILE_NAME):
        reopened(folder)
    assert os.listdir(folder) == [FILE_NAME]


def test_a_file_in_place_of_the_folder_is_named(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.touch()
    with pytest.raises(PortError, match=str(folder)):
        reopened(folder)


def test_a_record_that_cannot_be_stored_is_refused(store: StorePort) -> None:
    with pytest.raises(PortError, match="cannot be written"):
        store.save_event(event(1, text="half a pair: \ud800"))
    with pytest.raises(PortError, match="cannot be written"):
        store.save_event(event(2**63))
    store.save_event(event(3))
    assert [record.number for record in store.load_events(10)] == [3]


FULL_DISK = """
import resource, signal, sys
from bmcha.hal.port import PortError
from bmcha.hal.sqlite_store import SqliteStore
from bmcha.model.reading import EventCell
from bmcha.model.role import Severity
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = SqliteStore(sys.argv[1])
store.save_epoch(5)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
try:
    for number in range(1000):
        store.save_event(EventCell(1, number, 1, Severity.INFO, 0, "kind", "x" * 90))
except PortError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.save_epoch(6)
print(store.load_epoch(), bool(store.load_events(1000)), repr(store.set_aside))
"""


def test_a_full_disk_is_told_and_got_over(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(folder)],
        capture_output=True,
        text=True,
        timeout=SOON_S,
    )
    assert done.stderr == ""
    why, after = done.stdout.splitlines()
    assert "cannot be written" in why
    assert str(folder) in why
    assert after == "6 True ''"
