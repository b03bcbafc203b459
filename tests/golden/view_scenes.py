"""Screens for the golden frames of the live view: the same values at every size."""

from dataclasses import replace

from bmcha.view.model import (
    AlarmShown,
    FanShown,
    LineTruth,
    LogLine,
    ModuleShown,
    PathShown,
    PeerShown,
    ReadingsShown,
    Screen,
    SensorShown,
    SlotTruth,
    Tone,
    Truth,
)

# 12:00:00 UTC; the tests run with TZ=UTC.
NOON_MS = 1_795_262_400_000

PATHS = (
    PathShown("udp", "ALIVE", None, 571, 0.0, 0, 0, 130),
    PathShown("serial", "ALIVE", None, 4550, 2.5, 3, 1, 300),
)
PEER = PeerShown(2, "PRESENT", "STANDBY", 7, 100, 1, True, True, True, False)
ACTIVE = ModuleShown(
    name="module 1",
    has_answered=True,
    slot=1,
    version="0.1.0",
    uptime_s=250,
    health=100,
    role="ACTIVE",
    reason_text="Nobody is ACTIVE and this node is the first in the succession.",
    epoch=7,
    since_s=250,
    paths=PATHS,
    peers=(PEER,),
    redundancy="FULL",
    mirror="SYNCED",
    mirror_staleness_ms=0,
)
STANDBY = replace(
    ACTIVE,
    name="module 2",
    slot=2,
    role="STANDBY",
    reason_text="The peer is heard and says that it is ACTIVE.",
    peers=(replace(PEER, slot=1, role="ACTIVE", active_line=True),),
    mirror_staleness_ms=140,
)
GONE = replace(ACTIVE, trouble="no answer for 3 s")
SURVIVOR = replace(
    STANDBY,
    role="ACTIVE",
    reason_text="The peer's HEALTH and ACTIVE lines fell: it died or its watchdog shut it.",
    epoch=8,
    since_s=3,
    health=80,
    paths=(
        PathShown(
            *("udp", "SILENT", None, 571, None, 0, 0, 3100),
            broken="peer paused",
            broken_text="The peer's software stands still. Look at its load, restart it.",
        ),
        PathShown("serial", "ONE_WAY", "tx", 4550, 0.0, 3, 1, 300),
    ),
    peers=(PeerShown(1, "PRESENT", presence=True, healthy_line=False, active_line=False),),
    redundancy="LOST",
    redundancy_reasons=("slot 1 is not heard",),
    mirror="NONE",
    mirror_staleness_ms=None,
    waits=(("hold-off", 1500),),
    alarms=(
        AlarmShown("CRITICAL", "peer-lost", "slot 1 is not heard", 3),
        AlarmShown("MINOR", "path-udp-silent", "nothing is heard on path udp", 2),
    ),
)

_TEMPERATURES = (
    ("inlet_front", 24_100, 45_000, "OK"),
    ("inlet_rear", 23_900, 45_000, "OK"),
    ("exhaust_front", 61_000, 65_000, "OK"),
    ("exhaust_rear", 66_250, 65_000, "HIGH"),
    ("backplane", 29_500, 70_000, "OK"),
)
SENSORS = (
    *(
        SensorShown(name, "temperature", value, 0, high, state, "GOOD")
        for name, value, high, state in _TEMPERATURES
    ),
    SensorShown("mm_board", "temperature", None, 0, 85_000, "UNKNOWN", "BAD"),
    SensorShown("v12_main", "voltage", 11_961, 11_400, 12_600, "OK", "GOOD"),
    SensorShown("psu1_current", "current", 42_667, 0, 100_000, "OK", "STALE"),
    SensorShown("psu1_power", "power", 505_102, 0, 1_200_000, "OK", "GOOD"),
)
FANS = (
    *(FanShown(f"fan{number}", 4450, 96, "OK") for number in range(1, 6)),
    FanShown("fan6", 140, 255, "FAILED"),
)
READINGS = ReadingsShown("module 1", False, SENSORS, FANS)

LOG = (
    LogLine(NOON_MS - 250_000, "slot 1", "bmcha 0.1.0 started in slot 1"),
    LogLine(NOON_MS - 249_000, "slot 1", "ACTIVE: Nobody is ACTIVE.", Tone.ROLE),
    LogLine(NOON_MS - 5_000, "you", "kill active: module 1 is dead", Tone.DEED),
    LogLine(NOON_MS - 4_996, "chassis", "gate of module 1 shuts", Tone.TRUTH),
    LogLine(NOON_MS - 4_970, "slot 2", "ACTIVE: The peer's lines fell.", Tone.ROLE),
    LogLine(NOON_MS - 4_960, "chassis", "gate of module 2 opens", Tone.TRUTH),
    LogLine(NOON_MS - 3_000, "slot 2", "alarm: peer-lost: slot 1 is not heard", Tone.ALARM),
    LogLine(NOON_MS - 1_000, "slot 2", "path-udp-one-way is over", Tone.GOOD),
)


def _lines(health: bool, active: bool) -> tuple[LineTruth, ...]:
    return (
        LineTruth("PRESENCE", True),
        LineTruth("HEALTH", health),
        LineTruth("ACTIVE", active),
        LineTruth("OUTPUT_ENABLE", active),
    )


LEVEL_TRUTH = Truth(
    slots=(
        SlotTruth(1, "running", True, _lines(True, True), 101),
        SlotTruth(2, "running", False, _lines(True, False), 102),
    ),
    open_count=1,
    outage_ms=0.0,
    dual_ms=0.0,
)
KILLED_TRUTH = Truth(
    slots=(
        SlotTruth(1, "dead", False, _lines(False, False)),
        SlotTruth(2, "running", True, (*_lines(True, True)[:1], LineTruth("HEALTH", True, True))),
    ),
    open_count=1,
    outage_ms=36.4,
    dual_ms=0.0,
    failover_ms=41.0,
    disturbed=("udp cut", "fan6 stands"),
)
KEYS = (("k", "kill"), ("s", "stop"), ("u", "cut udp"), ("o", "switchover"), ("q", "quit"))

SIM = Screen(
    title="bmcha sim",
    about="board virtual-gated",
    clock="12:00:00",
    modules=(ACTIVE, STANDBY),
    truth=LEVEL_TRUTH,
    readings=READINGS,
    log=LOG[:2],
    keys=KEYS,
)
KILLED = replace(SIM, modules=(GONE, SURVIVOR), truth=KILLED_TRUTH, log=LOG)
TOP = replace(SIM, title="bmcha top", about="", truth=None, modules=(ACTIVE,))
HELP = replace(SIM, help=(("k", "kill the ACTIVE"), ("q", "quit")))
