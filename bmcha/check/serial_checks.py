"""Checks the serial paths: is it a line, may it be opened, is it free, does it take the mode.

A line that the running service has open is believed: it is the proof. Called by `bmcha.check.run`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import Enum

from bmcha.check.finding import Finding, listed
from bmcha.check.machine import CHARACTER_DEVICE, MISSING, Machine
from bmcha.check.serial_probe import Mode, probe
from bmcha.check.subject import Subject
from bmcha.config.path_tables import LINE_KEYS
from bmcha.model.settings import Flow, LineType, PathKind, PathSettings

GETTYS = ("agetty", "getty", "login", "mgetty", "sh", "bash")


def check_serial(subject: Subject, machine: Machine, service_pid: int | None) -> Iterator[Finding]:
    """``service_pid``: the process that runs this configuration already; None: none does."""
    for number, path in enumerate(subject.node.paths if subject.node else ()):
        key = f"paths[{number}].device"
        is_sound = subject.is_sound(subject.module_file, key)
        if path.kind is not PathKind.SERIAL or not path.device or not is_sound:
            continue
        found = _presence(subject, machine, key, path.device)
        if found is None:
            found = _rights(subject, machine, key, path.device)
        if found is not None:
            yield found
            continue
        holders = machine.holders(path.device)
        if service_pid is not None and any(each.pid == service_pid for each in holders):
            continue
        if holders:
            yield _held(subject, key, path.device, [(each.command, str(each)) for each in holders])
            continue
        keys = [f"paths[{number}].{each}" for each in LINE_KEYS]
        if all(subject.is_sound(subject.module_file, each) for each in keys):
            yield from _mode(subject, number, path)


def serial_devices(machine: Machine) -> list[str]:
    """The lines that have hardware behind them."""
    folder = f"{machine.sys_root}/class/tty"
    return [
        f"/dev/{name}"
        for name in machine.names(folder)
        if machine.kind_of(f"{folder}/{name}/device") != MISSING
        and machine.text(f"{folder}/{name}/type") != "0"
    ]


def _presence(subject: Subject, machine: Machine, key: str, device: str) -> Finding | None:
    kind = machine.kind_of(device)
    there = listed(serial_devices(machine), "none at all")
    allowed = f"a serial line; this machine has {there}"
    if kind == MISSING:
        remedy = "name one that is there; if it should be, look for its driver: dmesg | grep tty"
        return subject.in_module(key, f"{device}, which is not there", allowed, remedy)
    if kind != CHARACTER_DEVICE:
        remedy = "name the line's device"
        return subject.in_module(key, f"{device}, which is {kind}", allowed, remedy)
    name = os.path.basename(machine.real(device))
    tty = f"{machine.sys_root}/class/tty/{name}"
    if machine.text(f"{tty}/type") == "0":
        value = f"{device}, a name with no UART behind it"
        remedy = "take another one; a UART has to be in the device tree or found by its driver"
        return subject.in_module(key, value, allowed, remedy)
    if name in machine.text(f"{machine.sys_root}/class/tty/console/active").split():
        value = f"{device}, where the kernel writes its messages"
        remedy = f"take console={name} out of the kernel's command line, or take another line"
        return subject.in_module(key, value, allowed, remedy)
    return None


def _rights(subject: Subject, machine: Machine, key: str, device: str) -> Finding | None:
    if machine.may(device, os.R_OK | os.W_OK):
        return None
    user, group = machine.user(), machine.group_of(device)
    remedy = f"put the service's user into the group: usermod -aG {group or 'dialout'} {user}"
    value = f"{device}, which {user} may not open"
    return subject.in_module(key, value, "a line that may be read and written", remedy)


def _held(subject: Subject, key: str, device: str, holders: list[tuple[str, str]]) -> Finding:
    shown = listed([text for _, text in holders], names_max=3)
    remedy = "end it, or take another line: two that read one line each get half"
    if any(command in GETTYS for command, _ in holders):
        name = os.path.basename(device)
        remedy = f"end the console on it: systemctl disable --now serial-getty@{name}.service"
    value = f"{device}, in use by {shown}"
    return subject.in_module(key, value, "a line that nobody else has open", remedy)


def _mode(subject: Subject, number: int, path: PathSettings) -> Iterator[Finding]:
    for refused in probe(path.device, mode_of(path)):
        key = f"paths[{number}].{refused.key}"
        if refused.key == "device":
            remedy = f"see `ls -l {path.device}` and `dmesg | tail`"
            allowed = "a serial line that can be opened"
            yield subject.in_module(key, f"{path.device}: {refused.why}", allowed, remedy)
            continue
        value = f"{_shown(getattr(path.line, refused.key, ''))}: {refused.why}"
        remedy = "take another one, the same on both modules"
        allowed = f"what the driver of {path.device} can do"
        yield subject.in_module(key, value, allowed, remedy)


def _shown(value: object) -> str:
    return f'"{value.value}"' if isinstance(value, Enum) else str(value)


def mode_of(path: PathSettings) -> Mode:
    line = path.line
    return Mode(
        baud=line.baud,
        bits=line.bits,
        parity=line.parity.value,
        stop_bits=line.stop_bits,
        has_rtscts=line.flow is Flow.RTSCTS,
        is_rs485=line.type is LineType.RS485,
    )
