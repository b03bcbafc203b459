"""Makes the device tree of our management module from that of Aspeed's evaluation board.

device_tree.py EVB_DTB OUR_DTB

What is wired to which pin stands here and nowhere else; it follows the table of
docs/adr/0019-emulated-boards.md. Edits with fdtput and fdtget, of the package device-tree-compiler.
"""

import shutil
import subprocess
import sys

GPIO = "/ahb/apb/gpio@1e780000"
I2C = "/ahb/apb/bus@1e78a000/i2c-bus@"
PINS = 208
ACTIVE_HIGH = 0

BANKS = {
    "P": [
        *("SLOT_ID0", "SLOT_ID1", "SLOT_PARITY", "PEER_PRES_N"),
        *("PEER_HEALTH", "PEER_ACTIVE", "PEER_RESET_SENSE", "OUTPUTS_OPEN"),
    ],
    "Q": ["MM_HEALTH", "MM_ACTIVE", "OUTPUT_ENABLE", "PEER_RESET", *(f"FAN{n}" for n in range(4))],
    "S": ["", "", "ACTIVE_SENSE"],
}
"""Banks of eight pins, from pin 0 on. Other banks of the evaluation board are mostly taken."""
TRAY_RPM = [600 * step for step in range(16)]
"""By the number that FAN3 to FAN0 spell. As many as four pins have, because what is read back is
the next speed, and more than a sixteenth is taken for a fan that does not obey."""
CHIPS = {
    "80": {"temp@48": "ti,tmp105", "temp@49": "ti,tmp105"},
    "100": {"temp@4c": "ti,tmp423"},
    "180": {"fan@52": "maxim,max31785"},
    "200": {"supply@60": "renesas,isl69260", "supply@61": "renesas,isl69260"},
}
"""Bus 0 is i2c-bus@80, and so on in steps of 0x80."""
NOT_FITTED = [
    *("/ahb/ftgmac@1e670000", "/ahb/ftgmac@1e690000"),
    *(I2C + "400/temp@2e", "/ahb/apb/display@1e6e6000", "/ahb/apb/video@1e700000"),
    # 80 MiB for the two before, of a board that has 256.
    "/reserved-memory",
]


class Tree:
    def __init__(self, file: str) -> None:
        self._file = file

    def texts(self, node: str, name: str, *values: str) -> None:
        _run("fdtput", "-p", "-t", "s", self._file, node, name, *values)

    def numbers(self, node: str, name: str, *values: int) -> None:
        _run("fdtput", "-p", "-t", "u", self._file, node, name, *map(str, values))

    def number(self, node: str, name: str) -> int:
        return int(_run("fdtget", "-t", "u", self._file, node, name))

    def remove(self, node: str) -> None:
        _run("fdtput", "-r", self._file, node)


def main() -> int:
    shutil.copyfile(sys.argv[1], sys.argv[2])
    tree = Tree(sys.argv[2])
    tree.texts("/", "model", "Management module on AST2600")
    for node in NOT_FITTED:
        tree.remove(node)

    names = [""] * PINS
    for bank, lines in BANKS.items():
        names[pin(bank, 0) : pin(bank, len(lines))] = lines
    tree.texts(GPIO, "gpio-line-names", *names)
    gpio = tree.number(GPIO, "phandle")

    led = "/leds/peer_reset"
    tree.texts("/leds", "compatible", "gpio-leds")
    tree.texts(led, "label", "peer_reset")
    tree.numbers(led, "gpios", gpio, pin("Q", 3), ACTIVE_HIGH)
    tree.texts(led, "default-state", "off")

    tray = "/fan-tray"
    tree.texts(tray, "compatible", "gpio-fan")
    fan_pins = [number for bit in (4, 5, 6, 7) for number in (gpio, pin("Q", bit), ACTIVE_HIGH)]
    tree.numbers(tray, "gpios", *fan_pins)
    speeds = [number for step, rpm in enumerate(TRAY_RPM) for number in (rpm, step)]
    tree.numbers(tray, "gpio-fan,speed-map", *speeds)

    for bus, chips in CHIPS.items():
        for name, kind in chips.items():
            node = f"{I2C}{bus}/{name}"
            tree.texts(node, "compatible", kind)
            tree.numbers(node, "reg", int(name.partition("@")[2], 16))

    # ttyS0, the line to the peer. The console, ttyS4, is on already, and so is the watchdog.
    tree.texts("/ahb/apb/serial@1e783000", "status", "okay")
    return 0


def pin(bank: str, number: int) -> int:
    return 8 * (ord(bank) - ord("A")) + number


def _run(*words: str) -> str:
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
