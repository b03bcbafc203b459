"""Which GPIO chips and lines there are: finds the one that a board file means, and says who has it.

Asks only questions that change nothing (chip info and line info of the character device), so it
may run beside a live service. python-periphery finds a name in one chip only, takes the first of
two lines of the same name, and leaves the chip open when a question fails; therefore lines are
found here and opened by number in `gpio_lines`, its only caller but for `bmcha check`.

Source of numbers and structures: include/uapi/linux/gpio.h, version 2 (Linux 5.10 and later).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from bmcha.hal.port import PortError
from bmcha.model.board import LineGpio
from bmcha.model.record import dataclass

DEVICES: Final = "/dev"
_GET_CHIP_INFO: Final = 0x8044B401
_GET_LINE_INFO: Final = 0xC100B405
_CHIP_INFO: Final = struct.Struct("32s32sI")
# name, consumer, offset, number of attributes, flags; then ten attributes and padding.
_LINE_INFO: Final = struct.Struct("32s32sIIQ")
_LINE_INFO_BYTES: Final = 256
_FLAG_USED: Final = 1
NEAR_NAMES_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Chip:
    device: str
    label: str
    lines_count: int


@dataclass(frozen=True, slots=True)
class LineInfo:
    """``consumer``: who has it now, in its own words; "" while nobody has or says."""

    number: int
    name: str
    is_used: bool
    consumer: str


@dataclass(frozen=True, slots=True)
class Found:
    """Where a line is just now; numbers of chips change when drivers are bound in another order."""

    device: str
    number: int


def find_line(wanted: LineGpio) -> Found:
    """PortError: there is no such line, or more than one, or nobody may look."""
    if wanted.chip is None:
        return _find_anywhere(str(wanted.line))
    chip = _find_chip(wanted.chip)
    if isinstance(wanted.line, int):
        if wanted.line >= chip.lines_count:
            raise PortError(
                f"line {wanted.line} of {shown_chip(chip)}: that chip has {chip.lines_count} lines,"
                f" 0 to {chip.lines_count - 1}"
            )
        return Found(chip.device, wanted.line)
    lines = list(lines_of(chip))
    numbers = [line.number for line in lines if line.name == wanted.line]
    if len(numbers) > 1:
        raise PortError(
            f'line "{wanted.line}" of {shown_chip(chip)}: lines {_listed(numbers)} all have this '
            "name; name the line by its number"
        )
    if not numbers:
        raise PortError(
            f'line "{wanted.line}": {shown_chip(chip)} has no line of this name'
            + _near(wanted.line, [line.name for line in lines])
        )
    return Found(chip.device, numbers[0])


def describe(found: Found) -> LineInfo:
    """PortError: the chip is gone."""
    with _opened(found.device) as chip:
        return _line_info(chip.fd, found.number)


def shown_chip(chip: Chip) -> str:
    return f'{chip.device} ("{chip.label}")'


def chips() -> list[Chip]:
    """Every chip that this user may open, in the order of their numbers."""
    return _readable_chips()[0]


def lines_of(chip: Chip) -> Iterator[LineInfo]:
    """PortError: the chip is gone."""
    with _opened(chip.device) as opened:
        for number in range(chip.lines_count):
            yield _line_info(opened.fd, number)


# ---------------------------------------------------------------- finding


def _find_chip(wanted: str) -> Chip:
    device = wanted if "/" in wanted else os.path.join(DEVICES, wanted)
    if "/" in wanted or os.path.exists(device):
        return _chip_at(device)
    found, closed = _readable_chips()
    same = [chip for chip in found if chip.label == wanted]
    if len(same) > 1:
        raise PortError(
            f'GPIO chip "{wanted}": {_listed([chip.device for chip in same])} all have this label; '
            "name the chip by its file, for example by a link that a udev rule makes"
        )
    if not same:
        names = [name for chip in found for name in (chip.label, os.path.basename(chip.device))]
        raise PortError(
            f'GPIO chip "{wanted}": no chip in {DEVICES} has this name or label'
            + (_near(wanted, names) if found else "; there is no chip at all")
            + closed
        )
    return same[0]


def _find_anywhere(name: str) -> Found:
    readable, closed = _readable_chips()
    found: list[Found] = []
    names: list[str] = []
    for chip in readable:
        for line in lines_of(chip):
            names.append(line.name)
            if line.name == name:
                found.append(Found(chip.device, line.number))
    if len(found) > 1:
        places = _listed([f"{each.device} line {each.number}" for each in found])
        raise PortError(f'line "{name}" is there more than once: {places}; name its chip too')
    if not found:
        what = "no GPIO chip has a line of this name" if readable else "there is no GPIO chip"
        raise PortError(f'line "{name}": {what}{_near(name, names)}{closed}')
    return found[0]


def _readable_chips() -> tuple[list[Chip], str]:
    """And a half sentence on those that may not be opened; "" when there are none."""
    found: list[Chip] = []
    closed: list[str] = []
    names = [name for name in os.listdir(DEVICES) if name.startswith("gpiochip")]
    for name in sorted(names, key=lambda name: (len(name), name)):
        try:
            found.append(_chip_at(os.path.join(DEVICES, name)))
        except PortError:
            if not os.access(os.path.join(DEVICES, name), os.R_OK):
                closed.append(name)
    said = f"; this user may not open {_listed(closed)}, see the group of the file"
    return found, said if closed else ""


def _near(name: str, names: list[str]) -> str:
    known = sorted({each for each in names if each})
    near = get_close_matches(name.upper(), [each.upper() for each in known], NEAR_NAMES_MAX, 0.5)
    close = [each for each in known if each.upper() in near]
    if close:
        return f"; near names: {_listed(close)}"
    return "; none of its lines has a name" if names and not known else ""


def _listed(items: list[str] | list[int]) -> str:
    return ", ".join(map(str, items))


# ---------------------------------------------------------------- asking the kernel


class _Opened:
    """A chip's file for some questions; closed whatever the answers."""

    def __init__(self, device: str, fd: int) -> None:
        self.device = device
        self.fd = fd

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def _opened(device: str) -> _Opened:
    try:
        # Not blocking: the name may be that of a pipe.
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise PortError(f"GPIO chip {device}: {_why(device, error)}") from error
    if not stat.S_ISCHR(os.fstat(fd).st_mode):
        os.close(fd)
        raise PortError(f"GPIO chip {device}: is no character device")
    return _Opened(device, fd)


