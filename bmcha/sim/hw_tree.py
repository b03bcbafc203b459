"""One module's view of the chassis as files, ``DIR/mmN/hw``: straps, lines, watchdog, hwmon.

Made and kept up to date here, read and written by that module's file adapters. Files are written
in place and never replaced, so that both ends may keep them open, and every text keeps its width,
so that no reader ever meets half of an old one. It decides nothing: whether a write of the module
is applied is up to `bmcha.sim.backplane`. Owned by the chassis thread.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bmcha.model.board import LineFile
from bmcha.model.reading import SensorKind
from bmcha.sim.board_plan import BoardPlan
from bmcha.sim.thermal import PWM_MAX, Plant

VALUE_WIDTH = 12
"""A hwmon value: a sign and up to ten digits, padded with blanks, and the line's end."""
READ_BYTES_MAX = 64
_LIMITED = {
    SensorKind.TEMPERATURE: "temp",
    SensorKind.VOLTAGE: "in",
    SensorKind.CURRENT: "curr",
    SensorKind.POWER: "power",
}


@dataclass(frozen=True, slots=True)
class LineWritten:
    """The module may have written this output line."""

    slot: int
    line: str


@dataclass(frozen=True, slots=True)
class PwmWritten:
    slot: int
    fan: str


@dataclass(frozen=True, slots=True)
class WatchdogWritten:
    slot: int


Written = LineWritten | PwmWritten | WatchdogWritten


