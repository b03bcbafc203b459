"""Message bodies: a `bmcha.model.message` value to the bytes of a frame's body and back.

Knows no frame and no codec. Building raises ValueError for a value that cannot be said: that is a
mistake of the caller. Parsing returns None for a body that makes no sense and never raises; it
ignores what a newer sender has appended.
"""

from __future__ import annotations

import struct
from typing import Final

from bmcha.model.key import KeyMark
from bmcha.model.message import (
    AGE_NEVER_NS,
    Delta,
    DeltaAck,
    DeltaKind,
    Goodbye,
    Handover,
    Heartbeat,
    HeartbeatDraft,
    Maintenance,
    Message,
    MessageType,
    MirrorJoin,
    Pairing,
    PathEcho,
    Probe,
    ProbeReply,
    Progress,
)
from bmcha.model.role import Reason, Role
from bmcha.wire import age, tables
from bmcha.wire.cells import build_entry, parse_entries

HEALTH_MAX: Final = 100
DEADTIME_BEATS_MIN: Final = 2
DEADTIME_BEATS_MAX: Final = 255
_U16_MASK: Final = 0xFFFF
_SPAN_MAX: Final = 0xFF
_REASONS: Final = {reason.value: reason for reason in Reason}
_TYPES: Final = {
    Heartbeat: MessageType.HEARTBEAT,
    Probe: MessageType.PROBE,
    ProbeReply: MessageType.PROBE_REPLY,
    Goodbye: MessageType.GOODBYE,
    Handover: MessageType.HANDOVER,
    MirrorJoin: MessageType.MIRROR_JOIN,
    Delta: MessageType.DELTA,
    DeltaAck: MessageType.DELTA_ACK,
    Pairing: MessageType.PAIRING,
}


def type_of(message: Message) -> MessageType:
    return _TYPES[type(message)]


def build_body(message: Message, now_ns: int) -> bytes:
    """ValueError: a field is out of range."""
    try:
        return _build(message, now_ns)
    except struct.error as error:
        raise ValueError(f"{type_of(message).name} cannot be said on the wire: {error}") from error


def parse_body(message_type: MessageType, body: bytes, epoch: int, now_ns: int) -> Message | None:
    """``epoch`` is the header's: a heartbeat's draft has its epoch there. None: malformed."""
    try:
        return _parse(message_type, body, epoch, now_ns)
    except (ValueError, struct.error):
        return None


def _build(message: Message, now_ns: int) -> bytes:
    match message:
        case Heartbeat():
            return _build_heartbeat(message)
        case Probe():
            return tables.PROBE.pack(message.nonce)
        case ProbeReply():
            return tables.PROBE_REPLY.pack(message.nonce)
        case Goodbye():
            return tables.GOODBYE.pack(message.reason.value)
        case Handover():
            revision = message.revision & _U16_MASK
            return tables.HANDOVER.pack(message.nonce, message.image_sequence, revision)
        case MirrorJoin():
            return tables.MIRROR_JOIN.pack(message.layout_id, message.join_id)
        case Delta():
            return _build_delta(message, now_ns)
        case DeltaAck():
            return tables.DELTA_ACK.pack(message.join_id, message.sequence)
        case Pairing():
            return _pairing(message).data


def _parse(message_type: MessageType, body: bytes, epoch: int, now_ns: int) -> Message:
    match message_type:
        case MessageType.HEARTBEAT:
            return _parse_heartbeat(body, epoch)
        case MessageType.PROBE:
            return Probe(*tables.PROBE.unpack_from(body))
        case MessageType.PROBE_REPLY:
            return ProbeReply(*tables.PROBE_REPLY.unpack_from(body))
        case MessageType.GOODBYE:
            return Goodbye(_reason(tables.GOODBYE.unpack_from(body)[0]))
        case MessageType.HANDOVER:
            return Handover(*tables.HANDOVER.unpack_from(body))
        case MessageType.MIRROR_JOIN:
            return MirrorJoin(*tables.MIRROR_JOIN.unpack_from(body))
        case MessageType.DELTA:
            return _parse_delta(body, now_ns)
        case MessageType.DELTA_ACK:
            return DeltaAck(*tables.DELTA_ACK.unpack_from(body))
        case MessageType.PAIRING:
            return _pairing(Pairing(body))


