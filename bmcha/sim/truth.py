"""`sim-ctl state` and the journal's gate lines as what the live view shows of the chassis. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bmcha.sim import journal
from bmcha.sim.journal import Line
from bmcha.view.model import LineTruth, SlotTruth, Truth

Body = Mapping[str, Any]


def truth_of(state: Body, gates: Sequence[Line], failover_ms: float | None, now_ns: int) -> Truth:
    slots = tuple(_slot(int(slot), body) for slot, body in state.get("slots", {}).items())
    open_count = sum(slot.is_open for slot in slots)
    return Truth(
        slots=slots,
        open_count=open_count,
        # An outage that goes on has lasted until now.
        outage_ms=journal.outage_ms(gates, now_ns),
        dual_ms=journal.dual_active_ms(gates, now_ns),
        failover_ms=failover_ms,
        disturbed=tuple(_disturbed(state)),
    )


def _slot(slot: int, body: Body) -> SlotTruth:
    life = "running"
    if not body.get("present"):
        life = "empty"
    elif body.get("in_reset"):
        life = "in reset"
    elif not body.get("alive"):
        life = "dead"
    elif body.get("stopped"):
        life = "stopped"
    forced = body.get("forced", {})
    lines = tuple(
        LineTruth(name, bool(forced.get(name, is_up)), name in forced)
        for name, is_up in body.get("lines", {}).items()
    )
    return SlotTruth(slot, life, body.get("gate") == "open", lines, body.get("pid"))


def _disturbed(state: Body) -> Iterator[str]:
    for name, faults in state.get("paths", {}).items():
        cut = faults.get("cut", ())
        if cut:
            yield f"{name} cut" if len(cut) > 1 else f"{name} drops what {cut[0]} sends"
        for percent in set(faults.get("loss_percent", {}).values()):
            yield f"{name} loses {percent:g} %"
        for late_ms in set(faults.get("delay_ms", {}).values()):
            yield f"{name} {late_ms:g} ms late"
        if faults.get("noise_bytes_per_s"):
            yield f"{name} noisy"
    for fan in state.get("fans", ()):
        if fan.get("failed"):
            yield f"{fan['name']} stands"
    for sensor in state.get("sensors", ()):
        if sensor.get("set"):
            yield f"{sensor['name']} set"
        if sensor.get("slow"):
            yield f"{sensor['name']} blocks"
    for supply in state.get("supplies", ()):
        if not supply.get("ok", True):
            yield f"{supply['name']} off"
    for slot, body in state.get("slots", {}).items():
        if body.get("disk_full"):
            yield f"disk of {slot} full"
        for name, level in body.get("forced", {}).items():
            yield f"mm{slot}.{name} stuck {'up' if level else 'down'}"
