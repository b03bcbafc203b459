"""Was the picture whole at the takeover? Compares the two modules' images at that instant.

When a gate opens while another module's image is there, both shared-memory objects are copied;
comparing is left for later, so that the chassis is not held up. It judges from outside, by the
bytes of the images alone: every cell that the old ACTIVE's image says was acknowledged must be in
the survivor's with the same content. Stamps are not compared: the modules' clocks differ.
Copies are taken in the chassis thread; `result` is asked in the main one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from bmcha.model.record import dataclass
from bmcha.sim.layout import RigLayout
from bmcha.wire import tables
from bmcha.wire.image_codec import ImageHeader, cell_version, unpack_header

COPIES_MAX = 50
"""A writer holds the lock for microseconds; a killed one for ever."""
LOCK = struct.Struct("=I")
LOCK_OFFSET = 12

_TABLES = (
    ("run", tables.RUN_OFFSET, tables.RUN_COUNT, tables.RUN_CELL),
    ("sensor", tables.SENSORS_OFFSET, tables.SENSORS_COUNT, tables.SENSORS_CELL),
    ("fan", tables.FANS_OFFSET, tables.FANS_COUNT, tables.FANS_CELL),
    ("supply", tables.SUPPLIES_OFFSET, tables.SUPPLIES_COUNT, tables.SUPPLIES_CELL),
    ("blade", tables.BLADES_OFFSET, tables.BLADES_COUNT, tables.BLADES_CELL),
    ("alarm", tables.ALARMS_OFFSET, tables.ALARMS_COUNT, tables.ALARMS_CELL),
)


@dataclass(frozen=True, slots=True)
class MirrorResult:
    """``staleness_ms``: how old the oldest reading was that the old ACTIVE had and the survivor
    did not yet confirm. None: it cannot be told."""

    staleness_ms: int | None = None
    cells_differing: int | None = None
    cells_compared: int | None = None
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Copies:
    survivor: bytes
    old: bytes


class MirrorCheck:
    """Keeps the copies of the newest takeover."""

    def __init__(self, layout: RigLayout) -> None:
        self._layout = layout
        self._copies: _Copies | None = None
        self._holder: int | None = None

    def take_gate_opening(self, slot: int, _now_ns: int) -> None:
        """A gate has opened. The first one takes over from nobody."""
        old, self._holder = self._holder, slot
        if old is None or old == slot:
            return
        images = [_copy(self._layout.shm_file(each)) for each in (slot, old)]
        if images[0] is not None and images[1] is not None:
            self._copies = _Copies(images[0], images[1])

    def result(self) -> MirrorResult:
        if self._copies is None:
            return MirrorResult()
        return compare(self._copies.survivor, self._copies.old)


def compare(survivor: bytes, old: bytes) -> MirrorResult:
    """Both are consistent copies of whole images."""
    header = unpack_header(old)
    acked = cell_version(header.epoch, header.acked_sequence)
    newer_epoch = header.epoch + 1 << 32
    have = dict(_cells(survivor))
    compared = 0
    unconfirmed_ns: list[int] = []
    differing: list[str] = []
    for place, (version, stamp_ns, content) in _cells(old):
        if version > acked:
            unconfirmed_ns.append(stamp_ns)
            continue
        found = have.get(place)
        if found is not None and found[0] >= newer_epoch:
            continue  # the survivor's own, written since it took over
        compared += 1
        if found is None or found[2] != content:
            differing.append(f"{place[0]} {place[1]}")
    staleness_ms = _age_ms(header, unconfirmed_ns)
    return MirrorResult(staleness_ms, len(differing), compared, tuple(differing))


def _age_ms(header: ImageHeader, stamps_ns: list[int]) -> int:
    if not stamps_ns:
        return 0
    return max(0, (header.updated_ns - min(stamps_ns)) // 1_000_000)


_Cell = tuple[int, int, tuple[object, ...]]
"""Version, stamp, content."""


def _cells(raw: bytes) -> Iterator[tuple[tuple[str, int], _Cell]]:
    for kind, offset, count, fixed in _TABLES:
        end = offset + count * fixed.size
        for index, fields in enumerate(fixed.iter_unpack(memoryview(raw)[offset:end])):
            if fields[0]:
                yield (kind, index), (fields[0], fields[1], fields[3:])


def _copy(file: Path) -> bytes | None:
    """A consistent copy; None: no image, or its writer died in the middle of a write."""
    for _ in range(COPIES_MAX):
        try:
            raw = file.read_bytes()
            with file.open("rb") as image:
                image.seek(LOCK_OFFSET)
                again = image.read(LOCK.size)
        except OSError:
            return None
        if len(raw) < tables.IMAGE_SIZE:
            return None
        lock = raw[LOCK_OFFSET : LOCK_OFFSET + LOCK.size]
        if lock == again and not LOCK.unpack(lock)[0] & 1:
            return raw
    return None
