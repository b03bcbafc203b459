"""Where things are: passive values, which do nothing.

The lines are those of docs/adr/0019-emulated-boards.md; a pin is QEMU's name of a GPIO.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SLOTS = (1, 2)

INPUTS = {
    "SLOT_ID0": "gpioP0",
    "SLOT_ID1": "gpioP1",
    "SLOT_PARITY": "gpioP2",
    "PEER_PRES_N": "gpioP3",
    "PEER_HEALTH": "gpioP4",
    "PEER_ACTIVE": "gpioP5",
    "PEER_RESET_SENSE": "gpioP6",
    "OUTPUTS_OPEN": "gpioP7",
    "ACTIVE_SENSE": "gpioS2",
}
OUTPUTS = {
    "MM_HEALTH": "gpioQ0",
    "MM_ACTIVE": "gpioQ1",
    "OUTPUT_ENABLE": "gpioQ2",
    "PEER_RESET": "gpioQ3",
    "FAN0": "gpioQ4",
    "FAN1": "gpioQ5",
    "FAN2": "gpioQ6",
    "FAN3": "gpioQ7",
}
FAN_CONTROLLER = 0x52
"""Of the max31785, on its I2C bus."""
BAUD = 115_200


@dataclass(frozen=True, slots=True)
class Image:
    """What both machines boot."""

    folder: Path

    @property
    def kernel(self) -> Path:
        return self.folder / "uImage"

    @property
    def device_tree(self) -> Path:
        return self.folder / "bmc.dtb"

    @property
    def root(self) -> Path:
        return self.folder / "initrd.cpio"


@dataclass(frozen=True, slots=True)
class Board:
    """One machine's sockets and logs. ``folder`` is short: a socket's name has 107 bytes."""

    slot: int
    folder: Path
    logs: Path

    def socket(self, name: str) -> Path:
        return self.folder / f"{name}{self.slot}"

    def log(self, name: str) -> Path:
        return self.logs / f"slot{self.slot}-{name}.log"


@dataclass(frozen=True, slots=True)
class Account:
    """Who may log in at the console."""

    user: str = "root"
    password: str = "chassis"
