"""How much of a serial line beats and mirror take, and what that means for the timers.

Pure arithmetic over the settings. Called by `bmcha.check.run` and `bmcha.check.summary`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bmcha.check.finding import Finding
from bmcha.check.subject import Subject
from bmcha.config.path_tables import BEAT_BYTES_MAX
from bmcha.model.record import dataclass
from bmcha.model.settings import ChassisSettings, PathKind, PathSettings
from bmcha.wire import tables

SHARE_PERCENT_MAX: Final = 50
"""More of the line than this for beats leaves too little for all else: an advice."""
BEATS_MIN: Final = 3
"""With two beats to a dead time, one lost and one late beat are silence."""
DELTA_BYTES: Final = tables.FRAME_HEADER.size + tables.DELTA_HEAD.size + tables.CRC_BYTES + 4
"""A delta without entries, stuffed."""


@dataclass(frozen=True, slots=True)
class LineLoad:
    """Of one serial path. ``mirror_bytes_per_s``: when every value changes in every period."""

    bytes_per_s: int
    beat_ms: float
    beats_percent: float
    frame_ms: float
    left_bytes_per_s: int
    mirror_bytes_per_s: int


def line_load(path: PathSettings, chassis: ChassisSettings) -> LineLoad | None:
    """None: not a serial line."""
    if path.kind is not PathKind.SERIAL:
        return None
    bytes_per_s = path.line.bytes_per_s
    beats_bytes = BEAT_BYTES_MAX * 1000 / path.heartbeat_interval_ms
    entries = len(chassis.sensors) * (tables.ENTRY_HEAD.size + tables.SENSOR_VALUE_BODY.size)
    entries += len(chassis.fans) * (tables.ENTRY_HEAD.size + tables.FAN_VALUE_BODY.size)
    per_s = 1000 / chassis.sensor_period_ms
    return LineLoad(
        bytes_per_s=bytes_per_s,
        beat_ms=BEAT_BYTES_MAX * 1000 / bytes_per_s,
        beats_percent=100 * beats_bytes / bytes_per_s,
        frame_ms=path.frame_bytes_max * 1000 / bytes_per_s,
        left_bytes_per_s=max(0, round(bytes_per_s - beats_bytes)),
        mirror_bytes_per_s=round((entries + DELTA_BYTES) * per_s) if entries else 0,
    )


def check_timing(subject: Subject) -> Iterator[Finding]:
    if subject.node is None:
        return
    for number, path in enumerate(subject.node.paths):
        where = f"paths[{number}]"
        keys = ("heartbeat_interval_ms", "deadtime_ms", "frame_bytes_max", "baud", "kind")
        if not all(subject.is_sound(subject.module_file, f"{where}.{key}") for key in keys):
            continue
        yield from _beats(subject, where, path)
        load = line_load(path, subject.board.chassis)
        if load is not None:
            yield from _line(subject, where, path, load)


def _beats(subject: Subject, where: str, path: PathSettings) -> Iterator[Finding]:
    interval_ms = path.heartbeat_interval_ms
    if path.deadtime_ms < BEATS_MIN * interval_ms:
        allowed = f"at least {BEATS_MIN} beats = {BEATS_MIN * interval_ms}"
        remedy = "raise it, or beat more often: one lost and one late beat are silence now"
        value = str(path.deadtime_ms)
        yield subject.in_module(f"{where}.deadtime_ms", value, allowed, remedy, True)
    if path.warntime_ms < 2 * interval_ms:
        allowed = f"two beats = {2 * interval_ms} or more"
        remedy = "raise it: one lost beat is a warning now"
        value = str(path.warntime_ms)
        yield subject.in_module(f"{where}.warntime_ms", value, allowed, remedy, True)


def _line(subject: Subject, where: str, path: PathSettings, load: LineLoad) -> Iterator[Finding]:
    if load.beats_percent > SHARE_PERCENT_MAX:
        least_ms = -(-BEAT_BYTES_MAX * 1000 * 100 // (load.bytes_per_s * SHARE_PERCENT_MAX))
        value = f"{path.heartbeat_interval_ms}: beats take {load.beats_percent:.0f} % of the line"
        allowed = f"at least {least_ms} at {path.baud} baud, half of the line"
        remedy = "beat less often on this path, or raise baud on both modules"
        yield subject.in_module(f"{where}.heartbeat_interval_ms", value, allowed, remedy, True)
    if load.mirror_bytes_per_s > load.left_bytes_per_s:
        seconds = (len(subject.board.chassis.sensors) * 9 + DELTA_BYTES) / max(
            1, load.left_bytes_per_s
        )
        value = (
            f"{path.baud}: {load.left_bytes_per_s} bytes a second are left beside the beats, the"
            f" mirror may need {load.mirror_bytes_per_s}"
        )
        allowed = "a line that carries the mirror when the other paths are gone"
        remedy = (
            f"raise baud on both modules; as it is, the picture may be {seconds:.1f} s old when"
            " this path is the last"
        )
        yield subject.in_module(f"{where}.baud", value, allowed, remedy, True)
