"""From the node's `WriteImage` to the shared memory: packs cells and header, writes them as one.

The header says who writes, in which role, and promises a time within which it is written again
even if no cell changes; `refresh` keeps that promise and is called at every tick, so a reader sees
a dead or stalled node by the age of the header. Runs in the node's thread, the only writer.
"""

from __future__ import annotations

from dataclasses import replace

from bmcha.hal.port import ImagePort
from bmcha.model.effect import EnterRole, WriteImage
from bmcha.model.moment import NS_PER_MS
from bmcha.model.reading import (
    AlarmCell,
    BladeCell,
    FanCell,
    ImageCell,
    RunCell,
    SensorCell,
    SupplyCell,
)
from bmcha.model.record import dataclass
from bmcha.model.role import Role
from bmcha.runtime.worker import Clock
from bmcha.wire.image_codec import CELLS_RANGE, ImageHeader, cell_version, pack_cell, pack_header

STALE_AFTER_MS = 2000
"""As `stall_limit_ms` by default: what is older was written by a node that does not decide."""


@dataclass(frozen=True, slots=True)
class Counts:
    """One above the highest place in use, a kind."""

    sensors: int = 0
    fans: int = 0
    supplies: int = 0
    blades: int = 0
    alarms: int = 0

    def with_cell(self, cell: ImageCell) -> Counts:
        count = cell.index + 1
        match cell:
            case SensorCell():
                return replace(self, sensors=max(self.sensors, count))
            case FanCell():
                return replace(self, fans=max(self.fans, count))
            case SupplyCell():
                return replace(self, supplies=max(self.supplies, count))
            case BladeCell():
                return replace(self, blades=max(self.blades, count))
            case AlarmCell():
                return replace(self, alarms=max(self.alarms, count))
            case RunCell():
                return self


class ImageWriter:
    def __init__(self, port: ImagePort, boot_id: int, own_slot: int | None, clock: Clock) -> None:
        self._port = port
        self._boot_id = boot_id
        self._own_slot = own_slot or 0
        self._clock = clock
        self._role = Role.STARTING
        self._counts = Counts()
        self._latest = WriteImage(cells=(), epoch=0, sequence=0, acked_sequence=0, is_whole=False)
        self._has_whole = False
        self._written_ns = 0

    def role_entered(self, entered: EnterRole) -> None:
        self._role = entered.role
        self._write_header()

    def write(self, effect: WriteImage) -> None:
        """ValueError from the codec is a mistake of the core, and ends the service."""
        counts = Counts() if effect.is_whole else self._counts
        for cell in effect.cells:
            counts = counts.with_cell(cell)
        self._counts = counts
        self._latest = replace(effect, cells=())
        self._has_whole = self._has_whole or effect.is_whole
        version = cell_version(effect.epoch, effect.sequence)
        pieces = [pack_cell(cell, version) for cell in effect.cells]
        self._port.write(
            [pack_header(self._header()), *pieces], CELLS_RANGE if effect.is_whole else None
        )

    def refresh(self) -> None:
        if self._clock() - self._written_ns >= STALE_AFTER_MS * NS_PER_MS // 4:
            self._write_header()

    def _write_header(self) -> None:
        self._port.write([pack_header(self._header())], None)

    def _header(self) -> ImageHeader:
        self._written_ns = self._clock()
        return ImageHeader(
            image_sequence=self._latest.sequence,
            acked_sequence=self._latest.acked_sequence,
            epoch=self._latest.epoch,
            writer_boot_id=self._boot_id,
            updated_ns=self._written_ns,
            stale_after_ms=STALE_AFTER_MS,
            is_live=True,
            is_stale=self._role is not Role.ACTIVE and not self._has_whole,
            writer_slot=self._own_slot,
            role=self._role,
            sensors_count=self._counts.sensors,
            fans_count=self._counts.fans,
            supplies_count=self._counts.supplies,
            blades_count=self._counts.blades,
            alarms_count=self._counts.alarms,
        )
