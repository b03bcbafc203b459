"""Writes what every beat says of this node, and tells when the peer must hear it at once.

The revision grows with every change of the part that decides roles, so that a listener can put
the words of one life in order although they come over paths of unlike speed.
"""

from __future__ import annotations

from dataclasses import replace

from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.revision import REVISION_SPAN
from bmcha.ha.role_machine import RoleMachine
from bmcha.ha.switchover import Relinquishing
from bmcha.model.effect import PublishHeartbeat
from bmcha.model.message import HeartbeatDraft, Maintenance
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass, NodeSettings


def draft_of(
    settings: NodeSettings,
    machine: RoleMachine,
    epoch: int,
    relinquishing: Relinquishing | None,
    word: ChassisWord,
    echo_boot_id: int,
    maintenance: Maintenance | None,
    is_locked_out: bool,
    is_claim_certain: bool,
) -> HeartbeatDraft:
    """All that this node has to say; the revision is the writer's. ``is_claim_certain``: were it
    STANDBY, silence alone would end in its takeover."""
    role = machine.role
    is_released = relinquishing is not None and relinquishing.is_released
    is_bare = settings.board_class is BoardClass.BARE  # elsewhere it is not silence alone
    is_inhibited = maintenance is not None and maintenance.remaining_s > 0
    is_inhibited = is_inhibited or (is_locked_out and is_bare)
    return HeartbeatDraft(
        revision=0,
        epoch=epoch,
        role=role,
        reason=machine.reason,
        is_holding=role is Role.ACTIVE or (role is Role.RELINQUISHING and not is_released),
        is_released=is_released,
        will_claim_on_silence=role is Role.STANDBY and is_claim_certain and not is_inhibited,
        health=word.health,
        echo_boot_id=echo_boot_id,
        mirror_sequence=word.mirror_sequence,
        settings_sequence=0,
        progress=word.progress,
        firmware_level=settings.firmware_level,
        maintenance=maintenance,
        is_locked_out=is_locked_out,
        key_mark=settings.keys.mark,
    )


class DraftWriter:
    def __init__(self) -> None:
        self.revision = 0
        self._last: HeartbeatDraft | None = None

    def publish(self, draft: HeartbeatDraft) -> PublishHeartbeat:
        """``draft.revision`` is filled in here."""
        is_urgent = self._last is None or _role_word(draft) != _role_word(self._last)
        if is_urgent:
            self.revision = (self.revision + 1) % REVISION_SPAN
        self._last = replace(draft, revision=self.revision)
        return PublishHeartbeat(self._last, is_urgent)


def _role_word(draft: HeartbeatDraft) -> tuple[object, ...]:
    """The part of a draft whose change the peer must hear at once."""
    return (
        draft.epoch,
        draft.role,
        draft.reason,
        draft.is_holding,
        draft.is_released,
        draft.will_claim_on_silence,
        draft.maintenance.stamp if draft.maintenance is not None else 0,
        draft.is_locked_out,
    )
