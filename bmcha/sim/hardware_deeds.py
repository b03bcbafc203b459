"""What ``sim-ctl`` does to wires, lines, sensors, fans, supplies and blades.

Each is in force on return, which says so as a sentence; what harms is a fault in the journal, what
mends is not. Runs in the chassis thread; called by `bmcha.sim.deeds`.
"""

from __future__ import annotations

from collections.abc import Iterable

from bmcha.sim.action_words import ALL_PATHS, ALL_SENSORS
from bmcha.sim.actions import CannotDo
from bmcha.sim.chassis import Chassis
from bmcha.sim.wires import Wire


class HardwareDeeds:
    def __init__(self, chassis: Chassis) -> None:
        self._chassis = chassis

    # ------------------------------------------------------------ paths

    def cut(self, path: str, sender: int | None) -> str:
        self._record_path("cut", sender, path if sender is None else f"{path} --one-way {sender}")
        for wire in self._wires(path):
            wire.faults.cut_senders |= self._senders(sender)
        self._chassis.settle_wires()
        if sender is None:
            return f"path {path} carries nothing"
        return f"path {path} drops what slot {sender} sends"

    def lose(self, path: str, percent: float, sender: int | None) -> str:
        if percent:
            self._record_path("loss", sender, f"{path} {percent:g}{_from(sender)}")
        for wire in self._wires(path):
            for slot in self._senders(sender):
                wire.faults.loss_percent[slot] = percent
                if not percent:
                    del wire.faults.loss_percent[slot]
        self._chassis.settle_wires()
        return f"path {path} loses {percent:g} % of what {_who(sender)} sends"

    def delay(self, path: str, delay_ms: int, sender: int | None) -> str:
        if delay_ms:
            self._record_path("delay", sender, f"{path} {delay_ms}{_from(sender)}")
        for wire in self._wires(path):
            for slot in self._senders(sender):
                wire.faults.delay_ms[slot] = delay_ms
                if not delay_ms:
                    del wire.faults.delay_ms[slot]
        self._chassis.settle_wires()
        return f"path {path} carries what {_who(sender)} sends with a delay of {delay_ms} ms"

    def noise(self, path: str, bytes_per_s: int) -> str:
        if bytes_per_s:
            self._record_path("noise", None, f"{path} {bytes_per_s}")
        for wire in self._wires(path):
            wire.faults.noise_bytes_per_s = bytes_per_s
        self._chassis.settle_wires()
        return f"path {path} has noise of {bytes_per_s} bytes a second at either end"

    def heal(self, path: str) -> str:
        for wire in self._wires(path):
            wire.faults.heal()
        self._chassis.settle_wires()
        return f"path {path} carries everything again"

    # ------------------------------------------------------------ lines and readings

    def force(self, slot: int, line: str, level: bool | None) -> str:
        if level is not None:
            value = f"{line} {'high' if level else 'low'}"
            self._chassis.record("fault", slot, "line", value)
        if line in self._chassis.plan.strap_names:
            self._chassis.trees[slot].force_strap(line, level)
        else:
            self._chassis.apply(self._chassis.backplane.force(slot, line, level))
        state = "follows the truth" if level is None else f"is stuck {'high' if level else 'low'}"
        return f"mm{slot}.{line} {state}"

    def fix_sensor(self, sensor: str, value: int | None) -> str:
        if value is not None:
            self._record("set", f"{sensor} {value}")
        self._chassis.plant.fix_sensor(sensor, value)
        self._chassis.show_values()
        return f"{sensor} shows {'the truth' if value is None else value}"

    def slow_sensor(self, sensor: str, is_slow: bool, slot: int | None) -> str:
        """``slot`` None: for every module; else that one's own way to the sensor is broken."""
        if is_slow:
            text = f"{sensor} slow" if slot is None else f"{sensor} slow --of {slot}"
            self._record("sensor", text)
        names = [each.name for each in self._chassis.plan.chassis.sensors]
        for each, tree in self._chassis.trees.items():
            if slot in (None, each):
                for name in names if sensor == ALL_SENSORS else [sensor]:
                    tree.block_sensor(name, is_slow)
        who = "nobody" if slot is None else f"slot {slot} no more"
        what = "every sensor" if sensor == ALL_SENSORS else sensor
        return f"{what} {f'answers {who}' if is_slow else 'answers again'}"

    # ------------------------------------------------------------ units

    def fail_fan(self, fan: str, is_failed: bool) -> str:
        if is_failed:
            self._record("fan", f"{fan} fail")
        self._chassis.plant.fail_fan(fan, is_failed)
        return f"{fan} {'stands still' if is_failed else 'turns again'}"

    def fail_supply(self, supply: str, is_failed: bool) -> str:
        """The last one is left alone: a chassis without power has nothing to show."""
        plant = self._chassis.plant
        working = [name for name in plant.supplies() if plant.is_supply_ok(name)]
        if is_failed and working == [supply]:
            raise CannotDo(
                f"{supply} is the last supply that works; without it the chassis is dark: "
                "pull both modules for that"
            )
        if is_failed:
            self._record("psu", f"{supply} fail")
        plant.fail_supply(supply, is_failed)
        self._chassis.show_values()
        return f"{supply} {'gives nothing' if is_failed else 'gives power again'}"

    def switch_blade(self, blade: str, is_on: bool) -> str:
        if not is_on:
            self._record("blade", f"{blade} off")
        self._chassis.plant.switch_blade(blade, is_on)
        self._chassis.show_values()
        return f"{blade} is {'on' if is_on else 'off'}"

    def load_blade(self, blade: str, load_milliwatt: int) -> str:
        self._record("blade", f"{blade} load {load_milliwatt // 1000}")
        self._chassis.plant.load_blade(blade, load_milliwatt)
        self._chassis.show_values()
        is_on = self._chassis.plant.is_blade_on(blade)
        return f"{blade} draws {load_milliwatt // 1000} W{'' if is_on else ' as soon as it is on'}"

    # ------------------------------------------------------------ how

    def _record(self, name: str, value: str) -> None:
        self._chassis.record("fault", None, name, value)

    def _record_path(self, name: str, sender: int | None, value: str) -> None:
        self._chassis.record("fault", sender, name, value)

    def _senders(self, sender: int | None) -> set[int]:
        return set(self._chassis.layout.slots) if sender is None else {sender}

    def _wires(self, path: str) -> Iterable[Wire]:
        wires = self._chassis.wires
        return wires.values() if path == ALL_PATHS else [wires[path]]


def _from(sender: int | None) -> str:
    return "" if sender is None else f" --from {sender}"


def _who(sender: int | None) -> str:
    return "either slot" if sender is None else f"slot {sender}"
