"""What happened, as one line for a log; None for what happens all the time.

Pure: events in, text out. Sentences about roles and records are the core's own (`Reason`,
`EventCell.text`); here is only what surrounds them.
"""

from __future__ import annotations

from bmcha.model.effect import EnterRole
from bmcha.model.event import (
    BladeRead,
    DrillAsked,
    EffectFailed,
    EpochStored,
    Event,
    FanDriven,
    FanRead,
    HeartbeatHeard,
    LinesRead,
    LockoutClearAsked,
    MaintenanceAsked,
    MessageHeard,
    OutputsWithheld,
    PathOverdue,
    PathSummarised,
    SensorRead,
    SettingsReloaded,
    StatusAsked,
    StopAsked,
    StoreFailed,
    StoreRecovered,
    StrapsRead,
    SupplyRead,
    SwitchoverAsked,
    Tick,
    WatchdogHasReset,
    WorkerRecovered,
    WorkerStalled,
)
from bmcha.model.hearsay import OpinionsHeard
from bmcha.model.message import Delta, DeltaAck
from bmcha.model.moment import ms_from_ns


def sentence_of_event(event: Event, now_ns: int) -> str | None:
    match event:
        case Tick() | PathSummarised() | StatusAsked() | LinesRead() | OpinionsHeard():
            return None
        case SensorRead() | FanRead() | SupplyRead() | BladeRead():
            return None
        case HeartbeatHeard(path, header, heartbeat, _, beats_in_row):
            draft = heartbeat.draft
            return (
                f"path {path}: slot {header.source_slot} says {draft.role.name}, epoch "
                f"{draft.epoch}, health {draft.health} (beat {beats_in_row} in a row)"
            )
        case MessageHeard(path, header, message, _):
            if isinstance(message, Delta | DeltaAck):
                return None
            return f"path {path}: slot {header.source_slot} says {type(message).__name__}"
        case PathOverdue(path, last_heard_ns):
            if last_heard_ns is None:
                return f"path {path}: nothing heard since the start"
            return f"path {path}: nothing heard for {ms_from_ns(now_ns - last_heard_ns)} ms"
        case StrapsRead(slot, why):
            return why or f"the slot straps say slot {slot}"
        case EpochStored(epoch):
            return f"epoch {epoch} is stored"
        case StoreFailed(what, why):
            return f"the {what} could not be stored: {why}"
        case SwitchoverAsked(_, asked_by, target_slot, is_forced):
            to = "the standby" if target_slot is None else f"slot {target_slot}"
            return f"{asked_by} asks for a switchover to {to}{', forced' if is_forced else ''}"
        case MaintenanceAsked(_, asked_by, for_s):
            return f"{asked_by} asks for maintenance {f'for {for_s} s' if for_s else 'to end'}"
        case LockoutClearAsked(_, asked_by):
            return f"{asked_by} asks for an end of the lock-out"
        case DrillAsked(_, asked_by, path):
            return f"{asked_by} asks for a drill of {'everything' if path is None else path}"
        case StopAsked(asked_by):
            return f"asked to stop by {asked_by}"
        case OutputsWithheld(gap_ns):
            return f"outputs withheld: this module stood still for {ms_from_ns(gap_ns)} ms"
        case FanDriven(index, why):
            return f"fan {index} does not follow: {why}" if why else f"fan {index} follows again"
        case EffectFailed(effect, why):
            return f"{effect} failed: {why}"
        case StoreRecovered():
            return "the store can be written again"
        case WatchdogHasReset():
            return None  # recorded as an event, which is logged
        case SettingsReloaded():
            return None  # every change has had its own line
        case WorkerStalled(name, for_ms):
            return f"thread {name} has been stuck for {for_ms} ms"
        case WorkerRecovered(name):
            return f"thread {name} goes on"


def sentence_of_role(entered: EnterRole, own_slot: int | None) -> str:
    slot = "this module" if own_slot is None else f"slot {own_slot}"
    change = f"is {entered.role.name} now, was {entered.from_role.name}"
    if entered.role is entered.from_role:
        change = f"stays {entered.role.name}"
    return f"{slot} {change}; epoch {entered.epoch}. {entered.reason.sentence}"