class HwTree:
    """The tree of the module in ``slot``, by that module's own plan."""

    def __init__(self, slot: int, plan: BoardPlan) -> None:
        self._slot = slot
        self._plan = plan
        self._fds: dict[str, int] = {}
        self._texts: dict[str, bytes] = {}
        self._blocked: dict[str, int] = {}
        succession = plan.succession
        place = succession.index(slot)
        self._peer_lines: dict[tuple[int, str], LineFile] = {
            (succession[(place + offset) % len(succession)], name): line
            for (offset, name), line in plan.peers.items()
        }
        self._pwm_files = {fan.name: fan.pwm_file for fan in plan.chassis.fans}
        self._make()

    def outputs(self) -> list[tuple[Path, Written]]:
        """The files that the module writes."""
        found: list[tuple[Path, Written]] = [
            (Path(line.file), LineWritten(self._slot, name))
            for name, line in self._plan.driven.items()
        ]
        found += [(Path(f), PwmWritten(self._slot, n)) for n, f in self._pwm_files.items()]
        if self._plan.watchdog_file:
            found.append((Path(self._plan.watchdog_file), WatchdogWritten(self._slot)))
        return found

    # ------------------------------------------------------------ chassis to module

    def show_line(self, slot: int, name: str, is_up: bool) -> None:
        """``slot``'s line has this level; what this module cannot see of it is ignored."""
        is_own = slot == self._slot
        line = self._plan.senses.get(name) if is_own else self._peer_lines.get((slot, name))
        if line is not None:
            self._write(line.file, _line_text(line, is_up))

    def show_values(self, plant: Plant) -> None:
        """What the sensors and tachometers say."""
        for sensor in self._plan.chassis.sensors:
            self._write(sensor.file, _value_text(plant.value(sensor.name)))
        for fan in self._plan.chassis.fans:
            self._write(fan.rpm_file, _value_text(plant.rpm(fan.name)))
        sensed = {sensor.file for sensor in self._plan.chassis.sensors}
        for supply in self._plan.chassis.supplies:
            self._show_unit(supply.ok_file, int(plant.is_supply_ok(supply.name)))
            if supply.power_file not in sensed:
                self._show_unit(supply.power_file, plant.supply_milliwatt(supply.name) * 1000)
        for blade in self._plan.chassis.blades:
            self._show_unit(blade.present_file, 1)
            self._show_unit(blade.power_file, plant.blade_milliwatt(blade.name) * 1000)

    def block_sensor(self, name: str, is_blocked: bool) -> None:
        """A blocked sensor's file is there and answers nobody: it is a pipe into which nothing is
        written. Its value goes on being kept in the file that was there."""
        if is_blocked == self.is_blocked(name):
            return
        (file,) = (sensor.file for sensor in self._plan.chassis.sensors if sensor.name == name)
        aside = file + ".aside"
        if not is_blocked:
            os.replace(aside, file)
            os.close(self._blocked.pop(name))
            return
        os.rename(file, aside)
        os.mkfifo(file, 0o644)
        # Held open for writing, so that no reader sees an end of file.
        self._blocked[name] = os.open(file, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def is_blocked(self, sensor: str) -> bool:
        return sensor in self._blocked

    def release(self, pwms: dict[str, int]) -> None:
        """Nobody drives these lines any more; the fans' registers hold what is applied."""
        for line in self._plan.driven.values():
            self._write(line.file, _line_text(line, False), is_forced=True)
        for fan, file in self._pwm_files.items():
            self._write(file, _value_text(pwms[fan]), is_forced=True)

    # ------------------------------------------------------------ module to chassis

    def line_level(self, name: str) -> bool | None:
        """What the module drives; None: it wrote neither 0 nor 1."""
        line = self._plan.driven[name]
        return _line_level(line, self._read(line.file))

    def pwm(self, fan: str) -> tuple[int | None, str]:
        """What the module asks for, None if it is no pwm, and the text as it stands there."""
        text = self._read(self._pwm_files[fan]).split(b"\n")[0].strip()
        shown = text.decode("ascii", "replace")
        if text.isdigit() and int(text) <= 255:
            return int(text), shown
        return None, shown

    def is_watchdog_disarmed(self) -> bool:
        """The last byte written is the magic close, as for /dev/watchdog."""
        return self._read(self._plan.watchdog_file).strip()[-1:] == b"V"

    def close(self) -> None:
        for name in list(self._blocked):
            self.block_sensor(name, False)
        for fd in self._fds.values():
            os.close(fd)
        self._fds = {}

    # ------------------------------------------------------------ how

    def _make(self) -> None:
        for place, strap in enumerate(self._plan.straps):
            self._write(strap.file, _line_text(strap, bool(self._slot >> place & 1)))
        for line in (*self._plan.driven.values(), *self._peer_lines.values()):
            self._write(line.file, _line_text(line, False), is_forced=True)
        for line in self._plan.senses.values():
            self._write(line.file, _line_text(line, False))
        if self._plan.watchdog_file:
            self._write(self._plan.watchdog_file, b"\n")
        for sensor in self._plan.chassis.sensors:
            self._label(sensor.file, "_input", sensor.name)
            self._chip_name(sensor.file, _LIMITED[sensor.kind])
        for fan in self._plan.chassis.fans:
            self._label(fan.rpm_file, "_input", fan.name)
            self._chip_name(fan.pwm_file, "fan")
            self._write(fan.pwm_file, _value_text(PWM_MAX), is_forced=True)

    def _show_unit(self, file: str, value: int) -> None:
        """``file`` "": the board does not tell."""
        if file:
            self._write(file, _value_text(value))

    def _label(self, file: str, ending: str, name: str) -> None:
        if file.endswith(ending):
            self._write(file.removesuffix(ending) + "_label", name.encode() + b"\n")

    def _chip_name(self, file: str, kind: str) -> None:
        """hwmon has a ``name`` in each chip's directory."""
        name = str(Path(file).parent / "name")
        if name not in self._texts:
            self._write(name, b"bmcha_virtual_" + kind.encode() + b"\n")

    def _write(self, file: str, text: bytes, is_forced: bool = False) -> None:
        """``is_forced``: the module may have written something else since."""
        if self._texts.get(file) == text and not is_forced:
            return
        self._texts[file] = text
        fd = self._open(file)
        os.pwrite(fd, text, 0)
        if os.fstat(fd).st_size != len(text):
            os.ftruncate(fd, len(text))

    def _read(self, file: str) -> bytes:
        return os.pread(self._open(file), READ_BYTES_MAX, 0)

    def _open(self, file: str) -> int:
        if file not in self._fds:
            path = Path(file)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fds[file] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self._fds[file]


def _value_text(value: int) -> bytes:
    return f"{value:<{VALUE_WIDTH - 1}d}\n".encode()


def _line_text(line: LineFile, is_up: bool) -> bytes:
    return b"1\n" if is_up != line.is_active_low else b"0\n"


def _line_level(line: LineFile, text: bytes) -> bool | None:
    level = {b"1": True, b"0": False}.get(text.split(b"\n")[0].strip())
    return None if level is None else level != line.is_active_low
