"""Checks the watchdog without opening it: opening one starts it. Called by `bmcha.check.run`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from bmcha.check.finding import Finding, listed
from bmcha.check.machine import CHARACTER_DEVICE, MISSING, Machine
from bmcha.check.subject import Subject

KEY = "watchdog.file"


def check_watchdog(
    subject: Subject, machine: Machine, service_pid: int | None
) -> Iterator[Finding]:
    file = subject.board.watchdog_file
    is_sound = subject.is_sound(subject.board_file_of(KEY), KEY)
    if not file or not subject.is_within_reach(file) or not is_sound:
        return
    there = [f"/dev/{name}" for name in machine.names(f"{machine.sys_root}/class/watchdog")]
    allowed = f"a watchdog's device; this machine has {listed(there)}"
    kind = machine.kind_of(file)
    if kind == MISSING:
        remedy = "load its driver, or for a trial without hardware: modprobe softdog"
        yield subject.in_board(KEY, f"{file}, which is not there", allowed, remedy)
        return
    if kind not in (CHARACTER_DEVICE, "a file"):
        yield subject.in_board(KEY, f"{file}, which is {kind}", allowed, "name the device")
        return
    if not machine.may(file, os.W_OK):
        value = f"{file}, which {machine.user()} may not write"
        remedy = "a udev rule that gives the device to the service's group, or root"
        yield subject.in_board(KEY, value, "a device that may be written", remedy)
    if kind == CHARACTER_DEVICE:
        yield from _device(subject, machine, file, service_pid)


def _device(
    subject: Subject, machine: Machine, file: str, service_pid: int | None
) -> Iterator[Finding]:
    folder = _sysfs_folder(machine, file)
    holders = machine.holders(file)
    is_ours = service_pid is not None and any(each.pid == service_pid for each in holders)
    is_active = machine.text(f"{folder}/state") == "active" if folder else False
    if not is_ours and (holders or (is_active and service_pid is None)):
        who = listed(map(str, holders), "somebody, as its state is active", names_max=3)
        remedy = "let only one feed it: for systemd, RuntimeWatchdogSec=0 in system.conf"
        yield subject.in_board(KEY, f"{file}, held by {who}", "a watchdog nobody holds", remedy)
    if not folder:
        return
    yield from _range(subject, machine, file, folder)
    yield from _pretimeout(subject, machine, file, folder)
    if machine.text(f"{folder}/nowayout") == "1":
        remedy = "load the driver with nowayout=0, if that is not what is wanted"
        value = f"{file} cannot be stopped: when the service ends, the module is reset"
        allowed = "a watchdog that the magic close stops"
        yield subject.in_board(KEY, value, allowed, remedy, True)


def _range(subject: Subject, machine: Machine, file: str, folder: str) -> Iterator[Finding]:
    watchdog_ms = subject.board.watchdog_ms
    low = machine.text(f"{folder}/min_timeout")
    high = machine.text(f"{folder}/max_timeout")
    key = "watchdog_ms"
    if watchdog_ms is None or not subject.is_sound(subject.board_file_of(key), key):
        return
    low_ms = int(low) * 1000 if low.isdigit() else 0
    high_ms = int(high) * 1000 if high.isdigit() else 0
    is_high = 0 < high_ms < watchdog_ms
    if watchdog_ms < low_ms or is_high:
        top = f" to {high_ms}" if high_ms else " up"
        remedy = f"set it to {high_ms if is_high else low_ms}, and deadtime_ms of every path above"
        allowed = f"what {file} can do: {low_ms}{top} ms"
        yield subject.in_board(key, str(watchdog_ms), allowed, remedy)


def _pretimeout(subject: Subject, machine: Machine, file: str, folder: str) -> Iterator[Finding]:
    pretimeout_ms = subject.board.watchdog_pretimeout_ms
    key = "watchdog.pretimeout_ms"
    # Where the kernel shows nothing of a watchdog (no WATCHDOG_SYSFS) nothing can be said.
    is_shown = machine.kind_of(f"{folder}/timeout") != MISSING
    has_none = is_shown and machine.kind_of(f"{folder}/pretimeout") == MISSING
    if pretimeout_ms and has_none and subject.is_sound(subject.board_file_of(key), key):
        allowed = f"0 or missing: {file} has no pretimeout"
        yield subject.in_board(key, str(pretimeout_ms), allowed, "take the line out")


def _sysfs_folder(machine: Machine, file: str) -> str:
    """Its folder in sysfs; "" for a device that the kernel does not list there."""
    root = f"{machine.sys_root}/class/watchdog"
    number = machine.device_number(file)
    for name in machine.names(root):
        is_same = number and machine.text(f"{root}/{name}/dev") == number
        # /dev/watchdog is an old name of the first one, with a number of its own.
        is_first = name == "watchdog0" and os.path.basename(machine.real(file)) == "watchdog"
        if is_same or is_first:
            return f"{root}/{name}"
    return ""