def _why(device: str, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"permission denied; is this user in the group of that file (ls -l {device})?"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"there is no such chip; see ls {DEVICES}/gpiochip*"
    return f"{error.strerror}"


def _chip_at(device: str) -> Chip:
    with _opened(device) as opened:
        room = bytearray(_CHIP_INFO.size)
        try:
            fcntl.ioctl(opened.fd, _GET_CHIP_INFO, room)
        except OSError as error:
            text = "is no GPIO chip" if error.errno == errno.ENOTTY else _why(device, error)
            raise PortError(f"GPIO chip {device}: {text}") from error
    _, label, lines_count = _CHIP_INFO.unpack(room)
    return Chip(device, _text(label), lines_count)


def _line_info(fd: int, number: int) -> LineInfo:
    room = bytearray(_LINE_INFO_BYTES)
    _LINE_INFO.pack_into(room, 0, b"", b"", number, 0, 0)
    try:
        fcntl.ioctl(fd, _GET_LINE_INFO, room)
    except OSError as error:
        raise PortError(f"GPIO line {number} cannot be looked at: {error.strerror}") from error
    name, consumer, offset, _, flags = _LINE_INFO.unpack_from(room)
    return LineInfo(offset, _text(name), bool(flags & _FLAG_USED), _text(consumer))


def _text(data: bytes) -> str:
    """A device tree may hold any bytes."""
    return data.split(b"\0")[0].decode("utf-8", "backslashreplace")
