"""What one beat engine is told once, at start."""

from __future__ import annotations

from bmcha.model.moment import NS_PER_MS
from bmcha.model.record import dataclass
from bmcha.model.settings import NodeSettings, PathKind, PathSettings

BITS_PER_SERIAL_BYTE = 10
"""8N1: start bit, eight data bits, stop bit."""


@dataclass(frozen=True, slots=True)
class EchoLimits:
    """How old an echo of our beats on one path may be before it says something."""

    late_after_ns: int
    silent_after_ns: int


@dataclass(frozen=True, slots=True)
class PulseSettings:
    """``echo_index`` is this path's place in the echoes; ``echo_limits`` has one entry a path to
    the same peer. ``line_bytes_per_s`` None: the medium takes whatever it is given."""

    path: str
    chassis_id: int
    own_slot: int
    peer_slot: int
    boot_id: int
    interval_ms: int
    deadtime_ms: int
    recovery_beats_min: int
    stall_limit_ms: int
    echo_index: int
    echo_limits: tuple[EchoLimits, ...]
    line_bytes_per_s: int | None


def did_beats_go_on(
    settings: PulseSettings, last_ns: int, unbroken_ns: int, since_ns: int, now_ns: int
) -> bool:
    """T3 of docs/adr/0003: without a hole from before ``since_ns`` until now. ``last_ns`` and
    ``unbroken_ns`` are the engine's word."""
    hole_ns = (settings.deadtime_ms - settings.interval_ms) * NS_PER_MS
    return unbroken_ns <= since_ns and last_ns >= unbroken_ns and now_ns - last_ns <= hole_ns


def pulse_settings(
    node: NodeSettings, path: PathSettings, own_slot: int, boot_id: int
) -> PulseSettings:
    siblings = [other for other in node.paths if other.peer_slot == path.peer_slot]
    return PulseSettings(
        path=path.name,
        chassis_id=node.chassis_id,
        own_slot=own_slot,
        peer_slot=path.peer_slot,
        boot_id=boot_id,
        interval_ms=path.heartbeat_interval_ms,
        deadtime_ms=path.deadtime_ms,
        recovery_beats_min=path.recovery_beats_min,
        stall_limit_ms=node.timers.stall_limit_ms,
        echo_index=siblings.index(path),
        echo_limits=tuple(
            EchoLimits(each.warntime_ms * NS_PER_MS, each.deadtime_ms * NS_PER_MS)
            for each in siblings
        ),
        line_bytes_per_s=(path.line.bytes_per_s if path.kind is PathKind.SERIAL else None),
    )
