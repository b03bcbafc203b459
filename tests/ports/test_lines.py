"""The contract of `LinePort`, the same over files and over a real GPIO chip (`make vm-ports`)."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.hal.board_lines import WiredLines
from bmcha.hal.port import LinePort, PortError
from bmcha.model.board import BoardLines, OwnLines, PeerLines, StrapCheck
from bmcha.model.event import LineLevels, LinesRead
from bmcha.model.settings import PULSE_MS_MAX
from tests.ports.line_boards import Board, FileBoard, GpioBoard, rest, strap, wiring
from tests.waiting import wait_until

SOON_S = 10.0
RATTLE_S = 60.0
"""A machine that is busy otherwise may let the line rattle too slowly for a while."""
BOTH_FORMS = ["files", pytest.param("gpio", marks=pytest.mark.vm)]


def make_board(form: str, folder: Path, succession: tuple[int, ...] = (1, 2)) -> Board:
    board: Board = FileBoard(folder, succession) if form == "files" else GpioBoard(succession)
    rest(board)
    return board


@pytest.fixture(params=BOTH_FORMS)
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Board:
    return make_board(request.param, tmp_path)


@pytest.fixture
def lines(board: Board) -> Iterator[LinePort]:
    with opened(board) as found:
        yield found


@contextlib.contextmanager
def opened(board: Board, wired: BoardLines | None = None) -> Iterator[WiredLines]:
    found = WiredLines(wired or wiring(board), board.succession)
    try:
        found.read_slot()
        yield found
    finally:
        found.close()


def quiet(lines: LinePort) -> None:
    """All hints so far are taken."""
    while lines.wait(0.0):
        pass


@contextlib.contextmanager
def lost(board: Board, lines: LinePort, name: str) -> Iterator[None]:
    board.lose(name)
    try:
        yield
    finally:
        # Linux 6.1 does not survive a chip that comes back while a line of the old one is held.
        until = time.monotonic() + SOON_S
        while any("gpio-line" in os.readlink(fd) for fd in open_descriptors()):
            assert time.monotonic() < until, "lines of a lost chip are let go"
            lines.read()
            lines.wait(0.02)
        board.bring_back(name)


def open_descriptors() -> list[Path]:
    return [fd for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]


# ---------------------------------------------------------------- reading


def test_levels_are_read_with_their_polarity(board: Board, lines: LinePort) -> None:
    peer = LineLevels(presence=True, health=True, active=False, reset=False)
    assert lines.read() == LinesRead(((2, peer),), False, False, 0)
    for name in ("PEER_PRES_N", "OUTPUTS_OPEN", "ACTIVE_SENSE", "PEER_RESET_SENSE"):
        board.put(name, True)
    peer = LineLevels(presence=False, health=True, active=False, reset=True)
    assert lines.read() == LinesRead(((2, peer),), True, True, 0)


def test_a_line_that_is_gone_is_unknown_until_it_is_back(board: Board, lines: LinePort) -> None:
    board.put("OUTPUTS_OPEN", True)
    with lost(board, lines, "OUTPUTS_OPEN"):
        assert lines.read().outputs_open is None
        assert lines.read().outputs_open is None
    until = time.monotonic() + SOON_S
    while lines.read().outputs_open is not True:
        assert time.monotonic() < until
        lines.wait(0.02)


def test_lines_that_are_not_wired_are_unknown(board: Board) -> None:
    bare = BoardLines(straps=wiring(board).straps, own=OwnLines(), peers=(PeerLines(1),))
    with opened(board, bare) as lines:
        assert lines.read() == LinesRead(((2, LineLevels()),), None, None, 0)
        lines.drive("ACTIVE", True)
        assert lines.pulse_reset(2, 10) is False


# ---------------------------------------------------------------- driving


@pytest.mark.parametrize(("name", "is_high"), [("HEALTH", True), ("ACTIVE", False)])
def test_a_driven_line_has_its_polarity(
    board: Board, lines: LinePort, name: str, is_high: bool
) -> None:
    lines.drive(name, True)
    assert board.level(name) is is_high
    lines.drive(name, False)
    assert board.level(name) is not is_high


def test_a_line_that_cannot_be_driven_is_named(board: Board, lines: LinePort) -> None:
    said = "OUTPUT_ENABLE.* cannot be driven: "
    with lost(board, lines, "OUTPUT_ENABLE"), pytest.raises(PortError, match=said):
        lines.drive("OUTPUT_ENABLE", True)


def test_after_letting_go_nothing_is_raised_and_everything_can_be_lowered(
    board: Board, lines: LinePort
) -> None:
    """Also not by a thread that was stuck, and goes on while the service ends."""
    lines.drive("HEALTH", True)
    lines.let_go()
    for name in ("ACTIVE", "OUTPUT_ENABLE", "HEALTH"):
        with pytest.raises(PortError, match=f"line {name}: the service is ending"):
            lines.drive(name, True)
    lines.drive("HEALTH", False)
    assert board.level("HEALTH") is False
    with pytest.raises(PortError, match="the service is ending"):
        lines.pulse_reset(2, 100)
    assert board.level("PEER_RESET") is False


def test_a_line_that_no_board_has_is_ignored(lines: LinePort) -> None:
    lines.drive("NO_SUCH_LINE", True)


# ---------------------------------------------------------------- straps


@pytest.mark.parametrize("slot", [1, 2])
def test_the_slot_is_read_from_the_straps(board: Board, lines: LinePort, slot: int) -> None:
    strap(board, slot)
    assert lines.read_slot() == slot


def test_straps_read_again_leave_the_peers_lines_where_they_were(
    board: Board, lines: LinePort
) -> None:
    strap(board, 1)
    lines.read_slot()
    before = [slot for slot, _ in lines.read().peers]
    strap(board, 2)
    assert lines.read_straps() == 2
    assert [slot for slot, _ in lines.read().peers] == before


@pytest.mark.parametrize("slot", [0, 3, 7])
def test_straps_that_name_no_slot_of_the_chassis_are_refused(
    board: Board, lines: LinePort, slot: int
) -> None:
    strap(board, slot)
    with pytest.raises(PortError, match=f"slot {slot}, not one of 1, 2"):
        lines.read_slot()


def test_one_unreadable_strap_makes_the_slot_unreadable(board: Board, lines: LinePort) -> None:
    with (
        lost(board, lines, "SLOT_ID2"),
        pytest.raises(PortError, match=r"slot strap 2 .*SLOT_ID2|no chip .* label"),
    ):
        lines.read_slot()


@pytest.mark.parametrize("check", [StrapCheck.EVEN, StrapCheck.ODD])
def test_straps_of_the_right_parity_are_believed(board: Board, check: StrapCheck) -> None:
    board.put("SLOT_PARITY", check is StrapCheck.EVEN)
    with opened(board, wiring(board, check)) as lines:
        assert lines.read_slot() == 1


@pytest.mark.parametrize("check", [StrapCheck.EVEN, StrapCheck.ODD])
def test_straps_of_the_wrong_parity_are_refused(board: Board, check: StrapCheck) -> None:
    board.put("SLOT_PARITY", check is StrapCheck.ODD)
    said = (
        rf"read 001, which contradicts {check.value} parity: .* is {int(check is StrapCheck.ODD)}"
    )
    with (
        pytest.raises(PortError, match=said),
        opened(board, wiring(board, check)),
    ):
        pass


@pytest.mark.parametrize(
    ("broken", "is_high"), [("SLOT_ID1", True), ("SLOT_ID0_N", True), ("SLOT_ID2_N", False)]
)
def test_one_broken_strap_is_found_by_its_complement(
    board: Board, broken: str, is_high: bool
) -> None:
    with opened(board, wiring(board, StrapCheck.COMPLEMENT)) as lines:
        assert lines.read_slot() == 1
        board.put(broken, is_high)
        with pytest.raises(PortError, match="contradicts their complement, which reads"):
            lines.read_slot()


def test_without_a_slot_no_line_is_given_to_a_peer(board: Board) -> None:
    lines = WiredLines(wiring(board), board.succession)
    try:
        assert lines.read().peers == ()
        assert lines.pulse_reset(2, 10) is False
    finally:
        lines.close()


@pytest.mark.parametrize("form", BOTH_FORMS)
@pytest.mark.parametrize(("own", "peers"), [(4, [2, 7]), (2, [7, 4]), (7, [4, 2])])
def test_peers_are_counted_round_the_succession(
    tmp_path: Path, form: str, own: int, peers: list[int]
) -> None:
    board = make_board(form, tmp_path, succession=(4, 2, 7))
    strap(board, own)
    with opened(board) as lines:
        assert [slot for slot, _ in lines.read().peers] == peers


# ---------------------------------------------------------------- waiting


def test_a_changed_input_ends_a_wait(board: Board, lines: LinePort) -> None:
    quiet(lines)
    changing = threading.Timer(0.05, board.put, ("PEER_ACTIVE", True))
    changing.start()
    assert lines.wait(SOON_S)
    changing.join()
    ((_, levels),) = lines.read().peers
    assert levels.active is True


def test_a_wait_ends_without_a_change(lines: LinePort) -> None:
    quiet(lines)
    assert not lines.wait(0.02)


def test_a_wake_ends_a_wait_even_when_it_came_before(board: Board) -> None:
    with opened(board) as lines:
        quiet(lines)
        lines.wake()
        assert not lines.wait(60.0)


def test_driving_an_own_line_is_no_change(lines: LinePort) -> None:
    quiet(lines)
    lines.drive("HEALTH", True)
    assert not lines.wait(0.02)


def test_a_rattling_line_loses_its_hints_and_no_other_line_does(
    board: Board, lines: LinePort
) -> None:
    quiet(lines)
    stopped = threading.Event()

    def rattle() -> None:
        while not stopped.is_set():
            board.put("PEER_HEALTH", True)
            board.put("PEER_HEALTH", False)

    rattling = threading.Thread(target=rattle)
    rattling.start()
    try:
        # Within its right at first, then not: a wait that hears nothing is what is asked for.
        until = time.monotonic() + RATTLE_S
        while lines.wait(0.05):
            assert time.monotonic() < until
        board.put("OUTPUTS_OPEN", True)
        assert lines.wait(0.5), "another line is heard all the same"
        assert lines.read().outputs_open is True
    finally:
        stopped.set()
        rattling.join()


# ---------------------------------------------------------------- reset pulses


def await_level(board: Board, name: str, is_high: bool) -> None:
    wait_until(lambda: board.level(name) is is_high, f"{name} is {is_high}")


def test_a_reset_pulse_begins_at_once_and_ends_by_itself(board: Board, lines: LinePort) -> None:
    assert lines.pulse_reset(2, 500) is True
    assert board.level("PEER_RESET") is True
    await_level(board, "PEER_RESET", False)
    assert lines.pulse_reset(2, 500) is True, "and the next one can be given"
    assert board.level("PEER_RESET") is True


def test_two_who_ask_for_a_pulse_do_not_make_it_longer(board: Board, lines: LinePort) -> None:
    lines.pulse_reset(2, 2000)
    with pytest.raises(PortError, match="a pulse is being given already"):
        lines.pulse_reset(2, 2000)


@pytest.mark.parametrize("pulse_ms", [-1, 0, PULSE_MS_MAX + 1])
def test_a_pulse_without_bounds_is_not_begun(board: Board, lines: LinePort, pulse_ms: int) -> None:
    with pytest.raises(PortError, match=f"a reset pulse of {pulse_ms} ms .* 1 to {PULSE_MS_MAX}"):
        lines.pulse_reset(2, pulse_ms)
    assert board.level("PEER_RESET") is False


def test_closing_ends_a_pulse(board: Board) -> None:
    with opened(board) as lines:
        lines.pulse_reset(2, PULSE_MS_MAX)
    assert board.level("PEER_RESET") is False


def test_a_slot_without_a_reset_line_is_told(lines: LinePort) -> None:
    assert lines.pulse_reset(7, 10) is False


# ---------------------------------------------------------------- files alone


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"2", b"-1", b"x", b"true", b"1 0", b"01x", b"1" * 100, b"\xff\x00", b"\x001"],
)
def test_a_file_that_is_neither_high_nor_low_is_unknown(tmp_path: Path, text: bytes) -> None:
    board = FileBoard(tmp_path)
    rest(board)
    with opened(board) as lines:
        board.write("PEER_HEALTH", text)
        ((_, levels),) = lines.read().peers
        assert levels == LineLevels(presence=True, health=None, active=False, reset=False)


def test_a_driven_file_stays_the_same_file(tmp_path: Path) -> None:
    board = FileBoard(tmp_path)
    rest(board)
    before = (tmp_path / "HEALTH").stat().st_ino
    with opened(board) as lines:
        lines.drive("HEALTH", True)
    assert (tmp_path / "HEALTH").stat().st_ino == before
    assert board.level("HEALTH"), "and keeps its level: it may be another process's by now"
