"""The settings of the modules of the small world: short times, one sensor, one fan.

The times keep the relations that `bmcha.config` demands of a real module's (beat < warn < dead <
initdead; several ticks a watchdog and a gap). Used by many unit tests and by the simulator.
"""

from __future__ import annotations

from bmcha.model.identity import Succession
from bmcha.model.key import Key, KeySet, KeyState
from bmcha.model.reading import SensorKind
from bmcha.model.settings import (
    BoardClass,
    ChassisSettings,
    FanSettings,
    IsolationPolicy,
    NodeSettings,
    PathKind,
    PathSettings,
    SensorSettings,
    TimerSettings,
    ZoneSettings,
)

LAYOUT_ID = 0x1234
WATCHDOG_MS = 300


def path_settings(
    name: str, peer_slot: int, deadtime_ms: int = 500, interval_ms: int = 100
) -> PathSettings:
    return PathSettings(
        name=name,
        kind=PathKind.UDP,
        peer_slot=peer_slot,
        heartbeat_interval_ms=interval_ms,
        warntime_ms=deadtime_ms // 2,
        deadtime_ms=deadtime_ms,
        jeopardy_deadtime_ms=2 * deadtime_ms,
        recovery_beats_min=3,
    )


def timers() -> TimerSettings:
    return TimerSettings(
        initdead_ms=2000,
        lone_start_ms=5000,
        probe_ms=15,
        claim_window_ms=100,
        rank_delay_ms=400,
        line_settle_ms=5,
        unverified_takeover_ms=3000,
        store_deadline_ms=200,
        drain_deadline_ms=500,
        handover_deadline_ms=1000,
        hold_off_ms=500,
        stall_limit_ms=2000,
        tick_ms=25,
        reset_pulse_ms=50,
        lease_margin_ms=50,
    )


CHASSIS = ChassisSettings(
    sensors=(SensorSettings("inlet", SensorKind.TEMPERATURE, "t", 0, 60000, 1000, "front"),),
    fans=(FanSettings("fan1", "r", "p", "front", 60, 500),),
    zones=(ZoneSettings("front", ((20000, 80), (60000, 255)), 1000, 20),),
    supplies=(),
    blades=(),
    sensor_period_ms=250,
    sensor_stale_ms=2000,
)


KEYS = KeySet((Key(1, KeyState.SEND, b"of the modules of every test ...", 0x5EC2E7),), False)
"""What frames are signed with, unless a test says otherwise."""


def settings_of(
    board: BoardClass,
    own_slot: int,
    policy: IsolationPolicy = IsolationPolicy.TRUST_SILENCE,
    path_names: tuple[str, ...] = ("udp", "serial"),
    deadtime_ms: int = 500,
    keys: KeySet = KEYS,
) -> NodeSettings:
    has_lines = board is not BoardClass.BARE
    return NodeSettings(
        chassis_id=7,
        succession=Succession((1, 2)),
        board_class=board,
        isolation_policy=policy,
        is_lone_start_allowed=False,
        watchdog_ms=WATCHDOG_MS if board.is_gated else None,
        has_presence=has_lines,
        has_health=board.is_gated,
        has_active=has_lines,
        paths=tuple(path_settings(name, 3 - own_slot, deadtime_ms) for name in path_names),
        timers=timers(),
        chassis=CHASSIS,
        firmware_level=1,
        version="test",
        layout_id=LAYOUT_ID,
        keys=keys.view,
    )