def _pairing(pairing: Pairing) -> Pairing:
    if not 0 < len(pairing.data) <= tables.PAIRING_BYTES_MAX:
        raise ValueError(f"{len(pairing.data)} bytes; it is 1 to {tables.PAIRING_BYTES_MAX}")
    return pairing


# ------------------------------------------------------------------------------------ heartbeat


def _build_heartbeat(heartbeat: Heartbeat) -> bytes:
    draft = heartbeat.draft
    head = tables.HEARTBEAT_HEAD.pack(
        draft.role.value,
        draft.reason.value,
        _heartbeat_flags(heartbeat),
        draft.health,
        heartbeat.interval_ms,
        deadtime_beats(heartbeat.interval_ms, heartbeat.deadtime_ms),
        draft.revision & _U16_MASK,
        draft.echo_boot_id,
        draft.mirror_sequence & _U16_MASK,
        draft.settings_sequence & _U16_MASK,
        draft.progress.sensors & 0xFF,
        draft.progress.cooling & 0xFF,
        draft.progress.power & 0xFF,
        draft.firmware_level,
    )
    return b"".join((head, *map(_build_echo, heartbeat.echoes), _build_tail(draft)))


def _build_tail(draft: HeartbeatDraft) -> bytes:
    """Appended by later versions of the wire, and only if there is something to say."""
    maintenance, mark = draft.maintenance, draft.key_mark
    if maintenance is None and mark is None:
        return b""
    stamp, remaining_s = (maintenance.stamp, maintenance.remaining_s) if maintenance else (0, 0)
    tail = tables.MAINTENANCE.pack(stamp, remaining_s)
    return tail + tables.KEY_MARK.pack(mark.id, mark.check) if mark is not None else tail


def _heartbeat_flags(heartbeat: Heartbeat) -> int:
    if len(heartbeat.echoes) > tables.ECHOES_MAX:
        raise ValueError(f"{len(heartbeat.echoes)} paths; a heartbeat echoes {tables.ECHOES_MAX}")
    if not 0 <= heartbeat.draft.health <= HEALTH_MAX:
        raise ValueError(f"health {heartbeat.draft.health}: it is 0 to {HEALTH_MAX}")
    draft = heartbeat.draft
    flags = len(heartbeat.echoes) << tables.ECHO_SHIFT
    flags |= tables.HOLDING if draft.is_holding else 0
    flags |= tables.RELEASED if draft.is_released else 0
    flags |= tables.WILL_CLAIM if draft.will_claim_on_silence else 0
    flags |= tables.LOCKED_OUT if draft.is_locked_out else 0
    return flags


def deadtime_beats(interval_ms: int, deadtime_ms: int) -> int:
    """ValueError: the wire cannot say it."""
    if not 0 < interval_ms <= _U16_MASK:
        raise ValueError(f"heartbeat interval {interval_ms} ms: it is 1 to {_U16_MASK}")
    beats, rest = divmod(deadtime_ms, interval_ms)
    if rest or not DEADTIME_BEATS_MIN <= beats <= DEADTIME_BEATS_MAX:
        raise ValueError(
            f"dead time {deadtime_ms} ms is not {DEADTIME_BEATS_MIN} to {DEADTIME_BEATS_MAX} "
            f"whole beats of {interval_ms} ms"
        )
    return beats


def _build_echo(echo: PathEcho) -> bytes:
    code = age.NEVER if echo.is_never else age.encode_age(echo.age_ns, age.ECHO_UNIT_NS)
    return tables.ECHO.pack(echo.sequence & _U16_MASK, code)


def _parse_heartbeat(body: bytes, epoch: int) -> Heartbeat:
    fields = tables.HEARTBEAT_HEAD.unpack_from(body)
    role, reason, flags, health, interval_ms, deadtime_beats, revision = fields[:7]
    echo_boot_id, mirror_sequence, settings_sequence, *progress, firmware_level = fields[7:]
    if health > HEALTH_MAX or interval_ms == 0 or deadtime_beats < DEADTIME_BEATS_MIN:
        raise ValueError("health, interval or dead time out of range")
    echoes = _parse_echoes(body, flags >> tables.ECHO_SHIFT)
    draft = HeartbeatDraft(
        revision=revision,
        epoch=epoch,
        role=Role(role),
        reason=_reason(reason),
        is_holding=bool(flags & tables.HOLDING),
        is_released=bool(flags & tables.RELEASED),
        will_claim_on_silence=bool(flags & tables.WILL_CLAIM),
        health=health,
        echo_boot_id=echo_boot_id,
        mirror_sequence=mirror_sequence,
        settings_sequence=settings_sequence,
        progress=Progress(*progress),
        firmware_level=firmware_level,
        maintenance=_parse_maintenance(body, len(echoes)),
        is_locked_out=bool(flags & tables.LOCKED_OUT),
        key_mark=_parse_key_mark(body, len(echoes)),
    )
    return Heartbeat(draft, interval_ms, interval_ms * deadtime_beats, echoes)


