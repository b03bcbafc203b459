"""Takes the lines of a board file apart: the slot straps, the module's own lines, those of peers.

Knows the keys of one line and of the tables of lines; what a class of board needs of them is in
`relations`. Called by `bmcha.config.board_tables`.
"""

from __future__ import annotations

from typing import Final

from bmcha.config.table import Table, require_distinct
from bmcha.model.board import BoardLines, LineFile, OwnLines, PeerLines

STRAP_BITS_MAX: Final = 8
"""Slots are 1 to 255."""
PEERS_MAX: Final = 254


def read_lines(table: Table) -> BoardLines:
    straps = table.table("straps", is_required=True)
    lines = table.table("lines")
    board_lines = BoardLines(straps=_straps(straps), own=_own(lines), peers=_peers(lines))
    straps.end()
    lines.end()
    return board_lines


def _straps(straps: Table) -> tuple[LineFile, ...]:
    bits = straps.tables("bits", STRAP_BITS_MAX)
    if not bits and straps.is_sound("bits"):
        straps.refuse("bits", "missing", "the files of the slot number's bits, lowest bit first")
    return tuple(_line_file(bit) for bit in bits)


def _own(lines: Table) -> OwnLines:
    own = lines.table("own")
    found = OwnLines(
        health=_line(own, "health"),
        active=_line(own, "active"),
        output_enable=_line(own, "output_enable"),
        outputs_open=_line(own, "outputs_open"),
        active_sense=_line(own, "active_sense"),
    )
    own.end()
    return found


def _peers(lines: Table) -> tuple[PeerLines, ...]:
    tables = lines.tables("peer", PEERS_MAX)
    found = tuple(
        PeerLines(
            offset=peer.integer("offset", 1, PEERS_MAX),
            presence=_line(peer, "presence"),
            health=_line(peer, "health"),
            active=_line(peer, "active"),
        )
        for peer in tables
    )
    for peer in tables:
        peer.end()
    require_distinct(tables, "offset")
    return found


def _line(table: Table, key: str) -> LineFile | None:
    line = table.optional_table(key)
    return None if line is None else _line_file(line)


def _line_file(table: Table) -> LineFile:
    line = LineFile(table.file("file"), table.flag("active_low", False))
    table.end()
    return line
