"""The chassis as a whole, and the states that a case can ask for: off, on, settled.

The first failure to reach a state is kept, and every later wish fails with it: one broken rig is
one cause, not forty red cases.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rig.backplane import Backplane
from rig.console import Console
from rig.judge import Judge
from rig.machine import Machine
from rig.resources import SLOTS, Account, Board, Image
from rig.wires import Ethernet, SerialLine, Wire

SETTLE_S = 180.0
LOOK_S = 0.01
STATUS_S = 30.0
ROOMY_ENOUGH = "/tmp"
"""For sockets, whose names are short."""


class RigError(AssertionError):
    """A state that was not reached in time."""


class Chassis:
    def __init__(self, image: Image, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._scratch = tempfile.TemporaryDirectory(prefix="bmcha-hil.", dir=ROOMY_ENOUGH)
        boards = {slot: Board(slot, Path(self._scratch.name), logs) for slot in SLOTS}
        self.judge = Judge(logs / "lines.log")
        self.backplane = Backplane(self.judge)
        self.machines = {
            slot: Machine(board, image, self.backplane.look) for slot, board in boards.items()
        }
        self.backplane.machines = self.machines
        self.cables = {name: Ethernet(name, list(boards.values())) for name in "ab"}
        self.wires: dict[str, Wire] = {
            **{f"eth-{name}": cable for name, cable in self.cables.items()},
            "serial": SerialLine(list(boards.values())),
        }
        self.consoles = {
            slot: Console(board.socket("console"), board.log("console"), Account())
            for slot, board in boards.items()
        }
        self._failure: RigError | None = None
        self.backplane.start()

    def close(self) -> None:
        self.backplane.close()
        for wire in self.wires.values():
            wire.close()
        for console in self.consoles.values():
            console.close()
        self._scratch.cleanup()

    # ---- states

    def on(self) -> None:
        """Both boards are in their slots and run, every wire is whole."""
        if self._failure is not None:
            raise self._failure
        for wire in self.wires.values():
            wire.heal()
        for slot, machine in self.machines.items():
            self.backplane.insert(slot)
            if machine.is_running:
                machine.thaw()

    def off(self) -> None:
        """Both slots are empty."""
        for slot in self.machines:
            self.backplane.pull(slot)

    def settled(self, holder: int | None = None) -> int:
        """On, one holds, the other one follows and has the whole picture. Returns the holder; the
        one that is wanted, by a switchover if need be."""
        self.on()
        try:
            self.wait_until(self._is_settled, "one holds, the other follows", SETTLE_S)
            (found,) = self.judge.holders()
            if holder not in (None, found):
                self.ask(found, "switchover")
                self.wait_until(lambda: self.judge.holders() == {holder}, "switched over", SETTLE_S)
                self.wait_until(self._is_settled, "settled after the switchover", SETTLE_S)
                (found,) = self.judge.holders()
        except RigError as failure:
            self._failure = RigError("\n".join([str(failure), *map(self._word_of, SLOTS)]))
            raise self._failure from failure
        return found

    def _is_settled(self) -> bool:
        levels = [self.judge.level(slot, "MM_HEALTH") for slot in SLOTS]
        if len(self.judge.holders()) != 1 or not all(levels):
            return False
        return all(_is_well(self.status(slot)) for slot in SLOTS)

    def _word_of(self, slot: int) -> str:
        try:
            status = self.status(slot)
        except RigError as failure:
            return f"slot {slot}: {failure}"
        if not status:
            return f"slot {slot} does not answer"
        node, alarms = status["node"], [alarm["text"] for alarm in status["alarms"]]
        return f"slot {slot}: {status['redundancy']}, health {node['health_reasons']}, {alarms}"

    # ---- what a person does

    def ask(self, slot: int, words: str) -> tuple[int, str]:
        """`bmcha WORDS` at the board's console."""
        return self.consoles[slot].run(f"bmcha {words}", STATUS_S)

    def status(self, slot: int) -> dict[str, Any]:
        """{} while nobody answers."""
        _, printed = self.ask(slot, "status --json")
        try:
            found: dict[str, Any] = json.loads(printed)
        except ValueError:
            return {}
        return found

    def wait_until(self, is_so: Callable[[], bool], what: str, seconds: float) -> float:
        """Milliseconds that it took."""
        begin_s = time.monotonic()
        while not is_so():
            if time.monotonic() - begin_s > seconds:
                changes = "\n".join(map(str, self.judge.changes()[-20:]))
                raise RigError(f"not within {seconds:.0f} s: {what}\nthe last lines:\n{changes}")
            time.sleep(LOOK_S)
        return 1000 * (time.monotonic() - begin_s)


def _is_well(status: dict[str, Any]) -> bool:
    """Redundant, and nothing that this module can do for the chassis is missing."""
    if not status:
        return False
    return bool(status["redundancy"]["state"] == "FULL" and status["node"]["health"] == 100)
