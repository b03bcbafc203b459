"""One emulated board: power on and off, frozen or not, and its pins while it runs.

Power on creates QEMU stopped, sets straps, lines and sensors, and only then lets the processor run.
A reset is the end of QEMU (`-no-reboot`), which the backplane answers with a new power on; so
memory is empty and every line has fallen, as behind a watchdog that resets the board. Frozen is a
board that hangs: nothing runs, its watchdog does not fire, and its outputs stay as they are.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from rig.monitor import Monitor, MonitorError
from rig.resources import BAUD, INPUTS, OUTPUTS, Board, Image
from rig.tap import TRACED, FanCommand, Tap

MEMORY = "256M"
TRANSLATED = "tcg,tb-size=256"
"""Megabytes for translated code. What a board runs until it is settled takes 190 of them; with less
all of it is translated again and again."""
PARTS = (
    "tmp105,bus=aspeed.i2c.bus.0,address=0x48,id=inlet",
    "tmp105,bus=aspeed.i2c.bus.0,address=0x49,id=outlet",
    "tmp423,bus=aspeed.i2c.bus.1,address=0x4c,id=blades",
    "max31785,bus=aspeed.i2c.bus.2,address=0x52,id=fans",
    "isl69260,bus=aspeed.i2c.bus.3,address=0x60,id=psu1",
    "isl69260,bus=aspeed.i2c.bus.3,address=0x61,id=psu2",
)
TEMPERATURES = {"inlet": 24_000, "outlet": 31_000}
"""Thousandths of a degree, at power on."""
END_S = 10.0


class Machine:
    """``on_pins``: called from a thread of its own after each write to a GPIO register."""

    def __init__(self, board: Board, image: Image, on_pins: Callable[[], None]) -> None:
        self.board = board
        self.starts_count = 0
        self.temperatures = dict(TEMPERATURES)
        self._image = image
        self._on_pins = on_pins
        self._turn = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor: Monitor | None = None
        self._taps: list[Tap] = []

    @property
    def is_running(self) -> bool:
        """It has power, and has not ended by itself."""
        return (
            self._monitor is not None and self._process is not None and self._process.poll() is None
        )

    @property
    def fan_commands(self) -> list[FanCommand]:
        """All that this slot ever told its fan controller."""
        return [command for tap in self._taps for command in tap.fan_commands]

    def power_on(self, levels: Mapping[str, bool]) -> None:
        """``levels``: of every input, before the first instruction."""
        with self._turn:
            assert self._process is None, "it has power already"
            for name in ("qmp", "console", "serial"):
                self.board.socket(name).unlink(missing_ok=True)
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            assert self._process.stderr is not None
            self._taps.append(Tap(self._process.stderr, self.board.log("qemu"), self._on_pins))
            monitor = Monitor(self.board.socket("qmp"))
            monitor.drive({pin: levels[name] for name, pin in INPUTS.items()})
            for part, value in self.temperatures.items():
                monitor.set_part(part, "temperature", value)
            monitor.ask("cont")
            self._monitor = monitor
            self.starts_count += 1

    def power_off(self) -> None:
        """At once, whatever it does."""
        with self._turn:
            monitor, self._monitor = self._monitor, None
            process, self._process = self._process, None
            if monitor is not None:
                monitor.close()
            if process is not None:
                process.kill()
                process.wait(END_S)

    def freeze(self) -> None:
        self._ask("stop")

    def thaw(self) -> None:
        self._ask("cont")

    def heat(self, part: str, value_milli: int) -> None:
        self.temperatures[part] = value_milli
        with self._turn:
            if self._monitor is not None:
                self._monitor.set_part(part, "temperature", value_milli)

    def outputs(self) -> dict[str, bool]:
        """What it drives. All down without power. Does not wait for one that is just started."""
        monitor = self._monitor
        with suppress(MonitorError):
            if monitor is not None:
                return dict(zip(OUTPUTS, monitor.levels(list(OUTPUTS.values())), strict=True))
        return dict.fromkeys(OUTPUTS, False)

    def drive(self, levels: Mapping[str, bool]) -> None:
        """Its inputs. Without power nobody sees them."""
        monitor = self._monitor
        with suppress(MonitorError):
            if monitor is not None:
                monitor.drive({INPUTS[name]: level for name, level in levels.items()})

    def _ask(self, command: str) -> None:
        with self._turn:
            assert self._monitor is not None, f"slot {self.board.slot} has no power"
            self._monitor.ask(command)

    def _command(self) -> list[str]:
        socket, slot, image = self.board.socket, self.board.slot, self._image
        words = ["qemu-system-arm", "-M", "ast2600-evb", "-m", MEMORY, "-accel", TRANSLATED]
        words += ["-display", "none", "-nodefaults", "-S", "-no-reboot", "-action", "panic=none"]
        words += [
            "-kernel",
            str(image.kernel),
            "-dtb",
            str(image.device_tree),
            "-initrd",
            str(image.root),
        ]
        words += ["-append", f"console=ttyS4,{BAUD}n8 panic=1 quiet"]
        words += ["-qmp", f"unix:{_escaped(socket('qmp'))},server=on,wait=off"]
        # The first -serial is UART5, the console; the second UART1, the line to the peer.
        for name in ("console", "serial"):
            words += [
                "-chardev",
                f"socket,id={name},path={_escaped(socket(name))},server=on,wait=off",
            ]
            words += ["-serial", f"chardev:{name}"]
        for wire in ("a", "b"):
            near, far = socket(f"eth-{wire}"), socket(f"rig-{wire}")
            words += [
                "-netdev",
                f"dgram,id={wire},local.type=unix,local.path={_escaped(near)}"
                f",remote.type=unix,remote.path={_escaped(far)}",
            ]
            words += [
                "-net",
                f"nic,netdev={wire},macaddr=52:54:00:bc:{slot:02x}:0{'ab'.index(wire)}",
            ]
        for part in PARTS:
            words += ["-device", part]
        for event in TRACED:
            words += ["-trace", event]
        return words


def _escaped(path: object) -> str:
    """QEMU's options have commas between them; one in a name is doubled."""
    return str(path).replace(",", ",,")
