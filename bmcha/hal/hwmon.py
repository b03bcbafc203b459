"""Sensors and fans as the kernel's hwmon shows them: one file a value.

Knows hwmon's file names and units (Documentation/hwmon/sysfs-interface); judges nothing but what a
device says of itself. Rules: a sensor that cannot be read, or reads as anything but one whole
number, is a sample without a value and with a reason, never an exception; a fan that cannot be
driven is a `PortError`. Each object is one device and owned by one thread, which waits as long as
the device's driver does. Called by the sensor workers and the fan workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeVar

from bmcha.hal.hwmon_device import HwmonDevice
from bmcha.hal.port import PortError, Sample
from bmcha.hal.value_file import NoValue, read_value, write_whole_number
from bmcha.model.reading import MILLI_MAX
from bmcha.model.settings import PWM_MAX, HwmonChannel, Place

MICRO_PER_MILLI: Final = 1000
PWM_STEP_MAX: Final = 17
"""A chip with four bits for it rounds to multiples of 17; more than that is not rounding."""
MANUAL: Final = 1
_VALUE_ENDINGS: Final = ("_input", "_average")
_LOW_ENDINGS: Final = ("_min", "_lcrit")
_HIGH_ENDINGS: Final = ("_max", "_crit", "_emergency")
_ALARM_ENDINGS: Final = (
    *("_alarm", "_min_alarm", "_max_alarm", "_lcrit_alarm", "_crit_alarm", "_emergency_alarm"),
)

_T = TypeVar("_T")


class HwmonSensors:
    def __init__(self, root: str, device: Place) -> None:
        self._device = HwmonDevice(root, device)
        self._limits: dict[str, tuple[int | None, int | None]] = {}
        self._limits_of = 0

    def read(self, place: Place, has_device_limits: bool) -> Sample:
        """m°C, mV, mA, mW, or rpm as it is."""
        try:
            return _with_one_more_look(self._device, lambda: self._read(place, has_device_limits))
        except NoValue as missing:
            return Sample(None, str(missing))

    def close(self) -> None:
        self._device.close()

    def _read(self, place: Place, has_device_limits: bool) -> Sample:
        folder_fd = self._device.folder_fd()
        names = self._device.names
        file, stem = self._file(place)
        value = _scaled(file, read_value(file, folder_fd))
        if abs(value) > MILLI_MAX:
            raise NoValue(f"{file} is {value}, which is no such quantity")
        fault = f"{stem}_fault"
        if fault in names and _is_set(fault, folder_fd):
            raise NoValue(f"the device reports a fault: {fault} is set")
        if not has_device_limits:
            return Sample(value)
        raised = [
            stem + ending
            for ending in _ALARM_ENDINGS
            if stem + ending in names and _is_set(stem + ending, folder_fd)
        ]
        why = f"the device says {', '.join(raised)}" if raised else ""
        return Sample(value, why, *self._limits_of_channel(stem, folder_fd))

    def _file(self, place: Place) -> tuple[str, str]:
        """The value's file in the device's folder, and the beginning of its companions' names."""
        if isinstance(place, str):
            file = os.path.basename(place)
            stem = next((file.removesuffix(e) for e in _VALUE_ENDINGS if file.endswith(e)), "")
            return file, stem or file
        stem = self._device.stem(place)
        names = self._device.names
        ending = next((e for e in _VALUE_ENDINGS if stem + e in names), _VALUE_ENDINGS[0])
        return stem + ending, stem

    def _limits_of_channel(self, stem: str, folder_fd: int) -> tuple[int | None, int | None]:
        """As of when the device was found: a driver that is bound anew may have others."""
        if self._limits_of != self._device.binding_count:
            self._limits.clear()
            self._limits_of = self._device.binding_count
        if stem not in self._limits:
            low = self._first(stem, _LOW_ENDINGS, folder_fd)
            high = self._first(stem, _HIGH_ENDINGS, folder_fd)
            is_sense = low is None or high is None or low < high
            self._limits[stem] = (low, high) if is_sense else (None, None)
        return self._limits[stem]

    def _first(self, stem: str, endings: tuple[str, ...], folder_fd: int) -> int | None:
        for name in (stem + ending for ending in endings):
            if name in self._device.names:
                try:
                    return max(
                        -MILLI_MAX, min(MILLI_MAX, _scaled(name, read_value(name, folder_fd)))
                    )
                except NoValue:
                    continue
        return None


class HwmonFans:
    def __init__(self, root: str, device: Place) -> None:
        self._device = HwmonDevice(root, device)

    def drive(self, place: Place, pwm: int) -> None:
        """In manual mode, which is made sure of each time; read back where that can be done."""
        if not 0 <= pwm <= PWM_MAX:
            raise PortError(f"{_shown(place)}: pwm is {pwm}, allowed is 0 to {PWM_MAX}")
        try:
            _with_one_more_look(self._device, lambda: self._drive(place, pwm))
        except NoValue as missing:
            raise PortError(f"{_shown(place)} cannot be set: {missing}") from None
        except OSError as error:
            raise PortError(f"{_shown(place)} cannot be set: {error.strerror}") from error

    def close(self) -> None:
        self._device.close()

    def _drive(self, place: Place, pwm: int) -> None:
        folder_fd = self._device.folder_fd()
        if isinstance(place, str):
            file = os.path.basename(place)
        else:
            file = self._device.stem(place)
        complaint = self._make_manual(f"{file}_enable", folder_fd)
        write_whole_number(file, pwm, folder_fd)
        if complaint:
            raise NoValue(complaint)
        try:
            now = read_value(file, folder_fd)
        except NoValue:
            return  # may be for writing only
        read_max = PWM_MAX if isinstance(place, str) else place.read_max
        if abs(now * PWM_MAX // read_max - pwm) > PWM_STEP_MAX:
            raise NoValue(f"{pwm} was written and {now} is read back")

    def _make_manual(self, enable: str, folder_fd: int) -> str:
        """Why the fan may not follow its pwm, "" if it does. The pwm is written all the same."""
        if enable not in self._device.names:
            return ""
        try:
            if read_value(enable, folder_fd) != MANUAL:
                write_whole_number(enable, MANUAL, folder_fd)
        except NoValue as missing:
            return str(missing)
        except OSError as error:
            return f"{enable} cannot be set to manual: {error.strerror}"
        return ""


def _with_one_more_look(device: HwmonDevice, act: Callable[[], _T]) -> _T:
    """A device may have moved since it was found: then it is looked for once, at once."""
    try:
        return act()
    except NoValue as missing:
        if not missing.is_gone:
            raise
    except FileNotFoundError:
        pass
    device.look_again()
    return act()


def _scaled(file: str, value: int) -> int:
    """hwmon gives power in µW, all else in thousandths; the file's name says which it is."""
    return value // MICRO_PER_MILLI if file.startswith("power") else value


def _is_set(file: str, folder_fd: int) -> bool:
    try:
        return read_value(file, folder_fd) == 1
    except NoValue:
        return False


def _shown(place: Place) -> str:
    if isinstance(place, HwmonChannel):
        at = f" at {place.at}" if place.at else ""
        return f"{place.label or place.channel} of {place.device}{at}"
    return place
