"""Inside the virtual machine: fills the empty I2C chips of i2c-stub and binds drivers to them.

A driver then reads its chip as it would on a board, and what it shows under /sys/class/hwmon is
real hwmon. Knows SMBus and sysfs; knows no sensor of bmcha. Called by tests marked `vm`.
"""

import ctypes
import fcntl
import os
from pathlib import Path

BUS = 0
ADAPTER = Path(f"/sys/bus/i2c/devices/i2c-{BUS}")
ADT7475_IDENTITY = {0x3D: 0x75, 0x3E: 0x41, 0x3F: 0x69, 0x40: 0x05}
"""What its driver looks for; see drivers/hwmon/adt7475.c. Fan 1's period in 90 kHz ticks is in
registers 0x28 (low) and 0x29, fan 2's in 0x2a; pwm 1 to 3 in 0x30 to 0x32."""

_SLAVE_FORCE, _SMBUS = 0x0706, 0x0720
_WRITE, _READ = 0, 1
_BYTE_DATA, _WORD_DATA = 2, 3


class _Data(ctypes.Union):
    _fields_ = (("byte", ctypes.c_uint8), ("word", ctypes.c_uint16), ("room", ctypes.c_uint8 * 34))


class _Request(ctypes.Structure):
    _fields_ = (
        ("read_write", ctypes.c_uint8),
        ("register", ctypes.c_uint8),
        ("size", ctypes.c_uint32),
        ("data", ctypes.POINTER(_Data)),
    )


def _transfer(address: int, direction: int, register: int, size: int, data: _Data) -> None:
    fd = os.open(f"/dev/i2c-{BUS}", os.O_RDWR)
    try:
        fcntl.ioctl(fd, _SLAVE_FORCE, address)
        fcntl.ioctl(fd, _SMBUS, _Request(direction, register, size, ctypes.pointer(data)))
    finally:
        os.close(fd)


def write_byte(address: int, register: int, value: int) -> None:
    _transfer(address, _WRITE, register, _BYTE_DATA, _Data(byte=value))


def read_byte(address: int, register: int) -> int:
    data = _Data()
    _transfer(address, _READ, register, _BYTE_DATA, data)
    return int(data.byte)


def write_word(address: int, register: int, value: int) -> None:
    """Low byte first on the wire; an lm75 sends its temperature high byte first: swap it."""
    _transfer(address, _WRITE, register, _WORD_DATA, _Data(word=value))


def set_lm75_milli(address: int, milli: int) -> None:
    """In steps of half a degree."""
    halves = (milli // 500) & 0x1FF
    bits = halves << 7
    write_word(address, 0, (bits & 0xFF) << 8 | bits >> 8)


def attach(driver: str, address: int) -> Path:
    """Binds ``driver``; the folder that holds its temp1_input and the like."""
    (ADAPTER / "new_device").write_text(f"{driver} {address:#x}")
    (found,) = (ADAPTER / f"{BUS}-{address:04x}" / "hwmon").iterdir()
    return found


def detach(address: int) -> None:
    (ADAPTER / "delete_device").write_text(f"{address:#x}")
