"""Listens to what a machine does to its own pins and buses: QEMU's trace, a line an event.

A logic analyser's place. It tells that a GPIO register was written (not which pin came of it: that
is read from the machine), and every byte on the I2C buses, from which it makes the words written to
the fan controller. Nothing a guest could say about itself comes into it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rig.resources import FAN_CONTROLLER

TRACED = ("aspeed_gpio_write", "i2c_event", "i2c_send", "i2c_send_async")
PAGE, FAN_COMMAND_1 = 0x00, 0x3B
"""PMBus 1.3, part II: which fan; what it is told."""
_SENT = re.compile(r"i2c_send\w* send\w*\(addr:0x([0-9a-f]+)\) data:0x([0-9a-f]+)")
_EVENT = re.compile(r"i2c_event (\w+)\(addr:0x([0-9a-f]+)\)")


@dataclass(frozen=True, slots=True)
class FanCommand:
    """``at_s`` on the rig's clock; ``value`` as it stands in the controller's register."""

    at_s: float
    page: int
    value: int


class Tap(threading.Thread):
    """Reads until the machine ends. ``on_pins`` is called after each write to a GPIO register."""

    def __init__(self, lines: IO[bytes], log: Path, on_pins: Callable[[], None]) -> None:
        super().__init__(name="tap", daemon=True)
        self.fan_commands: list[FanCommand] = []
        self._lines = lines
        self._log = log
        self._on_pins = on_pins
        self._page = 0
        self._bytes: list[int] = []
        self.start()

    def run(self) -> None:
        with self._log.open("ab", buffering=0) as log, self._lines:
            for raw in self._lines:
                line = raw.decode(errors="replace")
                if "aspeed_gpio_write" in line:
                    self._on_pins()
                elif sent := _SENT.search(line):
                    if int(sent[1], 16) == FAN_CONTROLLER:
                        self._bytes.append(int(sent[2], 16))
                elif event := _EVENT.search(line):
                    if int(event[2], 16) == FAN_CONTROLLER:
                        self._event(event[1])
                else:
                    log.write(raw)

    def _event(self, name: str) -> None:
        if name.startswith("start"):
            self._bytes = []
        elif name == "finish":
            self._end(self._bytes)
            self._bytes = []

    def _end(self, sent: list[int]) -> None:
        match sent:
            case [code, page] if code == PAGE:
                self._page = page
            case [code, low, high, *_] if code == FAN_COMMAND_1:
                command = FanCommand(time.monotonic(), self._page, low | high << 8)
                self.fan_commands.append(command)
