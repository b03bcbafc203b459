"""Two real services on real devices: GPIO chips wired to each other, two UARTs, and loopback.

The wires between the chips are the backplane. Nothing gates the lines here but the chip's driver,
which is told to let a dead process's lines fall, as a board's watchdog gate does.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports.line_boards import GPIO_NAMES
from tests.ports.vm.bench import Bench
from tests.process.rig import CONFIG, Module, free_port, roles
from tests.waiting import wait_until

pytestmark = pytest.mark.vm

SLOW_S = 100
BOARD = """
name = "test-gpio"
class = "gated"
watchdog_ms = 1000
watchdog = {{ file = "watchdog" }}

[straps]
bits = [{{ line = "{of}SLOT_ID0" }}, {{ line = "{of}SLOT_ID1" }}]
parity = {{ chip = "{chip}", line = 3 }}
parity_is = "even"

[lines.own]
health = {{ line = "{of}HEALTH" }}
active = {{ line = "{of}ACTIVE" }}
output_enable = {{ line = "{of}OUTPUT_ENABLE" }}
outputs_open = {{ line = "{of}OUTPUTS_OPEN" }}

[[lines.peer]]
offset = 1
presence = {{ line = "{of}PEER_PRES_N", active_low = true }}
health = {{ line = "{of}PEER_HEALTH" }}
active = {{ line = "{of}PEER_ACTIVE" }}
"""


def number(name: str) -> int:
    return GPIO_NAMES.index(name)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Module, Module]]:
    benches = Bench(0), Bench(1)
    ports = [free_port(), free_port()]
    modules = []
    for slot, bench in enumerate(benches, start=1):
        other = benches[2 - slot]
        for name, value in {
            "SLOT_ID0": slot & 1,
            "SLOT_ID1": slot >> 1,
            "SLOT_PARITY": 1,
            "PEER_PRES_N": 0,
        }.items():
            bench.put(number(name), bool(value))
        bench.let_go(True)
        bench.wire(number("HEALTH"), other, number("PEER_HEALTH"))
        bench.wire(number("OUTPUT_ENABLE"), bench, number("OUTPUTS_OPEN"))
        bench.wire(number("ACTIVE"), other, number("PEER_ACTIVE"))
        module = Module(tmp_path / f"mm{slot}", slot)
        config = CONFIG.format(
            image=f"/bmcha-vm-{os.getpid()}-mm{slot}",
            peer=3 - slot,
            local=ports[slot - 1],
            remote=ports[2 - slot],
            device=f"/dev/ttyS{slot}",
        )
        board = BOARD.format(chip="bench-" + "ab"[slot - 1], of="" if slot == 1 else "M2_")
        module.make(board, config)
        (module.folder / "hw/watchdog").write_text("")
        modules.append(module)
    yield modules[0], modules[1]
    for module in modules:
        module.close()
        # Shown when the test has failed.
        log = module.folder / "log"
        print(f"slot {module.slot}:", log.read_text() if log.exists() else "no log", sep="\n")
    for bench in benches:
        bench.let_go(False)


def is_active(bench: Bench) -> bool:
    return bench.level(number("ACTIVE")) and bench.level(number("OUTPUT_ENABLE"))


def test_two_services_agree_over_real_devices_and_one_takes_over(
    pair: tuple[Module, Module],
) -> None:
    first, second = pair
    near, far = Bench(0), Bench(1)
    for module in pair:
        module.start()
    wait_until(lambda: roles(*pair) == ["ACTIVE", "STANDBY"], "ACTIVE and STANDBY", SLOW_S)
    wait_until(lambda: is_active(near), "the ACTIVE drives its lines", SLOW_S)
    assert not is_active(far)
    status = wait_until(
        lambda: (found := second.ask()) and found["redundancy"]["state"] == "FULL" and found,
        "full redundancy",
        SLOW_S,
    )
    assert status["peer"]["presence"] is True
    assert status["peer"]["active_line"] is True
    first.signal(signal.SIGKILL)
    first.end()
    wait_until(lambda: second.role() == "ACTIVE" and is_active(far), "the survivor", SLOW_S)
    assert not is_active(near), "the dead process's lines have fallen"
    first.start()
    wait_until(lambda: roles(*pair) == ["STANDBY", "ACTIVE"], "it is back as STANDBY", SLOW_S)
    assert not is_active(near)
    second.signal(signal.SIGTERM)
    code, said = second.end(SLOW_S)
    assert code == 0, said
    assert not is_active(far)
    wait_until(lambda: first.role() == "ACTIVE" and is_active(near), "handed over", SLOW_S)
