"""Boards for the tests of lines: the same wiring as files, and as lines of a real GPIO chip.

A board sets the electrical level of an input, by the schematic's name, and looks at an output. The
GPIO board exists in the virtual machine alone (tests/ports/vm/README.md). Knows no test.
"""

import os
from pathlib import Path
from typing import Protocol

from bmcha.model.board import (
    BoardLines,
    Line,
    LineFile,
    LineGpio,
    OwnLines,
    PeerLines,
    StrapCheck,
    Straps,
)
from bmcha.model.identity import Succession
from tests.ports.vm.bench import Bench

OUTPUTS = ("HEALTH", "ACTIVE", "OUTPUT_ENABLE", "PEER_RESET")
ACTIVE_LOW = ("ACTIVE", "PEER_PRES_N", "PEER_PRES_N2")
BITS = ("SLOT_ID0", "SLOT_ID1", "SLOT_ID2")
COMPLEMENTS = ("SLOT_ID0_N", "SLOT_ID1_N", "SLOT_ID2_N")
GPIO_NAMES = (
    *BITS,
    *("SLOT_PARITY", "HEALTH", "ACTIVE", "OUTPUT_ENABLE", "OUTPUTS_OPEN", "ACTIVE_SENSE"),
    *("PEER_PRES_N", "PEER_HEALTH", "PEER_ACTIVE", "PEER_RESET", "PEER_RESET_SENSE"),
    *COMPLEMENTS,
    *("BOTH", "TWICE", "TWICE", "PEER_PRES_N2", "PEER_HEALTH2", "PEER_ACTIVE2"),
)
"""Of the first chip, in the order of their numbers: see bench_gpio.c."""


class Board(Protocol):
    succession: Succession

    def line(self, name: str) -> Line: ...

    def put(self, name: str, is_high: bool) -> None:
        """An input's level."""

    def level(self, name: str) -> bool:
        """An output's level."""

    def lose(self, name: str) -> None:
        """What the line is a part of goes away."""

    def bring_back(self, name: str) -> None: ...


class FileBoard:
    """A folder of lines."""

    def __init__(self, folder: Path, succession: tuple[int, ...] = (1, 2)) -> None:
        self.folder = folder
        self.succession = Succession(succession)

    def line(self, name: str) -> LineFile:
        return LineFile(str(self.folder / name), name in ACTIVE_LOW)

    def put(self, name: str, is_high: bool) -> None:
        self.write(name, b"1\n" if is_high else b"0\n")

    def write(self, name: str, data: bytes) -> None:
        fd = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT)
        os.pwrite(fd, data, 0)
        os.ftruncate(fd, len(data))
        os.close(fd)

    def level(self, name: str) -> bool:
        return (self.folder / name).read_bytes() == b"1\n"

    def lose(self, name: str) -> None:
        (self.folder / name).rename(self.folder / (name + ".lost"))

    def bring_back(self, name: str) -> None:
        (self.folder / (name + ".lost")).rename(self.folder / name)


class GpioBoard:
    """The first chip of the virtual machine."""

    def __init__(self, succession: tuple[int, ...] = (1, 2)) -> None:
        self.bench = Bench(0)
        self.succession = Succession(succession)

    def line(self, name: str) -> LineGpio:
        return LineGpio("bench-a", name, name in ACTIVE_LOW)

    def put(self, name: str, is_high: bool) -> None:
        self.bench.put(GPIO_NAMES.index(name), is_high)

    def level(self, name: str) -> bool:
        return self.bench.level(GPIO_NAMES.index(name))

    def lose(self, name: str) -> None:
        self.bench.vanish()

    def bring_back(self, name: str) -> None:
        self.bench.come_back()


def rest(board: Board) -> None:
    """Slot 1, the peer present and healthy; nothing else is up."""
    for name in (*OUTPUTS, "OUTPUTS_OPEN", "ACTIVE_SENSE", "PEER_RESET_SENSE", "SLOT_PARITY"):
        board.put(name, name in ACTIVE_LOW and name not in OUTPUTS)
    for number in ("", "2")[: len(board.succession.slots) - 1]:
        board.put(f"PEER_PRES_N{number}", False)
        board.put(f"PEER_HEALTH{number}", True)
        board.put(f"PEER_ACTIVE{number}", False)
    strap(board, 1)


def strap(board: Board, slot: int) -> None:
    for bit, (name, complement) in enumerate(zip(BITS, COMPLEMENTS, strict=True)):
        board.put(name, bool(slot >> bit & 1))
        board.put(complement, not slot >> bit & 1)


def wiring(board: Board, check: StrapCheck = StrapCheck.NONE) -> BoardLines:
    checks: tuple[Line, ...] = ()
    if check is StrapCheck.COMPLEMENT:
        checks = tuple(map(board.line, COMPLEMENTS))
    elif check is not StrapCheck.NONE:
        checks = (board.line("SLOT_PARITY"),)
    return BoardLines(
        straps=Straps(tuple(map(board.line, BITS)), checks, check),
        own=OwnLines(
            health=board.line("HEALTH"),
            active=board.line("ACTIVE"),
            output_enable=board.line("OUTPUT_ENABLE"),
            outputs_open=board.line("OUTPUTS_OPEN"),
            active_sense=board.line("ACTIVE_SENSE"),
        ),
        peers=tuple(
            PeerLines(
                offset,
                board.line(f"PEER_PRES_N{number}"),
                board.line(f"PEER_HEALTH{number}"),
                board.line(f"PEER_ACTIVE{number}"),
                board.line("PEER_RESET") if offset == 1 else None,
                board.line("PEER_RESET_SENSE") if offset == 1 else None,
            )
            for offset, number in zip(
                range(1, len(board.succession.slots)), ("", "2"), strict=False
            )
        ),
    )
