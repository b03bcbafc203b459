"""Checks that every sensor, fan, supply and blade of the board can be read, and driven, where the
board file says. Reads each once, by the service's own adapters, and writes nothing.

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
from bmcha.hal.hwmon import HwmonSensors
from bmcha.hal.hwmon_device import HwmonDevice
from bmcha.hal.value_file import NoValue
from bmcha.model.settings import HwmonChannel, Place, device_of

_HANGS: Final = "it did not answer within 2 s"
_HANGS_REMEDY: Final = "look at the device, its bus and its driver (dmesg): a read does not return"
_READ: Final = "a file with one whole number in it"


def check_sensors(subject: Subject, machine: Machine) -> Iterator[Finding]:
    chassis = subject.board.chassis
    root = chassis.hwmon_root
    for number, sensor in enumerate(chassis.sensors):
        where = f"sensors[{number}]"
        yield from _readable(subject, machine, where, "file", "channel", sensor.place)
    for number, fan in enumerate(chassis.fans):
        where = f"fans[{number}]"
        found = list(_readable(subject, machine, where, "rpm_file", "rpm_channel", fan.rpm_place))
        yield from found
        # One wrong device is one finding, not one for each of its channels.
        if not any(each.key.endswith((".device", ".at")) for each in found):
            yield from _writable(subject, machine, root, where, fan.pwm_place)
    power_keys = ("power_file", "power_channel")
    for number, supply in enumerate(chassis.supplies):
        where = f"supplies[{number}]"
        yield from _readable(subject, machine, where, "ok_file", "", supply.ok_file)
        yield from _readable(subject, machine, where, *power_keys, supply.power_place)
    for number, blade in enumerate(chassis.blades):
        where = f"blades[{number}]"
        yield from _readable(subject, machine, where, "present_file", "", blade.present_file)
        yield from _readable(subject, machine, where, *power_keys, blade.power_place)


def _readable(
    subject: Subject, machine: Machine, where: str, file_key: str, channel_key: str, place: Place
) -> Iterator[Finding]:
    if not place or not _is_told(subject, where, file_key, place):
        return
    root = subject.board.chassis.hwmon_root
    sample = within(lambda: HwmonSensors(root, device_of(place)).read(place, False))
    if sample is None:
        key, name = file_key, str(place)
        if isinstance(place, HwmonChannel):
            key, name = channel_key, f'"{place.channel}" of {place.device}'
        yield subject.in_board(f"{where}.{key}", f"{name}: {_HANGS}", _READ, _HANGS_REMEDY)
        return
    if sample.value is not None:
        return
    if isinstance(place, HwmonChannel):
        yield _no_channel(subject, root, where, channel_key, place, sample.why)
        return
    remedy = "find the right file: grep . /sys/class/hwmon/hwmon*/name; better, name the device"
    if not place.startswith("/sys/"):
        remedy = "mend the name, or hw_root in the module's file, where relative names start"
    value = f"{place}: {sample.why}"
    if machine.kind_of(place) == MISSING:
        value = f"{place}, which is not there"
    yield subject.in_board(f"{where}.{file_key}", value, _READ, remedy)


def _no_channel(
    subject: Subject, root: str, where: str, key: str, place: HwmonChannel, why: str
) -> Finding:
    """Says which of device, place, channel or label is the one that does not fit."""
    device = HwmonDevice(root, place)
    try:
        device.folder_fd()
    except NoValue as missing:
        wrong = "at" if place.at and "sits at" in str(missing) else "device"
        value = f'"{place.at if wrong == "at" else place.device}": {missing}'
        remedy = "name one that is there, or load its driver; all: grep . /sys/class/hwmon/*/name"
        allowed = "a hwmon device of this machine, told from the others by at"
        return subject.in_board(f"{where}.{wrong}", value, allowed, remedy)
    try:
        stems = {name.partition("_")[0] for name in device.names if "_" in name}
        stems |= {name for name in device.names if name.startswith("pwm") and name[3:].isdigit()}
        kind = place.channel.rstrip("0123456789")
        there = listed(sorted(stem for stem in stems if stem.rstrip("0123456789") == kind))
    finally:
        device.close()
    if place.label:
        value, key = f'"{place.label}": {why}', "label"
    else:
        value = f'"{place.channel}": {why}'
    allowed = f"a channel of {place.device}, which has {there}"
    return subject.in_board(f"{where}.{key}", value, allowed, f"name one of them: {there}")


def _writable(
    subject: Subject, machine: Machine, root: str, where: str, place: Place
) -> Iterator[Finding]:
    if not _is_told(subject, where, "pwm_file", place):
        return
    if isinstance(place, str):
        kind = machine.kind_of(place)
        if kind == MISSING or not machine.may(place, os.W_OK):
            why = "it is not there" if kind == MISSING else f"{machine.user()} may not write it"
            remedy = "mend the name, or give the service's user the right: a udev rule, or root"
            value = f"{place}: {why}"
            yield subject.in_board(f"{where}.pwm_file", value, "a file to write pwm to", remedy)
        return
    device = HwmonDevice(root, place)
    try:
        fd = device.folder_fd()
        if place.channel not in device.names:
            why = f"there is no {place.channel}"
            yield _no_channel(subject, root, where, "pwm_channel", place, why)
        elif not os.access(place.channel, os.W_OK, dir_fd=fd):
            value = f'"{place.channel}": {machine.user()} may not write it'
            remedy = "give the service's user the right: a udev rule, or root"
            allowed = "a channel that may be driven"
            yield subject.in_board(f"{where}.pwm_channel", value, allowed, remedy)
    except NoValue:
        pass  # Told for the fan's speed.
    finally:
        device.close()


def _is_told(subject: Subject, where: str, key: str, place: Place) -> bool:
    """Whether the place was read soundly, and can be looked for from here."""
    if isinstance(place, str):
        full = f"{where}.{key}"
        return subject.is_within_reach(place) and subject.is_sound(
            subject.board_file_of(full), full
        )
    names = ("device", "at", "channel", "label", "rpm_channel", "pwm_channel", "power_channel")
    keys = [f"{where}.{each}" for each in names]
    return subject.is_within_reach(subject.board.chassis.hwmon_root) and all(
        subject.is_sound(subject.board_file_of(each), each) for each in keys
    )
