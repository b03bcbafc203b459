"""One module's view of the chassis as files, ``DIR/mmN/hw``: straps, lines, watchdog, hwmon.

Made and kept up to date here, read and written by that module's file adapters. Files are written
in place and never replaced, so that both ends may keep them open, and every text keeps its width,
so that no reader ever meets half of an old one. It decides nothing: whether a write of the module
is applied is up to `bmcha.sim.backplane`. Owned by the chassis thread.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bmcha.model.board import LineFile
from bmcha.model.record import dataclass
from bmcha.model.settings import ChassisSettings, HwmonChannel, Place, device_of
from bmcha.sim.board_plan import BoardPlan
from bmcha.sim.thermal import PWM_MAX, Plant

VALUE_WIDTH = 12
"""A hwmon value: a sign and up to ten digits, padded with blanks, and the line's end."""
READ_BYTES_MAX = 64


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


@dataclass(frozen=True, slots=True)
class ResetWritten:
    """The module may have written its line that resets the module in slot ``target``."""

    slot: int
    target: int


Written = LineWritten | PwmWritten | WatchdogWritten | ResetWritten


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
        self._resets: dict[int, LineFile] = {
            succession[(place + offset) % len(succession)]: line
            for offset, line in plan.resets.items()
        }
        self._folders = _hwmon_folders(plan.chassis)
        self._sensor_files = {each.name: self._file(each.place) for each in plan.chassis.sensors}
        self._rpm_files = {fan.name: self._file(fan.rpm_place) for fan in plan.chassis.fans}
        self._pwm_files = {fan.name: self._file(fan.pwm_place) for fan in plan.chassis.fans}
        self._make()

    def outputs(self) -> list[tuple[Path, Written]]:
        """The files that the module writes."""
        found: list[tuple[Path, Written]] = [
            (Path(line.file), LineWritten(self._slot, name))
            for name, line in self._plan.driven.items()
        ]
        found += [(Path(f), PwmWritten(self._slot, n)) for n, f in self._pwm_files.items()]
        found += [(Path(x.file), ResetWritten(self._slot, t)) for t, x in self._resets.items()]
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

    def force_strap(self, name: str, level: bool | None) -> None:
        """``level`` None: as the slot has it."""
        place = self._plan.strap_names.index(name)
        is_up = bool(self._slot >> place & 1) if level is None else level
        self._write(self._plan.straps[place].file, _line_text(self._plan.straps[place], is_up))

    def show_values(self, plant: Plant) -> None:
        """What the sensors and tachometers say."""
        for sensor, file in self._sensor_files.items():
            self._write(file, _value_text(plant.value(sensor)))
        for fan, file in self._rpm_files.items():
            self._write(file, _value_text(plant.rpm(fan)))
        sensed = set(self._sensor_files.values())
        for supply in self._plan.chassis.supplies:
            self._show_unit(supply.ok_file, int(plant.is_supply_ok(supply.name)))
            if self._file(supply.power_place) not in sensed:
                self._show_unit(supply.power_place, plant.supply_milliwatt(supply.name) * 1000)
        for blade in self._plan.chassis.blades:
            self._show_unit(blade.present_file, 1)
            self._show_unit(blade.power_place, plant.blade_milliwatt(blade.name) * 1000)

    def block_sensor(self, name: str, is_blocked: bool) -> None:
        """A blocked sensor's file is there and answers nobody: it is a pipe into which nothing is
        written. Its value goes on being kept in the file that was there."""
        if is_blocked == self.is_blocked(name):
            return
        file = self._sensor_files[name]
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
        for line in (*self._plan.driven.values(), *self._resets.values()):
            self._write(line.file, _line_text(line, False), is_forced=True)
        for fan, file in self._pwm_files.items():
            self._write(file, _value_text(pwms[fan]), is_forced=True)

    # ------------------------------------------------------------ module to chassis

    def line_level(self, name: str) -> bool | None:
        """What the module drives; None: it wrote neither 0 nor 1."""
        line = self._plan.driven[name]
        return _line_level(line, self._read(line.file))

    def reset_level(self, target: int) -> bool | None:
        line = self._resets[target]
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
        for name in self._plan.strap_names:
            self.force_strap(name, None)
        driven = (*self._plan.driven.values(), *self._resets.values())
        for line in (*driven, *self._peer_lines.values()):
            self._write(line.file, _line_text(line, False), is_forced=True)
        for line in self._plan.senses.values():
            self._write(line.file, _line_text(line, False))
        if self._plan.watchdog_file:
            self._write(self._plan.watchdog_file, b"\n")
        for number, (device, folder) in enumerate(self._folders.items()):
            self._make_device(device, number, folder)
        for name, file in (*self._sensor_files.items(), *self._rpm_files.items()):
            self._write(file.removesuffix("_input") + "_label", name.encode() + b"\n")
        for file in self._pwm_files.values():
            self._write(file, _value_text(PWM_MAX), is_forced=True)

    def _make_device(self, device: HwmonChannel, number: int, folder: str) -> None:
        """As in /sys: the class has numbers, which lead to where the devices sit. What an earlier
        chassis has left there goes: it may have ended with a pipe in a sensor's place."""
        at = device.at or device.device
        link, real = Path(folder), Path("..", "devices", at, "hwmon", f"hwmon{number}")
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(real)
        place = link.parent.parent / "devices" / at
        if place.exists():
            shutil.rmtree(place)
        link.resolve().mkdir(parents=True)
        self._write(str(link / "name"), device.device.encode() + b"\n")

    def _file(self, place: Place) -> str:
        if isinstance(place, str):
            return place
        device = device_of(place)
        assert isinstance(device, HwmonChannel)
        ending = "" if place.channel.startswith("pwm") else "_input"
        return os.path.join(self._folders[device], place.channel + ending)

    def _show_unit(self, place: Place, value: int) -> None:
        """``place`` "": the board does not tell."""
        if place:
            self._write(self._file(place), _value_text(value))

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


def _hwmon_folders(chassis: ChassisSettings) -> dict[HwmonChannel, str]:
    """Of each device the folder that the class shows. Numbers are given in the order of places, as
    a kernel gives them that probes its busses one after the other."""
    places = [sensor.place for sensor in chassis.sensors]
    places += [place for fan in chassis.fans for place in (fan.rpm_place, fan.pwm_place)]
    places += [supply.power_place for supply in chassis.supplies]
    places += [blade.power_place for blade in chassis.blades]
    devices = {HwmonChannel(each.device, each.at) for each in places if not isinstance(each, str)}
    ordered = sorted(devices, key=lambda device: device.at)
    return {
        device: os.path.join(chassis.hwmon_root, f"hwmon{number}")
        for number, device in enumerate(ordered)
    }


def _value_text(value: int) -> bytes:
    return f"{value:<{VALUE_WIDTH - 1}d}\n".encode()


def _line_text(line: LineFile, is_up: bool) -> bytes:
    return b"1\n" if is_up != line.is_active_low else b"0\n"


def _line_level(line: LineFile, text: bytes) -> bool | None:
    level = {b"1": True, b"0": False}.get(text.split(b"\n")[0].strip())
    return None if level is None else level != line.is_active_low
