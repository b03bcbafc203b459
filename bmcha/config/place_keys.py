"""Takes apart where a sensor, a fan or a unit's power is: a file, or a channel of a hwmon device.

Knows the keys ``file`` or ``device``, ``at``, ``channel``, ``label`` (and a fan's pairs of them)
and how hwmon spells channels; looks at no file system. hwmonN numbers are given out by the kernel
in the order of probing, so a device is named by its `name` file and by where it sits. Called by
`bmcha.config.chassis_tables`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from bmcha.config.table import Table
from bmcha.model.reading import SensorKind
from bmcha.model.record import dataclass
from bmcha.model.settings import PWM_MAX, HwmonChannel, Place

HWMON_ROOT: Final = "/sys/class/hwmon"

_PREFIXES: Final = {
    SensorKind.TEMPERATURE: "temp",
    SensorKind.VOLTAGE: "in",
    SensorKind.CURRENT: "curr",
    SensorKind.POWER: "power",
}
_DEVICE: Final = re.compile(r"[^\s/*-]{1,64}")
_DEVICE_ALLOWED: Final = "what the device's name file says: no blanks, no slash, no -, no *"
_AT: Final = re.compile(r"[^\s/]{1,64}")
_AT_ALLOWED: Final = 'one component of the device\'s path, * and ? allowed: "3-0048"'
_LABEL: Final = re.compile(r"[^\n]{1,64}")
_LABEL_ALLOWED: Final = "what the channel's _label file says"


@dataclass(frozen=True, slots=True)
class FanPlaces:
    """The files are "" where there are channels."""

    rpm_file: str = ""
    pwm_file: str = ""
    rpm_channel: HwmonChannel | None = None
    pwm_channel: HwmonChannel | None = None


def read_sensor_place(entry: Table, kind: SensorKind) -> tuple[str, HwmonChannel | None]:
    """The file, or "" and the channel."""
    if not _is_by_device(entry, ("file",), ("at", "channel", "label")):
        return entry.file("file"), None
    device, at = _device(entry)
    label = entry.text("label", _LABEL, _LABEL_ALLOWED, "")
    if entry.has("label") and entry.has("channel"):
        entry.refuse("label", "beside a channel", "either channel or label")
    prefix = _PREFIXES[kind]
    channel = _channel(entry, "channel", prefix, is_required=not entry.has("label"))
    return "", HwmonChannel(device, at, channel or prefix, label)


def read_fan_places(entry: Table) -> FanPlaces:
    channels = ("rpm_channel", "pwm_channel")
    if not _is_by_device(entry, ("rpm_file", "pwm_file"), ("at", *channels, "pwm_read_max")):
        return FanPlaces(entry.file("rpm_file"), entry.file("pwm_file"))
    device, at = _device(entry)
    rpm, pwm = (
        HwmonChannel(device, at, _channel(entry, key, prefix, is_required=True))
        for key, prefix in zip(channels, ("fan", "pwm"), strict=True)
    )
    pwm = replace(pwm, read_max=entry.integer("pwm_read_max", 1, PWM_MAX, PWM_MAX))
    return FanPlaces(rpm_channel=rpm, pwm_channel=pwm)


def read_power_place(entry: Table) -> Place:
    """Of a supply or a blade; "" where the board does not tell its power."""
    if not _is_by_device(entry, ("power_file",), ("at", "power_channel")):
        return entry.optional_file("power_file") or ""
    device, at = _device(entry)
    return HwmonChannel(device, at, _channel(entry, "power_channel", "power", is_required=True))


def _is_by_device(entry: Table, files: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """A device is named; what goes with the other way only is a problem."""
    is_by_device = entry.has("device")
    foreign = files if is_by_device else others
    meant = "device" if is_by_device else " and ".join(files)
    for key in foreign:
        entry.ignore(key)
        if entry.has(key):
            instead = f"either {' and '.join(files)}, or device with its channels"
            entry.refuse(key, f"beside {meant}" if is_by_device else "without device", instead)
    if not is_by_device:
        entry.ignore("device")
    return is_by_device


def _device(entry: Table) -> tuple[str, str]:
    return (
        entry.text("device", _DEVICE, _DEVICE_ALLOWED),
        entry.text("at", _AT, _AT_ALLOWED, ""),
    )


def _channel(entry: Table, key: str, prefix: str, is_required: bool) -> str:
    allowed = f"{prefix} and a number, as in {prefix}1"
    default = None if is_required else ""
    return entry.text(key, re.compile(prefix + r"[0-9]{1,3}"), allowed, default)
