"""What the chassis knows about itself, as one JSON object and as text: ``sim-ctl state``.

Extends freely; names that are there stay. Read in the chassis thread, shown by anybody.
"""

from __future__ import annotations

from typing import Any

from bmcha.sim.backplane import ACTIVE, HEALTH, OUTPUT_ENABLE, PRESENCE
from bmcha.sim.chassis import Chassis
from bmcha.sim.wires import path_faults


def chassis_state(chassis: Chassis) -> dict[str, Any]:
    return {
        "t_ns": chassis.now_ns(),
        "board": chassis.plan.name,
        "dir": str(chassis.layout.root),
        "slots": {str(slot): _slot_state(chassis, slot) for slot in chassis.layout.slots},
        "paths": {name: path_faults(wire) for name, wire in chassis.wires.items()},
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
            }
            for sensor in chassis.plan.chassis.sensors
        ],
    }


def _slot_state(chassis: Chassis, slot: int) -> dict[str, Any]:
    module = chassis.modules[slot]
    backplane = chassis.backplane
    return {
        "present": backplane.is_present(slot),
        "alive": module.is_alive,
        "stopped": module.is_stopped,
        "pid": module.pid,
        "gate": "open" if backplane.is_open(slot) else "shut",
        "watchdog_fed": backplane.is_fed(slot) if chassis.plan.watchdog_file else None,
        "lines": {
            name: backplane.seen(slot, name) for name in (PRESENCE, HEALTH, ACTIVE, OUTPUT_ENABLE)
        },
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
        if module["stopped"]:
            life += ", stopped"
        up = [name for name, is_up in module["lines"].items() if is_up]
        forced = [f"{name} {'high' if up else 'low'}" for name, up in module["forced"].items()]
        text = f"slot {slot}: {life}; gate {module['gate']}; up: {', '.join(up) or 'nothing'}"
        lines.append(text + (f"; stuck: {', '.join(forced)}" if forced else ""))
    for path, faults in state["paths"].items():
        cut = faults["cut"]
        told = "whole" if not cut else "cut" if len(cut) > 1 else f"drops what slot {cut[0]} sends"
        lines.append(f"path {path}: {told}")
    for fan in state["fans"]:
        ending = ", failed" if fan["failed"] else ""
        lines.append(f"fan {fan['name']}: pwm {fan['pwm']}, {fan['rpm']} rpm{ending}")
    for sensor in state["sensors"]:
        ending = ", set by hand" if sensor["set"] else ""
        lines.append(f"sensor {sensor['name']}: {sensor['value']}{ending}")
    return lines
