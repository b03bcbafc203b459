"""Checks that every line of the board is there and may be read or driven.

Called by `bmcha.check.run`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from bmcha.check.bounded import within
from bmcha.check.finding import Finding, listed
from bmcha.check.machine import MISSING, Machine
from bmcha.check.subject import Subject
from bmcha.hal.gpio_chips import Found, LineInfo, describe, find_line
from bmcha.hal.port import PortError
from bmcha.model.board import BoardLines, LineFile, LineGpio, LineLed, PulseLine

CONSUMER: Final = "bmcha"
"""As whom the service has its lines (`bmcha.hal.gpio_lines`, which would import periphery)."""


def check_lines(subject: Subject, machine: Machine, service_pid: int | None) -> Iterator[Finding]:
    """``service_pid``: the process that has the lines already; None: none of ours has."""
    places: dict[object, str] = {}
    for key, line, is_output in lines_of(subject.board.lines):
        if not subject.is_sound(subject.board_file_of(key), key):
            continue
        place: object = line
        if isinstance(line, LineFile):
            place = line.file
            yield from _file(subject, machine, key, line, is_output)
        elif isinstance(line, LineLed):
            yield from _led(subject, machine, key, line)
        else:
            place, findings = _gpio(subject, key, line, service_pid)
            yield from findings
        first = places.setdefault(place, key)
        if first != key and place:
            value = f"the same line as {first}"
            yield subject.in_board(
                key, value, "a line of its own", "name the right line of the two"
            )


def check_hw_root(subject: Subject, machine: Machine) -> Iterator[Finding]:
    root = subject.board_source.folder
    if machine.kind_of(root) == "a folder" or not root:
        return
    value = f"{root}, which is {'not there' if machine.kind_of(root) == MISSING else 'no folder'}"
    remedy = "name the folder where the board's relative file names start; / for none"
    allowed = "a folder that is there"
    if subject.node is None:
        yield Finding("the command line", "--hw-root", value, allowed, remedy)
    elif subject.is_sound(subject.module_file, "hw_root"):
        yield subject.in_module("hw_root", value, allowed, remedy)


def lines_of(lines: BoardLines) -> Iterator[tuple[str, PulseLine, bool]]:
    """(key, line, is it driven from here) of every line that is wired."""
    straps, own = lines.straps, lines.own
    for number, bit in enumerate(straps.bits):
        yield f"straps.bits[{number}]", bit, False
    proof = "complement" if len(straps.checks) > 1 else "parity"
    for number, check in enumerate(straps.checks):
        yield f"straps.{proof}" + (f"[{number}]" if proof == "complement" else ""), check, False
    for name, is_output in (
        *(("health", True), ("active", True), ("output_enable", True)),
        *(("outputs_open", False), ("active_sense", False)),
    ):
        line = getattr(own, name)
        if line is not None:
            yield f"lines.own.{name}", line, is_output
    for number, peer in enumerate(lines.peers):
        for name in ("presence", "health", "active", "reset", "reset_sense"):
            line = getattr(peer, name)
            if line is not None:
                yield f"lines.peer[{number}].{name}", line, name == "reset"


def _file(
    subject: Subject, machine: Machine, key: str, line: LineFile, is_output: bool
) -> Iterator[Finding]:
    full = f"{key}.file"
    if not subject.is_within_reach(line.file) or not subject.is_sound(
        subject.board_file_of(full), full
    ):
        return
    kind = machine.kind_of(line.file)
    allowed = 'a file that holds "0" or "1"'
    if kind == MISSING:
        names = machine.names(os.path.dirname(line.file))
        remedy = "mend the name, or hw_root in the module's file, where relative names start"
        value = f"{line.file}, which is not there; in its folder: {listed(names, 'nothing')}"
        yield subject.in_board(full, value, allowed, remedy)
        return
    if not machine.may(line.file, os.W_OK if is_output else os.R_OK):
        verb = "write" if is_output else "read"
        value = f"{line.file}, which {machine.user()} may not {verb}"
        remedy = "give the service's user the right, by a udev rule or chown"
        yield subject.in_board(full, value, f"a file that it may {verb}", remedy)
    elif not is_output and (text := machine.text(line.file)) not in ("0", "1"):
        value = f'{line.file}, which holds "{text[:20]}"'
        remedy = "name the file of a line's level"
        yield subject.in_board(full, value, allowed, remedy)


def _gpio(
    subject: Subject, key: str, line: LineGpio, service_pid: int | None
) -> tuple[Found | None, list[Finding]]:
    """Asks the chip without requesting the line. Where it is, and what is wrong with it."""
    answer = within(lambda: _look(line))
    if answer is None:
        answer = PortError("its chip did not answer within 2 s")
    if isinstance(answer, PortError):
        text = str(answer)
        is_chip = line.chip is not None and "chip " in text.partition(":")[0]
        wanted = f"{key}.chip" if is_chip else f"{key}.line"
        allowed = (
            "a chip of this machine" if is_chip else "a line that one chip of this machine has"
        )
        remedy = "see what there is: gpioinfo (package gpiod), or ls /dev/gpiochip*"
        return None, [subject.in_board(wanted, text, allowed, remedy)]
    found, info = answer
    is_ours = info.consumer == CONSUMER and service_pid is not None
    if not info.is_used or is_ours:
        return found, []
    value = f'{found.device} line {found.number} "{info.name}", held by "{info.consumer or "?"}"'
    remedy = "end what holds it; a kernel driver has it by the device tree (gpio-hog, leds, keys)"
    allowed = "a line that nobody else has"
    return found, [subject.in_board(f"{key}.line", value, allowed, remedy)]


def _look(line: LineGpio) -> tuple[Found, LineInfo] | PortError:
    try:
        found = find_line(line)
        return found, describe(found)
    except PortError as error:
        return error


def _led(subject: Subject, machine: Machine, key: str, line: LineLed) -> Iterator[Finding]:
    folder = f"{machine.sys_root}/class/leds"
    if machine.kind_of(f"{folder}/{line.name}") == MISSING:
        there = listed(machine.names(folder))
        value = f'"{line.name}", which is not there'
        remedy = "name one of them, or add a gpio-leds node to the device tree"
        yield subject.in_board(f"{key}.led", value, f"a LED of this machine: {there}", remedy)
