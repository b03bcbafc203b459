"""The contract of `LinePort`, and of the file watch below it, over files of lines."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.hal.file_lines import FileLines
from bmcha.hal.file_watch import FileWatch
from bmcha.hal.port import LinePort, PortError
from bmcha.model.board import BoardLines, LineFile, OwnLines, PeerLines
from bmcha.model.event import LineLevels, LinesRead
from bmcha.model.identity import Succession

SOON_S = 10.0


class Board:
    """A folder of lines, wired as the virtual gated board is."""

    def __init__(self, folder: Path, succession: tuple[int, ...] = (1, 2)) -> None:
        self.folder = folder
        self.succession = Succession(succession)
        for name in ("HEALTH", "ACTIVE", "OUTPUT_ENABLE", "OUTPUTS_OPEN", "ACTIVE_SENSE"):
            self.set(name, "0\n")
        for offset in range(1, len(succession)):
            self.set(f"PRES_N{offset}", "0\n")
            self.set(f"PEER_HEALTH{offset}", "1\n")
            self.set(f"PEER_ACTIVE{offset}", "0\n")
        self.strap(1)

    def set(self, name: str, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        fd = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT)
        os.pwrite(fd, data, 0)
        os.ftruncate(fd, len(data))
        os.close(fd)

    def strap(self, slot: int) -> None:
        for bit in range(3):
            self.set(f"ID{bit}", str(slot >> bit & 1))

    def get(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def line(self, name: str, is_active_low: bool = False) -> LineFile:
        return LineFile(str(self.folder / name), is_active_low)

    def wiring(self) -> BoardLines:
        return BoardLines(
            straps=tuple(self.line(f"ID{bit}") for bit in range(3)),
            own=OwnLines(
                health=self.line("HEALTH"),
                active=self.line("ACTIVE", is_active_low=True),
                output_enable=self.line("OUTPUT_ENABLE"),
                outputs_open=self.line("OUTPUTS_OPEN"),
                active_sense=self.line("ACTIVE_SENSE"),
            ),
            peers=tuple(
                PeerLines(
                    offset,
                    self.line(f"PRES_N{offset}", is_active_low=True),
                    self.line(f"PEER_HEALTH{offset}"),
                    self.line(f"PEER_ACTIVE{offset}"),
                )
                for offset in range(1, len(self.succession.slots))
            ),
        )


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


@pytest.fixture
def lines(board: Board) -> Iterator[LinePort]:
    found = FileLines(board.wiring(), board.succession)
    found.read_slot()
    yield found
    found.close()


# ---------------------------------------------------------------- reading


def test_levels_are_read_with_their_polarity(board: Board, lines: LinePort) -> None:
    peer = LineLevels(presence=True, health=True, active=False)
    assert lines.read() == LinesRead(((2, peer),), False, False, 0)
    board.set("PRES_N1", "1\n")
    board.set("OUTPUTS_OPEN", "1\n")
    board.set("ACTIVE_SENSE", "1")
    peer = LineLevels(presence=False, health=True, active=False)
    assert lines.read() == LinesRead(((2, peer),), True, True, 0)


@pytest.mark.parametrize(
    "text", ["", "\n", "2", "-1", "x", "true", "1 0", "01x", "1" * 100, b"\xff\x00", b"\x001"]
)
def test_a_line_that_is_neither_high_nor_low_is_unknown(
    board: Board, lines: LinePort, text: str | bytes
) -> None:
    board.set("PEER_HEALTH1", text)
    assert lines.read().peers == ((2, LineLevels(presence=True, health=None, active=False)),)


def test_a_line_whose_file_is_gone_is_unknown_until_it_is_back(
    board: Board, lines: LinePort
) -> None:
    (board.folder / "OUTPUTS_OPEN").unlink()
    assert lines.read().outputs_open is None
    (board.folder / "OUTPUTS_OPEN").mkdir()
    assert lines.read().outputs_open is None
    (board.folder / "OUTPUTS_OPEN").rmdir()
    os.mkfifo(board.folder / "OUTPUTS_OPEN")
    assert lines.read().outputs_open is None, "a pipe must not block"
    (board.folder / "OUTPUTS_OPEN").unlink()
    board.set("OUTPUTS_OPEN", "1\n")
    assert lines.read().outputs_open is True


def test_lines_that_are_not_wired_are_unknown(board: Board) -> None:
    bare = BoardLines(straps=board.wiring().straps, own=OwnLines(), peers=(PeerLines(1),))
    lines = FileLines(bare, board.succession)
    lines.read_slot()
    assert lines.read() == LinesRead(((2, LineLevels()),), None, None, 0)
    lines.drive("ACTIVE", True)
    lines.close()


# ---------------------------------------------------------------- driving


@pytest.mark.parametrize(
    ("name", "up", "down"), [("HEALTH", b"1\n", b"0\n"), ("ACTIVE", b"0\n", b"1\n")]
)
def test_a_driven_line_has_its_polarity_and_keeps_its_file(
    board: Board, lines: LinePort, name: str, up: bytes, down: bytes
) -> None:
    before = (board.folder / name).stat().st_ino
    lines.drive(name, True)
    assert board.get(name) == up
    lines.drive(name, False)
    assert board.get(name) == down
    assert (board.folder / name).stat().st_ino == before


def test_a_line_that_cannot_be_driven_is_named(board: Board, lines: LinePort) -> None:
    (board.folder / "OUTPUT_ENABLE").unlink()
    with pytest.raises(PortError, match=r"OUTPUT_ENABLE .*No such file"):
        lines.drive("OUTPUT_ENABLE", True)


def test_a_line_that_no_board_has_is_ignored(lines: LinePort) -> None:
    lines.drive("RESET_PEER", True)


# ---------------------------------------------------------------- straps


@pytest.mark.parametrize("slot", [1, 2])
def test_the_slot_is_read_from_the_straps(board: Board, lines: LinePort, slot: int) -> None:
    board.strap(slot)
    assert lines.read_slot() == slot


@pytest.mark.parametrize("slot", [0, 3, 7])
def test_straps_that_name_no_slot_of_the_chassis_are_refused(
    board: Board, lines: LinePort, slot: int
) -> None:
    board.strap(slot)
    with pytest.raises(PortError, match=f"slot {slot}, not one of 1, 2"):
        lines.read_slot()


def test_one_unreadable_strap_makes_the_slot_unreadable(board: Board, lines: LinePort) -> None:
    board.set("ID2", "?")
    with pytest.raises(PortError, match=r"slot strap 2 .*ID2"):
        lines.read_slot()


def test_without_a_slot_no_line_is_given_to_a_peer(board: Board) -> None:
    lines = FileLines(board.wiring(), board.succession)
    assert lines.read().peers == ()
    lines.close()


@pytest.mark.parametrize(("own", "peers"), [(4, [2, 7]), (2, [7, 4]), (7, [4, 2])])
def test_peers_are_counted_round_the_succession(tmp_path: Path, own: int, peers: list[int]) -> None:
    board = Board(tmp_path, succession=(4, 2, 7))
    board.strap(own)
    lines = FileLines(board.wiring(), board.succession)
    lines.read_slot()
    assert [slot for slot, _ in lines.read().peers] == peers
    lines.close()


# ---------------------------------------------------------------- waiting


def test_a_changed_input_ends_a_wait(board: Board, lines: LinePort) -> None:
    while lines.wait(0.0):
        pass
    changing = threading.Timer(0.05, board.set, ("PEER_ACTIVE1", "1\n"))
    changing.start()
    assert lines.wait(SOON_S)
    changing.join()


def test_a_wait_ends_without_a_change(lines: LinePort) -> None:
    while lines.wait(0.0):
        pass
    assert not lines.wait(0.02)


def test_driving_an_own_line_is_no_change(lines: LinePort) -> None:
    while lines.wait(0.0):
        pass
    lines.drive("HEALTH", True)
    assert not lines.wait(0.02)


# ---------------------------------------------------------------- the watch


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
