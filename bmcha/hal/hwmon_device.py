"""Finds a hwmon device and keeps hold of it: by what it is called and where it sits, or by folder.

Knows how /sys/class/hwmon is laid out (Documentation/ABI/testing/sysfs-class-hwmon); knows no
values. hwmonN numbers are given out in the order of probing and again after a driver was bound
anew, so they are never trusted: the device's folder is held by a descriptor, which never leads to
another device, and every two seconds it is looked up again, so that a device that was moved,
doubled or replaced is noticed. Owned by one thread. Called by `bmcha.hal.hwmon`.
"""

from __future__ import annotations

import os
import time
from fnmatch import fnmatchcase
from typing import Final

from bmcha.hal.value_file import NoValue, read_text
from bmcha.model.settings import HwmonChannel, Place

RECHECK_NS: Final = 2_000_000_000
RETRY_NS: Final = 100_000_000
"""A device that was not found is not looked for again by the next sensor of the same round."""
SHOWN_MAX: Final = 6


class HwmonDevice:
    """``device``: a folder, or a channel whose device and place count alone."""

    def __init__(self, root: str, device: Place) -> None:
        self._root = root
        self._device = device
        self._fd = -1
        self._names: frozenset[str] = frozenset()
        self._stems: dict[tuple[str, str], str] = {}
        self._due_ns = 0
        self._found_ns = 0
        self._missing: NoValue | None = None
        self.binding_count = 0
        """Grows whenever the device was found anew: what was read of it once has to be again."""

    @property
    def names(self) -> frozenset[str]:
        """The files of the device, as of when it was found."""
        return self._names

    def folder_fd(self) -> int:
        """A descriptor of the device's folder. Raises NoValue: not there, or not to be told."""
        now_ns = time.monotonic_ns()
        if now_ns < self._due_ns:
            if self._missing is not None:
                raise self._missing
            return self._fd
        self._due_ns = now_ns + RETRY_NS
        try:
            self._hold(self._find())
        except NoValue as missing:
            self._missing = missing
            self.close()
            raise
        self._missing = None
        self._found_ns = now_ns
        self._due_ns = now_ns + RECHECK_NS
        return self._fd

    def look_again(self) -> None:
        """A file that should be there is not: the device may have moved."""
        if self._missing is None and time.monotonic_ns() - self._found_ns > RETRY_NS:
            self._due_ns = 0

    def stem(self, channel: HwmonChannel) -> str:
        """The beginning of the channel's file names. Raises NoValue."""
        if not channel.label:
            return channel.channel
        key = (channel.channel, channel.label)
        if key not in self._stems:
            self._stems[key] = self._labelled(channel.channel, channel.label)
        return self._stems[key]

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._names = frozenset()
        self._stems.clear()

    def _labelled(self, prefix: str, label: str) -> str:
        stems = [
            name.removesuffix("_label")
            for name in sorted(self._names)
            if name.startswith(prefix)
            and name.endswith("_label")
            and read_text(name, self._fd) == label
        ]
        if len(stems) != 1:
            what = f"{' and '.join(stems)} are" if stems else f"no {prefix} channel is"
            raise NoValue(f'{what} labelled "{label}"')
        return stems[0]

    def _find(self) -> str:
        if isinstance(self._device, str):
            return self._device
        return find_device(self._root, self._device.device, self._device.at)

    def _hold(self, folder: str) -> None:
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise NoValue(f"{folder} cannot be opened: {_sentence(error)}", True) from None
        try:
            names = frozenset(os.listdir(fd))
        except OSError as error:
            os.close(fd)
            raise NoValue(f"{folder} cannot be read: {_sentence(error)}", True) from None
        is_same = self._fd >= 0 and os.path.samestat(os.fstat(fd), os.fstat(self._fd))
        if is_same and names == self._names:
            os.close(fd)
            return
        self.close()
        self._fd, self._names = fd, names
        self.binding_count += 1


def find_device(root: str, device: str, at: str) -> str:
    """The folder of the one device of this name (and place). Raises NoValue with what is there."""
    try:
        numbers = sorted(os.listdir(root))
    except OSError as error:
        raise NoValue(f"{root} cannot be read: {_sentence(error)}") from None
    named = {}
    for number in numbers:
        folder = os.path.join(root, number)
        name = read_text(os.path.join(folder, "name"))
        if name is not None:
            named[folder] = name
    called = [folder for folder, name in named.items() if name == device]
    found = [folder for folder in called if not at or _sits_at(folder, at)]
    if len(found) == 1:
        return found[0]
    if found:
        places = _listed([_place_shown(folder) for folder in found])
        where = f' at "{at}"' if at else ""
        text = f'{len(found)} hwmon devices are called "{device}"{where}: at {places}'
        raise NoValue(f"{text}; the board file has to say which")
    if called:
        places = _listed([_place_shown(folder) for folder in called])
        raise NoValue(f'no hwmon device "{device}" sits at "{at}": there is one at {places}', True)
    known = _listed(sorted(set(named.values()))) or "none at all"
    raise NoValue(f'no hwmon device is called "{device}": there are {known}', True)


def _sits_at(folder: str, at: str) -> bool:
    return any(fnmatchcase(part, at) for part in os.path.realpath(folder).split("/"))


def _place_shown(folder: str) -> str:
    """The component that tells the device: …/i2c-3/3-0048/hwmon/hwmon5 is at 3-0048."""
    parts = os.path.realpath(folder).split("/")
    return parts[-3] if len(parts) > 2 and parts[-2] == "hwmon" else parts[-1]


def _listed(texts: list[str]) -> str:
    more = ["…"] if len(texts) > SHOWN_MAX else []
    return ", ".join(texts[:SHOWN_MAX] + more)


def _sentence(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
