"""Sensors and fans as the kernel's hwmon shows them: one file a value.

Knows hwmon's file names and units; knows no limits and no control. Rules: a sensor that cannot be
read, or reads as anything but one believable whole number, is None and never an exception; a fan
that cannot be written is a `PortError`. Called by the sensor worker and the effect runner.
"""

from __future__ import annotations

import os
from typing import Final

from bmcha.hal.port import PortError
from bmcha.hal.value_file import read_whole_number, write_whole_number

MILLI_MAX: Final = 2**31 - 1
"""Values are i32 in the image; what does not fit is no reading."""
MICRO_PER_MILLI: Final = 1000
PWM_MAX: Final = 255


class HwmonSensors:
    def read_milli(self, file: str) -> int | None:
        """m°C, mV, mA, mW, or rpm as it is.

        hwmon gives power in µW (Documentation/hwmon/sysfs-interface), all else in thousandths; the
        file's name says which it is.
        """
        value = read_whole_number(file)
        if value is None:
            return None
        if os.path.basename(file).startswith("power"):
            value //= MICRO_PER_MILLI
        return value if abs(value) <= MILLI_MAX else None


class HwmonFans:
    def set_pwm(self, file: str, pwm: int) -> None:
        if not 0 <= pwm <= PWM_MAX:
            raise PortError(f"fan {file}: pwm is {pwm}, allowed is 0 to {PWM_MAX}")
        try:
            write_whole_number(file, pwm)
        except OSError as error:
            raise PortError(f"fan {file} cannot be set: {error.strerror}") from error
