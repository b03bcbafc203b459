"""The control socket's bodies (docs/control.md) as what is shown of them. Pure.

Answers of any version are taken: what is missing is unknown, what is of another type than agreed
counts as missing, what is new is left out. So nothing that a module says can stop the view.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from bmcha.view.model import (
    AlarmShown,
    FanShown,
    LogLine,
    ModuleShown,
    PathShown,
    PeerShown,
    SensorShown,
    Tone,
)

Body = Mapping[str, Any]
Kind = TypeVar("Kind")

_TONES = {"MAJOR": Tone.ALARM, "CRITICAL": Tone.ALARM, "MINOR": Tone.WARN}


def module_shown(name: str, status: Any, loss_percent: Mapping[str, float]) -> ModuleShown:
    """``loss_percent`` by path: no answer tells a rate, so who asks repeatedly counts it."""
    body = _body(status)
    node, role = _body(body.get("node")), _body(body.get("role"))
    redundancy, mirror = _body(body.get("redundancy")), _body(body.get("mirror"))
    paths = _body(body.get("paths"))
    reasons = redundancy.get("reasons")
    return ModuleShown(
        name=name,
        has_answered=True,
        slot=_number(node, "slot"),
        version=_text(node, "version"),
        uptime_s=_number(node, "uptime_s"),
        health=_number(node, "health"),
        role=_text(role, "state"),
        reason_text=_text(role, "reason_text"),
        epoch=_number(role, "epoch"),
        since_s=_number(role, "since_s"),
        paths=tuple(
            _path(str(each), _body(paths[each]), loss_percent.get(str(each))) for each in paths
        ),
        peers=tuple(_peer(each) for each in _bodies(body.get("peers") or [body.get("peer")])),
        redundancy=_text(redundancy, "state"),
        redundancy_reasons=tuple(map(str, reasons)) if isinstance(reasons, list) else (),
        mirror=_text(mirror, "state"),
        mirror_staleness_ms=_number(mirror, "staleness_ms"),
        waits=tuple(
            (_text(each, "what"), _number(each, "remaining_ms") or 0)
            for each in _bodies(body.get("waits"))
        ),
        alarms=tuple(
            AlarmShown(
                _text(each, "severity"),
                _text(each, "id"),
                _text(each, "text"),
                _number(each, "since_s"),
            )
            for each in _bodies(body.get("alarms"))
        ),
    )


def _path(name: str, path: Body, loss_percent: float | None) -> PathShown:
    diagnosis = _body(path.get("diagnosis"))
    is_broken = _text(diagnosis, "fault") not in ("", "none", "waiting")
    return PathShown(
        name=name,
        health=_text(path, "health"),
        one_way=_text(path, "one_way") or None,
        rtt_us=_number(path, "rtt_us"),
        loss_percent=loss_percent,
        lost=_number(path, "lost"),
        bad=_number(path, "bad"),
        last_heard_ms=_number(path, "last_heard_ms"),
        port_fault=_text(path, "fault"),
        broken=_text(diagnosis, "fault") if is_broken else "",
        broken_text=_text(diagnosis, "text") if is_broken else "",
    )


def _peer(peer: Body) -> PeerShown:
    return PeerShown(
        slot=_number(peer, "slot"),
        state=_text(peer, "state"),
        role=_text(peer, "role") or None,
        epoch=_number(peer, "epoch"),
        health=_number(peer, "health"),
        firmware_level=_number(peer, "firmware_level"),
        hears_us=_typed(peer, "hears_us", bool),
        presence=_typed(peer, "presence", bool),
        healthy_line=_typed(peer, "healthy_line", bool),
        active_line=_typed(peer, "active_line", bool),
    )


def sensors_shown(answer: Any) -> tuple[SensorShown, ...]:
    return tuple(
        SensorShown(
            name=_text(each, "name"),
            kind=_text(each, "kind"),
            value_milli=_number(each, "value_milli"),
            low_milli=_number(each, "low_milli"),
            high_milli=_number(each, "high_milli"),
            state=_text(each, "state"),
            quality=_text(each, "quality"),
        )
        for each in _bodies(_body(answer).get("sensors"))
    )


def fans_shown(answer: Any) -> tuple[FanShown, ...]:
    return tuple(
        FanShown(
            name=_text(each, "name"),
            rpm=_number(each, "rpm"),
            pwm=_number(each, "pwm"),
            state=_text(each, "state"),
        )
        for each in _bodies(_body(answer).get("fans"))
    )


EventKey = tuple[int, int, int]


def events_shown(answer: Any) -> Iterator[tuple[EventKey, LogLine]]:
    for each in _bodies(_body(answer).get("events")):
        yield event_shown(each)


def event_shown(event: Any) -> tuple[EventKey, LogLine]:
    """The record's name on every module, and how it reads."""
    body = _body(event)
    epoch, number, slot = (_number(body, each) or 0 for each in ("epoch", "number", "slot"))
    kind, severity = _text(body, "kind"), _text(body, "severity")
    tone = _TONES.get(severity, Tone.PLAIN)
    if kind == "role":
        tone = Tone.ROLE
    elif kind == "alarm-cleared":
        tone = Tone.GOOD
    # The line begins with who says it.
    text = _text(body, "text").removeprefix(f"slot {slot} is ")
    if kind == "alarm-raised":
        text = f"alarm: {text}"
    line = LogLine(_number(body, "wall_ms") or 0, f"slot {slot}", text, tone)
    return (epoch, number, slot), line


def path_counts(status: Any) -> dict[str, tuple[int, int]]:
    """(received, lost) since the start, by path."""
    paths = _body(_body(status).get("paths"))
    return {
        str(name): (_number(_body(path), "rx") or 0, _number(_body(path), "lost") or 0)
        for name, path in paths.items()
    }


# ------------------------------------------------------------ how


def _body(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def _bodies(value: Any) -> list[Body]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(body: Body, key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _number(body: Body, key: str) -> int | None:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if abs(value) < 1e18 else None


def _typed(body: Body, key: str, kind: type[Kind]) -> Kind | None:
    value = body.get(key)
    return value if isinstance(value, kind) else None
