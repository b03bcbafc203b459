"""Takes the lines of a board file apart: the slot straps, the module's own lines, those of peers.

Knows the keys of one line (a file, or a line of a GPIO chip) and of the tables of lines; what a
class of board needs of them is in `relations`, whether a line exists is for its adapter to say.
Called by `bmcha.config.board_tables`.
"""

from __future__ import annotations

import re
from typing import Final

from bmcha.config.table import Table, require_distinct
from bmcha.model.board import (
    Bias,
    BoardLines,
    Drive,
    Line,
    LineFile,
    LineGpio,
    LineLed,
    OwnLines,
    PeerLines,
    PulseLine,
    StrapCheck,
    Straps,
)

STRAP_BITS_MAX: Final = 8
"""Slots are 1 to 255."""
PEERS_MAX: Final = 254
LINE_NUMBER_MAX: Final = 65_535
"""The kernel's chips have at most some hundred lines; this keeps a wrong number readable."""

# 31 bytes: what the kernel's interface has room for (GPIO_MAX_NAME_SIZE, with its end).
_GPIO_NAME: Final = re.compile(r"[!-~]([ -~]{0,29}[!-~])?")
_GPIO_NAME_ALLOWED: Final = "a name of 1 to 31 letters, digits and signs (or a file instead)"
_CHIP: Final = re.compile(r"/[^\0]+|[!-~]([ -~]{0,29}[!-~])?")
_CHIP_ALLOWED: Final = 'a chip: "gpiochip0", a file such as "/dev/gpiochip0", or the chip\'s label'
_LED: Final = re.compile(r"[^/\0.][^/\0]{0,62}")
_BIASES: Final = {member.value: member for member in Bias}
_DRIVES: Final = {member.value: member for member in Drive}
_PARITIES: Final = {check.value: check for check in (StrapCheck.EVEN, StrapCheck.ODD)}


def read_lines(table: Table) -> BoardLines:
    straps = table.table("straps", is_required=True)
    lines = table.table("lines")
    board_lines = BoardLines(straps=_straps(straps), own=_own(lines), peers=_peers(lines))
    straps.end()
    lines.end()
    return board_lines


# ---------------------------------------------------------------- straps


def _straps(straps: Table) -> Straps:
    bits = _strap_lines(straps, "bits")
    if not bits and straps.is_sound("bits"):
        straps.refuse("bits", "missing", "the lines of the slot number's bits, lowest bit first")
    if straps.has("complement"):
        if straps.has("parity"):
            allowed = "left out where complement is given: one proof of the straps"
            straps.ignore("parity", "parity_is")
            straps.refuse("parity", "a line", allowed)
        return _with_complement(straps, bits)
    parity = straps.optional_table("parity")
    if parity is None:
        return Straps(bits)
    check = straps.choice("parity_is", _PARITIES)
    return Straps(bits, (_input(parity),), check)


def _with_complement(straps: Table, bits: tuple[Line, ...]) -> Straps:
    lines = _strap_lines(straps, "complement")
    if straps.is_sound("bits", "complement") and len(lines) != len(bits):
        allowed = f"as many as bits: {len(bits)}, in the same order"
        straps.refuse("complement", f"a list of {len(lines)} lines", allowed)
    return Straps(bits, lines, StrapCheck.COMPLEMENT)


def _strap_lines(straps: Table, key: str) -> tuple[Line, ...]:
    return tuple(_input(line) for line in straps.tables(key, STRAP_BITS_MAX))


# ---------------------------------------------------------------- other lines


def _own(lines: Table) -> OwnLines:
    own = lines.table("own")
    found = OwnLines(
        health=_optional_output(own, "health"),
        active=_optional_output(own, "active"),
        output_enable=_optional_output(own, "output_enable"),
        outputs_open=_optional_input(own, "outputs_open"),
        active_sense=_optional_input(own, "active_sense"),
    )
    own.end()
    return found


def _peers(lines: Table) -> tuple[PeerLines, ...]:
    tables = lines.tables("peer", PEERS_MAX)
    found = tuple(
        PeerLines(
            offset=peer.integer("offset", 1, PEERS_MAX),
            presence=_optional_input(peer, "presence"),
            health=_optional_input(peer, "health"),
            active=_optional_input(peer, "active"),
            reset=_reset(peer),
            reset_sense=_optional_input(peer, "reset_sense"),
        )
        for peer in tables
    )
    for peer in tables:
        peer.end()
    require_distinct(tables, "offset")
    return found


def _reset(peer: Table) -> PulseLine | None:
    """A process can be killed or frozen in the middle of a pulse, and the kernel leaves a GPIO
    output as it was. So the end of the pulse is the kernel's (a LED), or the hardware's."""
    table = peer.optional_table("reset")
    if table is None:
        return None
    if table.has("led"):
        led = LineLed(table.text("led", _LED, "the name of a folder in /sys/class/leds"))
        table.end()
        return led
    is_file = table.has("file")
    is_one_shot = is_file or table.flag("one_shot", False)
    line = _line(table, is_output=True)
    if not is_file and table.is_sound("one_shot") and not is_one_shot:
        value = "false" if table.has("one_shot") else "missing"
        allowed = (
            "true, where the hardware bounds the pulse (one-shot); else use led = NAME, a pulse "
            "that the kernel ends: this process may be killed in the middle of one"
        )
        table.refuse("one_shot", value, allowed)
    table.end()
    return line


# ---------------------------------------------------------------- one line


def _optional_input(table: Table, key: str) -> Line | None:
    line = table.optional_table(key)
    return None if line is None else _input(line)


def _optional_output(table: Table, key: str) -> Line | None:
    line = table.optional_table(key)
    if line is None:
        return None
    found = _line(line, is_output=True)
    line.end()
    return found


def _input(table: Table) -> Line:
    line = _line(table, is_output=False)
    table.end()
    return line


def _line(table: Table, is_output: bool) -> Line:
    is_active_low = table.flag("active_low", False)
    if table.has("file"):
        return LineFile(table.file("file"), is_active_low)
    chip = table.text("chip", _CHIP, _CHIP_ALLOWED) if table.has("chip") else None
    line = table.text_or_integer("line", _GPIO_NAME, _GPIO_NAME_ALLOWED, 0, LINE_NUMBER_MAX)
    if chip is None and isinstance(line, int) and table.is_sound("line"):
        table.refuse("chip", "missing", _CHIP_ALLOWED + ", as the line is a number")
    drive = table.choice("drive", _DRIVES, Drive.PUSH_PULL.value) if is_output else Drive.PUSH_PULL
    return LineGpio(
        chip=chip,
        line=line,
        is_active_low=is_active_low,
        bias=table.choice("bias", _BIASES, Bias.AS_IS.value),
        drive=drive,
    )
