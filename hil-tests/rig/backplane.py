"""The backplane: slots, straps, and the lines from one board to the other.

Copies every output to where it is wired, as soon as a machine writes to its GPIO, and tells the
judge. Gives a board in its slot power, and again after each reset. Never waits for a machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from rig.judge import Change, Judge
from rig.machine import Machine
from rig.resources import OUTPUTS, SLOTS

LOOK_S = 0.05
"""A machine that ended is seen so soon; and a line whose change the tap has missed."""


class Backplane(threading.Thread):
    def __init__(self, judge: Judge) -> None:
        super().__init__(name="backplane", daemon=True)
        self.machines: dict[int, Machine] = {}
        self._judge = judge
        self._news = threading.Event()
        self._turn = threading.RLock()
        self._inserted: set[int] = set()
        self._held_down: set[int] = set()
        self._starting: set[int] = set()
        self._outputs = {slot: dict.fromkeys(OUTPUTS, False) for slot in SLOTS}
        self._driven: dict[int, dict[str, bool]] = {slot: {} for slot in SLOTS}
        self._is_over = False

    def look(self) -> None:
        """A machine has written to its GPIO."""
        self._news.set()

    def insert(self, slot: int) -> None:
        self._judge.remark(f"slot {slot} inserted")
        with self._turn:
            self._inserted.add(slot)
        self.look()

    def pull(self, slot: int) -> None:
        self._judge.remark(f"slot {slot} pulled")
        with self._turn:
            self._inserted.discard(slot)
        self.machines[slot].power_off()
        self.look()

    def close(self) -> None:
        self._is_over = True
        self.join(30)
        for machine in self.machines.values():
            machine.power_off()

    def run(self) -> None:
        while not self._is_over:
            self._news.wait(LOOK_S)
            self._news.clear()
            with self._turn:
                self._copy_lines()
                self._care_for_power()

    # ---- lines

    def _copy_lines(self) -> None:
        for slot, machine in self.machines.items():
            levels = machine.outputs()
            for line, level in levels.items():
                if level != self._outputs[slot][line]:
                    self._judge.note(Change(time.monotonic(), slot, line, level))
            self._outputs[slot] = levels
        for slot, machine in self.machines.items():
            inputs = self._inputs(slot)
            changed = {
                n: level for n, level in inputs.items() if level != self._driven[slot].get(n)
            }
            if changed and machine.is_running:
                machine.drive(changed)
                self._driven[slot] = inputs

    def _inputs(self, slot: int) -> dict[str, bool]:
        own, peer = self._outputs[slot], self._outputs[3 - slot]
        is_peer_there = 3 - slot in self._inserted
        return {
            "SLOT_ID0": bool(slot & 1),
            "SLOT_ID1": bool(slot & 2),
            "SLOT_PARITY": slot.bit_count() % 2 == 1,
            "PEER_PRES_N": not is_peer_there,
            "PEER_HEALTH": peer["MM_HEALTH"],
            "PEER_ACTIVE": peer["MM_ACTIVE"],
            "PEER_RESET_SENSE": own["PEER_RESET"] and is_peer_there,
            "OUTPUTS_OPEN": own["OUTPUT_ENABLE"],
            "ACTIVE_SENSE": own["MM_ACTIVE"],
        }

    # ---- power

    def _care_for_power(self) -> None:
        for slot, machine in self.machines.items():
            is_held = self._outputs[3 - slot]["PEER_RESET"]
            if is_held and slot in self._inserted and slot not in self._held_down:
                self._judge.remark(f"slot {3 - slot} resets slot {slot}")
                self._held_down.add(slot)
                machine.power_off()
                self._news.set()
            elif not is_held:
                self._held_down.discard(slot)
            is_wanted = slot in self._inserted and slot not in self._held_down
            if is_wanted and not machine.is_running and slot not in self._starting:
                self._starting.add(slot)
                inputs = self._inputs(slot)
                name = f"power-{slot}"
                threading.Thread(
                    target=self._start, args=(slot, inputs), name=name, daemon=True
                ).start()

    def _start(self, slot: int, inputs: Mapping[str, bool]) -> None:
        machine = self.machines[slot]
        try:
            machine.power_off()  # what is left of a life that ended by itself
            self._judge.remark(f"slot {slot} has power, start {machine.starts_count + 1}")
            machine.power_on(inputs)
        finally:
            with self._turn:
                self._driven[slot] = dict(inputs)
                self._starting.discard(slot)
                is_wanted = slot in self._inserted and slot not in self._held_down
            if not is_wanted:
                machine.power_off()
            self.look()
