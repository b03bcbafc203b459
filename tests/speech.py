"""What a peer says, as values with sensible defaults: each test writes only what it is about."""

from __future__ import annotations

from bmcha.model.event import HeartbeatHeard, LineLevels, LinesRead, MessageHeard
from bmcha.model.message import (
    AGE_NEVER_NS,
    Header,
    Heartbeat,
    HeartbeatDraft,
    Message,
    PathEcho,
    Progress,
)
from bmcha.model.moment import NS_PER_MS
from bmcha.model.role import Reason, Role

OWN_BOOT = 1001
PEER_BOOT = 2001


def ms(duration_ms: int) -> int:
    return duration_ms * NS_PER_MS


def header(boot_id: int = PEER_BOOT, epoch: int = 0, source: int = 2, target: int = 1) -> Header:
    return Header(7, source, target, boot_id, epoch, 1)


def draft(
    role: Role = Role.STANDBY,
    reason: Reason = Reason.PEER_IS_ACTIVE,
    *,
    revision: int = 1,
    epoch: int = 0,
    is_released: bool = False,
    will_claim_on_silence: bool = False,
    health: int = 100,
    echo_boot_id: int = OWN_BOOT,
    mirror_sequence: int = 0,
) -> HeartbeatDraft:
    return HeartbeatDraft(
        revision=revision,
        epoch=epoch,
        role=role,
        reason=reason,
        is_holding=role is Role.ACTIVE,
        is_released=is_released,
        will_claim_on_silence=will_claim_on_silence,
        health=health,
        echo_boot_id=echo_boot_id,
        mirror_sequence=mirror_sequence,
        settings_sequence=0,
        progress=Progress(0, 0, 0),
        firmware_level=1,
    )


def beat(said: HeartbeatDraft, *echo_ages_ms: int | None) -> Heartbeat:
    """``echo_ages_ms``: for each path how long ago the peer heard us there; None: never."""
    ages = echo_ages_ms or (10, 10)
    echoes = (PathEcho(1, AGE_NEVER_NS if age is None else ms(age)) for age in ages)
    return Heartbeat(said, 100, 500, tuple(echoes))


def heard(
    said: HeartbeatDraft,
    now_ms: int,
    path: str = "udp",
    *,
    boot_id: int = PEER_BOOT,
    beats_in_row: int = 1,
    source: int = 2,
) -> HeartbeatHeard:
    head = header(boot_id, said.epoch, source, 3 - source)
    return HeartbeatHeard(path, head, beat(said), ms(now_ms), beats_in_row)


def told(message: Message, now_ms: int, epoch: int = 0, path: str = "udp") -> MessageHeard:
    return MessageHeard(path, header(epoch=epoch), message, ms(now_ms))


def lines(
    levels: LineLevels,
    read_ms: int,
    *,
    outputs_open: bool | None = None,
    own_active: bool | None = None,
    slot: int = 2,
) -> LinesRead:
    return LinesRead(((slot, levels),), outputs_open, own_active, ms(read_ms))
