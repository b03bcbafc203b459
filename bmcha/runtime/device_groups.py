"""Deals what is to be read or written out to threads: one a device, as long as there are enough.

Values behind one driver wait for each other anyway; values behind different ones must not. Called
by the sensor worker and the fan worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from bmcha.model.settings import Place, device_of

_T = TypeVar("_T")

Group = dict[Place, list[_T]]
"""What one thread has to do: by device."""


def dealt(items: Iterable[tuple[Place, _T]], groups_max: int) -> list[Group[_T]]:
    """``items`` are (place, whatever belongs there). Devices in the order of their first item."""
    by_device: Group[_T] = {}
    for place, item in items:
        by_device.setdefault(device_of(place), []).append(item)
    groups: list[Group[_T]] = [{} for _ in range(min(groups_max, len(by_device)))]
    for number, (device, found) in enumerate(by_device.items()):
        groups[number % groups_max][device] = found
    return groups


def shown(group: Group[_T]) -> str:
    """For the names of threads and the log."""
    return " ".join(
        device if isinstance(device, str) else " at ".join(filter(None, (device.device, device.at)))
        for device in group
    )