def _parse_echoes(body: bytes, count: int) -> tuple[PathEcho, ...]:
    start, size = tables.HEARTBEAT_HEAD.size, tables.ECHO.size
    echoes = []
    for at in range(start, start + count * size, size):
        sequence, code = tables.ECHO.unpack_from(body, at)
        is_never = code == age.NEVER
        age_ns = AGE_NEVER_NS if is_never else age.decode_age(code, age.ECHO_UNIT_NS)
        echoes.append(PathEcho(sequence, age_ns))
    return tuple(echoes)


def _parse_maintenance(body: bytes, echoes_count: int) -> Maintenance | None:
    """None: a sender of version 1, or one that has nothing to say of it."""
    at = tables.HEARTBEAT_HEAD.size + echoes_count * tables.ECHO.size
    if len(body) < at + tables.MAINTENANCE.size:
        return None
    stamp, remaining_s = tables.MAINTENANCE.unpack_from(body, at)
    return Maintenance(stamp, remaining_s) if stamp else None


def _parse_key_mark(body: bytes, echoes_count: int) -> KeyMark | None:
    """None: a sender of version 3, or one that believes one key only."""
    at = tables.HEARTBEAT_HEAD.size + echoes_count * tables.ECHO.size + tables.MAINTENANCE.size
    if len(body) < at + tables.KEY_MARK.size:
        return None
    key_id, check = tables.KEY_MARK.unpack_from(body, at)
    return KeyMark(key_id, check) if key_id else None


def _reason(number: int) -> Reason:
    """A newer peer has reasons that are not known here; its beat is life all the same."""
    return _REASONS.get(number, Reason.FROM_NEWER_VERSION)


# ---------------------------------------------------------------------------------------- delta


def _build_delta(delta: Delta, now_ns: int) -> bytes:
    is_short = (
        delta.part == 0 and delta.parts == 1 and 0 <= delta.sequence - delta.base <= _SPAN_MAX
    )
    form = tables.DELTA_WHOLE if delta.kind is DeltaKind.WHOLE else 0
    if is_short:
        place = tables.DELTA_SPAN.pack(delta.sequence - delta.base)
    else:
        if not 0 <= delta.part < delta.parts:
            raise ValueError(f"part {delta.part} of {delta.parts}")
        form |= tables.DELTA_LONG
        place = tables.DELTA_PLACE.pack(delta.base, delta.part, delta.parts)
    head = tables.DELTA_HEAD.pack(form, delta.layout_id, delta.join_id, delta.sequence)
    return b"".join((head, place, *(build_entry(cell, now_ns) for cell in delta.cells)))


def _parse_delta(body: bytes, now_ns: int) -> Delta:
    form, layout_id, join_id, sequence = tables.DELTA_HEAD.unpack_from(body)
    if form & ~(tables.DELTA_WHOLE | tables.DELTA_LONG):
        raise ValueError("an unknown form of delta")
    at = tables.DELTA_HEAD.size
    if form & tables.DELTA_LONG:
        base, part, parts = tables.DELTA_PLACE.unpack_from(body, at)
        at += tables.DELTA_PLACE.size
    else:
        (span,) = tables.DELTA_SPAN.unpack_from(body, at)
        base, part, parts = sequence - span, 0, 1
        at += tables.DELTA_SPAN.size
    if part >= parts or base < 0:
        raise ValueError("a part or a base that cannot be")
    kind = DeltaKind.WHOLE if form & tables.DELTA_WHOLE else DeltaKind.CHANGES
    cells = parse_entries(body, at, now_ns)
    return Delta(kind, layout_id, join_id, base, sequence, part, parts, cells)
