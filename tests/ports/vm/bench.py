"""Inside the virtual machine: the far end of every GPIO line (see bench_gpio.c for the files).

Levels are electrical: True is high. Knows chips and lines; knows nothing of bmcha. Called by tests
marked `vm`.
"""

import contextlib
from pathlib import Path
from typing import Final

FOLDER: Final = Path("/sys/kernel/debug/bench_gpio")
DRIVER: Final = Path("/sys/bus/platform/drivers/bench-gpio")


class Bench:
    """One chip: 0 (label bench-a) or 1 (bench-b)."""

    def __init__(self, chip: int = 0) -> None:
        self.chip = chip
        self.folder = FOLDER / str(chip)

    def put(self, line: int, is_high: bool) -> None:
        """The level on the line from outside, seen while it is an input."""
        (self.folder / str(line)).write_text("01"[is_high])

    def level(self, line: int) -> bool:
        return self._state(line)[0] == "1"

    def is_output(self, line: int) -> bool:
        return self._state(line)[1] == "out"

    def times_driven_high(self, line: int) -> int:
        """Since the machine started: a glitch is counted, however short."""
        return int(self._state(line)[2])

    def let_go(self, is_released: bool) -> None:
        """Whether a line whose user is gone falls back to the level from outside."""
        (self.folder / "release").write_text("NY"[is_released])

    def wire(self, line: int, to: "Bench", to_line: int) -> None:
        """From now on the level of ``line`` is what ``to_line`` gets from outside."""
        (FOLDER / "wires").write_text(f"{self.chip} {line} {to.chip} {to_line}")

    def vanish(self) -> None:
        with contextlib.suppress(OSError):
            (DRIVER / "unbind").write_text(f"bench-gpio.{self.chip}")

    def come_back(self) -> None:
        with contextlib.suppress(OSError):
            (DRIVER / "bind").write_text(f"bench-gpio.{self.chip}")

    @property
    def device(self) -> str:
        """Its character device now: the number may change when it comes back."""
        (found,) = (DRIVER / f"bench-gpio.{self.chip}").glob("gpiochip[0-9]*")
        return f"/dev/{found.name}"

    def _state(self, line: int) -> list[str]:
        return (self.folder / str(line)).read_text().split()
