"""What the chassis knows about itself, as one JSON object and as text: ``sim-ctl state``.

Extends freely; names that are there stay. Read in the chassis thread, shown by anybody.
"""

from __future__ import annotations

from typing import Any

from bmcha.sim.backplane import ACTIVE, HEALTH, OUTPUT_ENABLE, PRESENCE, RESET, WIRED
from bmcha.sim.chassis import Chassis
from bmcha.sim.module_config import CHASSIS_ID
from bmcha.sim.wires import Wire


def chassis_state(chassis: Chassis) -> dict[str, Any]:
    return {
        "t_ns": chassis.now_ns(),
        "board": chassis.plan.name,
        "dir": str(chassis.layout.root),
        "seed": chassis.seed,
        "slots": {str(slot): _slot_state(chassis, slot) for slot in chassis.layout.slots},
        "paths": {name: _path_state(wire) for name, wire in chassis.wires.items()},
        "fans": [
            {
                "name": fan.name,
                "pwm": chassis.plant.pwm(fan.name),
                "rpm": chassis.plant.rpm(fan.name),
                "failed": chassis.plant.is_failed(fan.name),
            }
            for fan in chassis.plan.chassis.fans
        ],
        "sensors": [
            {
                "name": sensor.name,
                "value": chassis.plant.value(sensor.name),
                "set": chassis.plant.is_fixed(sensor.name),
                "slow": any(tree.is_blocked(sensor.name) for tree in chassis.trees.values()),
            }
            for sensor in chassis.plan.chassis.sensors
        ],
        "supplies": [
            {
                "name": supply.name,
                "ok": chassis.plant.is_supply_ok(supply.name),
                "output_milliwatt": chassis.plant.supply_milliwatt(supply.name),
            }
            for supply in chassis.plan.chassis.supplies
        ],
        "blades": [
            {
                "name": blade.name,
                "on": chassis.plant.is_blade_on(blade.name),
                "power_milliwatt": chassis.plant.blade_milliwatt(blade.name),
            }
            for blade in chassis.plan.chassis.blades
        ],
    }


def _path_state(wire: Wire) -> dict[str, Any]:
    faults = wire.faults
    return {
        "cut": sorted(faults.cut_senders),
        "unplugged": sorted(faults.unplugged),
        "loss_percent": {str(slot): share for slot, share in sorted(faults.loss_percent.items())},
        "delay_ms": {str(slot): late for slot, late in sorted(faults.delay_ms.items())},
        "noise_bytes_per_s": faults.noise_bytes_per_s,
    }


def _slot_state(chassis: Chassis, slot: int) -> dict[str, Any]:
    module = chassis.modules[slot]
    backplane = chassis.backplane
    has_reset = RESET in WIRED[chassis.plan.board_class]
    names = (PRESENCE, HEALTH, ACTIVE, OUTPUT_ENABLE, *((RESET,) if has_reset else ()))
    return {
        "present": backplane.is_present(slot),
        "alive": module.is_alive,
        "stopped": module.is_stopped,
        "pid": module.pid,
        "chassis_id": chassis.foreign.get(slot, CHASSIS_ID),
        "disk_full": slot in chassis.full_disks,
        "gate": "open" if backplane.is_open(slot) else "shut",
        "watchdog_fed": backplane.is_fed(slot) if chassis.plan.watchdog_file else None,
        "in_reset": backplane.is_in_reset(slot),
        "lines": {name: backplane.seen(slot, name) for name in names},
        "forced": backplane.forced(slot),
    }


def state_text(state: dict[str, Any]) -> list[str]:
    """The same for people, a line each."""
    lines = [f"board {state['board']}, {state['dir']}"]
    for slot, module in state["slots"].items():
        if not module["present"]:
            lines.append(f"slot {slot}: empty")
            continue
        life = f"process {module['pid']}" if module["alive"] else "does not run"
        if module["in_reset"]:
            life = "held in reset"
        if module["stopped"]:
            life += ", stopped"
        up = [name for name, is_up in module["lines"].items() if is_up]
        forced = [f"{name} {'high' if up else 'low'}" for name, up in module["forced"].items()]
        text = f"slot {slot}: {life}; gate {module['gate']}; up: {', '.join(up) or 'nothing'}"
        text += f"; stuck: {', '.join(forced)}" if forced else ""
        text += "; disk full" if module["disk_full"] else ""
        foreign = module["chassis_id"] != CHASSIS_ID
        lines.append(text + (f"; of chassis {module['chassis_id']}" if foreign else ""))
    lines += [f"path {path}: {_path_text(faults)}" for path, faults in state["paths"].items()]
    return lines + _unit_lines(state)


def _path_text(faults: dict[str, Any]) -> str:
    cut = faults["cut"]
    if len(cut) > 1:
        return "cut"
    told = [f"drops what slot {slot} sends" for slot in cut]
    told += [f"loses {loss:g} % from slot {s}" for s, loss in faults["loss_percent"].items()]
    told += [f"{late} ms late from slot {s}" for s, late in faults["delay_ms"].items()]
    noise = faults["noise_bytes_per_s"]
    told += [f"noise of {noise} bytes a second"] if noise else []
    return "; ".join(told) or "whole"


def _unit_lines(state: dict[str, Any]) -> list[str]:
    lines = []
    for fan in state["fans"]:
        ending = ", failed" if fan["failed"] else ""
        lines.append(f"fan {fan['name']}: pwm {fan['pwm']}, {fan['rpm']} rpm{ending}")
    for sensor in state["sensors"]:
        ending = ", set by hand" if sensor["set"] else ""
        ending += ", answers nobody" if sensor["slow"] else ""
        lines.append(f"sensor {sensor['name']}: {sensor['value']}{ending}")
    for supply in state["supplies"]:
        told = f"gives {supply['output_milliwatt'] / 1000:g} W" if supply["ok"] else "failed"
        lines.append(f"supply {supply['name']}: {told}")
    for blade in state["blades"]:
        told = f"on, {blade['power_milliwatt'] / 1000:g} W" if blade["on"] else "off"
        lines.append(f"blade {blade['name']}: {told}")
    return lines
